/* random.h - random numbers by position: a function of a key and a counter, so a number is the same wherever, whenever and by whomever it
 * is asked for.  Threefry-2x32 with 20 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): additions, rotations and
 * exclusive ors of 32-bit words, in vector registers as well. */
#ifndef PIGEON_RANDOM_H
#define PIGEON_RANDOM_H
#include <stdint.h>
#ifndef PGN_FN
#if defined(__CUDACC__)
#define PGN_FN static __host__ __device__ __inline__
#else
#define PGN_FN static inline
#endif
#endif

/* 64 bits. The low halves of key, counter and result are the first words of the published generator. */
PGN_FN int64_t pgn_threefry(int64_t key, int64_t counter) {
    const uint32_t k0 = (uint32_t)(uint64_t)key, k1 = (uint32_t)((uint64_t)key >> 32), k[3] = { k0, k1, 0x1bd11bdau ^ k0 ^ k1 };
    const uint8_t turn[8] = { 13, 15, 26, 6, 17, 29, 16, 24 };
    uint32_t x = (uint32_t)(uint64_t)counter + k0, y = (uint32_t)((uint64_t)counter >> 32) + k1;
    for (uint32_t r = 0; r < 20; r++) {
        x += y;
        y = (y << turn[r & 7] | y >> (32 - turn[r & 7])) ^ x;
        if ((r & 3) == 3) x += k[(r / 4 + 1) % 3], y += k[(r / 4 + 2) % 3] + r / 4 + 1;
    }
    return (int64_t)((uint64_t)y << 32 | x);
}
#endif
