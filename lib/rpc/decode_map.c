/* SPDX-License-Identifier: MIT */
/*
 * Decoding maps from text to values of one type: keys in any order, each of them once. In memory
 * the entries are sorted.
 */
#include "rpc/decoding.h"
#include "rpc/map.h"
#include "rpc/sort.h"

/* ---- Sorting --------------------------------------------------------------------------------- */

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

/* Not inline, so that the maps around this one need no stack for it. */
static __attribute__((noinline)) bool sort_entries(struct valve_decoding *decoding,
                                                   const struct valve_elements *elements)
{
    struct valve_sort sort = {is_less, swap, elements->items, elements->type};

    valve_sort(&sort, elements->count);
    for (size_t i = 1; i < elements->count; i++) {
        const struct valve_text *key = valve_map_key(elements->type, elements->items, i);

        if (!is_less(&sort, i - 1, i)) {
            valve_decoding_refuse(decoding, (const uint8_t *)key->data, "the key comes twice");
            valve_decoding_in_entry(decoding, key);
            return false;
        }
    }
    return true;
}

static bool is_ascending(const struct valve_elements *elements)
{
    const struct valve_type *entry = elements->type;
    size_t last = elements->count - 1;

    return last == 0 || valve_key_compare(valve_map_key(entry, elements->items, last - 1),
                                          valve_map_key(entry, elements->items, last)) < 0;
}

/* ---- Decoding -------------------------------------------------------------------------------- */

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
    return next != NULL ? next : valve_decoding_in_entry(decoding, name);
}

const uint8_t *valve_decode_map(struct valve_decoding *decoding, const struct valve_type *type,
                                void *value, const uint8_t *next)
{
    struct valve_elements entries = {.type = valve_map_entry(type)};
    const struct valve_member *pair = entries.type->members;
    struct valve_remainder remainder;
    const uint8_t *place = next;
    bool ascending = true;

    next = valve_enter(decoding, type, VALVE_MAJOR_MAP, next, &remainder);
    if (next == NULL ||
        !valve_elements_begin(decoding, &entries, &remainder,
                              (size_t)pair[0].type->least + pair[1].type->least, place, next))
        return NULL;
    while (valve_comes_more(&remainder, &next, decoding->end)) {
        void *entry = valve_elements_add(decoding, &entries, next);

        if (entry == NULL)
            return NULL;
        next = decode_entry(decoding, entries.type, entry, next);
        if (next == NULL)
            return NULL;
        ascending = ascending && is_ascending(&entries);
    }
    if (!ascending && !sort_entries(decoding, &entries))
        return NULL;
    valve_elements_end(decoding, &entries, value);
    return valve_leave(decoding, next);
}
