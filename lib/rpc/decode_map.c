/* SPDX-License-Identifier: MIT */
/*
 * Decoding maps from text to values of one type: keys in any order, each of them once. In memory
 * the entries are sorted.
 */
#include "rpc/decoding.h"
#include "rpc/map.h"
#include "rpc/sort.h"

/* ---- Sorting ---------------------------------------------------------------------------------- */

static bool is_less(const struct valve_sort *sort, size_t left, size_t right)
{
    return valve_key_compare(valve_map_key(sort->context, sort->items, left),
                             valve_map_key(sort->context, sort->items, right)) < 0;
}

static void swap(const struct valve_sort *sort, size_t left, size_t right)
{
    const struct valve_type *entry = sort->context;
    uint8_t *a = (uint8_t *)sort->items + left * entry->size;
    uint8_t *b = (uint8_t *)sort->items + right * entry->size;

    for (size_t i = 0; i < entry->size; i++) {
        uint8_t byte = a[i];

        a[i] = b[i];
        b[i] = byte;
    }
}

/* What was refused is the entry of this key. */
static void in_entry(struct valve_decoding *decoding, const struct valve_text *key)
{
    valve_refusal_step(&decoding->refusal, (struct valve_step){key->data, key->size, 0});
}

static bool sort_entries(struct valve_decoding *decoding, const struct valve_elements *elements)
{
    struct valve_sort sort = {is_less, swap, elements->items, elements->type};

    valve_sort(&sort, elements->count);
    for (size_t i = 1; i < elements->count; i++) {
        const struct valve_text *key = valve_map_key(elements->type, elements->items, i);

        if (!is_less(&sort, i - 1, i)) {
            valve_decoding_refuse(decoding, (const uint8_t *)key->data, "the key comes twice");
            in_entry(decoding, key);
            return false;
        }
    }
    return true;
}

static bool is_ascending(const struct valve_elements *elements)
{
    struct valve_sort sort = {is_less, swap, elements->items, elements->type};

    return elements->count < 2 || is_less(&sort, elements->count - 2, elements->count - 1);
}

/* ---- Decoding --------------------------------------------------------------------------------- */

static const uint8_t *decode_entry(struct valve_decoding *decoding, const struct valve_type *type,
                                   void *entry, const uint8_t *next)
{
    const struct valve_member *key = &type->members[0], *value = &type->members[1];
    struct valve_text *name = (void *)((uint8_t *)entry + key->offset);

    if (next < decoding->end && *next >> 5 != VALVE_MAJOR_TEXT)
        return valve_decoding_refuse_head(decoding, next, "text as key");
    next = valve_decode_value(decoding, key->type, name, next);
    if (next == NULL)
        return NULL;
    next = valve_decode_member(decoding, value, entry, next);
    if (next == NULL)
        in_entry(decoding, name);
    return next;
}

static const uint8_t *decode_entries(struct valve_decoding *decoding,
                                     struct valve_elements *elements, const struct valve_head *head,
                                     const uint8_t *next)
{
    struct valve_remainder remainder = valve_remainder(head);
    bool ascending = true;

    while (valve_comes_more(&remainder, &next, decoding->end)) {
        void *entry = valve_elements_add(decoding, elements, next);

        if (entry == NULL)
            return NULL;
        next = decode_entry(decoding, elements->type, entry, next);
        if (next == NULL)
            return NULL;
        ascending = ascending && is_ascending(elements);
    }
    return ascending || sort_entries(decoding, elements) ? next : NULL;
}

const uint8_t *valve_decode_map(struct valve_decoding *decoding, const struct valve_type *type,
                                void *value, const uint8_t *next)
{
    struct valve_elements elements = {.type = valve_map_entry(type)};
    const struct valve_member *pair = elements.type->members;
    struct valve_head head;

    if (valve_take_head(decoding, next, &head) == NULL || head.major != VALVE_MAJOR_MAP)
        return valve_decoding_refuse_head(decoding, next, type->name);
    if (decoding->levels == 0)
        return valve_decoding_refuse_depth(decoding, next);
    next = valve_elements_begin(decoding, &elements, next, &head,
                                (size_t)pair[0].type->least + pair[1].type->least);
    if (next == NULL)
        return NULL;
    decoding->levels--;
    next = decode_entries(decoding, &elements, &head, next);
    decoding->levels++;
    if (next != NULL)
        valve_elements_end(decoding, &elements, value);
    return next;
}
