/* SPDX-License-Identifier: MIT */
/*
 * The scanner: finds the end of an item that arrives in pieces, and what is wrong with it.
 *
 * `least` is the size that the whole item cannot be below: what a head announces counts, each
 * item at one byte, from the byte that shows it. So an item that cannot end within the limit is
 * refused before its body is waited for, and no other check of sizes is needed.
 */
#include "rpc/scanner.h"

#include <string.h>

/* What a level of nesting is; all kinds but the first are ended by a break. */
enum level_kind {
    LEVEL_COUNTED,      /* an array or map that said how many items come; outermost, the item */
    LEVEL_OPEN_ARRAY,   /* of indefinite length, like those that follow */
    LEVEL_OPEN_MAP,     /* `odd` while a key waits for its value */
    LEVEL_BYTES_CHUNKS, /* these two hold definite strings of their own kind, nothing else */
    LEVEL_TEXT_CHUNKS,
};

size_t valve_scanner_size(unsigned max_depth)
{
    size_t levels = (size_t)max_depth + 2; /* the item itself; a string of chunks in the deepest */

    return sizeof(struct valve_scanner) + levels * sizeof(struct valve_scan_level);
}

void valve_scanner_init(struct valve_scanner *scanner, const struct valve_limits *limits)
{
    struct valve_limits copy = *limits; /* they may be the scanner's own */

    *scanner = (struct valve_scanner){.limits = copy, .least = 1, .levels_used = 1};
    scanner->levels[0] = (struct valve_scan_level){.kind = LEVEL_COUNTED, .left = 1};
}

static struct valve_scan_level *innermost(struct valve_scanner *scanner)
{
    return &scanner->levels[scanner->levels_used - 1];
}

static void open_level(struct valve_scanner *scanner, enum level_kind kind, uint32_t count)
{
    scanner->levels[scanner->levels_used++] = (struct valve_scan_level){.kind = (uint8_t)kind,
                                                                        .left = count};
}

/* Counts bytes that must come; false where the limit does not leave them. */
static bool announce(struct valve_scanner *scanner, uint64_t bytes)
{
    if (bytes > scanner->limits.max_size - scanner->least)
        return false;
    scanner->least += (uint32_t)bytes;
    return true;
}

/* An item has ended, and with it every container that it was the last of. */
static enum valve_scan end_item(struct valve_scanner *scanner)
{
    for (;;) {
        struct valve_scan_level *level = innermost(scanner);

        if (level->kind != LEVEL_COUNTED) {
            level->odd = level->kind == LEVEL_OPEN_MAP && !level->odd;
            return VALVE_SCAN_MORE;
        }
        if (--level->left > 0)
            return VALVE_SCAN_MORE;
        if (--scanner->levels_used == 0)
            return VALVE_SCAN_DONE;
    }
}

static enum valve_scan take_break(struct valve_scanner *scanner)
{
    const struct valve_scan_level *level = innermost(scanner);

    if (level->kind == LEVEL_COUNTED || level->odd || scanner->tagged)
        return VALVE_SCAN_MALFORMED;
    scanner->levels_used--;
    return end_item(scanner);
}

/* Whether an item that begins with this byte may stand here: chunks are of their string's kind. */
static bool initial_fits(const struct valve_scan_level *level, uint8_t initial)
{
    if (level->kind == LEVEL_BYTES_CHUNKS)
        return initial >> 5 == VALVE_MAJOR_BYTES && initial != 0x5f;
    if (level->kind == LEVEL_TEXT_CHUNKS)
        return initial >> 5 == VALVE_MAJOR_TEXT && initial != 0x7f;
    return true;
}

/* Bytes that the beginning of an item in an open container brings, unannounced until then. */
static uint32_t unannounced(const struct valve_scan_level *level)
{
    if (level->kind == LEVEL_OPEN_MAP)
        return level->odd ? 0 : 2; /* a key comes with its value */
    return 1;
}

/* Judges an initial byte that announces so many bytes behind it. */
static enum valve_scan begin_item(struct valve_scanner *scanner, uint8_t initial, uint64_t bytes)
{
    const struct valve_scan_level *level = innermost(scanner);
    enum valve_major major = (enum valve_major)(initial >> 5);

    if (level->kind != LEVEL_COUNTED && !scanner->tagged) {
        if (!initial_fits(level, initial))
            return VALVE_SCAN_MALFORMED;
        bytes += unannounced(level);
    }
    if (!announce(scanner, bytes))
        return VALVE_SCAN_TOO_LARGE;
    if ((major == VALVE_MAJOR_ARRAY || major == VALVE_MAJOR_MAP) &&
        scanner->levels_used > scanner->limits.max_depth)
        return VALVE_SCAN_TOO_DEEP;
    return VALVE_SCAN_MORE;
}

/* Least bytes that come behind a head of definite length. */
static uint64_t content_size(enum valve_major major, uint64_t argument)
{
    if (major < VALVE_MAJOR_BYTES || major == VALVE_MAJOR_SIMPLE)
        return 0;
    if (major <= VALVE_MAJOR_ARRAY)
        return argument;
    if (major == VALVE_MAJOR_TAG)
        return 1;
    return argument > UINT64_MAX / 2 ? UINT64_MAX : 2 * argument;
}

/* Goes on behind a head of definite length whose content has been announced. */
static enum valve_scan enter(struct valve_scanner *scanner, enum valve_major major,
                             uint64_t content)
{
    scanner->tagged = major == VALVE_MAJOR_TAG;
    if (content == 0)
        return end_item(scanner);
    if (major <= VALVE_MAJOR_TEXT)
        scanner->skip = (uint32_t)content;
    else if (major <= VALVE_MAJOR_MAP)
        open_level(scanner, LEVEL_COUNTED, (uint32_t)content);
    return VALVE_SCAN_MORE;
}

/* A head that is one byte and holds its argument. */
static enum valve_scan take_short_head(struct valve_scanner *scanner, uint8_t initial)
{
    enum valve_major major = (enum valve_major)(initial >> 5);
    uint64_t content = content_size(major, initial & 31);
    enum valve_scan verdict = begin_item(scanner, initial, content);

    return verdict == VALVE_SCAN_MORE ? enter(scanner, major, content) : verdict;
}

/* A string, array or map of indefinite length, or its break. */
static enum valve_scan take_indefinite_head(struct valve_scanner *scanner, uint8_t initial)
{
    static const enum level_kind kinds[] = {
        [VALVE_MAJOR_BYTES] = LEVEL_BYTES_CHUNKS,
        [VALVE_MAJOR_TEXT] = LEVEL_TEXT_CHUNKS,
        [VALVE_MAJOR_ARRAY] = LEVEL_OPEN_ARRAY,
        [VALVE_MAJOR_MAP] = LEVEL_OPEN_MAP,
    };
    enum valve_scan verdict;

    if (initial == VALVE_BREAK)
        return take_break(scanner);
    verdict = begin_item(scanner, initial, 1); /* the break to come */
    if (verdict != VALVE_SCAN_MORE)
        return verdict;
    scanner->tagged = false;
    open_level(scanner, kinds[initial >> 5], 0);
    return VALVE_SCAN_MORE;
}

/* The first byte of a head of several; it also tells that a tag will have content. */
static enum valve_scan begin_long_head(struct valve_scanner *scanner, uint8_t initial)
{
    bool is_tag = initial >> 5 == VALVE_MAJOR_TAG;

    return begin_item(scanner, initial, valve_head_size(initial) - 1 + is_tag);
}

/* The last one: the head is read. */
static enum valve_scan end_long_head(struct valve_scanner *scanner, const uint8_t *data,
                                     size_t size)
{
    struct valve_head head;
    uint64_t content;

    if (valve_head_read(data, size, &head) < 0)
        return VALVE_SCAN_MALFORMED;
    content = content_size(head.major, head.argument);
    if (head.major != VALVE_MAJOR_TAG && !announce(scanner, content))
        return VALVE_SCAN_TOO_LARGE;
    return enter(scanner, head.major, content);
}

/* Takes a head of several bytes, or as much of it as has come. */
static enum valve_scan take_long_head(struct valve_scanner *scanner, const uint8_t *data,
                                      size_t size, size_t *ret_taken)
{
    size_t head_size = valve_head_size(data[0]);
    enum valve_scan verdict = begin_long_head(scanner, data[0]);

    *ret_taken = 1;
    if (verdict != VALVE_SCAN_MORE)
        return verdict;
    *ret_taken = head_size < size ? head_size : size;
    if (head_size <= size)
        return end_long_head(scanner, data, head_size);
    memcpy(scanner->head, data, size);
    scanner->head_used = (uint8_t)size;
    return VALVE_SCAN_MORE;
}

/* Goes on with a head whose first bytes came in an earlier piece. */
static enum valve_scan continue_head(struct valve_scanner *scanner, uint8_t byte)
{
    scanner->head[scanner->head_used++] = byte;
    if (scanner->head_used < valve_head_size(scanner->head[0]))
        return VALVE_SCAN_MORE;
    scanner->head_used = 0;
    return end_long_head(scanner, scanner->head, valve_head_size(scanner->head[0]));
}

/* Takes what is there of a string's body. */
static enum valve_scan take_body(struct valve_scanner *scanner, size_t size, size_t *ret_taken)
{
    *ret_taken = scanner->skip < size ? scanner->skip : size;
    scanner->skip -= (uint32_t)*ret_taken;
    return scanner->skip > 0 ? VALVE_SCAN_MORE : end_item(scanner);
}

/* Takes a head, a part of one, or a part of a body. */
static enum valve_scan take_next(struct valve_scanner *scanner, const uint8_t *data, size_t size,
                                 size_t *ret_taken)
{
    unsigned info = data[0] & 31u;

    *ret_taken = 1;
    if (scanner->skip > 0)
        return take_body(scanner, size, ret_taken);
    if (scanner->head_used > 0)
        return continue_head(scanner, data[0]);
    if (info < VALVE_INFO_1_BYTE)
        return take_short_head(scanner, data[0]);
    if (valve_head_size(data[0]) == 0)
        return VALVE_SCAN_MALFORMED;
    if (info == VALVE_INFO_INDEFINITE)
        return take_indefinite_head(scanner, data[0]);
    return take_long_head(scanner, data, size, ret_taken);
}

/* Whether the scanner stands before an item that its container has counted. */
static bool is_between_items(const struct valve_scanner *scanner)
{
    return scanner->skip == 0 && scanner->head_used == 0 && !scanner->tagged;
}

/* Bytes behind the head of a plain item, one that holds no others and is in one piece; or none. */
static bool is_plain(const struct valve_head *head, uint64_t *ret_content)
{
    bool is_string = head->major == VALVE_MAJOR_BYTES || head->major == VALVE_MAJOR_TEXT;

    *ret_content = is_string ? head->argument : 0;
    return (head->major <= VALVE_MAJOR_TEXT || head->major == VALVE_MAJOR_SIMPLE) &&
           !head->indefinite && !head->is_break;
}

/*
 * Takes as many plain items in a row as are wholly there: most of what is scanned, with less ado
 * than piece by piece. Stops before the last item of a container, and before all that is refused.
 */
static size_t take_plain_items(struct valve_scanner *scanner, const uint8_t *data, size_t size)
{
    struct valve_scan_level *level = innermost(scanner);
    size_t used = 0, room = scanner->limits.max_size - scanner->least;
    struct valve_head head;
    uint64_t content;

    if (level->kind != LEVEL_COUNTED || !is_between_items(scanner))
        return 0;
    while (level->left > 1 && valve_head_read(data + used, size - used, &head) == 0 &&
           is_plain(&head, &content)) {
        if (content > size - used - head.size || content + head.size - 1 > room)
            break;
        room -= head.size - 1 + content;
        used += head.size + content;
        level->left--;
    }
    scanner->least = (uint32_t)(scanner->limits.max_size - room);
    return used;
}

enum valve_scan valve_scanner_feed(struct valve_scanner *scanner, const uint8_t *data, size_t size,
                                   size_t *ret_taken)
{
    enum valve_scan verdict = VALVE_SCAN_MORE;
    size_t used = 0;

    while (verdict == VALVE_SCAN_MORE && used < size) {
        size_t taken;

        used += take_plain_items(scanner, data + used, size - used);
        if (used == size)
            break;
        verdict = take_next(scanner, data + used, size - used, &taken);
        used += taken;
    }
    scanner->consumed += (uint32_t)used;
    *ret_taken = used;
    return verdict;
}
