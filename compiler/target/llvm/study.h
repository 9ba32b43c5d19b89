/* study.h - private to target/llvm: what a lane loop's body is made of, found before it is emitted. */
#ifndef PIGEON_TARGET_LLVM_STUDY_H
#define PIGEON_TARGET_LLVM_STUDY_H
#include "target/llvm/emit.h"
typedef struct Study {
    Arena *a;
    Map varies, seen;                  /* class per variable; per expression (of round `epoch`) */
    const Var *lane; const LaneReduce *red; int n_red;
    int epoch; bool changed, refused;
    int n_vectors;                     /* variables kept in vector registers through the body */
    int widest;                        /* bytes of the widest element computed with */
    int n_ops;                         /* operations on vectors */
    const Target *target; const Kernel *kernel;
    int n_streams;                     /* stores that may go past the caches */
    int n_math, n_slow, n_inner, n_lanes;        /* own functions; gathers, libm calls, integer divisions; inner loops; lane loops of them */
    bool narrow, guarded, narrow_guarded;        /* accesses of 1 or 2 bytes; under a condition that varies; both */
    bool any_f, any_i64;
} Study;
int lane_class(Map *varies, const void *var);      /* 0 when all lanes have the same value */
/* false: the body can't be vectors. */
bool study_lanes(Study *s, const Block *body);
#endif
