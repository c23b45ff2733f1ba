/* SPDX-License-Identifier: MIT */
/*
 * Names from the command line or from a file, one at a time.
 */
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rpc/utf8.h"

#define ROOM ((size_t)16 * 1024)

int names_open(struct names *names, const struct options *options)
{
    *names = (struct names){
        .list = options->names,
        .count = options->name_count,
        .file = -1,
        .delimiter = options->nul ? '\0' : '\n',
    };
    if (options->files_from == NULL)
        return 0;
    if (strcmp(options->files_from, "-") == 0)
        names->file = STDIN_FILENO;
    else
        names->file = open(options->files_from, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return names->file < 0 ? -errno : 0;
}

void names_close(struct names *names)
{
    if (names->file > STDIN_FILENO)
        close(names->file);
    free(names->data);
}

/* Room for more behind what there is of a line. */
static int make_room(struct names *names)
{
    size_t size = names->end - names->start;

    if (names->start > 0)
        memmove(names->data, names->data + names->start, size);
    names->start = 0;
    names->end = size;
    if (size == names->room) {
        size_t room = names->room == 0 ? ROOM : 2 * names->room;
        char *data = realloc(names->data, room);

        if (data == NULL)
            return -ENOMEM;
        names->data = data;
        names->room = room;
    }
    return 0;
}

static bool is_readable(const struct names *names)
{
    struct pollfd file = {.fd = names->file, .events = POLLIN};

    return poll(&file, 1, 0) != 0;
}

/* Reads on. 0 or a negative errno; -EAGAIN where it would wait, and shall not. */
static int read_more(struct names *names, bool waits)
{
    int r = make_room(names);
    ssize_t size;

    if (r < 0)
        return r;
    if (!waits && !is_readable(names))
        return -EAGAIN;
    do
        size = read(names->file, names->data + names->end, names->room - names->end);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return -errno;
    names->end += (size_t)size;
    names->has_ended = size == 0;
    return 0;
}

/* A line that was read, without its end; at the end of all, what there is without one. */
static bool take_line(struct names *names, const char **ret_name, size_t *ret_size)
{
    size_t size = names->end - names->start;
    char *line, *end;

    if (size == names->searched && !(names->has_ended && size > 0))
        return false; /* nothing new; at first there is not even a place for it */
    line = names->data + names->start;
    end = memchr(line + names->searched, names->delimiter, size - names->searched);
    names->searched = size;
    if (end == NULL && !names->has_ended)
        return false;
    *ret_name = line;
    *ret_size = end != NULL ? (size_t)(end - line) : size;
    names->start += *ret_size + (end != NULL);
    names->searched = 0;
    return true;
}

static int next_line(struct names *names, bool waits, const char **ret_name, size_t *ret_size)
{
    int r = 0;

    while (!take_line(names, ret_name, ret_size)) {
        if (names->has_ended)
            return 0;
        r = read_more(names, waits);
        if (r < 0)
            return r;
    }
    return 1;
}

int names_next(struct names *names, bool waits, const char **ret_name, size_t *ret_size)
{
    if (names->file >= 0)
        return next_line(names, waits, ret_name, ret_size);
    if (names->next == names->count)
        return 0;
    *ret_name = names->list[names->next++];
    *ret_size = strlen(*ret_name);
    return 1;
}

struct files_path names_path(const char *name, size_t size)
{
    if (valve_utf8_valid(name, size))
        return (struct files_path){.kind = FILES_PATH_TEXT, .text = {name, size}};
    return (struct files_path){.kind = FILES_PATH_BYTES, .bytes = {(const uint8_t *)name, size}};
}
