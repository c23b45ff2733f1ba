/* SPDX-License-Identifier: MIT */
/*
 * A schema as it is written: rules, types and entries, before anything is known of their meaning.
 */
#ifndef VALVE_CDDL_SYNTAX_H
#define VALVE_CDDL_SYNTAX_H

#include "cddl/lexer.h"
#include "cddl/source.h"

enum {
    CDDL_MAX_RULES = 1000,
    CDDL_MAX_NESTING = 32, /* brackets inside brackets of one rule */
    CDDL_RULE_LISTS = 128, /* of a syntax, by hash */
};

struct cddl_type;

enum cddl_node_kind {
    CDDL_NODE_BROKEN, /* a problem was noted here */
    CDDL_NODE_NAME,
    CDDL_NODE_TEXT,
    CDDL_NODE_NUMBER,
    CDDL_NODE_RANGE,  /* parts: from, to */
    CDDL_NODE_SIZE,   /* parts: what is limited, the limit */
    CDDL_NODE_CHOICE, /* parts: two alternatives or more */
    CDDL_NODE_MAP,
    CDDL_NODE_ARRAY,
};

struct cddl_node {
    enum cddl_node_kind kind;
    struct cddl_span span;
    const char *text; /* of a name or a text */
    struct cddl_number number;
    bool exclusive;             /* a range that ends before its upper bound */
    struct cddl_node *parts;    /* linked by next */
    struct cddl_entry *entries; /* of a map or an array */
    struct cddl_node *next;
    struct cddl_type *type; /* once resolved */
    bool resolved;          /* type is set, to NULL if a problem was noted */
};

enum cddl_occurrence {
    CDDL_ONCE,
    CDDL_OPTIONAL, /* ? */
    CDDL_ANY,      /* * */
    CDDL_SOME,     /* + */
};

struct cddl_entry {
    enum cddl_occurrence occurrence;
    struct cddl_span span;
    struct cddl_node *key; /* a text before a colon, a type before =>, or NULL */
    struct cddl_node *type;
    bool arrow; /* key => type */
    struct cddl_entry *next;
};

struct cddl_rule {
    const char *name;
    struct cddl_span span; /* of the name */
    struct cddl_node *node;
    const char *table; /* of the annotation ;@index TABLE, or NULL */
    struct cddl_span table_span;
    bool reached;    /* the root leads here */
    bool walked;     /* and what it names is marked, too */
    bool resolving;  /* on the way to its type: meeting it again is recursion without a guard */
    bool collecting; /* likewise while the alternatives of a choice are collected */
    enum { CDDL_UNJUDGED, CDDL_JUDGING, CDDL_VARIANTS, CDDL_NO_VARIANTS } verdict;
    struct cddl_rule *next;
    struct cddl_rule *alike; /* the next whose name has this hash */
};

struct cddl_syntax {
    struct cddl_source *source;
    struct cddl_rule *rules; /* as written */
    unsigned rule_count;
    struct cddl_rule *by_hash[CDDL_RULE_LISTS];
};

/* Reads all rules. What cannot be read is noted, skipped up to the next rule, and left broken. */
void cddl_parse(struct cddl_source *source, struct cddl_syntax *ret_syntax);

/*
 * Takes the annotations before `next`, where the next rule begins, for the rule whose last word
 * ends at `end`. NULL: it is broken, and they are passed over.
 */
void cddl_annotate(struct cddl_lexer *lexer, struct cddl_rule *rule, size_t end, size_t next);

/* The rule of that name, or NULL. */
struct cddl_rule *cddl_find_rule(const struct cddl_syntax *syntax, const char *name);

#endif
