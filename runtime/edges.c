/* edges.c - graphs from text: triples of names, and lists of numbered edges; gzip or plain.
 *
 * Lines are found in a window over the unpacked text. Names are numbered by a hash table; their text is one growing block, which in the end
 * stands behind the list of pointers to it, so a million names are two allocations. */
#include "internal.h"
#include "pigeon/io.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { WINDOW = 1 << 17, LINE_LIMIT = 1 << 26 };

/* ---- lines -------------------------------------------------------------------------------------------------------------- */
typedef struct Lines { gzFile f; const char *path; char *text; size_t room, from, to; bool ended; int64_t line; pgn_error *e; pgn_status st; } Lines;
static bool lines_open(Lines *l, const char *path, pgn_error *e) {
    *l = (Lines){ .path = path, .e = e, .room = WINDOW };
    errno = 0;
    l->f = gzopen(path, "rbe");
    if (!l->f) l->st = errno && errno != ENOMEM ? pgn_error_set(e, PGN_E_IO, "`%s` can't be opened: %s", path, strerror(errno)) : pgn_error_set(e, PGN_E_MEMORY, "no memory to read `%s`", path);
    else if (!(l->text = malloc(l->room + 1))) l->st = pgn_error_set(e, PGN_E_MEMORY, "no memory to read `%s`", path);
    return !l->st;
}
static void lines_close(Lines *l) { if (l->f) gzclose(l->f); free(l->text); }
static bool bad_line(Lines *l, const char *what) {
    l->st = pgn_error_set(l->e, PGN_E_FORMAT, "%s:%" PRId64 ": %s", l->path, l->line, what);
    return false;
}
/* More text behind what the window holds. */
static bool lines_fill(Lines *l) {
    if (l->from) { memmove(l->text, l->text + l->from, l->to - l->from); l->to -= l->from, l->from = 0; }
    if (l->to == l->room) {
        if (l->room >= LINE_LIMIT) { l->line++; return bad_line(l, "the line is too long: this is no list of edges"); }
        char *more = realloc(l->text, 2 * l->room + 1);
        if (!more) { l->st = pgn_error_set(l->e, PGN_E_MEMORY, "no memory to read `%s` (%zu bytes)", l->path, 2 * l->room); return false; }
        l->text = more, l->room *= 2;
    }
    errno = 0;
    int got = gzread(l->f, l->text + l->to, (unsigned)(l->room - l->to)), bad = Z_OK;
    if (got > 0) { l->to += (size_t)got; return true; }
    const char *what = gzerror(l->f, &bad);
    if (bad == Z_ERRNO) l->st = pgn_error_set(l->e, PGN_E_IO, "`%s` can't be read: %s", l->path, strerror(errno));
    else if (bad != Z_OK) l->st = pgn_error_set(l->e, PGN_E_FORMAT, "`%s` is damaged or cut off: %s", l->path, what);
    l->ended = true;
    return !l->st;
}
/* The next line without its end; NULL at the end, or after a failure (l->st). */
static char *lines_next(Lines *l) {
    size_t seen = 0;
    for (;;) {
        char *start = l->text + l->from, *end = memchr(start + seen, '\n', l->to - l->from - seen);
        if (end || (l->ended && l->to > l->from)) {
            if (!end) end = l->text + l->to;
            l->line++;
            l->from = (size_t)(end - l->text) + (end < l->text + l->to);
            if (memchr(start, 0, (size_t)(end - start))) { bad_line(l, "a zero byte: this is no text"); return NULL; }
            while (end > start && end[-1] == '\r') end--;
            *end = 0;
            return start;
        }
        seen = l->to - l->from;
        if (l->ended || !lines_fill(l)) return NULL;
    }
}

/* ---- names -------------------------------------------------------------------------------------------------------------- */
typedef struct Names { char *text; size_t used, room; size_t *at; int64_t n, at_room; int32_t *slot; size_t slots; } Names;    /* slot: number + 1, 0 free */
static size_t hash(const char *s, size_t n) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t k = 0; k < n; k++) h = (h ^ (unsigned char)s[k]) * 0x100000001b3u;
    return (size_t)(h ^ h >> 29);
}
static bool grow(void *list, size_t size, size_t n) {
    void *more = realloc(*(void **)list, n * size);
    if (more) *(void **)list = more;
    return more != NULL;
}
static bool names_rehash(Names *t) {
    size_t slots = t->slots ? 2 * t->slots : 1024;
    int32_t *slot = calloc(slots, sizeof *slot);
    if (!slot) return false;
    for (int64_t k = 0; k < t->n; k++) {
        const char *s = t->text + t->at[k];
        size_t p = hash(s, strlen(s)) & (slots - 1);
        while (slot[p]) p = (p + 1) & (slots - 1);
        slot[p] = (int32_t)k + 1;
    }
    free(t->slot);
    t->slot = slot, t->slots = slots;
    return true;
}
/* -1: no memory, or too many */
static int32_t number(Names *t, const char *s) {
    if (2 * ((size_t)t->n + 1) > t->slots && !names_rehash(t)) return -1;
    size_t n = strlen(s), p = hash(s, n) & (t->slots - 1);
    for (; t->slot[p]; p = (p + 1) & (t->slots - 1)) if (!strcmp(t->text + t->at[t->slot[p] - 1], s)) return t->slot[p] - 1;
    if (t->n >= INT32_MAX - 1) return -1;
    if (t->n == t->at_room) { int64_t room = t->n ? 2 * t->n : 256; if (!grow(&t->at, sizeof *t->at, (size_t)room)) return -1; t->at_room = room; }
    if (t->room - t->used <= n) { size_t room = 2 * (t->room + n) + 4096; if (!grow(&t->text, 1, room)) return -1; t->room = room; }
    memcpy(t->text + t->used, s, n + 1);
    t->at[t->n] = t->used;
    t->used += n + 1;
    t->slot[p] = (int32_t)++t->n;
    return (int32_t)t->n - 1;
}
/* Pointers to the names and, behind them, the text; every name once more with "inverse:" before it if asked.  NULL: no memory. */
static char **names_list(const Names *t, bool inverse) {
    static const char word[] = "inverse:";
    size_t n = (size_t)t->n, count = inverse ? 2 * n : n, bytes = t->used + (inverse ? t->used + n * (sizeof word - 1) : 0);
    char **list = malloc(count * sizeof *list + bytes + 1), *text = list ? (char *)(list + count) : NULL;
    if (!list) return NULL;
    if (t->used) memcpy(text, t->text, t->used);
    for (size_t k = 0; k < n; k++) list[k] = text + t->at[k];
    text += t->used;
    for (size_t k = 0; inverse && k < n; k++) {
        list[n + k] = text;
        memcpy(text, word, sizeof word - 1);
        text = stpcpy(text + sizeof word - 1, list[k]) + 1;
    }
    return list;
}
static void names_free(Names *t) { free(t->text); free(t->at); free(t->slot); }

/* ---- edges ---------------------------------------------------------------------------------------------------------------- */
static bool reserve(pgn_graph *g, int64_t n) { return grow(&g->src, sizeof *g->src, (size_t)n + 1) && grow(&g->dst, sizeof *g->dst, (size_t)n + 1) && grow(&g->etype, sizeof *g->etype, (size_t)n + 1); }
static void no_room(Lines *l, int64_t edges) { l->st = pgn_error_set(l->e, PGN_E_MEMORY, "no memory for the edges of `%s` (%zu bytes)", l->path, 3 * sizeof(int32_t) * (size_t)edges); }
static void add_edge(Lines *l, pgn_graph *g, int64_t *room, int32_t src, int32_t type, int32_t dst) {
    if (g->edges == *room) {
        if (g->edges >= INT32_MAX) { l->st = pgn_error_set(l->e, PGN_E_SIZE, "`%s` has more than %d edges, which is the most that is supported", l->path, INT32_MAX); return; }
        int64_t more = *room ? 2 * *room : 4096;
        *room = more < INT32_MAX ? more : INT32_MAX;
        if (!reserve(g, *room)) { no_room(l, *room); return; }
    }
    g->src[g->edges] = src, g->dst[g->edges] = dst, g->etype[g->edges++] = type;
}
/* Every edge also backwards, under a type of its own. */
static void add_inverse(Lines *l, pgn_graph *g) {
    int64_t m = g->edges, r = g->etypes;
    if (m > INT32_MAX / 2) { l->st = pgn_error_set(l->e, PGN_E_SIZE, "`%s` has with inverse edges %" PRId64 " edges, at most %d are supported", l->path, 2 * m, INT32_MAX); return; }
    if (r > INT32_MAX / 2) { l->st = pgn_error_set(l->e, PGN_E_SIZE, "`%s` has with inverse edges %" PRId64 " types of edges, at most %d are supported", l->path, 2 * r, INT32_MAX); return; }
    if (!reserve(g, 2 * m)) { no_room(l, 2 * m); return; }
    for (int64_t k = 0; k < m; k++) g->src[m + k] = g->dst[k], g->dst[m + k] = g->src[k], g->etype[m + k] = g->etype[k] + (int32_t)r;
    g->edges = 2 * m, g->etypes = 2 * r;
}
/* two: heads have numbers of their own */
static pgn_status triples(const char *path, bool two, bool inverse, pgn_graph *g, pgn_error *e) {
    Names node = { 0 }, type = { 0 }, own = { 0 }, *head = two ? &own : &node;
    Lines l;
    int64_t room = 0;
    *g = (pgn_graph){ .ntypes = 1, .bipartite = two };
    if (lines_open(&l, path, e)) for (char *s; !l.st && (s = lines_next(&l));) {
        if (!*s) continue;
        char *r = strchr(s, '\t'), *t = r ? strchr(r + 1, '\t') : NULL;
        if (!t || strchr(t + 1, '\t')) { bad_line(&l, "not `head TAB relation TAB tail`"); break; }
        *r++ = 0, *t++ = 0;
        int32_t src = number(head, s), kind = number(&type, r), dst = number(&node, t);
        if (src < 0 || kind < 0 || dst < 0) l.st = pgn_error_set(e, PGN_E_MEMORY, "no memory for the names of `%s` (%zu bytes so far)", path, node.used + type.used + own.used);
        else add_edge(&l, g, &room, src, kind, dst);
    }
    g->nodes = node.n, g->etypes = type.n, g->src_nodes = head->n;
    if (!l.st && (inverse || !g->edges)) { if (inverse) add_inverse(&l, g); else if (!reserve(g, 0)) no_room(&l, 1); }
    if (!l.st && (!(g->node_name = names_list(&node, false)) || !(g->etype_name = names_list(&type, inverse)) || (two && !(g->src_name = names_list(&own, false)))))
        l.st = pgn_error_set(e, PGN_E_MEMORY, "no memory for the names of `%s` (%zu bytes)", path, node.used + type.used + own.used);
    lines_close(&l);
    names_free(&node);
    names_free(&type);
    names_free(&own);
    if (l.st) pgn_graph_free(g);
    return l.st;
}
pgn_status pgn_triples_read(const char *path, bool inverse, pgn_graph *g, pgn_error *e) { return triples(path, false, inverse, g, e); }
pgn_status pgn_bipartite_triples_read(const char *path, pgn_graph *g, pgn_error *e) { return triples(path, true, false, g, e); }
/* The numbers of a line; how many there are, -1 after a failure. */
static int columns_of(Lines *l, const char *s, int32_t v[3]) {
    for (int n = 0;;) {
        s += strspn(s, " \t,;");
        if (!*s || *s == '#' || *s == '%') return n;
        int64_t x = 0;
        const char *from = s;
        for (; *s >= '0' && *s <= '9' && x < INT32_MAX; s++) x = 10 * x + (*s - '0');
        if (x >= INT32_MAX) { bad_line(l, "a number is too large: at most 2147483646 is supported"); return -1; }
        if (s == from || !strchr(" \t,;#%", *s) || n == 3) { bad_line(l, "not `source destination` or `source destination type`, numbers from 0"); return -1; }
        v[n++] = (int32_t)x;
    }
}
static pgn_status edges(const char *path, bool two, bool inverse, pgn_graph *g, pgn_error *e) {
    Lines l;
    int64_t room = 0, *sources = two ? &g->src_nodes : &g->nodes;
    int columns = 0;
    *g = (pgn_graph){ .ntypes = 1, .bipartite = two };
    if (lines_open(&l, path, e)) for (char *s; !l.st && (s = lines_next(&l));) {
        int32_t v[3] = { 0 };
        int n = columns_of(&l, s, v);
        if (n <= 0) continue;
        if (n == 1) bad_line(&l, "an edge needs a source and a destination");
        else if (columns && n != columns) bad_line(&l, "this line has another number of columns than the first");
        if (l.st) break;
        columns = n;
        if (v[0] >= *sources) *sources = (int64_t)v[0] + 1;
        if (v[1] >= g->nodes) g->nodes = (int64_t)v[1] + 1;
        if (v[2] >= g->etypes) g->etypes = (int64_t)v[2] + 1;
        add_edge(&l, g, &room, v[0], v[2], v[1]);
    }
    if (!l.st && (inverse || !g->edges)) { if (inverse) add_inverse(&l, g); else if (!reserve(g, 0)) no_room(&l, 1); }
    if (!two) g->src_nodes = g->nodes;
    lines_close(&l);
    if (l.st) pgn_graph_free(g);
    return l.st;
}
pgn_status pgn_edges_read(const char *path, bool inverse, pgn_graph *g, pgn_error *e) { return edges(path, false, inverse, g, e); }
pgn_status pgn_bipartite_edges_read(const char *path, pgn_graph *g, pgn_error *e) { return edges(path, true, false, g, e); }
