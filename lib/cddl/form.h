/* SPDX-License-Identifier: MIT */
/*
 * Forms: what may travel where a type stands, sorted by the head that it begins with. Types that
 * the wire cannot tell apart have equal forms, however the schema writes them.
 */
#ifndef VALVE_CDDL_FORM_H
#define VALVE_CDDL_FORM_H

#include "cddl/schema.h"

/* Numbers, or lengths, from low to high. */
struct cddl_range {
    bool present;
    uint64_t low, high;
};

/* An element, a key, or a variant. */
struct cddl_part {
    const char *name; /* of a key or a variant; of an element, for messages, or NULL */
    const struct cddl_type *type;
    struct cddl_form *form; /* NULL: a variant that is only its name */
    struct cddl_span span;
    bool optional; /* a key */
};

struct cddl_parts {
    struct cddl_part *list;
    unsigned count;
};

/* What an array, if one may come, consists of. */
enum cddl_array {
    CDDL_NO_ARRAY,
    CDDL_ARRAY_TUPLE, /* the elements */
    CDDL_ARRAY_LIST,  /* the one element, any number of times */
};

/* What a map, if one may come, consists of. */
enum cddl_pairs {
    CDDL_NO_PAIRS,
    CDDL_PAIRS_VARIANT, /* one of the pairs */
    CDDL_PAIRS_STRUCT,  /* all of the pairs, but for those that are optional */
    CDDL_PAIRS_MAP,     /* any number of pairs, of which the parts are the key and the value */
};

/* A choice is united from its alternatives: they begin differently, so that each has its place. */
struct cddl_form {
    struct cddl_span span; /* of the type that it was made of */
    bool anything;
    bool nil, boolean, floating;
    struct cddl_range natural;
    struct cddl_range negative; /* n of -1-n */
    struct cddl_part table;     /* of an index, which is natural: the list that it counts in */
    struct cddl_range text, bytes;
    struct cddl_parts units; /* variants without payload, which are texts; sorted by name */
    enum cddl_array array;
    struct cddl_parts elements;
    enum cddl_pairs pairs;
    bool open;                  /* of a struct: other keys are passed over */
    struct cddl_parts keys;     /* or variants, or key and value; sorted by name */
    unsigned table_number;      /* of a list that indices count in, from 1; else 0 */
    unsigned number;            /* in the order of discovery, from 0 */
    unsigned class, next_class; /* of forms that are equal, as far as that is known */
    struct cddl_form *next;     /* in the order of discovery */
};

/* A method, and what travels when it is called. */
struct cddl_call {
    const struct cddl_method *method;
    struct cddl_form *request; /* NULL: nothing but the method's name */
    struct cddl_form *item;    /* NULL: no stream */
    struct cddl_form *reply;   /* NULL: one-way */
};

struct cddl_forms {
    struct cddl_source *source;
    struct cddl_call *calls; /* sorted by the methods' names */
    unsigned call_count;
    struct cddl_form *first, **place; /* as discovered: breadth first from the calls on */
    unsigned count;
};

/* The forms of a sound schema. They belong to its pool. */
void cddl_find_forms(const struct cddl_schema *schema, struct cddl_forms *ret_forms);

/* The part of this name in a sorted list, or NULL. */
const struct cddl_part *cddl_find_part(const struct cddl_parts *parts, const char *name);

/* As a form is taken: a closed struct of one required key is the same as a variant. */
enum cddl_pairs cddl_effective_pairs(const struct cddl_form *form);

/* What both forms have and can be compared name by name as; else, or of maps, CDDL_NO_PAIRS. */
enum cddl_pairs cddl_common_pairs(const struct cddl_form *left, const struct cddl_form *right);

/* Whether it has variants, with payload or without. */
bool cddl_is_sum(const struct cddl_form *form);

/* Whether forms are equal but for names in two sums or structs, and the forms of their parts. */
bool cddl_same_kind(const struct cddl_form *left, const struct cddl_form *right);

/* Orders forms by what they say themselves, whatever the forms of their parts are; 0: equal. */
int cddl_compare_forms(const struct cddl_form *left, const struct cddl_form *right);

#endif
