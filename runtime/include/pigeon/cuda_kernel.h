/* cuda_kernel.h - what generated CUDA text needs beside kernel.h: launching, reductions over a block, the artifact's memory functions.
 *
 * The text is in the common subset of C and CUDA C++.  nvcc compiles it for a GPU; a C compiler with -DPGN_CUDA_SHIM compiles the same
 * text for the CPU, where cuda_shim.h plays the GPU: that is how blocks, threads and barriers are tested on machines without one. */
#ifndef PIGEON_CUDA_KERNEL_H
#define PIGEON_CUDA_KERNEL_H
#ifdef PGN_CUDA_SHIM
#include "pigeon/cuda_shim.h"
#else
#include <cuda_runtime.h>
/* PGN_LAUNCH(kernel, barriers, blocks, threads, stream, arguments): `barriers` says whether the kernel's threads meet (only the shim
 * wants to know).  Arguments are PGN_BUF(type, id), PGN_SIZE(expression). */
#define PGN_LAUNCH(kernel, barriers, blocks, threads, stream, ...) kernel<<<(blocks), (threads), 0, (cudaStream_t)(stream)>>>(__VA_ARGS__)
#define PGN_BUF(T, id) ((T *)env->buf[id])
#define PGN_SIZE(n) ((int64_t)(n))
#endif
#include "pigeon/kernel.h"

/* ---- reductions over the threads of a block: every thread gets the value; the order is fixed, so results repeat ----------- *
 * A butterfly over each warp, then the warps' values in order.  The block is a multiple of 32 threads and all of them take part. */
#define PGN_BLOCK_REDUCE(NAME, T, COMBINE)                                                                     \
    static __device__ __inline__ T pgn_block_##NAME(T a) {                                                     \
        __shared__ T warp[32];                                                                                  \
        T b;                                                                                                    \
        unsigned n = blockDim.x >> 5, w;                                                                        \
        int d;                                                                                                  \
        for (d = 16; d; d >>= 1) { b = __shfl_xor_sync(0xffffffffu, a, d); a = COMBINE; }                       \
        if ((threadIdx.x & 31u) == 0) warp[threadIdx.x >> 5] = a;                                               \
        __syncthreads();                                                                                        \
        a = warp[0];                                                                                            \
        for (w = 1; w < n; w++) { b = warp[w]; a = COMBINE; }                                                   \
        __syncthreads();                                                                                        \
        return a;                                                                                               \
    }
PGN_BLOCK_REDUCE(add_f32, float, a + b)
PGN_BLOCK_REDUCE(mul_f32, float, a * b)
PGN_BLOCK_REDUCE(min_f32, float, fminf(a, b))
PGN_BLOCK_REDUCE(max_f32, float, fmaxf(a, b))
PGN_BLOCK_REDUCE(add_f64, double, a + b)
PGN_BLOCK_REDUCE(mul_f64, double, a * b)
PGN_BLOCK_REDUCE(min_f64, double, fmin(a, b))
PGN_BLOCK_REDUCE(max_f64, double, fmax(a, b))
PGN_BLOCK_REDUCE(add_i32, int32_t, pgn_add_i32(a, b))
PGN_BLOCK_REDUCE(mul_i32, int32_t, pgn_mul_i32(a, b))
PGN_BLOCK_REDUCE(min_i32, int32_t, pgn_min_i32(a, b))
PGN_BLOCK_REDUCE(max_i32, int32_t, pgn_max_i32(a, b))
PGN_BLOCK_REDUCE(add_i64, int64_t, pgn_add_i64(a, b))
PGN_BLOCK_REDUCE(mul_i64, int64_t, pgn_mul_i64(a, b))
PGN_BLOCK_REDUCE(min_i64, int64_t, pgn_min_i64(a, b))
PGN_BLOCK_REDUCE(max_i64, int64_t, pgn_max_i64(a, b))
static __device__ __inline__ bool pgn_block_and_bool(bool a) { return pgn_block_min_i32(a) != 0; }
static __device__ __inline__ bool pgn_block_or_bool(bool a) { return pgn_block_max_i32(a) != 0; }
#undef PGN_BLOCK_REDUCE

/* ---- host side ---------------------------------------------------------------------------------------------------------- */
static __inline__ unsigned pgn_cuda_blocks(int64_t items, int64_t per_block) {
    int64_t n = (items + per_block - 1) / per_block;
    return n > 2147483647 ? 2147483647u : (unsigned)n;         /* kernels go on with their item plus the grid's width */
}
static __inline__ pgn_status pgn_cuda_status(pgn_env *env, cudaError_t e) {
    return e == cudaSuccess ? PGN_OK : pgn_env_fail(env, PGN_E_DEVICE, cudaGetErrorString(e));
}
static __inline__ pgn_status pgn_cuda_copy(pgn_env *env, void *to, const void *from, int64_t bytes) {
    if (bytes <= 0) return PGN_OK;
    return pgn_cuda_status(env, cudaMemcpyAsync(to, from, (size_t)bytes, cudaMemcpyDeviceToDevice, (cudaStream_t)env->stream));
}
static pgn_status pgn_cuda_alloc(void **p, size_t n) { return cudaMalloc(p, n) == cudaSuccess ? PGN_OK : PGN_E_MEMORY; }
static void pgn_cuda_free(void *p) { (void)cudaFree(p); }
static pgn_status pgn_cuda_to_device(void *to, const void *from, size_t n, void *stream) {
    return cudaMemcpyAsync(to, from, n, cudaMemcpyHostToDevice, (cudaStream_t)stream) == cudaSuccess ? PGN_OK : PGN_E_DEVICE;
}
static pgn_status pgn_cuda_to_host(void *to, const void *from, size_t n, void *stream) {
    if (cudaMemcpyAsync(to, from, n, cudaMemcpyDeviceToHost, (cudaStream_t)stream) != cudaSuccess) return PGN_E_DEVICE;
    return cudaStreamSynchronize((cudaStream_t)stream) == cudaSuccess ? PGN_OK : PGN_E_DEVICE;
}
static const pgn_device pgn_cuda_device = { pgn_cuda_alloc, pgn_cuda_free, pgn_cuda_to_device, pgn_cuda_to_host };
#endif
