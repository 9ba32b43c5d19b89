/* parallel.c - the parallel loop: a few threads that belong to one plan.
 *
 * Items of a loop are independent, so neither the number of threads nor the size of the chunks can change a result.  A loop that finds
 * the pool busy (a second forward of the same plan, a loop inside a loop) or itself in a forked child runs in its caller.
 * Workers join an open job; the caller closes it when no chunk is left, so it never waits for one that is still asleep.
 * A model's loops follow one another within microseconds, less than it takes to wake a thread: so whoever waits looks again for a little
 * while before it sleeps. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE                       /* cpu_set_t */
#endif
#include "internal.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { SMALL = 20000, CHUNK = 8192, MAX_THREADS = 1024, LOOKS = 1000 /* some 20 to 60 microseconds */ };
struct Pool {
    int threads, started;                 /* wanted (with the caller); workers running */
    bool tried, stop, open;
    pid_t owner;
    pgn_options memory;                   /* whose functions hold the pool */
    pthread_mutex_t busy, lock;           /* busy: one loop at a time; lock: what follows */
    pthread_cond_t wake, idle;
    uint64_t round;
    int asleep;                           /* workers that must be woken */
    atomic_ullong posted;                 /* the last round, written when the lock is free again */
    atomic_int inside;                    /* workers in the job */
    void (*body)(void *arg, int64_t lo, int64_t hi);
    void *arg;
    int64_t n, chunk;
    atomic_llong next;
    pthread_t thread[];                   /* room for all: nothing is allocated when they start */
};
static int processors(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (!sched_getaffinity(0, sizeof set, &set)) { int n = CPU_COUNT(&set); if (n > 0) return n; }
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}
Pool *pgn_pool_new(const pgn_options *o) {
    int threads = o->threads > 0 ? o->threads : processors();
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    Pool *p = pgn_alloc_zero(o, 1, sizeof *p + (size_t)threads * sizeof *p->thread);
    if (!p) return NULL;
    p->threads = threads;
    p->memory = *o;
    pthread_mutex_init(&p->busy, NULL);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->idle, NULL);
    return p;
}
static void pause_a_moment(void) {
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}
static void lock_soon(pthread_mutex_t *m) {
    for (int k = 0; k < LOOKS; k++) {
        if (!pthread_mutex_trylock(m)) return;
        pause_a_moment();
    }
    pthread_mutex_lock(m);
}
static void chunks(Pool *p) {
    for (;;) {
        int64_t lo = atomic_fetch_add_explicit(&p->next, p->chunk, memory_order_relaxed);
        if (lo >= p->n) return;
        p->body(p->arg, lo, p->n - lo < p->chunk ? p->n : lo + p->chunk);
    }
}
static void *worker(void *arg) {
    Pool *p = arg;
    uint64_t seen = 0;
    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        if (!p->open || p->round == seen) {
            seen = p->round;
            pthread_mutex_unlock(&p->lock);
            for (int k = 0; k < LOOKS && atomic_load_explicit(&p->posted, memory_order_relaxed) == seen; k++) pause_a_moment();
            lock_soon(&p->lock);
            if (p->round != seen || p->stop) continue;
            p->asleep++;
            pthread_cond_wait(&p->wake, &p->lock);
            p->asleep--;
            continue;
        }
        seen = p->round;
        p->inside++;
        pthread_mutex_unlock(&p->lock);
        chunks(p);
        lock_soon(&p->lock);
        if (!--p->inside && !p->open) pthread_cond_signal(&p->idle);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}
void pgn_pool_free(Pool *p) {
    if (!p) return;
    if (p->started && p->owner == getpid()) {
        pthread_mutex_lock(&p->lock);
        p->stop = true;
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->lock);
        for (int k = 0; k < p->started; k++) pthread_join(p->thread[k], NULL);
    }
    pthread_cond_destroy(&p->idle);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->busy);
    const pgn_options o = p->memory;
    pgn_release(&o, p);
}
/* Under `busy`.  Fewer threads than wanted, even none, is no error. */
static void start(Pool *p) {
    p->tried = true;
    p->owner = getpid();
    while (p->started < p->threads - 1 && !pthread_create(&p->thread[p->started], NULL, worker, p)) p->started++;
}
void pgn_pool_run(Pool *p, int64_t n, int64_t grain, void (*body)(void *arg, int64_t lo, int64_t hi), void *arg) {
    if (n <= 0) return;
    if (grain < 1) grain = 1;
    if (!p || p->threads <= 1 || n <= grain || pthread_mutex_trylock(&p->busy)) { body(arg, 0, n); return; }
    if (!p->tried) start(p);
    if (!p->started || p->owner != getpid()) { pthread_mutex_unlock(&p->busy); body(arg, 0, n); return; }
    int64_t even = n / (16 * (int64_t)(p->started + 1));   /* so many that one with a heavy item leaves the others to share out */
    lock_soon(&p->lock);
    p->body = body, p->arg = arg, p->n = n, p->chunk = even > grain ? even : grain;
    atomic_store(&p->next, 0);
    p->round++;
    p->open = true;
    uint64_t round = p->round;
    if (p->asleep) pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    atomic_store_explicit(&p->posted, round, memory_order_relaxed);
    chunks(p);
    lock_soon(&p->lock);
    p->open = false;
    if (p->inside) {
        pthread_mutex_unlock(&p->lock);
        for (int k = 0; k < LOOKS && atomic_load_explicit(&p->inside, memory_order_relaxed); k++) pause_a_moment();
        lock_soon(&p->lock);
    }
    while (p->inside) pthread_cond_wait(&p->idle, &p->lock);
    pthread_mutex_unlock(&p->lock);
    pthread_mutex_unlock(&p->busy);
}
void pgn_parallel(const pgn_options *o, int64_t n, int64_t work, void (*body)(void *arg, int64_t lo, int64_t hi), void *arg) {
    if (n <= 0) return;
    if (!work) work = 1;
    int64_t grain = work < 0 ? -work : CHUNK / work + 1;
    if (!o || o->threads == 1 || n <= (work < 0 ? grain : 1) || (work > 0 && work * (double)n < SMALL)) { body(arg, 0, n); return; }
    if (o->parallel_for) { o->parallel_for(o->user, n, grain, body, arg); return; }
    pgn_pool_run(((const PlanOptions *)(const void *)o)->pool, n, grain, body, arg);
}
typedef struct Launch { const pgn_env *env; pgn_kernel *kernel; } Launch;
static void launch_body(void *arg, int64_t lo, int64_t hi) { const Launch *l = arg; l->kernel(l->env, lo, hi); }
pgn_status pgn_env_launch(const pgn_env *env, pgn_kernel *k, int64_t n, int64_t work_per_item) {
    Launch l = { env, k };
    pgn_parallel(env->options, n, work_per_item, launch_body, &l);
    return PGN_OK;
}
