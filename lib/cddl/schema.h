/* SPDX-License-Identifier: MIT */
/*
 * A schema as it is understood: the service, its methods, and the types that they lead to.
 */
#ifndef VALVE_CDDL_SCHEMA_H
#define VALVE_CDDL_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "cddl/syntax.h"

enum {
    CDDL_MAX_TYPES = 2000,
    CDDL_MAX_MEMBERS = 1000,  /* of one type */
    CDDL_MAX_VALUE = 1 << 20, /* bytes of a value in C, without what it points to */
};

/* The shapes of valve.h. */
enum cddl_shape {
    CDDL_UINT,
    CDDL_INT,
    CDDL_BOOL,
    CDDL_FLOAT,
    CDDL_TEXT,
    CDDL_BYTES,
    CDDL_ANYTHING, /* any */
    CDDL_NIL,
    CDDL_STRUCT,
    CDDL_TUPLE,
    CDDL_LIST,
    CDDL_MAP, /* its one member is the tuple of a key and a value */
    CDDL_SUM,
    CDDL_CHOICE,
};

/* A key, an element or an alternative. */
struct cddl_member {
    const char *name;       /* as it travels; else for messages */
    const char *word;       /* the name in snake case: a part of C names */
    const char *field;      /* the C member: the word, escaped if it is a keyword */
    const char *upper;      /* the word in capitals: a part of enumerators */
    struct cddl_type *type; /* NULL: a variant that is only its name */
    struct cddl_span span;
    bool optional;
    bool nameless; /* an element that only C has a name for: item0 and so on */
    bool boxed;    /* the C member is a pointer, because the type leads back to its container */
    bool filled;   /* a table that has an element in each value of its container */
};

/*
 * One type of C, or one table. What a rule names has that name; what stands inline has the name of
 * the place that holds it.
 */
struct cddl_type {
    enum cddl_shape shape;
    const char *name; /* for messages */
    const char *word; /* the rule's name in snake case, or what a choice calls such a type */
    const char *tag;  /* C name, without struct and _type: files_path */
    struct cddl_span span;
    const char *rule; /* the rule that defines it, or NULL */
    uint64_t low, high;
    bool open;
    bool limited;                /* a range or a size stands with it */
    struct cddl_member *members; /* as written; of a list its element, of a map its pair */
    unsigned count;
    bool is_index;
    struct cddl_type *table; /* of an index: the list whose elements it names */
    bool is_table;           /* a list that indices name elements of */
    bool has_edges;          /* an index, or something that holds one */
    bool exposed;            /* it holds an index into a table that it does not hold */
    unsigned heads;          /* the heads that its encodings begin with, as bits */
    uint64_t least;          /* bytes of the smallest encoding; CDDL_ENDLESS: there is none */
    uint64_t size;           /* most bytes of a value in C, without what it points to */
    struct cddl_type *list;  /* the inline list of these, once there is one */
    struct cddl_type *map;   /* likewise the inline map from any text to these */
    struct cddl_type *next;  /* in the order of discovery, */
    struct cddl_type *previous;
    struct cddl_type *then; /* and of definition in C */
    unsigned number;        /* among the types of the schema, from 1; 0: not one of them */
    unsigned mark;          /* of the walk that is under way */
    bool incomplete;        /* something of it was refused: no more is to be said about it */
    bool is_pair;           /* a key and a value of a map */
    bool message;           /* the request or a reply: its struct is written apart */
    bool is_item;           /* of a stream: its table is not static */
    bool avoids;            /* the index that is looked for: see least.c */
    bool circular;          /* a list or a map whose elements lead back to it */
    bool declared, defined; /* in the header that is being written */
};

#define CDDL_ENDLESS UINT64_MAX

struct cddl_method {
    const char *variant; /* as it travels: ListAll */
    const char *word;    /* list_all */
    const char *field;   /* the word, escaped */
    const char *tag;     /* files_list_all */
    struct cddl_span span;
    const char *text;          /* the schema's words for the reply */
    struct cddl_type *request; /* NULL: nothing is sent along */
    struct cddl_type *item;    /* of the stream before the reply, or NULL */
    struct cddl_type *reply;   /* a sum; only its table is generated */
    bool one_way;              /* the schema has no reply; what stands above is {"Error" => tstr} */
    struct cddl_method *next;
};

struct cddl_schema {
    struct cddl_source *source;
    struct cddl_rule *rules; /* as written; those that are types have node->type */
    const char *name;        /* of the service: files */
    const char *word;        /* in snake case: the prefix of all C names */
    struct cddl_method *methods;
    struct cddl_type *request; /* the sum of the methods */
    struct cddl_type *types;   /* all, as discovered; the request and the replies among them */
    struct cddl_type *last_type;
    struct cddl_type *definitions; /* those that C defines as structs, what is needed first */
    unsigned type_count;
    struct cddl_type unknown; /* stands where a problem was noted */
};

/* A value that C passes by value. */
bool cddl_is_scalar(const struct cddl_type *type);

/* C has nothing to hold for it: a bare variant, or nil. */
bool cddl_is_void(const struct cddl_member *member);

/* Types that C defines as a struct of their own. */
bool cddl_is_compound(const struct cddl_type *type);

/* A list or a map: a pointer to its elements, and their count. */
bool cddl_is_sequence(const struct cddl_type *type);

/* The members of a struct or a tuple in the order in which they are sent. */
const struct cddl_member **cddl_members_as_sent(struct cddl_pool *pool,
                                                const struct cddl_type *type);

/* ---- The steps of the compiler; each notes its problems in the source ---- */

/* Undefined names, and rules that the service does not lead to. */
void cddl_check_names(const struct cddl_syntax *syntax);

/* A name of CDDL's prelude that the subset has. */
bool cddl_is_prelude(const char *name);

/* From rules to types. `name` is what the root must be called. */
void cddl_resolve(struct cddl_syntax *syntax, const char *name, struct cddl_schema *ret_schema);

/* The type of a node; `tag` is its C name should it have to have one. NULL: a problem was noted. */
struct cddl_resolver {
    struct cddl_syntax *syntax;
    struct cddl_schema *schema;
    struct cddl_type *prelude[10]; /* those in use */
};
struct cddl_type *cddl_resolve_type(struct cddl_resolver *resolver, struct cddl_node *node,
                                    const char *tag);

/* The same for a member of another type; schema->unknown where a problem was noted. */
struct cddl_type *cddl_resolve_member(struct cddl_resolver *resolver, struct cddl_node *node,
                                      const char *tag);

/* A number or a range. */
struct cddl_type *cddl_resolve_range(struct cddl_resolver *resolver, struct cddl_node *node,
                                     const char *tag);

/* T .size N */
struct cddl_type *cddl_resolve_size(struct cddl_resolver *resolver, struct cddl_node *node,
                                    const char *tag);

/* A map or an array. `rule` may be NULL. */
struct cddl_type *cddl_resolve_compound(struct cddl_resolver *resolver, struct cddl_node *node,
                                        const char *tag, struct cddl_rule *rule);

/* A choice of types, or a sum if all alternatives are variants. `rule` may be NULL. */
struct cddl_type *cddl_resolve_choice(struct cddl_resolver *resolver, struct cddl_node *node,
                                      const char *tag, struct cddl_rule *rule);

/* Whether a node is a variant, or a choice of variants only. */
bool cddl_is_variants(struct cddl_resolver *resolver, const struct cddl_node *node);

/* The sum of the variants that a node holds; what stands inline in them is called after `tag`. */
struct cddl_type *cddl_resolve_sum(struct cddl_resolver *resolver, struct cddl_node *node,
                                   const char *tag, struct cddl_rule *rule);

/* The method that an alternative of the root rule is. NULL: a problem was noted. */
struct cddl_method *cddl_resolve_method(struct cddl_resolver *resolver,
                                        const struct cddl_node *node);

/* Notes that a node of the root rule is no method, and what would be. */
void cddl_refuse_method(struct cddl_source *source, const struct cddl_node *node);

/* The C name of what a rule defines. */
const char *cddl_rule_tag(struct cddl_resolver *resolver, const struct cddl_rule *rule);

/* Gives the type the rule's name, if there is a rule. */
void cddl_name_type(struct cddl_resolver *resolver, struct cddl_type *type,
                    const struct cddl_rule *rule);

/* A new type, the last of the schema's. */
struct cddl_type *cddl_new_type(struct cddl_resolver *resolver, enum cddl_shape shape,
                                const char *tag, struct cddl_span span);

/*
 * The node that a name stands for in the end: a name only if it is of the prelude. NULL: a problem
 * was noted.
 */
struct cddl_node *cddl_follow(const struct cddl_resolver *resolver, struct cddl_node *node);

/* {"Variant" => T}: the pair; else NULL. */
struct cddl_entry *cddl_only_pair(const struct cddl_node *node);

/* Leads each index to its table, and checks what the annotations say. */
void cddl_bind_indices(struct cddl_resolver *resolver);

/* What needs all types to be judged: alternatives that look alike, values that never end. */
void cddl_check_types(struct cddl_schema *schema);

/* Of each type the bytes of its smallest encoding. */
void cddl_find_least(struct cddl_schema *schema);

/* Whether it is a map or an array that has the table as a member: indices inside count in that. */
bool cddl_holds(const struct cddl_type *type, const struct cddl_type *table);

/* Proves that every index stands inside a value that holds its table. The schema is sound. */
void cddl_check_graphs(struct cddl_schema *schema);

/* Boxes and the order of definitions. The schema is sound. */
void cddl_lay_out(struct cddl_schema *schema);

/* Refuses names that collide in C. */
void cddl_check_c_names(struct cddl_schema *schema);

/* ---- Words ---- */

/* The schema's own words in one line, without its comments. */
const char *cddl_words(struct cddl_source *source, struct cddl_span span);

/* ListAll -> list_all. Notes a problem and returns a stand-in if no C name can be made of it. */
const char *cddl_snake(struct cddl_source *source, struct cddl_span span, const char *name);
const char *cddl_upper(struct cddl_source *source, const char *word);
/* With an underscore behind it if C or C++ reserve the word. */
const char *cddl_escape(struct cddl_source *source, const char *word);
void cddl_name_member(struct cddl_source *source, struct cddl_member *member);

#endif
