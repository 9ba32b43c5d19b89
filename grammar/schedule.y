/* schedule.y - commands of schedules: blocks of a model's file, .pgs files, and single commands in IR text; see ir/schedule.h. */
%define api.pure full
%define api.prefix {schedule_yy}
%define api.location.type {Loc}
%define parse.error custom
%locations
%expect 0
%parse-param { struct ScheduleReader *r }
%lex-param { struct ScheduleReader *r }
%code requires {
#include "ir/schedule.h"
struct ScheduleReader;
typedef struct NumberPair { int n; int64_t at[2]; } NumberPair;
}
%code {
#include <ctype.h>
#include <string.h>
#define YYMAXDEPTH (1 << 16)
#define YYLLOC_DEFAULT(cur, rhs, n) \
    ((cur) = (n) ? loc_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n)) : YYRHSLOC(rhs, 0))
typedef struct ScheduleReader {
    Context *cx;
    Arena *a;
    const char *at, *end;
    Loc loc, base;
    bool fixed, failed;
    int last, depth;
    ScheduleFile *file;
    Schedule *open;
} ScheduleReader;
static int schedule_yylex(SCHEDULE_YYSTYPE *value, Loc *loc, ScheduleReader *r);
static void schedule_yyerror(Loc *loc, ScheduleReader *r, const char *text);
static Command *command(ScheduleReader *r, int verb, const NameList *names, Loc loc);
#define LIST_NEW(list, item) do { memset(&(list), 0, sizeof (list)); vec_add(r->a, (list), (item)); } while (0)
}
%union { const char *s; int64_t n; int verb; bool b; NameList names; RowsBy rows; struct { RowsBy *at; int n, cap; } rowses; OrderStep step; struct { OrderStep *at; int n, cap; } steps; NumberPair pair; Command *command; }
%token SCHEDULE "`schedule`" FOR "`for`" LBRACE "`{`" RBRACE "`}`" TERM "the end of the command" BY "`by`" IN "`in`" AS "`as`" AT "`at`" INSIDE "`inside`" EARLY "`early`"
%token TIMES "`x`" COMPACT_ "`compact`" FULL_ "`full`" LPAREN "`(`" RPAREN "`)`" COMMA "`,`" COLON "`:`" STAR "`*`" BAD "a word that no command has"
%token <s> NAME "a name"
%token <n> INT "a number"
%token <verb> STORE COMPACT FULL RECOMPUTE FUSE TOGETHER ORDER SIDES APART TILE SCATTER GATHER PREFETCH VECTOR SPLIT UNROLL PARALLEL ONLY
%type <s> key for_opt
%type <names> names keys key_list in_opt
%type <rows> row
%type <rowses> at_opt rows
%type <step> step
%type <steps> steps steps_opt
%type <pair> tile_size order_at
%type <b> early_opt
%type <command> command
%%
text: items
items: %empty | items item
item: TERM | block | command TERM      { vec_add(r->a, r->open->command, $1); }
block: SCHEDULE NAME for_opt LBRACE    { r->open = NEW(r->a, Schedule); *r->open = (Schedule){ .name = $2, .target = $3, .loc = loc_join(@1, @2) }; vec_add(r->a, r->file->schedule, r->open); }
    body RBRACE
  | SCHEDULE LBRACE                    { r->open = NEW(r->a, Schedule); *r->open = (Schedule){ .loc = @1 }; vec_add(r->a, r->file->schedule, r->open); }
    body RBRACE
for_opt: %empty { $$ = NULL; } | FOR NAME { $$ = $2; }
body: lines | lines command            { vec_add(r->a, r->open->command, $2); }
lines: %empty | lines TERM | lines command TERM { vec_add(r->a, r->open->command, $2); }
command: STORE names                   { $$ = command(r, V_STORE, &$2, @$); }
  | STORE STAR                         { NameList all; LIST_NEW(all, "*"); $$ = command(r, V_STORE, &all, @$); }
  | COMPACT names BY keys              { $$ = command(r, V_COMPACT, &$2, @$); $$->rows = (RowsBy){ true, $4 }; }
  | FULL names BY keys                 { $$ = command(r, V_FULL, &$2, @$); $$->rows = (RowsBy){ false, $4 }; }
  | RECOMPUTE names in_opt             { $$ = command(r, V_RECOMPUTE, &$2, @$); $$->in = $3; }
  | FUSE names                         { $$ = command(r, V_FUSE, &$2, @$); }
  | TOGETHER names                     { $$ = command(r, V_TOGETHER, &$2, @$); }
  | ORDER NAME order_at steps_opt      { NameList one; LIST_NEW(one, $2); $$ = command(r, V_ORDER, &one, @$); command_numbers($$, 2, $3.at[0], $3.at[1]); memcpy(&$$->step, &$4, sizeof $4); }
  | APART NAME INT early_opt at_opt    { NameList one; LIST_NEW(one, $2); $$ = command(r, V_APART, &one, @$); command_numbers($$, 1, $3, 0); $$->early = $4; memcpy(&$$->at, &$5, sizeof $5); }
  | TILE names tile_size               { $$ = command(r, V_TILE, &$2, @$); command_numbers($$, $3.n, $3.at[0], $3.at[1]); }
  | SCATTER names                      { $$ = command(r, V_SCATTER, &$2, @$); }
  | SIDES names                        { $$ = command(r, V_SIDES, &$2, @$); }
  | SIDES names INT                    { $$ = command(r, V_SIDES, &$2, @$); command_numbers($$, 1, $3, 0); }
  | GATHER names                       { $$ = command(r, V_GATHER, &$2, @$); }
  | PREFETCH names INT                 { $$ = command(r, V_PREFETCH, &$2, @$); command_numbers($$, 1, $3, 0); }
  | VECTOR names INT                   { $$ = command(r, V_VECTOR, &$2, @$); command_numbers($$, 1, $3, 0); }
  | SPLIT names INT                    { $$ = command(r, V_SPLIT, &$2, @$); command_numbers($$, 1, $3, 0); }
  | UNROLL names INT                   { $$ = command(r, V_UNROLL, &$2, @$); command_numbers($$, 1, $3, 0); }
  | PARALLEL names INT                 { $$ = command(r, V_PARALLEL, &$2, @$); command_numbers($$, 1, $3, 0); }
  | ONLY                               { NameList none = { 0 }; $$ = command(r, V_ONLY, &none, @$); }
names: NAME                            { LIST_NEW($$, $1); }
  | names COMMA NAME                   { $$ = $1; vec_add(r->a, $$, $3); }
in_opt: %empty { $$ = (NameList){ 0 }; } | IN names { $$ = $2; }
keys: LPAREN key_list RPAREN           { $$ = $2; }
key_list: key                          { LIST_NEW($$, $1); }
  | key_list COMMA key                 { $$ = $1; vec_add(r->a, $$, $3); }
key: NAME | NAME LPAREN key RPAREN     { $$ = intern(r->cx, arena_printf(r->a, "%s(%s)", $1, $3)); }
row: COMPACT_ keys                     { $$ = (RowsBy){ true, $2 }; }
  | FULL_ keys                         { $$ = (RowsBy){ false, $2 }; }
rows: row                              { LIST_NEW($$, $1); }
  | rows row                           { $$ = $1; vec_add(r->a, $$, $2); }
at_opt: %empty { memset(&$$, 0, sizeof $$); } | AT rows { $$ = $2; }
early_opt: %empty { $$ = false; } | EARLY { $$ = true; }
tile_size: INT                         { $$ = (NumberPair){ 1, { $1 } }; }
  | INT TIMES INT                      { $$ = (NumberPair){ 2, { $1, $3 } }; }
order_at: %empty                       { $$ = (NumberPair){ 2, { 1, 1 } }; }
  | INT                                { $$ = (NumberPair){ 2, { $1, 1 } }; }
  | AS INT                             { $$ = (NumberPair){ 2, { 1, $2 } }; }
  | INT AS INT                         { $$ = (NumberPair){ 2, { $1, $3 } }; }
steps_opt: %empty { memset(&$$, 0, sizeof $$); } | COLON steps { $$ = $2; }
steps: step                            { LIST_NEW($$, $1); }
  | steps COMMA step                   { $$ = $1; vec_add(r->a, $$, $3); }
step: NAME at_opt                      { $$ = (OrderStep){ .index = $1 }; memcpy(&$$.at, &$2, sizeof $2); }
  | NAME INSIDE                        { $$ = (OrderStep){ .index = $1, .inside = true }; }
  | NAME BY keys COMPACT_ at_opt       { $$ = (OrderStep){ .index = $1, .grouped = true, .by = { true, $3 } }; memcpy(&$$.at, &$5, sizeof $5); }
  | NAME BY keys FULL_ at_opt          { $$ = (OrderStep){ .index = $1, .grouped = true, .by = { false, $3 } }; memcpy(&$$.at, &$5, sizeof $5); }
%%
static Command *command(ScheduleReader *r, int verb, const NameList *names, Loc loc) {
    Command *c = NEW(r->a, Command);
    *c = (Command){ .verb = (Verb)verb, .loc = loc, .target = r->open->target, .name = *names };
    c->done = NEWN(r->a, bool, names->n + 1);
    return c;
}
static void schedule_error(ScheduleReader *r, Loc loc, const char *text, const char *help) {
    if (r->failed) return;
    r->failed = true;
    Diag *d = diag_error(r->cx, D_SCHEDULE_SYNTAX, loc, "%s", text);
    if (help) diag_help(d, "%s", help);
}
static const char *all_verbs(ScheduleReader *r) {
    const char *t = "the commands are";
    for (int k = 0; k < V_COUNT; k++) t = arena_printf(r->a, "%s%s %s", t, k ? "," : "", verb_row[k].name);
    return t;
}
static void schedule_yyerror(Loc *loc, ScheduleReader *r, const char *text) { schedule_error(r, *loc, text, NULL); }
static int yyreport_syntax_error(const yypcontext_t *c, ScheduleReader *r) {
    yysymbol_kind_t want[4], got = yypcontext_token(c);
    int n = yypcontext_expected_tokens(c, want, 4);
    const char *t = "";
    for (int k = 0; k < n; k++) t = arena_printf(r->a, "%s%s%s", t, !k ? "" : k == n - 1 ? " or " : ", ", yysymbol_name(want[k]));
    const char *found = got < 0 ? "nothing" : yysymbol_name(got);
    schedule_error(r, *yypcontext_location(c), n > 0 ? arena_printf(r->a, "%s is expected here, not %s", t, found) : arena_printf(r->a, "%s can't stand here", found), NULL);
    return 0;
}
/* What this compiler has no choice in, and why. */
static const char *no_such_verb(const char *word) {
    static const struct { const char *word, *why; } other[] = {
        { "chunk", "recurrences run step by step in this version: there is no chunked form" },
        { "stages", "this version has no staged copies" } };
    for (size_t k = 0; k < sizeof other / sizeof *other; k++) if (!strcmp(other[k].word, word)) return other[k].why;
    return NULL;
}
static void advance(ScheduleReader *r, size_t n) {
    for (; n; n--, r->at++) if (*r->at == '\n') r->loc.end_line++, r->loc.end_col = 1; else r->loc.end_col++;
}
static bool name_next(const ScheduleReader *r) {
    int t = r->last;
    return (t >= STORE && t <= ONLY) || t == COMMA || t == LPAREN || t == COLON || t == IN || t == FOR || t == SCHEDULE;
}
static int word(ScheduleReader *r, const char *s) {
    static const struct { const char *word; int token; } inner[] = { { "by", BY }, { "in", IN }, { "as", AS }, { "at", AT }, { "inside", INSIDE }, { "early", EARLY }, { "for", FOR },
        { "compact", COMPACT_ }, { "full", FULL_ } };
    static const int verb[V_COUNT] = { STORE, COMPACT, FULL, RECOMPUTE, FUSE, TOGETHER, ORDER, SIDES, APART, TILE, SCATTER, GATHER, PREFETCH, VECTOR, SPLIT, UNROLL, PARALLEL, ONLY };
    if (name_next(r)) return NAME;
    bool first = !r->last || r->last == TERM || r->last == LBRACE || r->last == RBRACE;
    if (first && !strcmp(s, "schedule")) return SCHEDULE;
    for (int k = 0; first && k < V_COUNT; k++) if (!strcmp(s, verb_row[k].name)) return verb[k];
    if (first) {
        const char *names[V_COUNT], *why = no_such_verb(s);
        for (int k = 0; k < V_COUNT; k++) names[k] = verb_row[k].name;
        const char *near = did_you_mean(r->cx, s, names, V_COUNT);
        schedule_error(r, r->loc, why ? arena_printf(r->a, "schedules have no `%s`: %s", s, why) : arena_printf(r->a, "there is no command `%s`", s),
                       why ? all_verbs(r) : near ? arena_printf(r->a, "did you mean `%s`?", near) : all_verbs(r));
        return BAD;
    }
    for (size_t k = 0; k < sizeof inner / sizeof *inner; k++) if (!strcmp(s, inner[k].word)) return inner[k].token;
    return NAME;
}
static int next_token(SCHEDULE_YYSTYPE *value, ScheduleReader *r) {
    for (;;) {
        while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\r')) advance(r, 1);
        if (r->at < r->end && *r->at == '#') { while (r->at < r->end && *r->at != '\n') advance(r, 1); continue; }
        if (r->at < r->end && *r->at == '\n' && (r->depth || r->last == COMMA || r->last == COLON)) { advance(r, 1); continue; }
        break;
    }
    r->loc.line = r->loc.end_line, r->loc.col = r->loc.end_col;
    if (r->at == r->end) return r->last && r->last != TERM && r->last != RBRACE ? TERM : 0;
    const char *s = r->at;
    size_t n = 1;
    if (isalpha((unsigned char)*s) || *s == '_') {
        if (*s == 'x' && r->last == INT) { advance(r, 1); return TIMES; }
        while (s + n < r->end && (isalnum((unsigned char)s[n]) || strchr("_.'", s[n])) && s[n]) n++;
        value->s = intern_n(r->cx, s, n);
        advance(r, n);
        return word(r, value->s);
    }
    if (isdigit((unsigned char)*s)) {
        value->n = 0;
        for (n = 0; s + n < r->end && isdigit((unsigned char)s[n]); n++) if (value->n < INT32_MAX) value->n = 10 * value->n + (s[n] - '0');
        advance(r, n);
        return INT;
    }
    if (*s == '"') {
        while (s + n < r->end && s[n] != '"' && s[n] != '\n') n++;
        if (s + n == r->end || s[n] != '"') { advance(r, n); return BAD; }
        value->s = intern_n(r->cx, s + 1, n - 1);
        advance(r, n + 1);
        return NAME;
    }
    advance(r, 1);
    switch (*s) {
    case '\n': case ';': return TERM;
    case '{': return LBRACE;
    case '}': return RBRACE;
    case '(': r->depth++; return LPAREN;
    case ')': r->depth -= r->depth > 0; return RPAREN;
    case ',': return COMMA;
    case ':': return COLON;
    case '*': return STAR;
    default: return BAD;
    }
}
static int schedule_yylex(SCHEDULE_YYSTYPE *value, Loc *loc, ScheduleReader *r) {
    int t = next_token(value, r);
    *loc = r->fixed ? r->base : r->loc;
    if (t == BAD) schedule_error(r, *loc, "no command has this word", NULL);
    return r->last = t;
}
ScheduleFile *schedule_parse(Context *cx, const char *text, size_t n, Loc at, bool fixed) {
    ScheduleReader r = { .cx = cx, .a = cx->arena, .at = text, .end = text + n, .loc = at, .base = at, .fixed = fixed };
    r.loc.end_line = at.line, r.loc.end_col = at.col;
    r.file = NEW(cx->arena, ScheduleFile);
    r.open = NEW(cx->arena, Schedule);                   /* commands without a block around them are for any model */
    r.open->loc = at;
    Schedule *bare = r.open;
    int failed = schedule_yyparse(&r);
    if (bare->command.n) vec_add(r.a, r.file->schedule, bare);
    if (failed && !r.failed) schedule_error(&r, at, "this schedule can't be read", NULL);
    return r.failed ? NULL : r.file;
}
