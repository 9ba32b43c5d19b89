/* text.h - the words that print.c and read.c of the loop IR share. */
#ifndef PIGEON_LOOP_TEXT_H
#define PIGEON_LOOP_TEXT_H
#include "loop/loop.h"
extern const char *const role_name[], *const rtcall_name[];
enum { N_ROLES = 8 };
#endif
