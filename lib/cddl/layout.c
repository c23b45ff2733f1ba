/* SPDX-License-Identifier: MIT */
/*
 * How values lie in C: which members must be pointers, and what is defined before what.
 */
#include "cddl/schema.h"

#include <stdlib.h>
#include <string.h>

enum { UNSEEN, OPEN, DONE }; /* marks of a type in a walk */

bool cddl_is_scalar(const struct cddl_type *type)
{
    return type->shape <= CDDL_ANYTHING;
}

bool cddl_is_compound(const struct cddl_type *type)
{
    return type->shape > CDDL_NIL;
}

bool cddl_is_void(const struct cddl_member *member)
{
    return member->type == NULL || member->type->shape == CDDL_NIL;
}

bool cddl_is_sequence(const struct cddl_type *type)
{
    return type->shape == CDDL_LIST || type->shape == CDDL_MAP;
}

/* ---- Pointers ---- */

static void clear_marks(struct cddl_schema *schema)
{
    for (struct cddl_type *type = schema->types; type != NULL; type = type->next)
        type->mark = UNSEEN;
}

/*
 * A member whose type is being walked closes a circle of values that hold each other: there the
 * circle is cut by a pointer. Lists and maps are pointers already.
 */
static void box_members(struct cddl_type *type)
{
    type->mark = OPEN;
    for (unsigned i = 0; i < type->count && !cddl_is_sequence(type); i++) {
        struct cddl_member *member = &type->members[i];

        if (cddl_is_void(member) || !cddl_is_compound(member->type))
            continue;
        if (member->type->mark == OPEN)
            member->boxed = true;
        else if (member->type->mark == UNSEEN)
            box_members(member->type);
    }
    type->mark = DONE;
}

/* Whether the values of one type may lead to the other, through lists and pointers, too. */
static bool leads_to(struct cddl_schema *schema, struct cddl_type *from, const struct cddl_type *to,
                     struct cddl_type **reached)
{
    unsigned count = 0;

    clear_marks(schema);
    from->mark = DONE;
    reached[count++] = from;
    for (unsigned i = 0; i < count; i++) {
        for (unsigned k = 0; k < reached[i]->count; k++) {
            struct cddl_type *next = reached[i]->members[k].type;

            if (next == to)
                return true;
            if (next == NULL || next->mark != UNSEEN)
                continue;
            next->mark = DONE;
            reached[count++] = next;
        }
    }
    return false;
}

/* The elements of a list or map that leads to itself are defined behind it, all others before. */
static void find_circular_sequences(struct cddl_schema *schema)
{
    struct cddl_type **reached = cddl_pool_alloc(schema->source->pool, schema->type_count,
                                                 sizeof(struct cddl_type *));

    for (struct cddl_type *type = schema->types; type != NULL; type = type->next)
        if (cddl_is_sequence(type))
            type->circular = leads_to(schema, type->members[0].type, type, reached);
}

/* ---- What is left over ---- */

static void mark_used(struct cddl_type *type)
{
    if (type == NULL || type->mark == DONE)
        return;
    type->mark = DONE;
    for (unsigned i = 0; i < type->count; i++)
        mark_used(type->members[i].type);
}

/* Types that no value has: those that a range or a size was put to. */
static void drop_unused_types(struct cddl_schema *schema)
{
    struct cddl_type *last = NULL;
    unsigned count = 0;

    clear_marks(schema);
    mark_used(schema->request);
    for (const struct cddl_method *method = schema->methods; method != NULL;
         method = method->next) {
        mark_used(method->item);
        mark_used(method->reply);
    }
    for (struct cddl_type **place = &schema->types; *place != NULL;) {
        if ((*place)->mark == DONE) {
            (*place)->previous = last;
            last = *place;
            last->number = ++count;
            place = &last->next;
        } else {
            *place = (*place)->next;
        }
    }
    schema->last_type = last;
    schema->type_count = count;
}

/* ---- Definitions ---- */

/* Appends the type behind all that it holds. */
static void define(struct cddl_type *type, struct cddl_type ***place)
{
    type->mark = DONE;
    for (unsigned i = 0; i < type->count; i++) {
        const struct cddl_member *member = &type->members[i];

        if (!cddl_is_void(member) && !member->boxed && !type->circular &&
            cddl_is_compound(member->type) && member->type->mark == UNSEEN)
            define(member->type, place);
    }
    **place = type;
    *place = &type->then;
}

static void order_definitions(struct cddl_schema *schema)
{
    struct cddl_type **place = &schema->definitions;

    clear_marks(schema);
    for (struct cddl_type *type = schema->types; type != NULL; type = type->next)
        if (cddl_is_compound(type) && !type->message && type->mark == UNSEEN)
            define(type, &place);
}

/* Of keys in the bytewise order of their encodings the shorter stands first. */
static int by_key(const void *left, const void *right)
{
    const struct cddl_member *a = *(const struct cddl_member *const *)left;
    const struct cddl_member *b = *(const struct cddl_member *const *)right;
    size_t size = strlen(a->name), other = strlen(b->name);

    if (size != other)
        return size < other ? -1 : 1;
    return memcmp(a->name, b->name, size);
}

const struct cddl_member **cddl_members_as_sent(struct cddl_pool *pool,
                                                const struct cddl_type *type)
{
    const struct cddl_member **order = cddl_pool_alloc(pool, type->count,
                                                       sizeof(const struct cddl_member *));

    for (unsigned i = 0; i < type->count; i++)
        order[i] = &type->members[i];
    if (type->shape == CDDL_STRUCT)
        qsort(order, type->count, sizeof(const struct cddl_member *), by_key);
    return order;
}

/* ---- Sizes ---- */

/* Bytes in C, where pointers have eight. */
static uint64_t size_of_member(const struct cddl_member *member)
{
    uint64_t presence = member->optional ? 8 : 0;

    if (cddl_is_void(member))
        return presence;
    if (member->boxed)
        return presence + 8;
    return presence + (cddl_is_scalar(member->type) ? 16 : member->type->size);
}

static uint64_t size_of(const struct cddl_type *type)
{
    bool shared = type->shape == CDDL_SUM || type->shape == CDDL_CHOICE;
    uint64_t size = 0;

    if (cddl_is_sequence(type))
        return 16;
    for (unsigned i = 0; i < type->count; i++) {
        uint64_t more = size_of_member(&type->members[i]);

        if (!shared)
            size += more;
        else if (more > size)
            size = more;
    }
    return shared ? 8 + size : size;
}

/* Each rule may hold the one before it twice: a few lines would make more than any memory holds. */
static void check_sizes(struct cddl_schema *schema)
{
    for (struct cddl_type *type = schema->definitions; type != NULL; type = type->then) {
        type->size = size_of(type);
        if (type->size <= CDDL_MAX_VALUE)
            continue;
        cddl_problem(schema->source, type->span,
                     "a value of this takes more than %d bytes in C: hold parts of it in lists",
                     CDDL_MAX_VALUE);
        type->size = 0; /* one problem is enough for all that hold it */
    }
}

void cddl_lay_out(struct cddl_schema *schema)
{
    drop_unused_types(schema);
    clear_marks(schema);
    for (struct cddl_type *type = schema->types; type != NULL; type = type->next)
        if (type->mark == UNSEEN)
            box_members(type);
    find_circular_sequences(schema);
    order_definitions(schema);
    check_sizes(schema);
}
