/* scalar.c - the rows of scalar.def as a table. */
#include "ir/ir.h"

const ScalarInfo scalar_info[OP_COUNT] = {
#define SCALAR(id, name, arity, class_, c32, c64, llvm, cost, defined, ...) [OP_##id] = { name, arity, class_, c32, c64, llvm, cost, defined },
#include "base/scalar.def"
#undef SCALAR
};
