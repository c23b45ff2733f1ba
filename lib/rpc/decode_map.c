/* SPDX-License-Identifier: MIT */
/*
 * Decoding maps from text to values of one type: keys in any order, each of them once. In memory
 * the entries are sorted.
 */
#include "rpc/decoding.h"
#include "rpc/map.h"
#include "rpc/sort.h"
#include "rpc/value.h"

/* ---- Sorting -------------------------------------------------------------------------------- */

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

static int refuse_twice(struct valve_decoding *decoding, const struct valve_text *key)
{
    struct valve_step step = {decoding->path, key->data, key->size, 0};
    int r;

    decoding->path = &step;
    r = valve_refuse(decoding, "the key comes twice");
    decoding->path = step.outer;
    return r;
}

static int sort_entries(struct valve_decoding *decoding, const struct valve_sort *sort,
                        size_t count)
{
    valve_sort(sort, count);
    for (size_t i = 1; i < count; i++) {
        if (!is_less(sort, i - 1, i))
            return refuse_twice(decoding, valve_map_key(sort->context, sort->items, i));
    }
    return 0;
}

/* ---- Decoding ------------------------------------------------------------------------------- */

static int decode_entry(struct valve_decoding *decoding, const struct valve_type *type, void *entry)
{
    const struct valve_member *key = &type->members[0], *value = &type->members[1];
    struct valve_text *name = (void *)((uint8_t *)entry + key->offset);
    struct valve_member named = *value;
    struct valve_head head;
    int r;

    if (valve_cursor_peek(&decoding->cursor, &head) < 0)
        return valve_refuse(decoding, "not well-formed");
    if (head.major != VALVE_MAJOR_TEXT || head.indefinite)
        return valve_refuse_head(decoding, "text as key", &head);
    r = valve_decode_text(decoding, key->type, name);
    if (r < 0)
        return r;
    named.name = name->data;
    named.name_size = (uint32_t)name->size;
    return valve_decode_member(decoding, &named, 0, entry);
}

static int decode_entries(struct valve_decoding *decoding, const struct valve_type *type,
                          uint8_t *items, size_t count)
{
    struct valve_sort sort = {is_less, swap, items, type};
    bool ascending = true;
    int r = 0;

    for (size_t i = 0; i < count; i++) {
        r = decode_entry(decoding, type, items + i * type->size);
        if (r < 0)
            return r;
        ascending = ascending && (i == 0 || is_less(&sort, i - 1, i));
    }
    return ascending ? 0 : sort_entries(decoding, &sort, count);
}

int valve_decode_map(struct valve_decoding *decoding, const struct valve_type *type, void *value)
{
    const struct valve_type *entry = valve_map_entry(type);
    size_t least = entry->members[0].type->least + entry->members[1].type->least;
    struct valve_remainder end = {.indefinite = true};
    struct valve_list list = {0};
    struct valve_head head;
    void *memory = NULL;
    int r = valve_take_head(decoding, &head);

    if (r < 0)
        return r;
    if (head.major != VALVE_MAJOR_MAP)
        return valve_refuse_head(decoding, type->name, &head);
    r = valve_count_items(decoding, &head, entry, least, &list.count);
    if (r == 0 && list.count > 0)
        r = valve_take_memory(decoding, entry, list.count, &memory);
    if (r == 0)
        r = decode_entries(decoding, entry, memory, list.count);
    if (r < 0)
        return r;
    if (head.indefinite && valve_cursor_more(&decoding->cursor, &end))
        return valve_refuse(decoding, "not well-formed");
    list.items = memory;
    memcpy(value, &list, sizeof list);
    return 0;
}
