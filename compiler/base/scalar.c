/* scalar.c - the rows of scalar.def as a table. */
#include "ir/ir.h"

const ScalarInfo scalar_info[OP_COUNT] = {
#define SCALAR(id, name, arity, class_, c32, c64, llvm) [OP_##id] = { name, arity, class_, c32, c64, llvm },
#include "base/scalar.def"
#undef SCALAR
};
