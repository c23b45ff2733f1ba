/* SPDX-License-Identifier: MIT */
/*
 * Encoding the shapes that hold other values. The tables hold the members of a struct in the order
 * that RFC 8949, 4.2.1 wants.
 */
#include "rpc/encoding.h"
#include "rpc/map_order.h"
#include "rpc/value.h"

/* A level of nesting opens: the head of its array or map. */
static inline uint8_t *open_level(struct valve_encoding *encoding, enum valve_major major,
                                  uint64_t count, uint8_t *next)
{
    if (encoding->levels == 0)
        return valve_encoding_refuse_depth(encoding);
    encoding->levels--;
    return valve_put_head(encoding, next, major, count);
}

static inline uint8_t *encode_member(struct valve_encoding *encoding,
                                     const struct valve_member *member, const void *value,
                                     uint8_t *next)
{
    const void *place = valve_get_member(member, value);

    if ((member->flags & VALVE_MEMBER_BOXED) != 0 && place == NULL)
        return valve_encoding_refuse_null(encoding, member->type);
    return valve_encode_value(encoding, member->type, place, next);
}

/* ---- Structs and tuples ---------------------------------------------------------------------- */

uint8_t *valve_encode_struct(struct valve_encoding *encoding, const struct valve_type *type,
                             const void *value, uint8_t *next)
{
    uint32_t pairs = 0;

    for (uint32_t i = 0; i < type->count; i++)
        pairs += valve_is_present(&type->members[i], value);
    next = open_level(encoding, VALVE_MAJOR_MAP, pairs, next);
    if (next == NULL)
        return NULL;
    for (uint32_t i = 0; i < type->count; i++) {
        const struct valve_member *member = &type->members[i];

        if (!valve_is_present(member, value))
            continue;
        next = valve_put_string(encoding, next, VALVE_MAJOR_TEXT, member->name, member->name_size);
        next = encode_member(encoding, member, value, next);
        if (next == NULL)
            return valve_encoding_in_member(encoding, member, i);
    }
    encoding->levels++;
    return next;
}

uint8_t *valve_encode_tuple(struct valve_encoding *encoding, const struct valve_type *type,
                            const void *value, uint8_t *next)
{
    next = open_level(encoding, VALVE_MAJOR_ARRAY, type->count, next);
    for (uint32_t i = 0; i < type->count && next != NULL; i++) {
        next = encode_member(encoding, &type->members[i], value, next);
        if (next == NULL)
            return valve_encoding_in_member(encoding, &type->members[i], i);
    }
    encoding->levels++;
    return next;
}

/* ---- Lists and maps -------------------------------------------------------------------------- */

uint8_t *valve_encode_list(struct valve_encoding *encoding, const struct valve_type *type,
                           const void *value, uint8_t *next)
{
    const struct valve_type *item = type->members[0].type;
    struct valve_list list = valve_get_list(value);

    if (list.items == NULL && list.count > 0)
        return valve_encoding_refuse_null(encoding, type);
    next = open_level(encoding, VALVE_MAJOR_ARRAY, list.count, next);
    for (size_t i = 0; i < list.count && next != NULL; i++) {
        next = valve_encode_value(encoding, item, list.items + i * item->size, next);
        if (next == NULL)
            valve_refusal_step(&encoding->refusal, (struct valve_step){.index = i});
    }
    encoding->levels++;
    return next;
}

/* What was refused is the entry of this key. */
static uint8_t *in_entry(struct valve_encoding *encoding, const struct valve_text *key)
{
    valve_refusal_step(&encoding->refusal, (struct valve_step){key->data, key->size, 0});
    return NULL;
}

static inline uint8_t *encode_entry(struct valve_encoding *encoding, const struct valve_type *type,
                                    const void *entry, uint8_t *next)
{
    next = encode_member(encoding, &type->members[0], entry, next);
    if (next == NULL)
        return NULL;
    next = encode_member(encoding, &type->members[1], entry, next);
    return next != NULL ? next : in_entry(encoding, valve_map_key(type, entry, 0));
}

/* Entries that do not lie in the order in which they are sent. Not inline, to save stack. */
static __attribute__((noinline)) uint8_t *encode_in_order(struct valve_encoding *encoding,
                                                          const struct valve_type *type,
                                                          const void *value, uint8_t *next)
{
    struct valve_map_order order;
    const struct valve_text *key;

    valve_map_order_begin(&order, type, value);
    if (valve_map_order_repeats(&order, &key)) {
        valve_encoding_refuse(encoding, "the key comes twice");
        next = in_entry(encoding, key);
    }
    while (next != NULL && order.done < order.list.count)
        next = encode_entry(encoding, order.entry, valve_map_order_next(&order), next);
    valve_map_order_end(&order);
    encoding->levels++;
    return next;
}

/* Before keys are compared: whether there is nothing where one should be. */
static bool misses_key(const struct valve_type *entry, struct valve_list list)
{
    for (size_t i = 0; i < list.count; i++) {
        const struct valve_text *key = valve_map_key(entry, list.items, i);

        if (key->data == NULL && key->size > 0)
            return true;
    }
    return false;
}

uint8_t *valve_encode_map(struct valve_encoding *encoding, const struct valve_type *type,
                          const void *value, uint8_t *next)
{
    const struct valve_type *entry = valve_map_entry(type);
    struct valve_list list = valve_get_list(value);

    if (list.items == NULL && list.count > 0)
        return valve_encoding_refuse_null(encoding, type);
    if (misses_key(entry, list))
        return valve_encoding_refuse_null(encoding, entry->members[0].type);
    next = open_level(encoding, VALVE_MAJOR_MAP, list.count, next);
    if (next == NULL)
        return NULL;
    if (!valve_map_ascends(type, value))
        return encode_in_order(encoding, type, value, next);
    for (size_t i = 0; i < list.count && next != NULL; i++)
        next = encode_entry(encoding, entry, list.items + i * entry->size, next);
    encoding->levels++;
    return next;
}

/* ---- Sums and choices ------------------------------------------------------------------------ */

uint8_t *valve_encode_payload(struct valve_encoding *encoding, const struct valve_type *sum,
                              unsigned arm, const void *payload, uint8_t *next)
{
    const struct valve_member *member;

    if (arm >= sum->count)
        return valve_encoding_refuse_kind(encoding, sum, arm);
    member = &sum->members[arm];
    if (member->type == NULL)
        return valve_put_string(encoding, next, VALVE_MAJOR_TEXT, member->name, member->name_size);
    next = open_level(encoding, VALVE_MAJOR_MAP, 1, next);
    if (next == NULL)
        return NULL;
    next = valve_put_string(encoding, next, VALVE_MAJOR_TEXT, member->name, member->name_size);
    if (payload != NULL)
        next = valve_encode_value(encoding, member->type, payload, next);
    else
        next = valve_encoding_refuse_null(encoding, member->type);
    encoding->levels++;
    return next != NULL ? next : valve_encoding_in_member(encoding, member, 0);
}

uint8_t *valve_encode_sum(struct valve_encoding *encoding, const struct valve_type *type,
                          const void *value, uint8_t *next)
{
    unsigned kind = valve_get_kind(value);

    if (kind >= type->count)
        return valve_encoding_refuse_kind(encoding, type, kind);
    return valve_encode_payload(encoding, type, kind, valve_get_member(&type->members[kind], value),
                                next);
}

uint8_t *valve_encode_choice(struct valve_encoding *encoding, const struct valve_type *type,
                             const void *value, uint8_t *next)
{
    unsigned kind = valve_get_kind(value);

    if (kind >= type->count)
        return valve_encoding_refuse_kind(encoding, type, kind);
    return encode_member(encoding, &type->members[kind], value, next);
}
