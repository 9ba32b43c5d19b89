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
static bool cannot(Context *cx, const char *path, int error) {
    diag_error(cx, D_WRITE_FAILED, NO_LOC, "`%s` can't be written: %s", path, strerror(error));
    return false;
}
/* Standard output, a device or a pipe: nothing to rename over. */
static bool is_stream(const char *path) {
    struct stat st;
    return !strcmp(path, "-") || (!stat(path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode));
}
static bool to_stream(Context *cx, const NewFile *f) {
    if (!strcmp(f->path, "-")) {
        if (f->n) fwrite(f->data, 1, f->n, stdout);
        if (!fflush(stdout) && !ferror(stdout)) return true;
        diag_error(cx, D_WRITE_FAILED, NO_LOC, "standard output can't be written: %s", strerror(errno));
        return false;
    }
    int fd = open(f->path, O_WRONLY);
    bool ok = fd >= 0 && all_written(fd, f->data, f->n);
    int error = errno;
    if (fd >= 0 && close(fd)) ok = false;
    return ok || cannot(cx, f->path, error);
}
/* The file's content beside it; its name is in tmp, NULL when there is none to be renamed. */
static bool beside(Context *cx, const NewFile *f, char **tmp) {
    char *name = arena_printf(cx->arena, "%s.tmp-XXXXXX", f->path);
    int fd = mkstemp(name);
    if (fd < 0) return cannot(cx, f->path, errno);
    *tmp = name;
    mode_t mask = umask(0);
    umask(mask);
    bool ok = all_written(fd, f->data, f->n) && !fchmod(fd, 0666 & ~mask);
    int error = errno;
    if (close(fd)) ok = false;
    return ok || cannot(cx, f->path, error);
}
bool write_files(Context *cx, const NewFile *f, int n) {
    char **tmp = NEWN(cx->arena, char *, n + 1);
    bool *stream = NEWN(cx->arena, bool, n + 1), ok = true;
    for (int k = 0; k < n && ok; k++) {
        stream[k] = is_stream(f[k].path);
        struct stat st;
        if (!stat(f[k].path, &st) && S_ISDIR(st.st_mode)) ok = cannot(cx, f[k].path, EISDIR);
        else if (!stream[k] && !(f[k].keep_if_same && same_content(f[k].path, f[k].data, f[k].n))) ok = beside(cx, &f[k], &tmp[k]);
    }
    for (int k = 0; k < n && ok; k++) if (stream[k]) ok = to_stream(cx, &f[k]);
    for (int k = n - 1; k >= 0; k--) {                       /* the first one appears last */
        if (!tmp[k]) continue;
        if (ok && !rename(tmp[k], f[k].path)) continue;
        if (ok) ok = cannot(cx, f[k].path, errno);
        unlink(tmp[k]);
    }
    return ok;
}
bool write_file(Context *cx, const char *path, const void *data, size_t n, bool keep_if_same) { return write_files(cx, &(NewFile){ path, data, n, keep_if_same }, 1); }
