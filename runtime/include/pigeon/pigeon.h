/* pigeon.h - all of libpigeon that programs call. */
#ifndef PIGEON_PIGEON_H
#define PIGEON_PIGEON_H
#include "pigeon/io.h"
#endif
