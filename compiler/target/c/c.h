/* c.h - targets that are text: plain C11, CUDA C, and the header of an artifact.
 *
 * One printer serves C and CUDA; what differs is a Dialect record (print.h).  Several units may be printed into one file, after one
 * prologue: every name at file scope carries its unit's name. The text compiles against pigeon/kernel.h (CUDA: pigeon/cuda_kernel.h). */
#ifndef PIGEON_TARGET_C_H
#define PIGEON_TARGET_C_H
#include "loop/loop.h"

void target_c_prologue(Writer *w, bool cuda);             /* once per file */
void target_c_print(const Unit *u, Writer *w);            /* kernels, bind, run, tables, `const pgn_model <name>_model` */
void target_cuda_print(const Unit *u, Writer *w);         /* the same record with device = 1 */
void target_header_print(const Unit *u, Writer *w);       /* m.h: typed structs and inline functions over pgn_model_*() */
#endif
