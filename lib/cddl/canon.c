/* SPDX-License-Identifier: MIT */
/*
 * Equal forms become one, all that are left get numbers, and each is written in one line.
 */
#include "cddl/canon.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int order_of(unsigned left, unsigned right)
{
    return (left > right) - (left < right);
}

/* ---- Equal forms: classes are split until their members' parts are of the same classes --- */

static int compare_classes(const struct cddl_parts *left, const struct cddl_parts *right)
{
    int order = 0;

    for (unsigned i = 0; order == 0 && i < left->count; i++)
        order = order_of(left->list[i].form->class, right->list[i].form->class);
    return order;
}

static int by_form(const void *left, const void *right)
{
    return cddl_compare_forms(*(const struct cddl_form *const *)left,
                              *(const struct cddl_form *const *)right);
}

/* Forms of one class have as many parts as each other. */
static int by_classes(const void *left, const void *right)
{
    const struct cddl_form *a = *(const struct cddl_form *const *)left;
    const struct cddl_form *b = *(const struct cddl_form *const *)right;
    int order = order_of(a->class, b->class);

    if (order == 0 && a->table.form != NULL)
        order = order_of(a->table.form->class, b->table.form->class);
    if (order == 0)
        order = compare_classes(&a->elements, &b->elements);
    return order != 0 ? order : compare_classes(&a->keys, &b->keys);
}

/* Gives classes in the order that sorting makes. Returns their number. */
static unsigned classify(struct cddl_form **forms, unsigned count,
                         int (*compare)(const void *, const void *))
{
    unsigned class = 0;

    if (count == 0)
        return 0;
    qsort(forms, count, sizeof(struct cddl_form *), compare);
    for (unsigned i = 0; i < count; i++) {
        if (i > 0 && compare(&forms[i - 1], &forms[i]) != 0)
            class ++;
        forms[i]->next_class = class;
    }
    for (unsigned i = 0; i < count; i++)
        forms[i]->class = forms[i]->next_class;
    return class + 1;
}

static void find_classes(const struct cddl_forms *forms)
{
    struct cddl_form **all = cddl_pool_alloc(forms->source->pool, forms->count,
                                             sizeof(struct cddl_form *));
    unsigned classes, last;

    for (struct cddl_form *form = forms->first; form != NULL; form = form->next)
        all[form->number] = form;
    classes = classify(all, forms->count, by_form);
    do {
        last = classes;
        classes = classify(all, forms->count, by_classes);
    } while (classes > last);
}

/* ---- The text ---- */

struct canon {
    struct cddl_pool *pool;
    char *text;
    size_t size, capacity;
    unsigned *numbers; /* of classes, in the order of discovery, from 1 */
};

static void put(struct canon *canon, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct canon *canon, const char *format, ...)
{
    va_list list;
    char *piece;
    size_t size;

    va_start(list, format);
    piece = cddl_pool_print_list(canon->pool, format, list);
    va_end(list);
    size = strlen(piece);
    if (canon->capacity - canon->size <= size) {
        char *text;

        canon->capacity = 2 * (canon->capacity + size) + 1024;
        text = cddl_pool_alloc(canon->pool, canon->capacity, 1);
        if (canon->size > 0)
            memcpy(text, canon->text, canon->size);
        canon->text = text;
    }
    memcpy(canon->text + canon->size, piece, size);
    canon->size += size;
}

static unsigned number_of(const struct canon *canon, const struct cddl_form *form)
{
    return canon->numbers[form->class];
}

static void put_range(struct canon *canon, const char *what, const struct cddl_range *range)
{
    if (range->present)
        put(canon, " %s %" PRIu64 "..%" PRIu64, what, range->low, range->high);
}

static void put_scalars(struct canon *canon, const struct cddl_form *form)
{
    if (form->anything)
        put(canon, " any");
    if (form->nil)
        put(canon, " nil");
    if (form->boolean)
        put(canon, " bool");
    if (form->floating)
        put(canon, " float");
    put_range(canon, "uint", &form->natural);
    if (form->table.form != NULL)
        put(canon, " in %u", number_of(canon, form->table.form));
    put_range(canon, "nint", &form->negative);
    put_range(canon, "text", &form->text);
    put_range(canon, "bytes", &form->bytes);
}

static void put_elements(struct canon *canon, const struct cddl_form *form)
{
    put(canon, form->array == CDDL_ARRAY_LIST ? " [*" : " [");
    for (unsigned i = 0; i < form->elements.count; i++)
        put(canon, " %u", number_of(canon, form->elements.list[i].form));
    put(canon, " ]");
    if (form->table_number > 0)
        put(canon, " table %u", form->table_number);
}

static void put_keys(struct canon *canon, const struct cddl_form *form)
{
    static const char *const kinds[] = {
        [CDDL_PAIRS_VARIANT] = "variant", [CDDL_PAIRS_STRUCT] = "struct", [CDDL_PAIRS_MAP] = "map"};

    put(canon, " %s {", kinds[cddl_effective_pairs(form)]);
    for (unsigned i = 0; i < form->keys.count; i++) {
        const struct cddl_part *part = &form->keys.list[i];

        put(canon, " %s\"%s\" %u", part->optional ? "? " : "", part->name,
            number_of(canon, part->form));
    }
    put(canon, form->open ? " * }" : " }");
}

static void put_form(struct canon *canon, const struct cddl_form *form)
{
    put(canon, "%u", number_of(canon, form));
    put_scalars(canon, form);
    for (unsigned i = 0; i < form->units.count; i++)
        put(canon, " \"%s\"", form->units.list[i].name);
    if (form->array != CDDL_NO_ARRAY)
        put_elements(canon, form);
    if (form->pairs != CDDL_NO_PAIRS)
        put_keys(canon, form);
    put(canon, "\n");
}

static void put_call(struct canon *canon, const struct cddl_call *call)
{
    put(canon, "\"%s\"", call->method->variant);
    if (call->request != NULL)
        put(canon, " %u", number_of(canon, call->request));
    if (call->item != NULL)
        put(canon, " * %u", number_of(canon, call->item));
    if (call->reply != NULL)
        put(canon, " => %u", number_of(canon, call->reply));
    put(canon, "\n");
}

/* Numbers the classes as they are discovered. A class is written where it is. */
static void number_classes(struct canon *canon, const struct cddl_forms *forms)
{
    unsigned count = 0;

    canon->numbers = cddl_pool_alloc(canon->pool, forms->count, sizeof(*canon->numbers));
    for (const struct cddl_form *form = forms->first; form != NULL; form = form->next)
        if (canon->numbers[form->class] == 0)
            canon->numbers[form->class] = ++count;
}

const char *cddl_canonical_text(const struct cddl_schema *schema)
{
    struct canon canon = {.pool = schema->source->pool};
    struct cddl_forms forms;
    unsigned written = 0;

    cddl_find_forms(schema, &forms);
    find_classes(&forms);
    number_classes(&canon, &forms);
    for (unsigned i = 0; i < forms.call_count; i++)
        put_call(&canon, &forms.calls[i]);
    for (const struct cddl_form *form = forms.first; form != NULL; form = form->next)
        if (number_of(&canon, form) == written + 1) {
            put_form(&canon, form);
            written++;
        }
    put(&canon, "%s", "");
    return canon.text;
}
