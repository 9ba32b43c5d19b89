/* rows.h - arrays of which a training step sees some rows; see rows.c. `sym`: the size whose elements are rows. */
#ifndef PIGEON_TOOL_ROWS_H
#define PIGEON_TOOL_ROWS_H
#include "tool/data.h"

bool rows_any(const Value *v, const Sym *sym);               /* has it such an axis? */
/* false after a diagnostic: parameters have a row for each, or an input's axis is made of them. rows: in words, "edge of `g`" */
bool rows_can(Options *o, const Program *p, const Sym *sym, const char *rows);
bool rows_refuse(Options *o, const Value *v, const char *what, const char *rows);      /* false: after that diagnostic */
int64_t rows_elements(const Value *v, const Sym *sym, const pgn_tensor *from, int64_t n);     /* elements of n rows */
/* Those with the places pick[0..n-1] along each such axis of v; to->data has room for them. */
void rows_take(const Value *v, const Sym *sym, const pgn_tensor *from, const int64_t *pick, int64_t n, pgn_tensor *to);
#endif
