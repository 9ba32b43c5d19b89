/* progress.c - a line on a terminal for what takes over two seconds. */
#include "tool/tool.h"
#include <time.h>
#include <unistd.h>

static void *progress_main(void *arg) {
    Progress *p = arg;
    int seconds = 0;
    pthread_mutex_lock(&p->lock);
    while (!p->stopped) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        t.tv_sec += 1;
        pthread_cond_timedwait(&p->stop, &p->lock, &t);
        if (!p->stopped && ++seconds > 2) fprintf(stderr, "\r%s ... %d s", p->what, seconds);
    }
    pthread_mutex_unlock(&p->lock);
    if (seconds > 2) fprintf(stderr, "\r\033[K");
    return NULL;
}
void progress_start(Progress *p, const char *what) {
    *p = (Progress){ .what = what, .on = isatty(2) };
    if (!p->on) return;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->stop, NULL);
    p->on = pthread_create(&p->thread, NULL, progress_main, p) == 0;
}
void progress_stop(Progress *p) {
    if (!p->on) return;
    pthread_mutex_lock(&p->lock);
    p->stopped = true;
    pthread_cond_signal(&p->stop);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
}
