/* SPDX-License-Identifier: MIT */
/*
 * What is asked for: the mixture of requests.
 */
#include <config.h>

#include <string.h>

#include "tests/soak/load.h"

static enum method draw_method(void)
{
    static const double shares[METHODS] = {
        [LIST_ALL] = 0.005, [SIZE] = 0.2, [GET] = 0.45, [EXISTS] = 0.28};
    double rest = random_fraction(&load.random);

    for (int method = 0; method < DEL; method++) {
        if (rest < shares[method])
            return (enum method)method;
        rest -= shares[method];
    }
    return DEL;
}

static size_t draw_bad_path(char path[REQUEST_ROOM])
{
    static const struct {
        const char *path;
        size_t size;
    } short_ones[] = {{"", 0},        {"/f1", 3},    {"dir-1/", 6}, {"dir-1//f", 8}, {".", 1},
                      {"a/../f1", 7}, {"./f100", 6}, {"..", 2},     {"a\0b", 3}};
    const uint64_t count = sizeof short_ones / sizeof *short_ones;
    const uint64_t which = random_below(&load.random, count + 2);

    if (which < count) {
        memcpy(path, short_ones[which].path, short_ones[which].size);
        return short_ones[which].size;
    }
    memset(path, 'x', REQUEST_ROOM);
    for (size_t i = 100; i < REQUEST_ROOM && which > count; i += 101)
        path[i] = '/';
    return which == count ? 256 : 4096; /* a component too long, or all of it */
}

/* What is asked about, and its path. */
static size_t draw_subject(struct asked *asked, char path[REQUEST_ROOM])
{
    const double rest = random_fraction(&load.random);
    uint64_t count = 0;

    if (asked->method == LIST_ALL) {
        asked->about = ABOUT_LIST;
        return 0;
    }
    if (rest < 0.04) {
        asked->about = ABOUT_BAD_PATH;
        return draw_bad_path(path);
    }
    asked->file = rest < 0.08 ? NO_FILE : pick_file(asked->method == DEL);
    if (asked->file != NO_FILE) {
        asked->about = ABOUT_FILE;
        return files_name(asked->file, path);
    }
    asked->about = ABOUT_UNSERVED;
    while (files_unserved[count])
        count++;
    strcpy(path, files_unserved[random_below(&load.random, count)]);
    return strlen(path);
}

static uint64_t draw_timeout(void)
{
    static const uint64_t timeouts[] = {0, 1, 5, 50, 1000, 60000};

    if (!random_chance(&load.random, 0.05))
        return NO_TIMEOUT;
    return timeouts[random_below(&load.random, sizeof timeouts / sizeof *timeouts)];
}

void draw_request(uint32_t id, struct asked *ret_asked, struct request *ret_request)
{
    static char path[REQUEST_ROOM];
    size_t size;

    *ret_asked = (struct asked){
        .id = id, .method = draw_method(), .timeout = NO_TIMEOUT, .slot = NO_SLOT};
    if (random_chance(&load.random, 0.02)) {
        ret_asked->about = ABOUT_BAD_REQUEST;
        write_bad_request(ret_request, id, (unsigned)random_below(&load.random, BAD_REQUESTS));
        return;
    }
    size = draw_subject(ret_asked, path);
    ret_asked->timeout = draw_timeout();
    write_request(ret_request, id, ret_asked->method, path, size, ret_asked->timeout);
}
