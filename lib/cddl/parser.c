/* SPDX-License-Identifier: MIT */
/*
 * The parser: recursive descent over the subset, one problem for each broken rule.
 */
#include <string.h>

#include "cddl/syntax.h"

struct parser {
    struct cddl_syntax *syntax;
    struct cddl_lexer lexer;
    struct cddl_token token, ahead;
    size_t last_end; /* of the token before */
    unsigned nesting;
    bool broken; /* this rule has had its problem: unwind to its end */
};

static struct cddl_node *parse_type(struct parser *parser);

static void *parser_alloc(struct parser *parser, size_t size)
{
    return cddl_pool_alloc(parser->syntax->source->pool, 1, size);
}

static void advance(struct parser *parser)
{
    parser->last_end = parser->token.span.offset + parser->token.span.size;
    parser->token = parser->ahead;
    parser->ahead = cddl_lexer_next(&parser->lexer);
}

static struct cddl_node *new_node(struct parser *parser, enum cddl_node_kind kind,
                                  struct cddl_span span)
{
    struct cddl_node *node = parser_alloc(parser, sizeof(*node));

    node->kind = kind;
    node->span = span;
    return node;
}

/* Notes a problem, unless the lexer has, and gives this rule up. */
static struct cddl_node *fail_at(struct parser *parser, struct cddl_span span, const char *what)
{
    if (!parser->broken && parser->token.word != CDDL_WORD_BAD &&
        parser->ahead.word != CDDL_WORD_BAD)
        cddl_problem(parser->syntax->source, span, "%s", what);
    parser->broken = true;
    return new_node(parser, CDDL_NODE_BROKEN, span);
}

static struct cddl_node *fail(struct parser *parser, const char *what)
{
    return fail_at(parser, parser->token.span, what);
}

static const char *token_text(struct parser *parser, struct cddl_span span)
{
    const struct cddl_source *source = parser->syntax->source;

    return cddl_pool_copy(source->pool, source->text + span.offset, span.size);
}

/* A name, or the inside of a quoted text, as a node of its own. */
static struct cddl_node *take_word(struct parser *parser, enum cddl_node_kind kind)
{
    struct cddl_node *node = new_node(parser, kind, parser->token.span);
    struct cddl_span inside = node->span;

    if (parser->token.word == CDDL_WORD_TEXT) {
        inside.offset++;
        inside.size -= 2;
    }
    node->text = token_text(parser, inside);
    advance(parser);
    return node;
}

static struct cddl_node *take_number(struct parser *parser)
{
    struct cddl_node *node = new_node(parser, CDDL_NODE_NUMBER, parser->token.span);

    node->number = parser->token.number;
    advance(parser);
    return node;
}

/* ? * + before an entry; bounded repetition is refused. */
static enum cddl_occurrence take_occurrence(struct parser *parser)
{
    enum cddl_occurrence occurrence = CDDL_ONCE;
    bool bounded = parser->token.word == CDDL_WORD_NUMBER && parser->ahead.word == CDDL_WORD_STAR;

    if (parser->token.word == CDDL_WORD_STAR && parser->ahead.word == CDDL_WORD_NUMBER)
        bounded = parser->ahead.span.offset == parser->token.span.offset + 1;
    if (bounded) {
        fail(parser, "bounded repetition (n*m) is not in the subset: write [* T]");
        return occurrence;
    }
    if (parser->token.word == CDDL_WORD_OPTIONAL)
        occurrence = CDDL_OPTIONAL;
    else if (parser->token.word == CDDL_WORD_STAR)
        occurrence = CDDL_ANY;
    else if (parser->token.word == CDDL_WORD_PLUS)
        occurrence = CDDL_SOME;
    else
        return occurrence;
    advance(parser);
    return occurrence;
}

/* k: or "k": */
static struct cddl_node *take_name(struct parser *parser)
{
    struct cddl_node *name;

    if (parser->ahead.word != CDDL_WORD_COLON ||
        (parser->token.word != CDDL_WORD_NAME && parser->token.word != CDDL_WORD_TEXT))
        return NULL;
    name = take_word(parser, CDDL_NODE_TEXT);
    advance(parser);
    return name;
}

static struct cddl_entry *parse_entry(struct parser *parser, enum cddl_node_kind kind)
{
    struct cddl_entry *entry = parser_alloc(parser, sizeof(*entry));
    size_t start = parser->token.span.offset;

    entry->occurrence = take_occurrence(parser);
    entry->key = take_name(parser);
    entry->type = parse_type(parser);
    if (kind == CDDL_NODE_ARRAY &&
        (parser->token.word == CDDL_WORD_ARROW || parser->token.word == CDDL_WORD_COLON))
        fail_at(parser, entry->type->span, "an array has no keys: its elements are T or name: T");
    if (parser->token.word == CDDL_WORD_ARROW && entry->key == NULL && !parser->broken) {
        advance(parser);
        entry->key = entry->type;
        entry->arrow = true;
        entry->type = parse_type(parser);
    }
    if (parser->token.word == CDDL_WORD_ARROW || parser->token.word == CDDL_WORD_COLON)
        fail_at(parser, entry->type->span, "keys are text in the subset: \"k\" => T or k: T");
    entry->span = (struct cddl_span){start, parser->last_end - start};
    return entry;
}

/* { ... } or [ ... ]; commas may be left out, as in CDDL. */
static struct cddl_node *parse_entries(struct parser *parser, enum cddl_node_kind kind,
                                       enum cddl_word end)
{
    struct cddl_node *node = new_node(parser, kind, parser->token.span);
    struct cddl_entry **place = &node->entries;

    advance(parser);
    while (parser->token.word != end && !parser->broken) {
        bool next_rule = parser->token.word == CDDL_WORD_NAME &&
                         parser->ahead.word == CDDL_WORD_ASSIGN;

        if (parser->token.word == CDDL_WORD_END || next_rule)
            return fail_at(parser, node->span, "this bracket is not closed");
        *place = parse_entry(parser, kind);
        place = &(*place)->next;
        if (parser->token.word == CDDL_WORD_COMMA)
            advance(parser);
    }
    if (parser->broken)
        return new_node(parser, CDDL_NODE_BROKEN, node->span);
    node->span = cddl_span_join(node->span, parser->token.span);
    advance(parser);
    return node;
}

static struct cddl_node *parse_parentheses(struct parser *parser)
{
    struct cddl_node *node;

    advance(parser);
    node = parse_type(parser);
    if (parser->token.word == CDDL_WORD_GROUP_END)
        advance(parser);
    else if (parser->token.word == CDDL_WORD_END)
        fail(parser, "a parenthesis is not closed");
    else
        fail(parser, "parentheses hold one type; groups are not in the subset");
    return node;
}

static struct cddl_node *parse_nested(struct parser *parser)
{
    struct cddl_node *node;

    if (parser->nesting == CDDL_MAX_NESTING)
        return fail(parser, "brackets nest too deep: give the inner types names");
    parser->nesting++;
    if (parser->token.word == CDDL_WORD_MAP)
        node = parse_entries(parser, CDDL_NODE_MAP, CDDL_WORD_MAP_END);
    else if (parser->token.word == CDDL_WORD_ARRAY)
        node = parse_entries(parser, CDDL_NODE_ARRAY, CDDL_WORD_ARRAY_END);
    else
        node = parse_parentheses(parser);
    parser->nesting--;
    return node;
}

static struct cddl_node *parse_simple(struct parser *parser)
{
    switch ((unsigned)parser->token.word) {
    case CDDL_WORD_NAME:
        if (parser->ahead.word == CDDL_WORD_ASSIGN)
            return fail(parser, "a type is missing before this rule");
        return take_word(parser, CDDL_NODE_NAME);
    case CDDL_WORD_TEXT:
        return take_word(parser, CDDL_NODE_TEXT);
    case CDDL_WORD_NUMBER:
        return take_number(parser);
    case CDDL_WORD_MAP:
    case CDDL_WORD_ARRAY:
    case CDDL_WORD_GROUP:
        return parse_nested(parser);
    case CDDL_WORD_END:
        return fail(parser, "the schema ends where a type should stand");
    default:
        return fail(parser, "a type should stand here");
    }
}

/* A type with its range or its size. */
static struct cddl_node *parse_bounded(struct parser *parser)
{
    struct cddl_node *first = parse_simple(parser), *node;
    enum cddl_word word = parser->token.word;
    bool range = word == CDDL_WORD_RANGE || word == CDDL_WORD_RANGE_TO;

    if (parser->broken || (!range && word != CDDL_WORD_SIZE))
        return first;
    node = new_node(parser, range ? CDDL_NODE_RANGE : CDDL_NODE_SIZE, first->span);
    node->exclusive = word == CDDL_WORD_RANGE_TO;
    advance(parser);
    node->parts = first;
    first->next = parse_simple(parser);
    node->span.size = parser->last_end - node->span.offset;
    return node;
}

static struct cddl_node *parse_type(struct parser *parser)
{
    struct cddl_node *first = parse_bounded(parser), *choice, *last = first;

    if (parser->token.word != CDDL_WORD_SLASH || parser->broken)
        return first;
    choice = new_node(parser, CDDL_NODE_CHOICE, first->span);
    choice->parts = first;
    while (parser->token.word == CDDL_WORD_SLASH && !parser->broken) {
        advance(parser);
        last->next = parse_bounded(parser);
        last = last->next;
    }
    choice->span.size = parser->last_end - choice->span.offset;
    return choice;
}

/* ---- Rules ---- */

/* FNV-1a, as an index into the syntax. */
static unsigned hash_of(const char *name)
{
    uint32_t hash = 2166136261;

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619;
    return hash % CDDL_RULE_LISTS;
}

struct cddl_rule *cddl_find_rule(const struct cddl_syntax *syntax, const char *name)
{
    struct cddl_rule *rule = syntax->by_hash[hash_of(name)];

    while (rule != NULL && strcmp(rule->name, name) != 0)
        rule = rule->alike;
    return rule;
}

static void skip_to_rule(struct parser *parser)
{
    while (parser->token.word != CDDL_WORD_END &&
           !(parser->token.word == CDDL_WORD_NAME && parser->ahead.word == CDDL_WORD_ASSIGN))
        advance(parser);
    parser->broken = false;
    parser->nesting = 0;
}

static struct cddl_rule *parse_rule(struct parser *parser)
{
    struct cddl_rule *rule = parser_alloc(parser, sizeof(*rule));

    rule->span = parser->token.span;
    rule->name = token_text(parser, rule->span);
    advance(parser);
    advance(parser);
    rule->node = parse_type(parser);
    if (!parser->broken && parser->token.word != CDDL_WORD_END &&
        !(parser->token.word == CDDL_WORD_NAME && parser->ahead.word == CDDL_WORD_ASSIGN))
        fail(parser, parser->ahead.word == CDDL_WORD_ASSIGN
                         ? "the name of a rule should stand here"
                         : "the rule has ended before this: a / or the next rule should follow");
    if (parser->broken)
        rule->node = new_node(parser, CDDL_NODE_BROKEN, rule->span);
    return rule;
}

static void add_rule(struct parser *parser, struct cddl_rule ***place, struct cddl_rule *rule)
{
    struct cddl_syntax *syntax = parser->syntax;
    struct cddl_rule **alike = &syntax->by_hash[hash_of(rule->name)];
    const struct cddl_rule *first = cddl_find_rule(syntax, rule->name);

    if (first != NULL) {
        cddl_problem(syntax->source, rule->span, "%s is defined twice, first in line %zu",
                     rule->name, cddl_source_line(syntax->source, first->span.offset));
        return;
    }
    **place = rule;
    *place = &rule->next;
    rule->alike = *alike;
    *alike = rule;
    syntax->rule_count++;
}

void cddl_parse(struct cddl_source *source, struct cddl_syntax *ret_syntax)
{
    struct parser parser = {.syntax = ret_syntax, .lexer = {.source = source}};
    struct cddl_rule **place = &ret_syntax->rules;

    *ret_syntax = (struct cddl_syntax){.source = source};
    advance(&parser);
    advance(&parser);
    while (parser.token.word != CDDL_WORD_END) {
        struct cddl_rule *rule = NULL;

        if (parser.token.word != CDDL_WORD_NAME || parser.ahead.word != CDDL_WORD_ASSIGN) {
            fail(&parser, "a rule should begin here: name = type");
        } else if (ret_syntax->rule_count == CDDL_MAX_RULES) {
            fail(&parser, "the schema has too many rules");
            return;
        } else {
            rule = parse_rule(&parser);
            add_rule(&parser, &place, rule);
        }
        if (parser.broken) {
            rule = NULL;
            skip_to_rule(&parser);
        }
        cddl_annotate(&parser.lexer, rule, parser.last_end, parser.token.span.offset);
    }
}
