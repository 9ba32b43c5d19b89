# What other build systems need to find Pigeon. Filled in while installing, so that `make install prefix=DIR` is right too.
pkgconfigdir = $(libdir)/pkgconfig
cmakedir = $(libdir)/cmake/pigeon
aclocaldir = $(datadir)/aclocal
dist_aclocal_DATA = packaging/pigeon.m4
dist_pkgdata_DATA = packaging/pigeon.mk
EXTRA_DIST += packaging/pigeon.pc.in packaging/pigeonConfig.cmake.in packaging/pigeonConfigVersion.cmake.in

FILL = sed -e 's|@prefix[@]|$(prefix)|' -e 's|@exec_prefix[@]|$(exec_prefix)|' -e 's|@bindir[@]|$(bindir)|' -e 's|@libdir[@]|$(libdir)|' \
	-e 's|@includedir[@]|$(includedir)|' -e 's|@pkgdatadir[@]|$(pkgdatadir)|' -e 's|@VERSION[@]|$(VERSION)|' -e 's|@soname[@]|$(SONAME)|' \
	-e 's|@LAPACK_LIBS[@]|$(LAPACK_LIBS)|' -e 's|@ZLIB_LIBS[@]|$(ZLIB_LIBS)|' -e 's|@LIBS[@]|$(LIBS)|'
install-data-local:
	$(MKDIR_P) $(DESTDIR)$(pkgconfigdir) $(DESTDIR)$(cmakedir)
	$(FILL) $(srcdir)/packaging/pigeon.pc.in > $(DESTDIR)$(pkgconfigdir)/pigeon.pc
	$(FILL) $(srcdir)/packaging/pigeonConfig.cmake.in > $(DESTDIR)$(cmakedir)/pigeonConfig.cmake
	$(FILL) $(srcdir)/packaging/pigeonConfigVersion.cmake.in > $(DESTDIR)$(cmakedir)/pigeonConfigVersion.cmake
uninstall-local: uninstall-shared
	rm -f $(DESTDIR)$(pkgconfigdir)/pigeon.pc $(DESTDIR)$(cmakedir)/pigeonConfig.cmake $(DESTDIR)$(cmakedir)/pigeonConfigVersion.cmake
	-rmdir $(DESTDIR)$(cmakedir) 2>/dev/null
