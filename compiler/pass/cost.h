/* cost.h - what an equation costs, estimated from the sizes of its spaces: the currency in which passes decide.
 *
 * flops: operations, a function counts as several. bytes: what goes between memory (or a large cache) and the core; what is read
 * again from a small table is nearly free. The time of an equation is that of its slower half plus a tenth of the other (they
 * overlap), in operations: a byte takes as long as eight of them, or as many as (about "machine.gemm" ..) and (about "machine.copy" ..) say. */
#ifndef PIGEON_COST_H
#define PIGEON_COST_H
#include "ir/ir.h"

typedef struct Sizes { Program *p; VEC(double) sym; } Sizes;       /* by symbol id; < 0: not asked for yet */
double told(const Program *p, const char *name, double otherwise);      /* what (about NAME ..) says */
double size_ext(Sizes *s, const Ext *e);
double size_space(Sizes *s, const Space *of);
/* The number of rows of unique(keys) over a domain, whether that space exists or not. */
double size_unique(Sizes *s, const Space *domain, int n, X *const *key);
double size_fewest(Sizes *s, const Value *type, const Value *a, const Value *b);      /* pairs (type, a) or (type, b), whichever a type has fewer of */
const char *unique_name(Sizes *s, int n, X *const *key);           /* "unique(g.etype, g.src)", in the order of that space */
const char *key_text(Program *p, const X *key);                    /* "g.ntype(g.src)" */
void keys_sort(Sizes *s, int n, X *const *key, X **sorted);

Estimate estimate_add(Estimate a, Estimate b);
double estimate_time(const Program *p, Estimate e);
/* value[idx] = expr, stored (or not: what it costs where it is needed). */
Estimate estimate_equation(Sizes *s, int n, Index *const *idx, X *expr, bool stored);
/* Reading `times` elements of a table of `count` elements of this type. */
Estimate estimate_read(const Program *p, double times, double count, Dtype dt);
const char *estimate_text(Arena *a, Estimate e);                   /* "1.33 Gflop, 41.5 MB" */
#endif
