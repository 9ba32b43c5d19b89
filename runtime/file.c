/* file.c - reading at a place in a file; writing to a temporary name that replaces the file in the end. */
#include "file.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the formats are little-endian and read as they are");

/* ---- reading ---------------------------------------------------------------------------------------------------------- */
pgn_status pgn_in_open(In *in, const char *path, pgn_error *e) {
    struct stat s;
    *in = (In){ .fd = open(path, O_RDONLY | O_CLOEXEC), .path = path };
    if (in->fd < 0 || fstat(in->fd, &s)) {
        int why = errno;
        pgn_in_close(in);
        return pgn_error_set(e, PGN_E_IO, "`%s` can't be opened: %s", path, strerror(why));
    }
    if (!S_ISREG(s.st_mode)) { pgn_in_close(in); return pgn_error_set(e, PGN_E_IO, "`%s` is no file", path); }
    in->size = (uint64_t)s.st_size;
    return PGN_OK;
}
void pgn_in_close(In *in) {
    if (in->fd >= 0) close(in->fd);
    in->fd = -1;
}
pgn_status pgn_in_read(const In *in, uint64_t at, void *to, size_t n, pgn_error *e) {
    if (at > in->size || n > in->size - at) return pgn_error_set(e, PGN_E_FORMAT, "`%s` is cut off: byte %" PRIu64 " is beyond its end", in->path, at + n - 1);
    while (n) {
        ssize_t got = pread(in->fd, to, n < (size_t)1 << 30 ? n : (size_t)1 << 30, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return pgn_error_set(e, PGN_E_IO, "`%s` can't be read whole: %s", in->path, got ? strerror(errno) : "it became shorter meanwhile");
        to = (char *)to + got, at += (uint64_t)got, n -= (size_t)got;
    }
    return PGN_OK;
}
pgn_status pgn_in_source_read(Source *s, void *to, size_t n, pgn_error *e) {
    pgn_status st = pgn_in_read(s->in, s->at, to, n, e);
    s->at += n, s->left -= n;
    return st;
}

/* ---- writing ---------------------------------------------------------------------------------------------------------- */
/* A new file beside `target`: several processes, or threads of one, may write the same name. unnamed >= 0: that file gets the name. */
static int open_beside(const char *target, char *name, size_t room, int unnamed) {
    const char *slash = strrchr(target, '/');
    char held[40];
    int folder = slash ? (int)(slash - target) + 1 : 0;
    snprintf(held, sizeof held, "/proc/self/fd/%d", unnamed);
    for (unsigned k = 0; k < 10000; k++) {
        snprintf(name, room, "%.*s.pigeon-%ld-%u", folder, target, (long)getpid(), k);
        int fd = unnamed >= 0 ? linkat(AT_FDCWD, held, AT_FDCWD, name, AT_SYMLINK_FOLLOW) : open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST) return fd;
    }
    return -1;
}
/* A file without a name in the folder of `target`, where the system has such: it is gone when the process is killed. */
static int open_unnamed(const char *target) {
#ifdef O_TMPFILE
    const char *slash = strrchr(target, '/');
    char *folder = slash ? strndup(target, (size_t)(slash - target) + 1) : strdup(".");
    int fd = folder && !access("/proc/self/fd", X_OK) ? open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666) : -1;
    free(folder);
    return fd;
#else
    (void)target;
    return -1;
#endif
}
pgn_status pgn_out_begin(Out *o, const char *path, pgn_error *e) {
    struct stat s;
    *o = (Out){ .path = path };
    int fd = -1;
    if (!stat(path, &s) && !S_ISREG(s.st_mode)) fd = open(path, O_WRONLY | O_CLOEXEC);         /* a device, a pipe: not to be replaced */
    else {
        o->target = realpath(path, NULL);                /* what a link points to */
        if (!o->target) o->target = strdup(path);
        size_t room = o->target ? strlen(o->target) + 64 : 0;
        o->temporary = room ? malloc(room) : NULL;
        if (!o->temporary) { free(o->target); return pgn_error_set(e, PGN_E_MEMORY, "no memory to write `%s`", path); }
        fd = open_unnamed(o->target);
        o->unnamed = fd >= 0, *o->temporary = 0;
        if (fd < 0) fd = open_beside(o->target, o->temporary, room, -1);
    }
    if (fd >= 0 && (o->f = fdopen(fd, "wb"))) return PGN_OK;
    int why = errno;
    if (fd >= 0) { close(fd); if (o->temporary && *o->temporary) unlink(o->temporary); }
    free(o->temporary);
    free(o->target);
    return pgn_error_set(e, PGN_E_IO, "`%s` can't be written: %s", path, strerror(why));
}
void pgn_out_write(Out *o, const void *p, size_t n) {
    if (!n || ferror(o->f)) return;
    errno = 0;
    if (fwrite(p, 1, n, o->f) < n && !o->why) o->why = errno;
}
pgn_status pgn_out_end(Out *o, pgn_error *e) {
    bool bad = ferror(o->f);
    if (!bad && fflush(o->f)) bad = true, o->why = errno;
    if (!bad && o->temporary && fsync(fileno(o->f)) && errno != EINVAL && errno != EROFS) bad = true, o->why = errno;      /* on the disk before it has the name */
    if (!bad && o->unnamed && open_beside(o->target, o->temporary, strlen(o->target) + 64, fileno(o->f)) < 0) bad = true, o->why = errno;
    if (fclose(o->f) && !bad) bad = true, o->why = errno;
    if (!bad && o->temporary && rename(o->temporary, o->target)) bad = true, o->why = errno;
    if (bad && o->temporary && *o->temporary) unlink(o->temporary);
    free(o->temporary);
    free(o->target);
    return bad ? pgn_error_set(e, PGN_E_IO, "`%s` can't be written: %s", o->path, o->why ? strerror(o->why) : "an error of the device") : PGN_OK;
}
