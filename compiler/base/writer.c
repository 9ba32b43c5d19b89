/* writer.c - text in memory that becomes a file only when it is whole: temporary name, then rename. */
#include "base/base.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void writer_init(Writer *w, Arena *a) { *w = (Writer){ .arena = a, .bol = true }; }

void put_raw(Writer *w, const char *s, size_t n) {
    if (w->n + n + 1 > w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 4096;
        while (cap < w->n + n + 1) cap *= 2;
        w->at = arena_grow(w->arena, w->at, w->n, cap);
        w->cap = cap;
    }
    memcpy(w->at + w->n, s, n);
    w->n += n;
    w->at[w->n] = 0;
}
void put(Writer *w, const char *fmt, ...) {
    char small[512], *text = small;
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    if (n >= (int)sizeof small) {
        text = arena_alloc(w->arena, (size_t)n + 1);
        vsnprintf(text, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    va_end(ap);
    for (char *s = text; *s;) {
        if (w->bol && *s != '\n') for (int k = 0; k < w->indent; k++) put_raw(w, "  ", 2);
        size_t m = strcspn(s, "\n");
        w->bol = s[m] == '\n';
        put_raw(w, s, m + w->bol);
        s += m + w->bol;
    }
}

static bool all_written(int fd, const char *p, size_t n) {
    while (n) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return false;
        p += k, n -= (size_t)k;
    }
    return true;
}
static bool same_content(const char *path, const void *data, size_t n) {
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    char *have = malloc(n + 1);
    bool same = have && fread(have, 1, n + 1, f) == n && !memcmp(have, data, n);
    free(have);
    fclose(f);
    return same;
}
bool write_file(Context *cx, const char *path, const void *data, size_t n, bool keep_if_same) {
    if (!strcmp(path, "-")) {
        if (n) fwrite(data, 1, n, stdout);
        if (!fflush(stdout) && !ferror(stdout)) return true;
        diag_error(cx, D_WRITE_FAILED, NO_LOC, "standard output can't be written: %s", strerror(errno));
        return false;
    }
    if (keep_if_same && same_content(path, data, n)) return true;
    struct stat st;
    if (!stat(path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {    /* a device or pipe: nothing to rename over */
        int fd = open(path, O_WRONLY);
        bool ok = fd >= 0 && all_written(fd, data, n);
        int error = errno;
        if (fd >= 0 && close(fd)) ok = false;
        if (!ok) diag_error(cx, D_WRITE_FAILED, NO_LOC, "`%s` can't be written: %s", path, strerror(error));
        return ok;
    }
    char *tmp = arena_printf(cx->arena, "%s.tmp-XXXXXX", path);
    int fd = mkstemp(tmp);
    if (fd < 0) { diag_error(cx, D_WRITE_FAILED, NO_LOC, "`%s` can't be written: %s", path, strerror(errno)); return false; }
    mode_t mask = umask(0);
    umask(mask);
    bool ok = all_written(fd, data, n) && !fchmod(fd, 0666 & ~mask);
    if (close(fd)) ok = false;
    if (ok && !rename(tmp, path)) return true;
    diag_error(cx, D_WRITE_FAILED, NO_LOC, "`%s` can't be written: %s", path, strerror(errno));
    unlink(tmp);
    return false;
}
