/* text.h - the words that print.c, read.c and verify.c share.
 *
 *     (program linear
 *       (sym in dim) (sym out dim)
 *       (space in dim in)                                    name, kind, extent
 *       (input (x f32 (n in)))                               every result: (name dtype (axes) [(to space)] [structural] [(store how)])
 *       (param (W f32 (in out)) (init glorot))
 *       (compute (y f32 (n out)) (idx (v n) (j out))
 *         (reduce sum f32 (idx (i in)) (mul (read x v i) (read W i j))))
 *       (inputs x) (params W) (output y y))
 *
 * loop/ uses names, sizes and words from here too. Names that could be taken for something else are "quoted". A name bound twice gets ~2, ~3, .. where it must differ. */
#ifndef PIGEON_IR_TEXT_H
#define PIGEON_IR_TEXT_H
#include "ir/ir.h"
#include "ir/sexp.h"

/* interned name -> anything */
typedef struct Names { Arena *arena; struct NamesSlot { const char *name; void *data; } *slot; int n, cap; } Names;
void **names_slot(Names *t, const char *name, bool make);    /* NULL when absent and not make */
const char *names_unique(Names *t, Context *cx, const char *name, void *data);     /* enters name, or the first free name~k */
void put_name(Writer *w, const char *name);

extern const char *const ext_op_name[], *const sym_kind_name[], *const space_kind_name[], *const boundary_name[], *const family_name[], *const storage_name[],
    *const select_name[], *const factor_name[], *const derive_name[];
enum { N_EXT_OPS = 10, N_SYM_KINDS = 3, N_SPACE_KINDS = 12, N_BOUNDARIES = 6, N_FAMILIES = 4, N_STORAGES = 4, N_SELECTS = 2, N_FACTORS = 9, N_DERIVES = 3, N_REDUCES = 9 };

typedef struct Bound { const Index *index; const char *label; } Bound;
typedef struct Printer {
    const Program *p; Writer *w; Arena *arena;
    Names sym_name, space_name, graph_name, value_name;
    const char **value_label, **space_label, **sym_label, **graph_label;      /* by id */
    VEC(Bound) bound;                                                         /* indices in scope, innermost last */
} Printer;
void print_ext(Printer *t, const Ext *e);
void print_expr(Printer *t, const X *e);
void print_value_name(Printer *t, const Value *v);
void print_space_name(Printer *t, const Space *s);
void print_bind(Printer *t, const Index *i);                 /* (label space), in scope until the caller resets t->bound.n */

typedef struct Scoped { const char *name; Index *index; } Scoped;
typedef struct IrReader {
    Context *cx; Program *p; Arena *arena;
    Names sym, space, graph, value;
    VEC(Scoped) bound;
} IrReader;
/* All return NULL (false) after a diagnostic at the place. */
Ext *read_ext(IrReader *r, const Sexp *s);
X *read_expr(IrReader *r, const Sexp *s);
Value *read_value_name(IrReader *r, const Sexp *s);
Space *read_space_name(IrReader *r, const Sexp *s);
bool read_word(IrReader *r, const Sexp *s, const char *const *names, int n, const char *what, int *found);
Dtype read_dtype(IrReader *r, const Sexp *s);
Index *read_bind(IrReader *r, const Sexp *s);
const char *name_of(const Sexp *s);                          /* an atom or string, or NULL */
void *read_error(IrReader *r, const Sexp *s, const char *fmt, ...) PRINTF_LIKE(3, 4);      /* NULL */
#endif
