/* SPDX-License-Identifier: MIT */
/*
 * Decoding maps with text keys into C structs: keys in any order, each of them once.
 */
#include <stdlib.h>
#include <string.h>

#include "rpc/decoding.h"

#define FEW_KEYS     16 /* unknown keys that are compared without memory of the arena */
#define WORD_MEMBERS 64 /* members of a struct that one word can mark as seen */

/* Which members of a struct have come, and how many keys that are none. */
struct progress {
    uint64_t first;  /* marks, where one word is enough */
    uint64_t *marks; /* a bit for each member */
    uint32_t next;   /* the member that is likely to come next */
    size_t unknown;
};

static bool is_marked(const struct progress *progress, uint32_t index)
{
    return (progress->marks[index / WORD_MEMBERS] >> index % WORD_MEMBERS & 1) != 0;
}

static void mark(struct progress *progress, uint32_t index)
{
    progress->marks[index / WORD_MEMBERS] |= UINT64_C(1) << index % WORD_MEMBERS;
}

static int begin_progress(struct valve_decoding *decoding, const struct valve_type *type,
                          struct progress *progress)
{
    size_t size = (type->count / WORD_MEMBERS + 1) * sizeof *progress->marks;

    *progress = (struct progress){.marks = &progress->first};
    if (type->count <= WORD_MEMBERS)
        return 0;
    progress->marks = valve_arena_alloc(decoding->arena, size, _Alignof(uint64_t));
    if (progress->marks == NULL)
        return valve_refuse_memory(decoding);
    memset(progress->marks, 0, size);
    return 0;
}

static int decode_pair(struct valve_decoding *decoding, const struct valve_type *type, void *value,
                       struct progress *progress)
{
    const struct valve_member *member;
    struct valve_text key;
    uint32_t index;
    int r = valve_take_key(decoding, &key);

    if (r < 0)
        return r;
    index = valve_find_member(type, &key, progress->next);
    if (index == type->count) {
        if ((type->flags & VALVE_TYPE_OPEN) == 0)
            return valve_refuse_name(decoding, "unknown key", &key, "");
        progress->unknown++;
        valve_cursor_skip(&decoding->cursor);
        return 0;
    }
    if (is_marked(progress, index))
        return valve_refuse_name(decoding, "key", &key, " comes twice");
    mark(progress, index);
    progress->next = index + 1;
    member = &type->members[index];
    if ((member->flags & VALVE_MEMBER_OPTIONAL) != 0)
        *(bool *)((uint8_t *)value + member->presence) = true;
    return valve_decode_member(decoding, member, index, value);
}

static int check_presence(struct valve_decoding *decoding, const struct valve_type *type,
                          const struct progress *progress)
{
    for (uint32_t i = 0; i < type->count; i++) {
        const struct valve_member *member = &type->members[i];

        if ((member->flags & VALVE_MEMBER_OPTIONAL) == 0 && !is_marked(progress, i))
            return valve_refuse(decoding, "key \"%.*s\" is missing", (int)member->name_size,
                                member->name);
    }
    return 0;
}

static int compare_keys(const void *left_key, const void *right_key)
{
    const struct valve_text *left = left_key, *right = right_key;

    if (left->size != right->size)
        return left->size < right->size ? -1 : 1;
    return memcmp(left->data, right->data, left->size);
}

/* Refuses a key that comes twice among those that are no member; `pairs` is where they begin. */
static int check_unknown_keys(struct valve_decoding *decoding, const struct valve_type *type,
                              struct valve_cursor pairs, struct valve_remainder remainder,
                              size_t count)
{
    struct valve_text few[FEW_KEYS], *keys = few;
    struct valve_head head;
    const uint8_t *data;
    size_t found = 0;

    if (count > FEW_KEYS)
        keys = valve_arena_alloc(decoding->arena, count * sizeof *keys,
                                 _Alignof(struct valve_text));
    if (keys == NULL)
        return valve_refuse_memory(decoding);
    while (found < count && valve_cursor_more(&pairs, &remainder)) {
        if (valve_cursor_head(&pairs, &head) < 0 ||
            valve_cursor_body(&pairs, head.argument, &data) < 0)
            break;
        keys[found] = (struct valve_text){(const char *)data, (size_t)head.argument};
        found += valve_find_member(type, &keys[found], 0) == type->count;
        valve_cursor_skip(&pairs);
    }
    qsort(keys, found, sizeof *keys, compare_keys);
    for (size_t i = 1; i < found; i++) {
        if (compare_keys(&keys[i - 1], &keys[i]) == 0)
            return valve_refuse_name(decoding, "key", &keys[i], " comes twice");
    }
    return 0;
}

int valve_decode_struct(struct valve_decoding *decoding, const struct valve_type *type, void *value)
{
    struct valve_remainder remainder;
    struct valve_cursor pairs;
    struct progress progress;
    struct valve_head head;
    int r = valve_take_head(decoding, &head);

    if (r < 0)
        return r;
    if (head.major != VALVE_MAJOR_MAP)
        return valve_refuse_head(decoding, type->name, &head);
    r = begin_progress(decoding, type, &progress);
    pairs = decoding->cursor;
    remainder = valve_remainder(&head);
    while (r == 0 && valve_cursor_more(&decoding->cursor, &remainder))
        r = decode_pair(decoding, type, value, &progress);
    if (r == 0)
        r = check_presence(decoding, type, &progress);
    if (r == 0 && progress.unknown > 1)
        r = check_unknown_keys(decoding, type, pairs, valve_remainder(&head), progress.unknown);
    return r;
}
