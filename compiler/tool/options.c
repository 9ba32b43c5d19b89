/* options.c - the command line, from the rows of options.def: response files, words to options, options to their places. */
#include "tool/tool.h"
#include "pass/pass.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum OptionId {
#define OPTION(id, long_, short_, arg, commands, help) OPT_##id,
#include "tool/options.def"
#undef OPTION
    OPT_COUNT
} OptionId;
const OptionRow option_row[] = {
#define OPTION(id, long_, short_, arg, commands, help) { long_, short_, arg, commands, help },
#include "tool/options.def"
#undef OPTION
};
const int n_option = OPT_COUNT;
const CommandRow command_row[] = {
    { 'C', "",      "MODEL.pgn",    "compile: an object file and its header, or what --emit says" },
    { 'R', "run",   "MODEL.pgn",    "check the model and run it on data" },
    { 'T', "train", "MODEL.pgn",    "take the model's training step again and again on data" },
    { 'K', "check", "MODEL.pgn...", "report every error of the files" },
    { 'F', "fmt",   "MODEL.pgn...", "lay the files out canonically, in place" },
    { 'I', "ir",    "MODEL.pgn",    "print the inter-operator IR of a model" },
    { 'E', "explain", "MODEL.pgn",  "print what the compiler decided, as a schedule that can be edited and given back with --schedule" },
    { 'U', "tune",  "MODEL.pgn",    "search for a faster schedule on data that are given as to run" },
    { 'S', "stats", "MODEL.pgn",    "print the sizes and numbers of combinations of graphs that are given as to run, for --graph-stats" },
    { 'O', "opt",   "PROGRAM.ir",   "read IR text of either level, verify it, and go on from there" },
};
const int n_command = sizeof command_row / sizeof *command_row;

static int usage(const char *fmt, ...) PRINTF_LIKE(1, 2);
static int usage(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fputs("pigeonc: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputs("\ntry `pigeonc --help`\n", stderr);
    va_end(ap);
    return EXIT_USAGE;
}

/* ---- response files: @FILE stands for the words in FILE, which quotes and backslashes protect ---------------------- */
enum { MOST_FILES = 16 };
static int add_word(Context *cx, Words *to, const char *word, int depth);
static int add_file(Context *cx, Words *to, const char *path, int depth) {
    FILE *f = depth < MOST_FILES ? fopen(path, "rb") : NULL;
    if (!f) {
        if (depth == MOST_FILES) return usage("response files are nested more than %d deep (`%s`)", MOST_FILES, path);
        fprintf(stderr, "pigeonc: `%s` can't be opened: %s\n", path, strerror(errno));
        return EXIT_MISSING;
    }
    Writer w;
    char quote = 0;
    bool in_word = false;
    int code = 0;
    for (int c = 0; c != EOF && !code;) {
        c = getc(f);
        if (!in_word && c != EOF && !isspace(c)) { writer_init(&w, cx->arena); put_raw(&w, "", 0); in_word = true; }
        if (!in_word) continue;
        if (c == EOF || (!quote && isspace(c))) { code = add_word(cx, to, w.at, depth + 1); in_word = false; quote = 0; continue; }
        if (c == quote) quote = 0;
        else if (!quote && (c == '"' || c == '\'')) quote = (char)c;
        else {
            int d = c == '\\' && quote != '\'' ? getc(f) : c;
            char byte = (char)d;
            if (d != EOF) put_raw(&w, &byte, 1);
        }
    }
    fclose(f);
    return code;
}
static int add_word(Context *cx, Words *to, const char *word, int depth) {
    if (*word == '@' && word[1]) return add_file(cx, to, word + 1, depth);
    vec_add(cx->arena, *to, word);
    return 0;
}

/* ---- values ---------------------------------------------------------------------------------------------------------- */
static bool split_pair(const char *s, Context *cx, Pair *p) {
    const char *eq = strchr(s, '=');
    if (!eq || eq == s) return false;
    p->name = intern_n(cx, s, (size_t)(eq - s));
    p->value = intern(cx, eq + 1);
    return true;
}
static void split_list(Context *cx, const char *s, Words *to) {
    while (*s) {
        size_t n = strcspn(s, ",");
        const char *word = intern_n(cx, s, n);
        if (n) vec_add(cx->arena, *to, word);
        s += n + (s[n] == ',');
    }
}
static bool whole_number(const char *s, int least, int most, int *v) {
    char *end;
    errno = 0;
    long n = strtol(s, &end, 10);
    if (end == s || *end || errno || n < least || n > most) return false;
    *v = (int)n;
    return true;
}
static bool long_number(const char *s, int64_t *v) {
    char *end;
    errno = 0;
    long long n = strtoll(s, &end, 10);
    if (end == s || *end || errno) return false;
    *v = n;
    return true;
}
/* 512M: 512 * 2^20 */
static bool byte_count(const char *s, int64_t *v) {
    char *end;
    double n = strtod(s, &end);
    const char *unit = "KMGT", *at = *end ? strchr(unit, toupper((unsigned char)*end)) : NULL;
    if (end == s || !(n > 0) || (*end && (!at || end[1]))) return false;
    for (int k = 0; at && k <= at - unit; k++) n *= 1024;
    *v = n < 9e18 ? (int64_t)n : INT64_MAX;
    return *v > 0;
}
static int no_such(Context *cx, const char *what, const char *name, const char *const *known, int n) {
    const char *near = did_you_mean(cx, name, known, n);
    return near ? usage("there is no %s `%s`; did you mean `%s`?", what, name, near) : usage("there is no %s `%s`", what, name);
}
/* One target, or several processors of one kind for the same object, in the order of the table. */
static int take_targets(Options *o, const char *list) {
    Words names = { 0 };
    split_list(o->cx, list, &names);
    o->target_set.n = 0;
    for (int k = 0; k < names.n; k++) {
        const Target *t = target_find(o->cx, names.at[k]);
        if (!t) return usage("there is no target `%s`; --print=targets lists them", names.at[k]);
        int at = o->target_set.n;
        vec_add(o->cx->arena, o->target_set, t);
        for (; at && o->target_set.at[at - 1] > t; at--) o->target_set.at[at] = o->target_set.at[at - 1];
        o->target_set.at[at] = t;
    }
    for (int k = 0; k < o->target_set.n && o->target_set.n > 1; k++) {
        const Target *t = o->target_set.at[k];
        if (!t->arch || !o->target_set.at[0]->arch || strcmp(t->arch, o->target_set.at[0]->arch)) return usage("one object can't be for `%s` and others", t->name);
        if (k && t == o->target_set.at[k - 1]) return usage("target `%s` is named twice", t->name);
    }
    o->target = o->target_set.n ? o->target_set.at[0] : NULL;
    return 0;
}
/* One option with its value (NULL when it has none). */
static int take(Options *o, OptionId id, const char *v) {
    static const char *const executors[] = { "interp", "cpu", "c", "cuda", "cuda-shim" };
    Context *cx = o->cx;
    Pair pair;
    Pairs *to;
    char *end;
    switch (id) {
    case OPT_OUTPUT: o->output = v; break;
    case OPT_EMIT: split_list(cx, v, &o->emit); break;
    case OPT_MODEL: split_list(cx, v, &o->model); break;
    case OPT_DEFINE:
        if (!split_pair(v, cx, &pair)) return usage("-D needs NAME=VALUE, not `%s`", v);
        for (int k = 0; k < o->define.n; k++) if (!strcmp(o->define.at[k].name, pair.name)) return usage("-D %s is given twice", pair.name);
        vec_add(cx->arena, o->define, (Fixed){ pair.name, pair.value });
        break;
    case OPT_REAL:
        o->real = dtype_from_name(v);
        if (o->real != DT_F32 && o->real != DT_F64) return usage("--real is f32 or f64, not `%s`", v);
        break;
    case OPT_OPTIMIZE: if (!whole_number(v, 0, 3, &o->opt)) return usage("-O takes 0, 1, 2 or 3, not `%s`", v); break;
    case OPT_TARGET: return take_targets(o, v);
    case OPT_DEBUG: o->debug = true; break;
    case OPT_MANIFEST: o->manifest = true; break;
    case OPT_SYMBOL_PREFIX:
        for (const char *s = v; *s; s++)
            if (!isalnum((unsigned char)*s) && *s != '_') return usage("--symbol-prefix is made of letters, digits and `_`, not `%s`", v);
        if (isdigit((unsigned char)*v)) return usage("--symbol-prefix doesn't begin with a digit: `%s`", v);
        o->symbol_prefix = v;
        break;
    case OPT_DEPS: o->deps = true; break;
    case OPT_DEPS_FILE: o->deps_file = v; o->deps = true; break;
    case OPT_DEPS_TARGET: o->deps_target = v; break;
    case OPT_DEPS_PHONY: o->deps_phony = true; break;
    case OPT_CHECK: o->check_only = true; break;
    case OPT_PASSES: o->passes = v; break;
    case OPT_SCHEDULE: o->schedule = v; break;
    case OPT_GRAPH_STATS: o->graph_stats = v; break;
    case OPT_NO_LINEAR: o->no_linear = true; break;
    case OPT_NO_COMPACTION: o->no_compaction = true; break;
    case OPT_NO_FUSION: o->no_fusion = true; break;
    case OPT_MEMORY_LIMIT: if (!byte_count(v, &o->memory_limit)) return usage("--memory-limit takes bytes, as in 1000000, 64K, 512M or 2G, not `%s`", v); cx->memory_limit = o->memory_limit; break;
    case OPT_WHY_NOT: o->why_not = v; break;
    case OPT_PRINT_AFTER: {
        const char *names[16] = { "sema", "lower", "all" };
        int n = 3, j = 0;
        while (n - 3 < n_pass && n < 16) names[n] = pass_table[n - 3].name, n++;
        while (j < n && strcmp(names[j], v)) j++;
        if (j == n) return no_such(cx, "pass", v, names, n);
        o->print_after = v;
        break;
    }
    case OPT_TIME: o->time = true; break;
    case OPT_INPUTS: if (o->inputs) return usage("--inputs is given twice; single arrays are added by --in NAME=FILE.npy"); o->inputs = v; break;
    case OPT_IN: case OPT_GRAPH: case OPT_OUT:
        if (!split_pair(v, cx, &pair)) return usage("--%s needs NAME=SOMETHING, not `%s`", option_row[id].name, v);
        to = id == OPT_IN ? &o->in : id == OPT_GRAPH ? &o->graph : &o->out;
        for (int k = 0; k < to->n; k++) if (!strcmp(to->at[k].name, pair.name)) return usage("--%s %s is given twice", option_row[id].name, pair.name);
        vec_add(cx->arena, *to, pair);
        break;
    case OPT_EPOCHS: if (!whole_number(v, 1, 1000000000, &o->epochs)) return usage("--epochs takes a number from 1, not `%s`", v); break;
    case OPT_PATIENCE: if (!whole_number(v, 1, 1000000000, &o->patience)) return usage("--patience takes a number from 1, not `%s`", v); break;
    case OPT_BATCH: if (!split_pair(v, cx, &o->batch)) return usage("--batch needs DIM=SIZE, not `%s`", v); break;
    case OPT_SAMPLE: if (!split_pair(v, cx, &o->sample)) return usage("--sample needs GRAPH=K, not `%s`", v); break;
    case OPT_VALID:
        if (!split_pair(v, cx, &pair)) return usage("--valid needs NAME=SOURCE, not `%s`", v);
        vec_add(cx->arena, o->valid, pair);
        break;
    case OPT_CHECKPOINT: o->checkpoint = v; break;
    case OPT_VALID_WITH: o->valid_with = v; break;
    case OPT_RESUME: o->resume = true; break;
    case OPT_METRICS: o->metrics = v; break;
    case OPT_CURVE: o->curve = v; break;
    case OPT_GRAD_ORDER: if (!whole_number(v, 1, 4, &o->grad_order)) return usage("--grad-order takes 1 to 4, not `%s`", v); break;
    case OPT_SEED: if (!long_number(v, &o->seed)) return usage("--seed takes a whole number, not `%s`", v); break;
    case OPT_VARIANTS: if (!whole_number(v, 1, 4, &o->variants)) return usage("--variants takes 1 to 4, not `%s`", v); break;
    case OPT_BUDGET:
        if (!((o->budget = strtod(v, &end)) > 0) || end == v || *end) return usage("--budget takes seconds, such as 60, not `%s`", v);
        break;
    case OPT_STEP: if (!long_number(v, &o->step)) return usage("--step takes a whole number, not `%s`", v); break;
    case OPT_OUTPUTS: o->outputs = v; break;
    case OPT_EXECUTOR: {
        int first = o->executor.n, n = sizeof executors / sizeof *executors;
        split_list(cx, v, &o->executor);
        for (int k = first; k < o->executor.n; k++) {
            int j = 0;
            while (j < n && strcmp(executors[j], o->executor.at[k])) j++;
            if (j == n) return no_such(cx, "executor", o->executor.at[k], executors, n);
        }
        break;
    }
    case OPT_VERIFY: case OPT_CHECK_GRAD:
        if (id == OPT_VERIFY) o->verify = true; else o->check_grad = true;
        if (v && (!((o->tolerance = strtod(v, &end)) >= 0) || end == v || *end)) return usage("--%s takes a tolerance, such as 1e-4, not `%s`", option_row[id].name, v);
        break;
    case OPT_THREADS: if (!whole_number(v, 1, 4096, &o->threads)) return usage("--threads takes a number from 1, not `%s`", v); break;
    case OPT_PROFILE: o->profile = true; break;
    case OPT_BENCH:
        o->bench = 0;
        if (v && !whole_number(v, 1, 1000000, &o->bench)) return usage("--bench takes a number of runs from 1, not `%s`", v);
        break;
    case OPT_JSON: o->json = true; break;
    case OPT_STD_DIR: o->std_dir = v; break;
    case OPT_FORMAT:
        if (strcmp(v, "json") && strcmp(v, "text")) return usage("--format is text or json, not `%s`", v);
        o->json = *v == 'j';
        break;
    case OPT_DIAG_FORMAT:
        if (strcmp(v, "json") && strcmp(v, "sarif") && strcmp(v, "text")) return usage("--diagnostics-format is text, json or sarif, not `%s`", v);
        o->diag_format = *v == 'j' ? DIAG_JSON : *v == 's' ? DIAG_SARIF : DIAG_TEXT;
        break;
    case OPT_COLOR:
        if (!strcmp(v, "always")) o->color = true;
        else if (!strcmp(v, "never")) o->color = false;
        else if (strcmp(v, "auto")) return usage("--color is auto, always or never, not `%s`", v);
        break;
    case OPT_EXPLAIN: o->query = arena_printf(cx->arena, "explain:%s", v); break;
    case OPT_PRINT: o->query = v; break;
    case OPT_HELP: o->query = "help"; break;
    case OPT_VERSION: o->query = "version"; break;
    case OPT_COUNT: break;
    }
    return 0;
}

/* ---- words ------------------------------------------------------------------------------------------------------------- */
/* The row that a word names, and the value in the same word (NULL when there is none); -1: none. */
static int find_long(const char *word, const char **value) {
    size_t n = strcspn(word, "=");
    *value = word[n] ? word + n + 1 : NULL;
    for (int k = 0; k < OPT_COUNT; k++) if (strlen(option_row[k].name) == n && !strncmp(option_row[k].name, word, n)) return k;
    return -1;
}
static int find_short(const char *word, const char **value) {
    int found = -1;
    size_t best = 0;
    for (int k = 0; k < OPT_COUNT; k++) {
        const char *s = option_row[k].short_;
        size_t n = s ? strlen(s) : 0;
        if (n <= best || strncmp(s, word, n) || (word[n] && !option_row[k].arg)) continue;
        found = k, best = n;
    }
    *value = found >= 0 && word[best] ? word + best : NULL;
    return found;
}
static int unknown_option(Context *cx, const char *word) {
    const char *names[OPT_COUNT];
    for (int k = 0; k < OPT_COUNT; k++) names[k] = option_row[k].name;
    const char *bare = word + strspn(word, "-"), *near = word[1] == '-' ? did_you_mean(cx, intern_n(cx, bare, strcspn(bare, "=")), names, OPT_COUNT) : NULL;
    return near ? usage("there is no option `%s`; did you mean `--%s`?", word, near) : usage("there is no option `%s`", word);
}
static int parse_words(Options *o, const Words *w, int first) {
    bool plain = false;
    for (int k = first; k < w->n; k++) {
        const char *word = w->at[k], *v;
        if (plain || *word != '-' || !word[1]) { vec_add(o->cx->arena, o->file, word); continue; }
        if (!strcmp(word, "--")) { plain = true; continue; }
        bool is_long = word[1] == '-';
        int id = is_long ? find_long(word + 2, &v) : find_short(word + 1, &v);
        if (id < 0) return unknown_option(o->cx, word);
        const OptionRow *row = &option_row[id];
        if (*row->commands && !strchr(row->commands, o->command)) return usage("--%s does not belong to this command", row->name);
        if (v && !row->arg) return usage("--%s takes no value", row->name);
        if (!v && row->arg && *row->arg != '?') {
            if (k + 1 == w->n) return usage("--%s needs a value: --%s=%s", row->name, row->name, row->arg);
            v = w->at[++k];
        }
        int code = take(o, (OptionId)id, v);
        if (code) return code;
    }
    return 0;
}
int options_parse(Context *cx, int argc, char **argv, Options *o) {
    *o = (Options){ .cx = cx, .argc = argc, .argv = argv, .command = 'C', .real = DT_F32, .opt = 2, .bench = -1, .tolerance = -1 };
    o->color = isatty(2) && !getenv("NO_COLOR");
    Words w = { 0 };
    int code = 0, first = 0;
    for (int k = 1; k < argc; k++) if ((code = add_word(cx, &w, argv[k], 0))) return code;
    for (int k = 0; w.n && k < n_command; k++) if (*command_row[k].name && !strcmp(w.at[0], command_row[k].name)) o->command = command_row[k].id, first = 1;
    if ((code = parse_words(o, &w, first))) return code;
    if (o->query) { if (!first) o->command = '?'; return 0; }
    if (!o->file.n) {
        fprintf(stderr, "pigeonc: no model given\n");
        help_print(stderr, first ? o->command : 0);
        return EXIT_USAGE;
    }
    if (o->file.n > 1 && o->command != 'K' && o->command != 'F') return usage("one file at a time here, not %d", o->file.n);
    if (o->target_set.n > 1 && strchr("RU", o->command)) return usage("one target at a time here, not %d", o->target_set.n);
    if (o->model.n > 1 && o->command != 'C') return usage("one model at a time here, not %d", o->model.n);
    return 0;
}
