/* process.c - other programs: finding them, running them in a temporary folder that goes away again, what they say as a diagnostic. */
#include "tool/tool.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- temporary folders -------------------------------------------------------------------------------------------------
 * A signal that would end the process first ends the compiler that runs in the folder, then removes it. Who ignores the signal or has a
 * handler for it (training, a search) is left alone. */
static Scratch *volatile open_scratch;
static volatile sig_atomic_t running;                      /* the process group of a compiler; 0: none */
static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
enum { N_ENDING = sizeof ending / sizeof *ending, PATIENCE = 100 /* of 20 ms */ };
static struct sigaction before[N_ENDING];

static void remove_files(const Scratch *s) { for (int k = 0; k < s->n; k++) unlink(s->file[k]); }
static void on_ending(int sig) {
    Scratch *s = open_scratch;
    pid_t pid = running;
    if (pid) {
        kill(-pid, SIGTERM);
        for (int k = 0; !waitpid(pid, NULL, WNOHANG); k++) {
            if (k == PATIENCE) kill(-pid, SIGKILL);
            poll(NULL, 0, 20);
        }
    }
    for (int k = 0; s && k < PATIENCE; k++) {              /* what it started may take a moment longer */
        remove_files(s);
        if (!rmdir(s->dir) || errno == ENOENT) break;
        poll(NULL, 0, 20);
    }
    signal(sig, SIG_DFL);
    raise(sig);
}
static void hold_signals(sigset_t *old) {
    sigset_t set;
    sigemptyset(&set);
    for (int k = 0; k < N_ENDING; k++) sigaddset(&set, ending[k]);
    sigprocmask(SIG_BLOCK, &set, old);
}
static void watch_signals(void) {
    struct sigaction act = { .sa_handler = on_ending, .sa_flags = SA_RESTART };
    for (int k = 0; k < N_ENDING; k++)
        if (!sigaction(ending[k], NULL, &before[k]) && before[k].sa_handler == SIG_DFL) sigaction(ending[k], &act, NULL);
}
static void leave_signals(void) {
    struct sigaction now;
    for (int k = 0; k < N_ENDING; k++)
        if (!sigaction(ending[k], NULL, &now) && now.sa_handler == on_ending) sigaction(ending[k], &before[k], NULL);
}
bool scratch_begin(Context *cx, Scratch *s) {
    const char *tmp = getenv("TMPDIR");
    char *dir = arena_printf(cx->arena, "%s/pigeon-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    sigset_t old;
    hold_signals(&old);
    *s = (Scratch){ .dir = mkdtemp(dir) };
    int why = errno;
    if (s->dir) { open_scratch = s; watch_signals(); }
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (s->dir) return true;
    diag_help(diag_error(cx, D_WRITE_FAILED, NO_LOC, "no temporary folder `%s`: %s", dir, strerror(why)), "set TMPDIR to a folder that can be written");
    return false;
}
const char *scratch_file(Context *cx, Scratch *s, const char *name) {
    const char *path = arena_printf(cx->arena, "%s/%s", s->dir, name);
    if (s->n == SCRATCH_FILES) abort();
    s->file[s->n] = path;
    s->n++;                                                /* after it, as a signal may come between */
    return path;
}
void scratch_end(Scratch *s) {
    if (!s->dir) return;
    sigset_t old;
    hold_signals(&old);
    remove_files(s);
    rmdir(s->dir);
    open_scratch = NULL;
    leave_signals();
    sigprocmask(SIG_SETMASK, &old, NULL);
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
static void forked(char *const *argv, const char *dir, const char *log, const sigset_t *mask) {
    struct sigaction now;                                  /* the folder is the parent's */
    for (int k = 0; k < N_ENDING; k++) if (!sigaction(ending[k], NULL, &now) && now.sa_handler != SIG_IGN) signal(ending[k], SIG_DFL);
    setpgid(0, 0);
    sigprocmask(SIG_SETMASK, mask, NULL);
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
    sigset_t old;
    hold_signals(&old);
    pid_t pid = fork();
    if (!pid) forked((char *const *)(void *)words.at, s->dir, log, &old);
    if (pid > 0) { setpgid(pid, pid); running = pid; }
    sigprocmask(SIG_SETMASK, &old, NULL);
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0) if (errno != EINTR) { pid = -1; break; }
    running = 0;
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
