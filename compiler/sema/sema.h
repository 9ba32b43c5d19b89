/* sema.h - from the syntax tree to typed equations in the inter-operator IR. */
#ifndef PIGEON_SEMA_H
#define PIGEON_SEMA_H
#include "ir/ir.h"
#include "syntax/ast.h"
typedef struct Fixed { const char *name, *value; } Fixed;      /* -D d=64, -D slope=0.3 */
/* The program of one model; NULL after diagnostics. model NULL: the last of the file. */
Program *sema_build(Context *cx, File *f, const char *model, const Fixed *fixed, int n_fixed, Dtype default_real);
/* Whether the model says how it is trained: with -D training=1 it is its step, with training=gradients it ends with the gradients. */
bool sema_trains(const File *f, const char *model);
/* Every model of the file, as an entry. */
bool sema_check_file(Context *cx, File *f);
/* Names of the models that can be entries, in order; returns how many. */
int sema_entries(File *f, const char **names, int max);
#endif
