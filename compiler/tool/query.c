/* query.c - what pigeonc says about itself: --help, --print, --explain. The tables of commands and options become the help, the man page
 * and the completions of bash; whatever lists rows prints them as text or, with --format=json, as JSON. */
#include "tool/tool.h"
#include "pass/pass.h"
#include <string.h>

static const char *option_words(char *to, size_t n, const OptionRow *r) {
    int m = r->short_ ? snprintf(to, n, "-%s, --%s", r->short_, r->name) : snprintf(to, n, "    --%s", r->name);
    if (r->arg) snprintf(to + m, n - (size_t)m, *r->arg == '?' ? "[=%s]" : "=%s", r->arg + (*r->arg == '?'));
    return to;
}
/* Text in lines of at most 120 columns, all but the first indented. */
static void put_wrapped(FILE *out, const char *text, int indent) {
    for (int room = 120 - indent; *text;) {
        int n = (int)strlen(text);
        if (n > room) for (n = room; n > 0 && text[n] != ' '; n--) { }
        if (!n) n = (int)strcspn(text, " ");
        fprintf(out, "%.*s\n", n, text);
        text += n + strspn(text + n, " ");
        if (*text) fprintf(out, "%*s", indent, "");
    }
}
void help_print(FILE *out, char command) {
    fprintf(out, "pigeonc - a compiler for equations over typed index spaces\n\nusage:\n");
    for (int k = 0; k < n_command; k++) {
        const CommandRow *c = &command_row[k];
        if (!command || command == c->id) fprintf(out, "  pigeonc %s%s%s [options]\n      %s\n", c->name, *c->name ? " " : "", c->args, c->what);
    }
    fprintf(out, "\noptions:\n");
    for (int k = 0; k < n_option; k++) {
        char left[120];
        if (command && !strchr(option_row[k].commands, command)) continue;
        fprintf(out, "  %-34s ", option_words(left, sizeof left, &option_row[k]));
        if (strlen(left) > 34) fprintf(out, "\n%37s", "");
        put_wrapped(out, option_row[k].help, 37);
    }
    fprintf(out, "\nA word @FILE stands for the words in FILE.\n"
                 "Exit codes: 0 done, 1 errors were diagnosed, 2 usage, 3 a file or tool is missing, 70 internal error.\n");
}

/* ---- lists: name and what it is -------------------------------------------------------------------------------------- */
typedef struct Row { const char *name, *what; } Row;
static void print_rows(Options *o, const char *list, const Row *r, int n) {
    Writer w;
    writer_init(&w, o->cx->arena);
    if (o->json) put(&w, "{\"%s\": [", list);
    for (int k = 0; k < n; k++) {
        if (!o->json) { put(&w, "%-14s %s\n", r[k].name, r[k].what); continue; }
        put(&w, k ? ",\n {\"name\": " : "\n {\"name\": ");
        put_json(&w, r[k].name);
        put(&w, ", \"what\": ");
        put_json(&w, r[k].what);
        put(&w, "}");
    }
    if (o->json) put(&w, "\n]}\n");
    fwrite(w.at, 1, w.n, stdout);
}
static Row *rows(Options *o, int n) { return NEWN(o->cx->arena, Row, n + 1); }
static int print_targets(Options *o) {
    Row *r = rows(o, n_target);
    for (int k = 0; k < n_target; k++) r[k] = (Row){ target_row[k].name, target_row[k].what };
    print_rows(o, "targets", r, n_target);
    return EXIT_OK;
}
static int print_passes(Options *o) {
    Row *r = rows(o, n_pass);
    for (int k = 0; k < n_pass; k++) r[k] = (Row){ pass_table[k].name, pass_table[k].what };
    print_rows(o, "passes", r, n_pass);
    return EXIT_OK;
}
static int print_emit(Options *o) {
    Row *r = rows(o, n_emit);
    for (int k = 0; k < n_emit; k++) r[k] = (Row){ emit_row[k].name, emit_row[k].what };
    print_rows(o, "emit", r, n_emit);
    return EXIT_OK;
}
static int print_diagnostics(Options *o) {
    if (!o->json) { for (int k = 0; k < D_COUNT; k++) printf("%s\n", diag_slug((DiagId)k)); return EXIT_OK; }
    Row *r = rows(o, D_COUNT);
    for (int k = 0; k < D_COUNT; k++) r[k] = (Row){ diag_slug((DiagId)k), diag_explain(o->cx, diag_slug((DiagId)k)) };
    print_rows(o, "diagnostics", r, D_COUNT);
    return EXIT_OK;
}
static int print_config(Options *o) {
    const char *c = tool_search(o->cx, TOOL_CC), *n = tool_search(o->cx, TOOL_NVCC);
    Row r[] = { { "version", PACKAGE_VERSION }, { "library", home_std(o->cx) }, { "headers", home_include(o->cx) }, { "cc", c ? c : "" }, { "nvcc", n ? n : "" } };
    print_rows(o, "config", r, sizeof r / sizeof *r);
    return EXIT_OK;
}
static int print_version(Options *o) {
    if (o->json) printf("{\"version\": \"%s\"}\n", PACKAGE_VERSION); else printf("pigeonc %s\n", PACKAGE_VERSION);
    return EXIT_OK;
}
static int print_options(Options *o) {
    if (!o->json) { help_print(stdout, 0); return EXIT_OK; }
    Writer w;
    writer_init(&w, o->cx->arena);
    put(&w, "{\"options\": [");
    for (int k = 0; k < n_option; k++) {
        const OptionRow *r = &option_row[k];
        put(&w, k ? ",\n {\"name\": " : "\n {\"name\": ");
        put_json(&w, arena_printf(w.arena, "--%s", r->name));
        if (r->short_) { put(&w, ", \"short\": "); put_json(&w, arena_printf(w.arena, "-%s", r->short_)); }
        if (r->arg) { put(&w, ", \"argument\": "); put_json(&w, r->arg + (*r->arg == '?')); if (*r->arg == '?') put(&w, ", \"optional\": true"); }
        put(&w, ", \"commands\": [");
        for (int c = 0, any = 0; c < n_command; c++)
            if (strchr(r->commands, command_row[c].id)) put(&w, "%s\"%s\"", any++ ? ", " : "", *command_row[c].name ? command_row[c].name : "compile");
        put(&w, "], \"help\": ");
        put_json(&w, r->help);
        put(&w, "}");
    }
    put(&w, "\n]}\n");
    fwrite(w.at, 1, w.n, stdout);
    return EXIT_OK;
}

/* ---- other forms of the same tables --------------------------------------------------------------------------------- */
static void man_text(const char *s) {
    if (*s == '.' || *s == '\'') fputs("\\&", stdout);
    for (; *s; s++) if (*s == '-') fputs("\\-", stdout); else if (*s == '\\') fputs("\\e", stdout); else putchar(*s);
}
static int print_man(Options *o) {
    (void)o;
    printf(".TH PIGEONC 1 \"\" \"pigeon %s\" \"User Commands\"\n.SH NAME\n"
           "pigeonc \\- a compiler for equations over typed index spaces\n.SH SYNOPSIS\n", PACKAGE_VERSION);
    for (int k = 0; k < n_command; k++) printf("%s.B pigeonc %s\n[\\fIoptions\\fR] \\fI%s\\fR\n", k ? ".br\n" : "", command_row[k].name, command_row[k].args);
    printf(".SH COMMANDS\n");
    for (int k = 0; k < n_command; k++) {
        printf(".TP\n.B %s\n", *command_row[k].name ? command_row[k].name : "(none)");
        man_text(command_row[k].what);
        putchar('\n');
    }
    printf(".SH OPTIONS\n");
    for (int k = 0; k < n_option; k++) {
        char left[120];
        printf(".TP\n.B ");
        man_text(option_words(left, sizeof left, &option_row[k]) + strspn(left, " "));
        putchar('\n');
        man_text(option_row[k].help);
        printf("\n");
    }
    printf(".SH EXIT STATUS\n0 done, 1 errors were diagnosed, 2 usage, 3 a file or tool is missing, 70 internal error.\n");
    return EXIT_OK;
}
/* Options that begin like the word at hand, then files. */
static int print_completion(Options *o) {
    (void)o;
    printf("# bash completion of pigeonc: source this file\n_pigeonc() {\n  local word=${COMP_WORDS[COMP_CWORD]} words\n  case ${COMP_WORDS[1]} in\n");
    for (int c = n_command - 1; c >= 0; c--) {
        printf("  %s) words=\"", *command_row[c].name ? command_row[c].name : "*");
        for (int k = 0; k < n_option; k++) if (strchr(option_row[k].commands, command_row[c].id) || !*option_row[k].commands)
            printf("--%s%s ", option_row[k].name, option_row[k].arg && *option_row[k].arg != '?' ? "=" : "");
        printf("\" ;;\n");
    }
    printf("  esac\n  [ \"$COMP_CWORD\" = 1 ] && words=\"$words");
    for (int c = 0; c < n_command; c++) printf(" %s", command_row[c].name);
    printf("\"\n  COMPREPLY=($(compgen -W \"$words\" -- \"$word\") $(compgen -f -- \"$word\"))\n"
           "  case ${COMPREPLY[0]} in *=) compopt -o nospace ;; esac\n}\ncomplete -o filenames -F _pigeonc pigeonc\n");
    return EXIT_OK;
}

int command_query(Options *o) {
    static const struct { const char *name; int (*print)(Options *o); } query[] = {
        { "version", print_version }, { "targets", print_targets }, { "config", print_config }, { "passes", print_passes }, { "emit", print_emit },
        { "options", print_options }, { "diagnostics", print_diagnostics }, { "man", print_man }, { "completion", print_completion }, { "machine", machine_print },
    };
    if (!strcmp(o->query, "help")) { help_print(stdout, o->command == '?' ? 0 : o->command); return EXIT_OK; }
    if (!strncmp(o->query, "explain:", 8)) {
        const char *text = diag_explain(o->cx, o->query + 8);
        if (text) { printf("%s\n", text); return EXIT_OK; }
        fprintf(stderr, "pigeonc: there is no diagnostic `%s`; --print=diagnostics lists them\n", o->query + 8);
        return EXIT_USAGE;
    }
    for (size_t k = 0; k < sizeof query / sizeof *query; k++) if (!strcmp(o->query, query[k].name)) return query[k].print(o);
    fprintf(stderr, "pigeonc: --print takes targets, version, config, machine, passes, emit, options, diagnostics, man or completion, not `%s`\n", o->query);
    return EXIT_USAGE;
}
