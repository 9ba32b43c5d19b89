/* check.h - the few lines that a C test program needs: CHECK(condition) counts and shows, summary() prints the totals. */
#ifndef PIGEON_CHECK_H
#define PIGEON_CHECK_H
#include <stdio.h>
static int passed, failed;
#define CHECK(...) do { if (__VA_ARGS__) passed++; else { failed++; printf("FAILED %s:%d: %s\n", __FILE__, __LINE__, #__VA_ARGS__); } } while (0)
static int summary(void) { printf("%d passed, %d failed\n", passed, failed); return failed != 0; }
#endif
