/* file.h - files as the readers and writers of io.h see them (internal to libpigeon), and the table of element types. */
#ifndef PIGEON_FILE_H
#define PIGEON_FILE_H
#include "internal.h"
#include "pigeon/io.h"
#include <stdio.h>

typedef struct TypeRow { const char *name, *npy, *safetensors; uint8_t size, dl_code, dl_bits; } TypeRow;
HIDDEN extern const TypeRow pgn_type[PGN_C128 + 1];

/* ---- reading ---------------------------------------------------------------------------------------------------------- */
typedef struct In { int fd; const char *path; uint64_t size; } In;             /* a regular file */
HIDDEN pgn_status pgn_in_open(In *in, const char *path, pgn_error *e);
HIDDEN pgn_status pgn_in_read(const In *in, uint64_t at, void *to, size_t n, pgn_error *e);
HIDDEN void pgn_in_close(In *in);
/* Bytes one after the other: a file, a part of one, a member of an archive. */
typedef struct Source {
    const char *what;                                    /* for messages */
    uint64_t left;
    pgn_status (*read)(struct Source *s, void *to, size_t n, pgn_error *e);     /* n <= left */
    const In *in; uint64_t at;
} Source;
HIDDEN pgn_status pgn_in_source_read(Source *s, void *to, size_t n, pgn_error *e);      /* `read` of a part of a file */
HIDDEN pgn_status pgn_npy_parse(Source *s, pgn_tensor *t, pgn_error *e);
/* Memory for t's shape, once n, dtype are known; `what` is for the message. */
HIDDEN pgn_status pgn_tensor_memory(pgn_tensor *t, const char *what, pgn_error *e);

/* ---- writing ---------------------------------------------------------------------------------------------------------- */
typedef struct Out { FILE *f; const char *path; char *temporary, *target; int why; bool unnamed; } Out;   /* why: errno of the first failure; unnamed: the file gets its temporary name in the end */
HIDDEN pgn_status pgn_out_begin(Out *o, const char *path, pgn_error *e);
HIDDEN void pgn_out_write(Out *o, const void *p, size_t n);                    /* failures show in pgn_out_end() */
HIDDEN pgn_status pgn_out_end(Out *o, pgn_error *e);
enum { NPY_HEADER_MAX = 512 };
HIDDEN size_t pgn_npy_header(char *h, const pgn_tensor *t);
/* Tensors to be written: types and names valid, in host memory, no name twice. */
HIDDEN pgn_status pgn_check_named(const pgn_tensor *t, int n, pgn_error *e);
HIDDEN bool pgn_utf8(const char *s, size_t n);
/* First k with name[k] equal to an earlier one; -1. False in *ok: no memory. */
HIDDEN int64_t pgn_find_twice(char *const *name, int64_t n, bool *ok);
#endif
