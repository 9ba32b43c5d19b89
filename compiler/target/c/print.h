/* print.h - shared by the files of the C printer: the dialect, the state while a unit is printed, names and types. */
#ifndef PIGEON_TARGET_C_PRINT_H
#define PIGEON_TARGET_C_PRINT_H
#include "target/c/c.h"

typedef struct Dialect {
    bool cuda;
    bool cast;                      /* void pointers need a cast (C++) */
    const char *restrict_;
    const char *min[2], *max[2];    /* of f32, f64: the C library's fmin is no vector code, a GPU has an instruction */
} Dialect;
extern const Dialect dialect_c, dialect_cuda;

/* What the printer knows about an integer variable, so that index arithmetic reads  i * n + j  where that can't overflow. */
typedef struct VarFact { const Var *var; bool plain, data, nonneg; } VarFact;
typedef struct SizeName { const Ext *size; const char *name; } SizeName;
typedef struct Printer {
    const Unit *u;
    Writer *w;
    Arena *arena;
    const Dialect *d;
    bool on_device;                 /* the kernel at hand is printed as a __global__ function */
    const Kernel *kernel;
    VEC(VarFact) fact;
    VEC(SizeName) size;             /* sizes the kernel uses and their local names */
    bool *read, *written, *by_first;   /* block level of a BLOCKED kernel: what was touched since the last barrier, by buffer id;
                                     * by_first: written by thread 0 */
    bool *meets;                    /* by place in u->kernel: its threads meet at barriers */
} Printer;

/* names.c */
const char *c_type(Dtype register_type);                 /* "float" */
const char *c_memory_type(Dtype dt);                     /* of an element in memory: halves are uint16_t, bool is uint8_t */
const char *c_interface_type(Dtype dt);                  /* the same for people: complex are pairs, bool is bool */
const char *c_name(Arena *a, const char *name);          /* a C identifier that no header defines; never changes a good one */
const char *var_name(const Printer *p, const Var *v);
const char *kernel_name(const Printer *p, const Kernel *k, bool on_device);
void put_comment(Writer *w, const char *text);           /* text that can't end the comment it is in */
void put_string(Writer *w, const char *text);            /* a C string literal, or NULL */
const char *place(const Printer *p, Loc loc);            /* "m.pgn:12", or "" */
int kernel_at(const Unit *u, const Kernel *k);           /* place in u->kernel */
/* which kernels host code launches; by place in u->kernel */
void mark_launched(const Unit *u, const HostBlock *b, bool *launched);

/* expr.c */
void put_int(Writer *w, int64_t v);
void put_real(Writer *w, double v, Dtype dt);
void put_expr(Printer *p, const LX *e, int outer);       /* outer: precedence of the context, 0 for any */
void put_ext(Printer *p, const Ext *e, int outer);       /* over size[] */
void put_ext_checked(Writer *w, const Ext *e);           /* the same, overflow gives -1 */
void add_fact(Printer *p, const Var *v, const LX *value, bool loop);
/* kernel.c, host.c, tables.c */
void print_kernel(Printer *p, const Kernel *k, bool on_device);
int block_threads(const Kernel *k);
void print_host(Printer *p, const char *name, const HostBlock *b, bool on_device);
void print_tables(Printer *p);
#endif
