/* diag.c - diagnostics: collected in the Context, printed sorted by place, as text with the source line and a caret, as JSON, or as SARIF. */
#include "base/base.h"
#include <stdlib.h>
#include <string.h>

static const struct { const char *slug, *title, *why, *bad, *what_to_do; } row[D_COUNT] = {
#define DIAG(id, slug, title, why, bad, what_to_do) { slug, title, why, bad, what_to_do },
#include "base/diag.def"
#undef DIAG
};
const char *diag_slug(DiagId id) { return row[id].slug; }
const char *diag_explain(Context *cx, const char *slug) {
    for (int k = 0; k < D_COUNT; k++) if (!strcmp(row[k].slug, slug))
        return arena_printf(cx->arena, "%s: %s\n\n%s%s%s\nDo:    %s", slug, row[k].title, row[k].why, *row[k].bad ? "\nBad:   " : "", row[k].bad, row[k].what_to_do);
    return NULL;
}

static char *format(Arena *a, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *p = arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}
static Diag *add(Context *cx, DiagId id, DiagSeverity s, Loc loc, const char *fmt, va_list ap) {
    Diag *d = NEW(cx->arena, Diag);
    d->id = id, d->severity = s, d->loc = loc, d->cx = cx;
    d->text = format(cx->arena, fmt, ap);
    /* the same thing said twice (a model checked in two instances) is said once */
    int n = cx->diag.n;
    for (int k = n > 200 ? n - 200 : 0; k < n; k++) {                  /* repetitions stand near each other; a bound keeps many errors quick */
        Diag *o = cx->diag.at[k];
        bool once = o->loc.col == loc.col || id == D_UNBOUND_INDEX;    /* and a name that is wrong several times on a line, too */
        if (o->id == id && o->loc.file == loc.file && o->loc.line == loc.line && once && !strcmp(o->text, d->text)) {
            cx->n_errors += s == DIAG_ERROR;                            /* not said again, but who asks must know */
            return d;
        }
    }
    if (s == DIAG_ERROR) cx->n_errors++;
    vec_add(cx->arena, cx->diag, d);
    return d;
}
Diag *diag_error(Context *cx, DiagId id, Loc loc, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    Diag *d = add(cx, id, DIAG_ERROR, loc, fmt, ap);
    va_end(ap);
    return d;
}
Diag *diag_warning(Context *cx, DiagId id, Loc loc, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    Diag *d = add(cx, id, DIAG_WARNING, loc, fmt, ap);
    va_end(ap);
    return d;
}
Diag *diag_note(Diag *d, Loc loc, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    DiagNote n = { loc, format(d->cx->arena, fmt, ap) };
    va_end(ap);
    vec_add(d->cx->arena, d->note, n);
    return d;
}
Diag *diag_help(Diag *d, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    d->help = format(d->cx->arena, fmt, ap);
    va_end(ap);
    return d;
}

const char *did_you_mean(Context *cx, const char *name, const char *const *candidates, int n) {
    (void)cx;
    size_t len = strlen(name), best = len < 5 ? 1 : len < 8 ? 2 : 3;
    const char *found = NULL;
    if (len > 60 || len < 3) return NULL;                           /* one letter is as near as any other */
    for (int k = 0; k < n; k++) {
        size_t m = strlen(candidates[k]), prev[64], cur[64];
        if (m > 60 || (m > len ? m - len : len - m) > best || !strcmp(name, candidates[k])) continue;
        for (size_t j = 0; j <= m; j++) prev[j] = j;
        for (size_t i = 1; i <= len; i++) {
            cur[0] = i;
            for (size_t j = 1; j <= m; j++) {
                size_t c = prev[j - 1] + (name[i - 1] != candidates[k][j - 1]);
                if (prev[j] + 1 < c) c = prev[j] + 1;
                if (cur[j - 1] + 1 < c) c = cur[j - 1] + 1;
                cur[j] = c;
            }
            memcpy(prev, cur, sizeof prev);
        }
        if (prev[m] < best + (found == NULL) && prev[m] < len) best = prev[m], found = candidates[k];
    }
    return found;
}

static int order(const void *pa, const void *pb) {
    const Diag *a = *(Diag *const *)pa, *b = *(Diag *const *)pb;
    if (a->loc.file != b->loc.file) return a->loc.file - b->loc.file;
    if (a->loc.line != b->loc.line) return a->loc.line - b->loc.line;
    if (a->loc.col != b->loc.col) return a->loc.col - b->loc.col;
    return strcmp(a->text, b->text);
}
/* Diagnostics are printed in the order of lines, so the search goes on where the last one ended. */
typedef struct Finder { int file, line; const char *at; } Finder;
static const char *line_of(const Context *cx, Finder *f, Loc l, size_t *n) {
    if (f->file != l.file || f->line > l.line || !f->at) *f = (Finder){ l.file, 1, cx->source.at[l.file].text };
    for (; f->line < l.line && f->at; f->line++) if ((f->at = strchr(f->at, '\n'))) f->at++;
    if (!f->at) return NULL;
    *n = strcspn(f->at, "\r\n");
    return f->at;
}
static void excerpt(const Context *cx, Finder *f, FILE *out, Loc l, const char *on, const char *off) {
    size_t n;
    const char *p = l.file < 0 ? NULL : line_of(cx, f, l, &n);
    if (!p) return;
    size_t from = 0, col = (size_t)l.col - 1;
    if (n > 200) { from = col > 80 ? col - 80 : 0; n = n - from > 160 ? 160 : n - from; p += from; col -= from; }
    fputs("  ", out);
    for (size_t k = 0; k < n; k++) fputc(((unsigned char)p[k] < ' ' && p[k] != '\t') || p[k] == 127 ? '?' : p[k], out);   /* no escape codes from sources */
    fputs("\n  ", out);
    for (size_t k = 0; k < col && k < n; k++) if ((p[k] & 0xc0) != 0x80) fputc(p[k] == '\t' ? '\t' : ' ', out);
    size_t end = l.end_line > l.line ? n : l.end_col > l.col ? (size_t)l.end_col - 1 - from : col + 1;
    fprintf(out, "%s^", on);
    for (size_t k = col + 1; k < end && k < n; k++) if ((p[k] & 0xc0) != 0x80) fputc('~', out);
    fprintf(out, "%s\n", off);
}
static void place(const Context *cx, FILE *out, Loc l) {
    if (l.file >= 0) fprintf(out, "%s:%d:%d: ", cx->source.at[l.file].path, l.line, l.col);
    else fputs("pigeonc: ", out);
}
static const char *severity(const Diag *d) { return d->severity == DIAG_ERROR ? "error" : "warning"; }
static const char *help(const Diag *d) { return d->help ? d->help : d->id == D_SYNTAX ? "" : row[d->id].what_to_do; }     /* "expected ..." says it */
static void json_string(FILE *out, const char *s) {
    fputc('"', out);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') fprintf(out, "\\%c", c);
        else if (c < 0x20) fprintf(out, "\\u%04x", c);
        else fputc(c, out);
    }
    fputc('"', out);
}
static void json_place(const Context *cx, FILE *out, Loc l) {
    fputs("\"file\": ", out);
    if (l.file < 0) fputs("null", out);
    else {
        json_string(out, cx->source.at[l.file].path);
        fprintf(out, ", \"line\": %d, \"column\": %d, \"end_line\": %d, \"end_column\": %d", l.line, l.col, l.end_line, l.end_col);
    }
}
static void print_json(const Context *cx, FILE *out, const Diag *d, bool first) {
    fprintf(out, "%s{\"id\": \"%s\", \"severity\": \"%s\", \"message\": ", first ? "" : ",\n ", row[d->id].slug, severity(d));
    json_string(out, d->text);
    fputs(", ", out);
    json_place(cx, out, d->loc);
    fputs(", \"notes\": [", out);
    for (int j = 0; j < d->note.n; j++) {
        fputs(j ? ", {\"message\": " : "{\"message\": ", out);
        json_string(out, d->note.at[j].text);
        fputs(", ", out);
        json_place(cx, out, d->note.at[j].loc);
        fputs("}", out);
    }
    fputs("], \"help\": ", out);
    if (*help(d)) json_string(out, help(d)); else fputs("null", out);
    fputs("}", out);
}
/* SARIF 2.1.0, as code hosts and editors read it */
static void sarif_place(const Context *cx, FILE *out, Loc l, const char *text) {
    fputs("{", out);
    if (l.file >= 0) {
        fputs("\"physicalLocation\": {\"artifactLocation\": {\"uri\": ", out);
        json_string(out, cx->source.at[l.file].path);
        fprintf(out, "}, \"region\": {\"startLine\": %d, \"startColumn\": %d, \"endLine\": %d, \"endColumn\": %d}}", l.line, l.col, l.end_line, l.end_col);
    }
    if (text) {
        fputs(l.file >= 0 ? ", \"message\": {\"text\": " : "\"message\": {\"text\": ", out);
        json_string(out, text);
        fputs("}", out);
    }
    fputs("}", out);
}
static void print_sarif(const Context *cx, FILE *out, const Diag *d, bool first) {
    fprintf(out, "%s{\"ruleId\": \"%s\", \"level\": \"%s\", \"message\": {\"text\": ", first ? "" : ",\n ", row[d->id].slug, severity(d));
    char *text = arena_printf(cx->arena, "%s%s%s", d->text, *help(d) ? "; " : "", help(d));
    json_string(out, text);
    fputs("}, \"locations\": [", out);
    if (d->loc.file >= 0) sarif_place(cx, out, d->loc, NULL);
    fputs("], \"relatedLocations\": [", out);
    for (int j = 0; j < d->note.n; j++) {
        if (j) fputs(", ", out);
        sarif_place(cx, out, d->note.at[j].loc, d->note.at[j].text);
    }
    fputs("]}", out);
}
static void print_text(const Context *cx, FILE *out, const Diag *d, bool color, bool with_help, Finder at[2]) {
    const char *red = color ? d->severity == DIAG_ERROR ? "\033[1;31m" : "\033[1;35m" : "", *bold = color ? "\033[1m" : "", *off = color ? "\033[0m" : "";
    fputs(bold, out);
    place(cx, out, d->loc);
    fprintf(out, "%s%s:%s %s%s%s [%s]\n", red, severity(d), off, bold, d->text, off, row[d->id].slug);
    excerpt(cx, &at[0], out, d->loc, red, off);
    for (int j = 0; j < d->note.n; j++) {
        place(cx, out, d->note.at[j].loc);
        fprintf(out, "note: %s\n", d->note.at[j].text);
        excerpt(cx, &at[1], out, d->note.at[j].loc, "", "");
    }
    if (with_help && *help(d)) fprintf(out, "help: %s\n", help(d));
}
void diag_print_all(Context *cx, FILE *out, DiagFormat format_, bool color) {
    if (cx->diag.n) qsort(cx->diag.at, (size_t)cx->diag.n, sizeof *cx->diag.at, order);
    Finder at[2] = { { -1, 0, NULL }, { -1, 0, NULL } };
    bool helped[D_COUNT] = { false };                               /* the help of an id is said once */
    if (format_ == DIAG_JSON) fputs("[", out);
    if (format_ == DIAG_SARIF)
        fputs("{\"$schema\": \"https://json.schemastore.org/sarif-2.1.0.json\", \"version\": \"2.1.0\", \"runs\": [{\"tool\": {\"driver\": {\"name\": \"pigeonc\"}}, \"results\": [", out);
    for (int k = 0; k < cx->diag.n; k++) {
        const Diag *d = cx->diag.at[k];
        switch (format_) {
        case DIAG_JSON: print_json(cx, out, d, !k); break;
        case DIAG_SARIF: print_sarif(cx, out, d, !k); break;
        case DIAG_TEXT: print_text(cx, out, d, color, d->help || !helped[d->id], at); break;
        }
        if (!d->help) helped[d->id] = true;
    }
    if (format_ == DIAG_JSON) fputs("]\n", out);
    if (format_ == DIAG_SARIF) fputs("]}]}\n", out);
}
