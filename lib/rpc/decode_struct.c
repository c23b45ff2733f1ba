/* SPDX-License-Identifier: MIT */
/*
 * Decoding maps with text keys into C structs: keys in any order, each of them once.
 */
#include "rpc/decoding.h"
#include "rpc/map.h"
#include "rpc/sort.h"
#include "rpc/utf8.h"

#define WORD_MEMBERS 64 /* members that one word can mark as seen */

/* Which members of a struct have come, and which keys that are none. */
struct progress {
    uint64_t first;  /* marks, where one word is enough */
    uint64_t *marks; /* a bit for each member */
    uint32_t next;   /* the member that is likely to come next */
    uint32_t seen;   /* members that came */
    struct valve_elements unknown;
};

/* The keys that are no member, in memory while the struct is decoded. */
static const struct valve_type key_type = {
    .size = sizeof(struct valve_text),
    .alignment = _Alignof(struct valve_text),
};

/* Marks a member as seen; false if it was. */
static bool mark(struct progress *progress, uint32_t index)
{
    uint64_t *word = &progress->marks[index / WORD_MEMBERS];
    uint64_t bit = UINT64_C(1) << index % WORD_MEMBERS;

    if ((*word & bit) != 0)
        return false;
    *word |= bit;
    progress->seen++;
    progress->next = index + 1;
    return true;
}

static bool is_marked(const struct progress *progress, uint32_t index)
{
    return (progress->marks[index / WORD_MEMBERS] >> index % WORD_MEMBERS & 1) != 0;
}

static bool begin_progress(struct valve_decoding *decoding, const struct valve_type *type,
                           struct progress *progress)
{
    size_t size = (type->count / WORD_MEMBERS + 1) * sizeof *progress->marks;

    *progress = (struct progress){.marks = &progress->first, .unknown = {.type = &key_type}};
    if (type->count <= WORD_MEMBERS)
        return true;
    progress->marks = valve_arena_take(decoding->arena, size, _Alignof(uint64_t));
    if (progress->marks == NULL)
        return false;
    memset(progress->marks, 0, size);
    return true;
}

/* ---- Keys that the type does not know -------------------------------------------------------- */

/* Skips the value of such a key and remembers the key. */
static __attribute__((noinline)) const uint8_t *
skip_pair(struct valve_decoding *decoding, const struct valve_type *type, struct progress *progress,
          const struct valve_text *key, const uint8_t *next)
{
    const uint8_t *place = (const uint8_t *)key->data;
    struct valve_text *memory;

    if (!valve_utf8_valid(key->data, key->size))
        return valve_decoding_refuse(decoding, place, "text that is not UTF-8");
    if ((type->flags & VALVE_TYPE_OPEN) == 0)
        return valve_decoding_refuse_name(decoding, place, "unknown key", key, "");
    memory = valve_elements_add(decoding, &progress->unknown, place);
    if (memory == NULL)
        return NULL;
    *memory = *key;
    return valve_decoding_skip(decoding, next);
}

static bool is_less(const struct valve_sort *sort, size_t left, size_t right)
{
    const struct valve_text *keys = sort->items;

    return valve_key_compare(&keys[left], &keys[right]) < 0;
}

static void swap(const struct valve_sort *sort, size_t left, size_t right)
{
    struct valve_text *keys = sort->items;
    struct valve_text key = keys[left];

    keys[left] = keys[right];
    keys[right] = key;
}

/* Refuses a key that comes twice among them. Not inline, for the sake of the stack. */
static __attribute__((noinline)) bool check_unknown(struct valve_decoding *decoding,
                                                    const struct progress *progress)
{
    struct valve_sort sort = {is_less, swap, progress->unknown.items, NULL};
    const struct valve_text *keys = sort.items;

    valve_sort(&sort, progress->unknown.count);
    for (size_t i = 1; i < progress->unknown.count; i++) {
        if (!is_less(&sort, i - 1, i)) {
            valve_decoding_refuse_name(decoding, (const uint8_t *)keys[i].data, "key", &keys[i],
                                       " comes twice");
            return false;
        }
    }
    return true;
}

/* ---- Members --------------------------------------------------------------------------------- */

static VALVE_COLD const uint8_t *refuse_member(struct valve_decoding *decoding,
                                               const uint8_t *place,
                                               const struct valve_member *member, const char *words)
{
    struct valve_text key = {member->name, member->name_size};

    return valve_decoding_refuse_name(decoding, place, "key", &key, words);
}

/* Whether the key of this member stands here, with a head of one byte. */
static bool is_key(const struct valve_decoding *decoding, const struct valve_member *member,
                   const uint8_t *next)
{
    return member->name_size < VALVE_INFO_1_BYTE &&
           member->name_size < valve_decoding_left(decoding, next) &&
           *next == (VALVE_MAJOR_TEXT << 5 | member->name_size) &&
           valve_same(member->name, (const char *)next + 1, member->name_size);
}

/* The member of this name, sought from `first` on and then from the start; or type->count. */
static uint32_t find_member(const struct valve_type *type, const struct valve_text *name,
                            uint32_t first)
{
    for (uint32_t i = first; i < type->count; i++) {
        if (valve_is_named(&type->members[i], name))
            return i;
    }
    for (uint32_t i = 0; i < first; i++) {
        if (valve_is_named(&type->members[i], name))
            return i;
    }
    return type->count;
}

/*
 * Takes a key that was not expected, or not in this form, and says which member it is; if it is
 * none, its value is skipped, and *ret_index is type->count. Not inline, to save stack.
 */
static __attribute__((noinline)) const uint8_t *
take_other_key(struct valve_decoding *decoding, const struct valve_type *type,
               struct progress *progress, const uint8_t *next, uint32_t *ret_index)
{
    struct valve_text key;

    next = valve_take_key(decoding, next, &key);
    if (next == NULL)
        return NULL;
    *ret_index = find_member(type, &key, progress->next);
    return *ret_index < type->count ? next : skip_pair(decoding, type, progress, &key, next);
}

static const uint8_t *decode_pair(struct valve_decoding *decoding, const struct valve_type *type,
                                  void *value, struct progress *progress, const uint8_t *next)
{
    uint32_t index = progress->next;
    const struct valve_member *member = &type->members[index];
    const uint8_t *place = next;

    if (index < type->count && is_key(decoding, member, next)) {
        next += 1 + member->name_size;
    } else {
        next = take_other_key(decoding, type, progress, next, &index);
        if (next == NULL || index == type->count)
            return next;
        member = &type->members[index];
    }
    if (!mark(progress, index))
        return refuse_member(decoding, place, member, " comes twice");
    if ((member->flags & VALVE_MEMBER_OPTIONAL) != 0)
        *(bool *)((uint8_t *)value + member->presence) = true;
    next = valve_decode_member(decoding, member, value, next);
    return next != NULL ? next : valve_decoding_in_member(decoding, member, index);
}

/* Says of members that did not come that they are absent. */
static __attribute__((noinline)) bool complete(struct valve_decoding *decoding,
                                               const struct valve_type *type, void *value,
                                               const struct progress *progress,
                                               const uint8_t *place)
{
    for (uint32_t i = 0; i < type->count; i++) {
        const struct valve_member *member = &type->members[i];
        bool is_boxed = (member->flags & VALVE_MEMBER_BOXED) != 0;

        if (is_marked(progress, i))
            continue;
        if ((member->flags & VALVE_MEMBER_OPTIONAL) == 0) {
            refuse_member(decoding, place, member, " is missing");
            return false;
        }
        *(bool *)((uint8_t *)value + member->presence) = false;
        memset((uint8_t *)value + member->offset, 0, is_boxed ? sizeof value : member->type->size);
    }
    return true;
}

const uint8_t *valve_decode_struct(struct valve_decoding *decoding, const struct valve_type *type,
                                   void *value, const uint8_t *next)
{
    struct valve_remainder remainder;
    const uint8_t *place = next;
    struct progress progress;

    next = valve_enter(decoding, type, VALVE_MAJOR_MAP, next, &remainder);
    if (next == NULL)
        return NULL;
    if (!begin_progress(decoding, type, &progress))
        return valve_decoding_refuse_memory(decoding, place);
    while (valve_comes_more(&remainder, &next, decoding->end)) {
        next = decode_pair(decoding, type, value, &progress, next);
        if (next == NULL)
            return NULL;
    }
    if (progress.seen < type->count && !complete(decoding, type, value, &progress, place))
        return NULL;
    if (progress.unknown.count > 1 && !check_unknown(decoding, &progress))
        return NULL;
    return valve_leave(decoding, next);
}
