/* SPDX-License-Identifier: MIT */
/* A scanner that is slow and plain: it reads a prefix recursively and adds up what is missing. */
#include "scanner_reference.h"

#include <stdbool.h>

struct reference {
    const uint8_t *data;
    size_t size, position;
    uint64_t owed;
    unsigned max_depth;
    bool malformed, deep;
};

#define ENOUGH ((uint64_t)1 << 40) /* more than any limit, and far from wrapping */

static void owe(struct reference *reference, uint64_t bytes)
{
    reference->owed += bytes < ENOUGH ? bytes : ENOUGH;
    if (reference->owed > ENOUGH)
        reference->owed = ENOUGH;
}

static void read_item(struct reference *reference, unsigned depth);

static void read_items(struct reference *reference, uint64_t count, unsigned depth)
{
    for (uint64_t i = 0; i < count && !reference->malformed; i++) {
        if (reference->position == reference->size) {
            owe(reference, count - i);
            return;
        }
        read_item(reference, depth);
    }
}

static void read_to_break(struct reference *reference, unsigned major, unsigned depth)
{
    for (uint64_t items = 0; !reference->malformed; items++) {
        bool odd = major == 5 && items % 2 == 1;
        uint8_t next;

        if (reference->position == reference->size) {
            owe(reference, odd ? 2 : 1);
            return;
        }
        next = reference->data[reference->position];
        if (next == 0xff) {
            reference->malformed |= odd;
            reference->position++;
            return;
        }
        if (major < 4 && (next >> 5 != major || (next & 31) == 31))
            reference->malformed = true;
        else
            read_item(reference, depth);
    }
}

static uint64_t read_argument(struct reference *reference, unsigned bytes)
{
    uint64_t argument = 0;

    for (unsigned i = 0; i < bytes; i++)
        argument = argument << 8 | reference->data[reference->position++];
    return argument;
}

static void read_content(struct reference *reference, unsigned major, uint64_t argument,
                         unsigned depth)
{
    uint64_t left = reference->size - reference->position;

    if (major == 2 || major == 3) {
        reference->position += (size_t)(argument < left ? argument : left);
        owe(reference, argument < left ? 0 : argument - left);
    } else if (major == 4) {
        read_items(reference, argument, depth);
    } else if (major == 5) {
        read_items(reference, argument < ENOUGH ? 2 * argument : ENOUGH, depth);
    } else if (major == 6) {
        read_items(reference, 1, depth);
    }
}

static void read_item(struct reference *reference, unsigned depth)
{
    uint8_t initial = reference->data[reference->position++];
    unsigned major = initial >> 5, info = initial & 31, bytes = 0;
    uint64_t argument = info;

    if ((info >= 28 && info <= 30) || (info == 31 && (major < 2 || major > 5))) {
        reference->malformed = true;
        return;
    }
    if (major == 4 || major == 5)
        reference->deep |= ++depth > reference->max_depth;
    if (info == 31) {
        read_to_break(reference, major, depth);
        return;
    }
    if (info >= 24)
        bytes = 1u << (info - 24);
    if (bytes > reference->size - reference->position) {
        owe(reference, bytes - (reference->size - reference->position) + (major == 6));
        reference->position = reference->size;
        return;
    }
    if (bytes > 0)
        argument = read_argument(reference, bytes);
    if (initial == 0xf8 && argument < 32)
        reference->malformed = true;
    else
        read_content(reference, major, argument, depth);
}

enum valve_scan reference_judge(const uint8_t *data, size_t size, size_t max_size,
                                unsigned max_depth)
{
    struct reference reference = {.data = data, .size = size, .max_depth = max_depth};

    read_item(&reference, 0);
    if (reference.malformed)
        return VALVE_SCAN_MALFORMED;
    if (size + reference.owed > max_size)
        return VALVE_SCAN_TOO_LARGE;
    if (reference.deep)
        return VALVE_SCAN_TOO_DEEP;
    return reference.owed == 0 ? VALVE_SCAN_DONE : VALVE_SCAN_MORE;
}
