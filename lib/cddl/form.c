/* SPDX-License-Identifier: MIT */
/*
 * From types to forms: choices are united, and what only C or people know of is left behind.
 */
#include "cddl/form.h"

#include <stdlib.h>
#include <string.h>

struct finder {
    struct cddl_pool *pool;
    struct cddl_forms *forms;
    struct cddl_form **of_types;      /* by the types' numbers */
    const struct cddl_type **sources; /* by the forms' numbers */
    unsigned tables;
};

/* The form of a type. It is filled when its turn comes. */
static struct cddl_form *form_of(struct finder *finder, const struct cddl_type *type)
{
    struct cddl_form **place = &finder->of_types[type->number], *form = *place;

    if (form != NULL)
        return form;
    form = cddl_pool_alloc(finder->pool, 1, sizeof(*form));
    form->span = type->span;
    form->number = finder->forms->count++;
    form->table_number = type->is_table ? ++finder->tables : 0;
    finder->sources[form->number] = type;
    *finder->forms->place = form;
    finder->forms->place = &form->next;
    *place = form;
    return form;
}

/* ---- Filling: all parts of a type, with types for the forms to come ---- */

static void add_part(struct finder *finder, struct cddl_parts *parts, unsigned room,
                     const struct cddl_member *member)
{
    if (parts->list == NULL)
        parts->list = cddl_pool_alloc(finder->pool, room, sizeof(*parts->list));
    parts->list[parts->count++] = (struct cddl_part){
        .name = member->name,
        .type = member->type,
        .span = member->span,
        .optional = member->optional,
    };
}

static int by_name(const void *left, const void *right)
{
    const struct cddl_part *a = left, *b = right;

    return strcmp(a->name, b->name);
}

static void sort_parts(struct cddl_parts *parts)
{
    if (parts->count > 1)
        qsort(parts->list, parts->count, sizeof(*parts->list), by_name);
}

static void fill_struct(struct finder *finder, struct cddl_form *form, const struct cddl_type *type)
{
    form->pairs = CDDL_PAIRS_STRUCT;
    form->open = type->open;
    for (unsigned i = 0; i < type->count; i++)
        add_part(finder, &form->keys, type->count, &type->members[i]);
    sort_parts(&form->keys);
}

static void fill_sum(struct finder *finder, struct cddl_form *form, const struct cddl_type *type)
{
    for (unsigned i = 0; i < type->count; i++) {
        const struct cddl_member *member = &type->members[i];
        struct cddl_parts *parts = member->type == NULL ? &form->units : &form->keys;

        if (member->type != NULL)
            form->pairs = CDDL_PAIRS_VARIANT;
        add_part(finder, parts, type->count, member);
    }
    sort_parts(&form->units);
    sort_parts(&form->keys);
}

static void fill_array(struct finder *finder, struct cddl_form *form, const struct cddl_type *type)
{
    form->array = type->shape == CDDL_LIST ? CDDL_ARRAY_LIST : CDDL_ARRAY_TUPLE;
    for (unsigned i = 0; i < type->count; i++) {
        add_part(finder, &form->elements, type->count, &type->members[i]);
        if (type->shape == CDDL_LIST || type->members[i].nameless)
            form->elements.list[i].name = NULL;
    }
}

static void fill_map(struct finder *finder, struct cddl_form *form, const struct cddl_type *type)
{
    const struct cddl_type *pair = type->members[0].type;

    form->pairs = CDDL_PAIRS_MAP;
    for (unsigned i = 0; i < pair->count; i++)
        add_part(finder, &form->keys, pair->count, &pair->members[i]);
}

static void fill_natural(struct cddl_form *form, const struct cddl_type *type)
{
    form->natural = (struct cddl_range){true, type->low, type->high};
    if (type->table != NULL)
        form->table = (struct cddl_part){
            .name = type->table->name, .type = type->table, .span = type->span};
}

/* An int reaches below 0: its negative part counts away from there. */
static void fill_integer(struct cddl_form *form, const struct cddl_type *type)
{
    int64_t high = (int64_t)type->high;

    if (high >= 0)
        form->natural = (struct cddl_range){true, 0, type->high};
    form->negative = (struct cddl_range){true, high >= 0 ? 0 : ~type->high, ~type->low};
}

static void fill(struct finder *finder, struct cddl_form *form, const struct cddl_type *type)
{
    switch (type->shape) {
    case CDDL_UINT:
        fill_natural(form, type);
        break;
    case CDDL_INT:
        fill_integer(form, type);
        break;
    case CDDL_BOOL:
        form->boolean = true;
        break;
    case CDDL_FLOAT:
        form->floating = true;
        break;
    case CDDL_TEXT:
        form->text = (struct cddl_range){true, type->low, type->high};
        break;
    case CDDL_BYTES:
        form->bytes = (struct cddl_range){true, type->low, type->high};
        break;
    case CDDL_ANYTHING:
        form->anything = true;
        break;
    case CDDL_NIL:
        form->nil = true;
        break;
    case CDDL_STRUCT:
        fill_struct(finder, form, type);
        break;
    case CDDL_TUPLE:
    case CDDL_LIST:
        fill_array(finder, form, type);
        break;
    case CDDL_MAP:
        fill_map(finder, form, type);
        break;
    case CDDL_SUM:
        fill_sum(finder, form, type);
        break;
    case CDDL_CHOICE:
        for (unsigned i = 0; i < type->count; i++)
            fill(finder, form, type->members[i].type);
        break;
    }
}

/* ---- Discovery: in an order that does not depend on how a schema is laid out ---- */

static void lead_on(struct finder *finder, struct cddl_parts *parts)
{
    for (unsigned i = 0; i < parts->count; i++)
        parts->list[i].form = form_of(finder, parts->list[i].type);
}

static void find_all(struct finder *finder)
{
    for (struct cddl_form *form = finder->forms->first; form != NULL; form = form->next) {
        fill(finder, form, finder->sources[form->number]);
        if (form->table.type != NULL)
            form->table.form = form_of(finder, form->table.type);
        lead_on(finder, &form->elements);
        lead_on(finder, &form->keys);
    }
}

static int by_variant(const void *left, const void *right)
{
    const struct cddl_call *a = left, *b = right;

    return strcmp(a->method->variant, b->method->variant);
}

static void find_calls(struct finder *finder, const struct cddl_schema *schema)
{
    struct cddl_forms *forms = finder->forms;
    const struct cddl_method *method;

    for (method = schema->methods; method != NULL; method = method->next)
        forms->call_count++;
    forms->calls = cddl_pool_alloc(finder->pool, forms->call_count, sizeof(*forms->calls));
    forms->call_count = 0;
    for (method = schema->methods; method != NULL; method = method->next)
        forms->calls[forms->call_count++].method = method;
    qsort(forms->calls, forms->call_count, sizeof(*forms->calls), by_variant);
    for (unsigned i = 0; i < forms->call_count; i++) {
        struct cddl_call *call = &forms->calls[i];

        method = call->method;
        call->request = method->request == NULL ? NULL : form_of(finder, method->request);
        call->item = method->item == NULL ? NULL : form_of(finder, method->item);
        call->reply = method->one_way ? NULL : form_of(finder, method->reply);
    }
}

void cddl_find_forms(const struct cddl_schema *schema, struct cddl_forms *ret_forms)
{
    struct cddl_pool *pool = schema->source->pool;
    struct finder finder = {
        .pool = pool,
        .forms = ret_forms,
        .of_types = cddl_pool_alloc(pool, schema->type_count + 1, sizeof(struct cddl_form *)),
        .sources = cddl_pool_alloc(pool, schema->type_count, sizeof(struct cddl_type *)),
    };

    *ret_forms = (struct cddl_forms){.source = schema->source};
    ret_forms->place = &ret_forms->first;
    find_calls(&finder, schema);
    find_all(&finder);
}
