/* options.c - the command line, from the rows of options.def, through getopt_long. */
#include "tool/tool.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum OptionId {
#define OPTION(id, long_, short_, arg, commands, help) OPT_##id,
#include "tool/options.def"
#undef OPTION
    OPT_COUNT
} OptionId;
static const struct { const char *name; char short_; const char *arg, *commands, *help; } option_row[OPT_COUNT] = {
#define OPTION(id, long_, short_, arg, commands, help) { long_, short_, arg, commands, help },
#include "tool/options.def"
#undef OPTION
};

static const struct { char id; const char *name, *args, *what; } command_row[] = {
    { 'R', "run",   "MODEL.pgn",    "check the model and run it on data" },
    { 'K', "check", "MODEL.pgn...", "report every error of the files" },
    { 'F', "fmt",   "MODEL.pgn...", "lay the files out canonically, in place" },
    { 'I', "ir",    "MODEL.pgn",    "print the inter-operator IR of a model" },
    { 'O', "opt",   "PROGRAM.ir",   "read IR text, verify it, print it again" },
};

void options_help(FILE *out, char command) {
    fprintf(out, "pigeonc - a compiler for equations over typed index spaces\n\nusage:\n");
    for (size_t k = 0; k < sizeof command_row / sizeof *command_row; k++)
        if (!command || command == command_row[k].id)
            fprintf(out, "  pigeonc %s%s%s [options]\n      %s\n", command_row[k].name, *command_row[k].name ? " " : "", command_row[k].args,
                    command_row[k].what);
    fprintf(out, "\noptions:\n");
    for (int k = 0; k < OPT_COUNT; k++) {
        if (command && !strchr(option_row[k].commands, command)) continue;
        char left[80];
        const char *arg = option_row[k].arg;
        int n = option_row[k].short_ ? snprintf(left, sizeof left, "-%c, --%s", option_row[k].short_, option_row[k].name)
                                     : snprintf(left, sizeof left, "    --%s", option_row[k].name);
        if (arg) snprintf(left + n, sizeof left - (size_t)n, *arg == '?' ? "[=%s]" : "=%s", arg + (*arg == '?'));
        fprintf(out, "  %-30s %s\n", left, option_row[k].help);
    }
    fprintf(out, "\nexit codes: 0 done, 1 errors were diagnosed, 2 usage, 3 a file or tool is missing, 70 internal error\n");
}

static bool split_pair(const char *s, Context *cx, Pair *p) {
    const char *eq = strchr(s, '=');
    if (!eq || eq == s) return false;
    p->name = intern_n(cx, s, (size_t)(eq - s));
    p->value = intern(cx, eq + 1);
    return true;
}

int options_parse(Context *cx, int argc, char **argv, Options *o, bool *done) {
    *done = true;
    *o = (Options){ .cx = cx, .real = DT_F32 };
    o->color = isatty(2) && !getenv("NO_COLOR");
    int first = 1;
    if (argc > 1)
        for (size_t k = 0; k < sizeof command_row / sizeof *command_row; k++)
            if (!strcmp(argv[1], command_row[k].name)) o->command = command_row[k].id, first = 2;
    struct option longs[OPT_COUNT + 1];
    char shorts[3 * OPT_COUNT + 1], *s = shorts;
    for (int k = 0; k < OPT_COUNT; k++) {
        const char *arg = option_row[k].arg;
        longs[k] = (struct option){ option_row[k].name, !arg ? no_argument : *arg == '?' ? optional_argument : required_argument, NULL, 1000 + k };
        if (option_row[k].short_) {
            *s++ = option_row[k].short_;
            if (arg) *s++ = ':';
        }
    }
    *s = 0;
    longs[OPT_COUNT] = (struct option){ 0 };
    char **av = argv + (first - 1);
    int ac = argc - (first - 1);
    optind = 1;
    for (int c; (c = getopt_long(ac, av, shorts, longs, NULL)) != -1;) {
        if (c == '?') { fprintf(stderr, "try `pigeonc --help`\n"); return EXIT_USAGE; }
        int id = c - 1000;
        if (c < 1000)
            for (int k = 0; k < OPT_COUNT; k++) if (option_row[k].short_ == c) id = k;
        if (*option_row[id].commands && o->command && !strchr(option_row[id].commands, o->command)) {
            fprintf(stderr, "pigeonc: --%s does not belong to this command; see `pigeonc --help`\n", option_row[id].name);
            return EXIT_USAGE;
        }
        const char *v = optarg;
        Pair pair;
        switch ((OptionId)id) {
        case OPT_OUTPUT: o->output = v; break;
        case OPT_PASSES: o->passes = v; break;
        case OPT_CHECK: o->check_only = true; break;
        case OPT_MODEL: o->model = intern(cx, v); break;
        case OPT_DEFINE:
            if (!split_pair(v, cx, &pair)) { fprintf(stderr, "pigeonc: -D needs NAME=VALUE, not `%s`\n", v); return EXIT_USAGE; }
            vec_add(cx->arena, o->define, (Fixed){ pair.name, pair.value });
            break;
        case OPT_REAL:
            o->real = dtype_from_name(v);
            if (o->real != DT_F32 && o->real != DT_F64) { fprintf(stderr, "pigeonc: --real is f32 or f64, not `%s`\n", v); return EXIT_USAGE; }
            break;
        case OPT_TIME: o->time = true; break;
        case OPT_INPUTS: o->inputs = v; break;
        case OPT_IN: case OPT_GRAPH: case OPT_OUT:
            if (!split_pair(v, cx, &pair)) { fprintf(stderr, "pigeonc: --%s needs NAME=SOMETHING, not `%s`\n", option_row[id].name, v); return EXIT_USAGE; }
            if (id == OPT_IN) vec_add(cx->arena, o->in, pair);
            else if (id == OPT_GRAPH) vec_add(cx->arena, o->graph, pair);
            else vec_add(cx->arena, o->out, pair);
            break;
        case OPT_OUTPUTS: o->outputs = v; break;
        case OPT_EXECUTOR:
            if (strcmp(v, "interp")) { fprintf(stderr, "pigeonc: this version has one executor, interp, and no `%s`\n", v); return EXIT_USAGE; }
            break;
        case OPT_JSON: o->json = true; break;
        case OPT_STD_DIR: o->std_dir = v; break;
        case OPT_DIAG_FORMAT:
            if (!strcmp(v, "json")) o->diag_format = DIAG_JSON;
            else if (strcmp(v, "text")) { fprintf(stderr, "pigeonc: --diagnostics-format is text or json, not `%s`\n", v); return EXIT_USAGE; }
            break;
        case OPT_COLOR:
            if (!strcmp(v, "always")) o->color = true;
            else if (!strcmp(v, "never")) o->color = false;
            else if (strcmp(v, "auto")) { fprintf(stderr, "pigeonc: --color is auto, always or never, not `%s`\n", v); return EXIT_USAGE; }
            break;
        case OPT_EXPLAIN: {
            const char *text = diag_explain(v);
            if (!text) { fprintf(stderr, "pigeonc: there is no diagnostic `%s`; --print=diagnostics lists them\n", v); return EXIT_USAGE; }
            printf("%s\n", text);
            return EXIT_OK;
        }
        case OPT_PRINT:
            if (!strcmp(v, "options")) { options_help(stdout, 0); return EXIT_OK; }
            return command_print(v);
        case OPT_HELP: options_help(stdout, first == 2 ? o->command : 0); return EXIT_OK;
        case OPT_VERSION: return command_print("version");
        case OPT_COUNT: break;
        }
    }
    for (int k = optind; k < ac; k++) vec_add(cx->arena, o->file, (const char *)av[k]);
    if (!o->command) {
        fprintf(stderr, "pigeonc: say what to do: run, check, fmt, ir or opt\n");
        options_help(stderr, 0);
        return EXIT_USAGE;
    }
    if (!o->file.n) {
        fprintf(stderr, "pigeonc: no model given\n");
        options_help(stderr, argc > 1 ? o->command : 0);
        return EXIT_USAGE;
    }
    if (o->file.n > 1 && o->command != 'K' && o->command != 'F') {
        fprintf(stderr, "pigeonc: one file at a time here, not %d\n", o->file.n);
        return EXIT_USAGE;
    }
    *done = false;
    return 0;
}
