/* process.c - other programs: finding them, running them in a temporary folder that goes away again, what they say as a diagnostic. */
#include "tool/tool.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

bool scratch_begin(Context *cx, Scratch *s) {
    const char *tmp = getenv("TMPDIR");
    char *dir = arena_printf(cx->arena, "%s/pigeon-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    *s = (Scratch){ .dir = mkdtemp(dir) };
    if (s->dir) return true;
    diag_help(diag_error(cx, D_WRITE_FAILED, NO_LOC, "no temporary folder `%s`: %s", dir, strerror(errno)), "set TMPDIR to a folder that can be written");
    return false;
}
const char *scratch_file(Context *cx, Scratch *s, const char *name) {
    const char *path = arena_printf(cx->arena, "%s/%s", s->dir, name);
    vec_add(cx->arena, s->file, path);
    return path;
}
void scratch_end(Scratch *s) {
    if (!s->dir) return;
    for (int k = 0; k < s->file.n; k++) unlink(s->file.at[k]);
    rmdir(s->dir);
    *s = (Scratch){ 0 };
}

static bool in_path(Context *cx, const char *name) {
    if (strchr(name, '/')) return !access(name, X_OK);
    const char *p = getenv("PATH");
    for (p = p ? p : "/usr/local/bin:/usr/bin:/bin"; *p;) {
        size_t n = strcspn(p, ":");
        if (n && !access(arena_printf(cx->arena, "%.*s/%s", (int)n, p, name), X_OK)) return true;
        p += n + (p[n] == ':');
    }
    return false;
}
typedef struct ToolRow { const char *variable, *what, *package, *name[4]; } ToolRow;
static const ToolRow tool_row[] = {
    [TOOL_CC] = { "CC", "a C compiler", "gcc libc6-dev", { "cc", "gcc", "clang" } },
    [TOOL_NVCC] = { "NVCC", "the CUDA compiler", "nvidia-cuda-toolkit", { "nvcc", "/usr/local/cuda/bin/nvcc" } },
};
const char *tool_search(Context *cx, ToolId id) {
    const ToolRow *r = &tool_row[id];
    const char *own = getenv(r->variable);
    if (own && *own) return in_path(cx, intern_n(cx, own, strcspn(own, " "))) ? intern(cx, own) : NULL;
    for (int k = 0; r->name[k]; k++) if (in_path(cx, r->name[k])) return r->name[k];
    return NULL;
}
const char *tool_find(Context *cx, ToolId id) {
    const char *found = tool_search(cx, id), *own = getenv(tool_row[id].variable);
    if (found) return found;
    const ToolRow *r = &tool_row[id];
    Diag *d = own && *own ? diag_error(cx, D_TOOL_MISSING, NO_LOC, "%s was not found: the environment says %s=%s", r->what, r->variable, own)
                          : diag_error(cx, D_TOOL_MISSING, NO_LOC, "%s was not found (`%s`)", r->what, r->name[0]);
    diag_help(d, "on Debian: apt-get install %s; or name the program: %s=PROGRAM", r->package, r->variable);
    return NULL;
}

/* In the folder, under names that say nothing of where it is: compilers write names of files into what they make. */
static void forked(char *const *argv, const char *dir, const char *log) {
    if (chdir(dir)) _exit(126);
    int null = open("/dev/null", O_RDWR), out = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (null < 0 || out < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) _exit(126);
    execvp(argv[0], argv);
    _exit(127);
}
bool tool_run(Context *cx, const char *program, const Words *arguments, Scratch *s) {
    Words words = { 0 };
    for (const char *p = program; *p;) {                   /* CC="ccache gcc -m64" */
        size_t n = strcspn(p, " ");
        if (n) vec_add(cx->arena, words, arena_strndup(cx->arena, p, n));
        p += n + (p[n] == ' ');
    }
    for (int k = 0; k < arguments->n; k++) vec_add(cx->arena, words, arguments->at[k]);
    vec_add(cx->arena, words, NULL);
    const char *log = scratch_file(cx, s, "log");
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) forked((char *const *)(void *)words.at, s->dir, log);
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0) if (errno != EINTR) { pid = -1; break; }
    if (pid < 0) { diag_error(cx, D_TOOL_MISSING, NO_LOC, "`%s` can't be run: %s", program, strerror(errno)); return false; }
    if (WIFEXITED(status) && !WEXITSTATUS(status)) return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) >= 126) { diag_error(cx, D_TOOL_MISSING, NO_LOC, "`%s` can't be run", words.at[0]); return false; }
    char text[2000] = "";
    FILE *f = fopen(log, "r");
    if (f) { text[fread(text, 1, sizeof text - 1, f)] = 0; fclose(f); }
    if (WIFSIGNALED(status)) diag_error(cx, D_TOOL_FAILED, NO_LOC, "`%s` was stopped by signal %d", words.at[0], WTERMSIG(status));
    else diag_error(cx, D_TOOL_FAILED, NO_LOC, "`%s` refused the generated text:\n%s", program, text);
    return false;
}
