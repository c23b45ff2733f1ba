/* SPDX-License-Identifier: MIT */
/*
 * Names and contents that follow from numbers.
 */
#include <config.h>

#include "tests/soak/files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/random.h"

#define BRANCHES    4 /* subdirectories of a directory */
#define KIB         ((uint64_t)1024)
#define FIRST_MTIME INT64_C(1000000000000000000)
#define WORD        sizeof(uint64_t)

static uint64_t seed;
static uint32_t count;

const char *const files_unserved[] = {".hidden", "dir-1/.hidden", "fifo",    "link",
                                      "dir-1",   "dir-1/dir-5",   "dir-2/x", NULL};

void files_init(uint64_t wanted_seed, uint32_t wanted_count)
{
    seed = wanted_seed;
    count = wanted_count;
}

uint32_t files_count(void)
{
    return count;
}

/* Most are small, as files are; some need more than one send, a few many. */
static uint64_t draw_size(uint32_t file, struct random *random)
{
    switch (file % 64) {
    case 0:
        return 128 * KIB + random_below(random, 512 * KIB);
    case 1:
    case 2:
    case 3:
        return 4 * KIB + random_below(random, 96 * KIB);
    case 4:
    case 5:
    case 6:
    case 7:
        return random_below(random, 3);
    default:
        return random_scaled(random, 4 * KIB);
    }
}

struct body files_body(uint32_t file, uint32_t version)
{
    struct random random = random_stream(seed, (uint64_t)file << 32 | version);
    struct body body = {.key = random_next(&random)};

    body.mtime = FIRST_MTIME + (int64_t)(random_next(&random) % (FIRST_MTIME / 2));
    body.size = draw_size(file, &random);
    return body;
}

static size_t directory_name(uint32_t directory, char *name, size_t room)
{
    size_t used = 0;

    if (directory == 0)
        return 0;
    used = directory_name((directory - 1) / BRANCHES, name, room);
    return used + (size_t)snprintf(name + used, room - used, "dir%s%u/",
                                   directory % 7 == 3 ? "-\xc3\xa4-" : "-", directory);
}

uint32_t files_directories(void)
{
    return (count + FILES_A_DIRECTORY - 1) / FILES_A_DIRECTORY;
}

bool files_is_leaf(uint32_t directory)
{
    return BRANCHES * directory + 1 >= files_directories();
}

void files_directory_name(uint32_t directory, char name[NAME_ROOM])
{
    size_t size = directory_name(directory, name, NAME_ROOM);

    name[size - 1] = '\0';
}

/* Each ends in its number, by which it is found again. */
size_t files_name(uint32_t file, char name[NAME_ROOM])
{
    static const char *const forms[] = {"f%u", "letter %u", "na\xc3\xafve-\xe2\x82\xac-%u",
                                        "\xfe\x80-%u"};
    size_t used = directory_name(file / FILES_A_DIRECTORY, name, NAME_ROOM);
    const char *form = file % 16 < 4 ? forms[file % 16] : forms[0];

    if (file % 50 == 49)
        return used + (size_t)snprintf(name + used, NAME_ROOM - used, "%0200u", file);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return used + (size_t)snprintf(name + used, NAME_ROOM - used, form, file);
#pragma GCC diagnostic pop
}

uint32_t files_find(const void *name, size_t size)
{
    const char *bytes = name;
    char wanted[NAME_ROOM];
    uint64_t file = 0, place = 1;

    for (size_t i = size; i-- > 0 && bytes[i] >= '0' && bytes[i] <= '9' && place < 1000000000;) {
        file += (uint64_t)(bytes[i] - '0') * place;
        place *= 10;
    }
    if (place == 1 || file >= count || files_name((uint32_t)file, wanted) != size ||
        memcmp(wanted, name, size) != 0)
        return NO_FILE;
    return (uint32_t)file;
}

/* ---- Contents -------------------------------------------------------------------------------- */

static uint64_t word_at(const struct body *body, uint64_t offset)
{
    return random_mix(body->key + offset / WORD);
}

static size_t room_in_word(uint64_t offset, size_t size)
{
    size_t room = WORD - offset % WORD;

    return size < room ? size : room;
}

void body_fill(const struct body *body, uint64_t offset, uint8_t *bytes, size_t size)
{
    while (size > 0) {
        uint64_t word = word_at(body, offset);
        size_t part = room_in_word(offset, size);

        memcpy(bytes, (uint8_t *)&word + offset % WORD, part);
        bytes += part;
        offset += part;
        size -= part;
    }
}

bool body_matches(const struct body *body, uint64_t offset, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        uint64_t word = word_at(body, offset);
        size_t part = room_in_word(offset, size);

        if (memcmp(bytes, (uint8_t *)&word + offset % WORD, part) != 0)
            return false;
        bytes += part;
        offset += part;
        size -= part;
    }
    return true;
}
