libpigeon_a_SOURCES += runtime/status.c runtime/cpu.c runtime/choose.c runtime/plan.c runtime/init.c runtime/parallel.c runtime/structure.c runtime/dft.c runtime/fft.c runtime/sort.c runtime/factor.c \
	runtime/tensor.c runtime/file.c runtime/npy.c runtime/npz.c runtime/safetensors.c runtime/graph.c runtime/edges.c \
	runtime/dft_f32.c runtime/dft_f64.c runtime/dft_f32_avx2.c runtime/dft_f64_avx2.c runtime/dft_f32_avx512.c runtime/dft_f64_avx512.c \
	runtime/include/pigeon/init.def runtime/internal.h runtime/file.h runtime/dft.h runtime/dft_lanes.h
pigeoninclude_HEADERS = runtime/include/pigeon/pigeon.h runtime/include/pigeon/model.h runtime/include/pigeon/tensor.h runtime/include/pigeon/graph.h \
	runtime/include/pigeon/io.h runtime/include/pigeon/kernel.h runtime/include/pigeon/random.h runtime/include/pigeon/cuda_kernel.h runtime/include/pigeon/cuda_shim.h
# Position-independent, so that the objects of the archive are those of the shared library too.
libpigeon_a_CFLAGS = $(AM_CFLAGS) -fPIC

# libpigeon.so.VERSION, by one call of the linker (configure has tried that it works)
EXTRA_DIST += runtime/libpigeon.map
if SHARED
SHARED_LIB = libpigeon.so.$(VERSION)
noinst_DATA = $(SHARED_LIB)
CLEANFILES += $(SHARED_LIB)
libpigeon.so.$(VERSION): $(libpigeon_a_OBJECTS) $(srcdir)/runtime/libpigeon.map
	$(AM_V_CCLD)$(CC) -shared $(CFLAGS) $(SANITIZE) $(LDFLAGS) $(NO_UNDEFINED) -Wl,-soname,$(SONAME) -Wl,--version-script,$(srcdir)/runtime/libpigeon.map \
		-o $@ $(libpigeon_a_OBJECTS) $(LAPACK_LIBS) $(ZLIB_LIBS) $(LIBS)
install-exec-local: $(SHARED_LIB)
	$(MKDIR_P) $(DESTDIR)$(libdir)
	$(INSTALL_PROGRAM) $(SHARED_LIB) $(DESTDIR)$(libdir)/$(SHARED_LIB)
	cd $(DESTDIR)$(libdir) && ln -sf $(SHARED_LIB) $(SONAME) && ln -sf $(SHARED_LIB) libpigeon.so
endif
uninstall-shared:
	rm -f $(DESTDIR)$(libdir)/libpigeon.so.$(VERSION) $(DESTDIR)$(libdir)/$(SONAME) $(DESTDIR)$(libdir)/libpigeon.so
