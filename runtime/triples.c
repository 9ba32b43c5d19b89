/* triples.c - `head TAB relation TAB tail` lines into a typed graph; names become numbers in order of first appearance. */
#include "pigeon/io.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

typedef struct Names { size_t cap, n; struct { char *s; int32_t id; } *at; } Names;
static int32_t number(Names *t, const char *s) {
    if (2 * (t->n + 1) > t->cap) {
        Names old = *t;
        t->cap = old.cap ? 2 * old.cap : 1024;
        t->at = calloc(t->cap, sizeof *t->at);
        if (!t->at) { *t = old; return -1; }
        for (size_t k = 0; k < old.cap; k++) if (old.at[k].s) {
            size_t p = crc32(0, (const unsigned char *)old.at[k].s, (uInt)strlen(old.at[k].s)) & (t->cap - 1);
            while (t->at[p].s) p = (p + 1) & (t->cap - 1);
            t->at[p] = old.at[k];
        }
        free(old.at);
    }
    size_t p = crc32(0, (const unsigned char *)s, (uInt)strlen(s)) & (t->cap - 1);
    for (; t->at[p].s; p = (p + 1) & (t->cap - 1)) if (!strcmp(t->at[p].s, s)) return t->at[p].id;
    t->at[p].s = strdup(s);
    return t->at[p].id = (int32_t)t->n++;
}
static void names_free(Names *t) { for (size_t k = 0; k < t->cap; k++) free(t->at[k].s); free(t->at); }
void pgn_graph_free(pgn_graph *g) { free(g->src); free(g->dst); free(g->etype); *g = (pgn_graph){ 0 }; }

pgn_status pgn_triples_read(const char *path, bool inverse, pgn_graph *g, pgn_error *e) {
    *g = (pgn_graph){ 0 };
    pgn_error none;
    if (!e) e = &none;
    e->status = PGN_OK;
    gzFile f = gzopen(path, "rb");
    if (!f) { snprintf(e->message, sizeof e->message, "`%s` can't be opened", path); return e->status = PGN_E_IO; }
    Names node = { 0 }, type = { 0 };
    int64_t cap = 0, line = 0;
    static const size_t width = 1 << 16;
    char *text = malloc(width);
    while (text && !e->status && gzgets(f, text, (int)width)) {
        line++;
        size_t n = strcspn(text, "\r\n");
        if (!text[n] && n + 1 == width) { snprintf(e->message, sizeof e->message, "%s:%lld: the line is too long", path, (long long)line); e->status = PGN_E_FORMAT; break; }
        text[n] = 0;
        if (!n) continue;
        char *r = strchr(text, '\t'), *t = r ? strchr(r + 1, '\t') : NULL;
        if (!t || strchr(t + 1, '\t')) { snprintf(e->message, sizeof e->message, "%s:%lld: not `head TAB relation TAB tail`", path, (long long)line); e->status = PGN_E_FORMAT; break; }
        *r++ = 0, *t++ = 0;
        if (g->edges == cap) {
            cap = cap ? 2 * cap : 4096;
            g->src = realloc(g->src, sizeof *g->src * (size_t)cap), g->dst = realloc(g->dst, sizeof *g->dst * (size_t)cap), g->etype = realloc(g->etype, sizeof *g->etype * (size_t)cap);
            if (!g->src || !g->dst || !g->etype) { snprintf(e->message, sizeof e->message, "no memory for `%s`", path); e->status = PGN_E_MEMORY; break; }
        }
        g->src[g->edges] = number(&node, text), g->etype[g->edges] = number(&type, r), g->dst[g->edges] = number(&node, t);
        g->edges++;
    }
    int bad;
    gzerror(f, &bad);
    gzclose(f);
    free(text);
    if (!e->status && bad < 0 && bad != Z_BUF_ERROR) { snprintf(e->message, sizeof e->message, "`%s` is damaged", path); e->status = PGN_E_FORMAT; }
    g->nodes = (int64_t)node.n, g->etypes = (int64_t)type.n;
    if (!e->status && inverse && g->edges) {
        int64_t m = g->edges;
        g->src = realloc(g->src, sizeof *g->src * 2 * (size_t)m), g->dst = realloc(g->dst, sizeof *g->dst * 2 * (size_t)m), g->etype = realloc(g->etype, sizeof *g->etype * 2 * (size_t)m);
        for (int64_t k = 0; k < m; k++) g->src[m + k] = g->dst[k], g->dst[m + k] = g->src[k], g->etype[m + k] = g->etype[k] + (int32_t)g->etypes;
        g->edges *= 2, g->etypes *= 2;
    }
    names_free(&node);
    names_free(&type);
    if (e->status) pgn_graph_free(g);
    return e->status;
}
