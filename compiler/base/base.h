/* base.h - what every part of the compiler stands on: arenas, interned strings, growable arrays, sources,
 * diagnostics, extents of memory and text.  Nothing here knows about the language.
 *
 * A Context is one compiler invocation.  There is no other state: two Contexts in two threads don't meet.
 * Memory lives in arenas and goes with them; nothing is freed one by one.  User errors are collected in the
 * Context by diag_*(); no function below main() exits or prints. */
#ifndef PIGEON_BASE_H
#define PIGEON_BASE_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#if defined(__GNUC__)
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#else
#define PRINTF_LIKE(f, a)
#endif

/* ---- arena.c ------------------------------------------------------------------------------------------ */
typedef struct Arena Arena;
Arena *arena_new(void);
void arena_free(Arena *a);
void *arena_alloc(Arena *a, size_t bytes);                  /* zeroed, aligned to 16 */
void *arena_grow(Arena *a, void *old, size_t old_bytes, size_t new_bytes);
char *arena_strndup(Arena *a, const char *s, size_t n);
char *arena_printf(Arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
uint64_t machine_memory(void);                              /* bytes that a process may have: the machine's, or its limit */
#define NEW(arena, T) ((T *)arena_alloc((arena), sizeof(T)))
#define NEWN(arena, T, n) ((T *)arena_alloc((arena), sizeof(T) * (size_t)(n)))

/* A growable array in an arena:  VEC(int) v = {0};  vec_add(arena, v, 7);  v.at[0], v.n  */
#define VEC(T) struct { T *at; int n, cap; }
#define vec_add(arena, v, ...)                                                                                  \
    do {                                                                                                        \
        if ((v).n == (v).cap) {                                                                                 \
            int cap_ = (v).cap ? 2 * (v).cap : 8;                                                               \
            (v).at = arena_grow((arena), (v).at, sizeof *(v).at * (size_t)(v).cap, sizeof *(v).at * (size_t)cap_); \
            (v).cap = cap_;                                                                                     \
        }                                                                                                       \
        (v).at[(v).n++] = (__VA_ARGS__);                                                                        \
    } while (0)

/* ---- context.c ---------------------------------------------------------------------------------------- */
typedef struct Source {                /* one file that was read */
    const char *path;                  /* as the user named it; "-" is standard input */
    const char *text;                  /* NUL-terminated copy */
    size_t length;
    uint64_t device, inode;            /* of a file on disk: one file has many paths; 0 for other text */
    void *tree;                        /* its syntax tree, once it was parsed */
} Source;

typedef struct Loc {                   /* a span of a source; line and column count from 1, columns in bytes */
    int file;                          /* index into Context.source; -1: no place */
    int line, col, end_line, end_col;  /* end is exclusive */
} Loc;
#define NO_LOC ((Loc){ -1, 0, 0, 0, 0 })

typedef struct Diag Diag;
typedef struct Context {
    Arena *arena;
    VEC(Source) source;
    VEC(Diag *) diag;
    int n_errors;
    struct Interned *interned;         /* private to context.c */
    int walks;                         /* searches through files that use each other: see sema/scope.c */
    int64_t memory_limit;              /* of --memory-limit, bytes; 0: none */
    const char *std_dir;               /* where  use "std/nn.pgn"  looks after the importing file's folder */
} Context;

Context *context_new(void);
void context_free(Context *cx);
/* The one copy of a string: equal strings are equal pointers. */
const char *intern(Context *cx, const char *s);
const char *intern_n(Context *cx, const char *s, size_t n);
/* Reads a file whole.  Returns its index in cx->source, or -1 after a diagnostic at `from`. Rejects NUL bytes,
 * invalid UTF-8 and files over 64 MB with a diagnostic. */
int source_read(Context *cx, const char *path, Loc from);
int source_from_text(Context *cx, const char *path, const char *text, size_t length);
Loc loc_join(Loc a, Loc b);

/* ---- diag.c: diagnostics ------------------------------------------------------------------------------
 * Every diagnostic has the form what / why / what to do:
 *     Diag *d = diag_error(cx, D_SPACE_MISMATCH, loc, "`%s` ranges over `%s`, but dimension %d of `%s` is `%s`", ...);
 *     diag_note(d, other_loc, "`W` is declared here");          why, at the other place (any number)
 *     diag_help(d, "subscript it with an index over `in`");      what to do
 * A message without help of its own gets that of its id.  The ids and their explanations (--explain) are the rows of diag.def. */
typedef enum DiagId {
#define DIAG(id, slug, title, why, bad, what_to_do) D_##id,
#include "diag.def"
#undef DIAG
    D_COUNT
} DiagId;
typedef enum { DIAG_ERROR, DIAG_WARNING } DiagSeverity;
typedef struct DiagNote { Loc loc; const char *text; } DiagNote;
struct Diag {
    DiagId id;
    DiagSeverity severity;
    Loc loc;
    const char *text;
    VEC(DiagNote) note;
    const char *help;
    Context *cx;
};
Diag *diag_error(Context *cx, DiagId id, Loc loc, const char *fmt, ...) PRINTF_LIKE(4, 5);
Diag *diag_warning(Context *cx, DiagId id, Loc loc, const char *fmt, ...) PRINTF_LIKE(4, 5);
Diag *diag_note(Diag *d, Loc loc, const char *fmt, ...) PRINTF_LIKE(3, 4);
Diag *diag_help(Diag *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The nearest of `candidates` to `name` (edit distance), or NULL if none is near. For "did you mean". */
const char *did_you_mean(Context *cx, const char *name, const char *const *candidates, int n);
typedef enum { DIAG_TEXT, DIAG_JSON, DIAG_SARIF } DiagFormat;
/* Prints all collected diagnostics, sorted by place; colour only if asked. */
void diag_print_all(Context *cx, FILE *out, DiagFormat format, bool color);
const char *diag_slug(DiagId id);                     /* "space-mismatch" */
const char *diag_explain(Context *cx, const char *slug);      /* long text, or NULL */

/* ---- writer.c: text that becomes a file only when it is whole ------------------------------------------- */
typedef struct Writer { Arena *arena; char *at; size_t n, cap; int indent; bool bol; } Writer;
void writer_init(Writer *w, Arena *a);
void put(Writer *w, const char *fmt, ...) PRINTF_LIKE(2, 3);   /* indents after each newline by w->indent * 2 */
void put_raw(Writer *w, const char *s, size_t n);
/* Writes to a temporary name beside `path`, then renames; "-" is standard output. keep_if_same: leave an
 * identical file untouched. false after a diagnostic; then the old file is as it was. */
bool write_file(Context *cx, const char *path, const void *data, size_t n, bool keep_if_same);
/* All of them or none: none takes the place of another file before the content of each is on the disk.  false after a diagnostic. */
typedef struct NewFile { const char *path; const void *data; size_t n; bool keep_if_same; } NewFile;
bool write_files(Context *cx, const NewFile *f, int n);
#endif
