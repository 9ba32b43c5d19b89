# pigeon.m4 - for configure scripts of packages that compile .pgn files.
#
# PIGEON_CHECK([MINIMUM-VERSION], [IF-FOUND], [IF-NOT-FOUND])
#   Finds pigeonc and libpigeon through pkg-config (PKG_CONFIG_PATH) and sets
#     PIGEONC        the compiler; a value that the caller gives wins
#     PIGEON_CFLAGS  PIGEON_LIBS   for the C compiler and the linker
#     PIGEON_RULES   a Makefile fragment with the rules .pgn -> .o and .h: put the line @PIGEON_RULES@ into Makefile.am
#   Without IF-NOT-FOUND a missing Pigeon is an error.
AC_DEFUN([PIGEON_CHECK], [
  AC_ARG_VAR([PIGEONC], [the compiler of .pgn files])
  AC_ARG_VAR([PIGEONFLAGS], [flags for PIGEONC])
  AC_ARG_VAR([PIGEON_CFLAGS], [flags of the C compiler for pigeon])
  AC_ARG_VAR([PIGEON_LIBS], [flags of the linker for pigeon])
  AC_CHECK_TOOL([PKG_CONFIG], [pkg-config])
  pigeon_found=no
  AC_MSG_CHECKING([for pigeon m4_if([$1], [], [], [>= $1])])
  AS_IF([test -n "$PKG_CONFIG" && $PKG_CONFIG --exists "pigeon m4_if([$1], [], [], [>= $1])" 2>/dev/null], [
    pigeon_found=`$PKG_CONFIG --modversion pigeon`
    test -n "$PIGEONC" || PIGEONC=`$PKG_CONFIG --variable=pigeonc pigeon`
    test -n "$PIGEON_CFLAGS" || PIGEON_CFLAGS=`$PKG_CONFIG --cflags pigeon`
    test -n "$PIGEON_LIBS" || PIGEON_LIBS=`$PKG_CONFIG --libs pigeon`
    PIGEON_RULES=`$PKG_CONFIG --variable=rules pigeon`
  ])
  AC_MSG_RESULT([$pigeon_found])
  AS_IF([test "$pigeon_found" = no], [PIGEON_RULES=/dev/null])
  AC_SUBST_FILE([PIGEON_RULES])
  AS_IF([test "$pigeon_found" = no], [m4_default([$3], [AC_MSG_ERROR([pigeon m4_if([$1], [], [], [$1 or newer ])was not found by pkg-config; is its directory in PKG_CONFIG_PATH?])])], [m4_default([$2], [:])])
])
