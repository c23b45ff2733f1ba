/* SPDX-License-Identifier: MIT */
/*
 * Names from the command line or from a file, one at a time.
 */
#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/utf8.h"

int names_open(struct names *names, const struct options *options)
{
    *names = (struct names){
        .list = options->names,
        .count = options->name_count,
        .delimiter = options->nul ? '\0' : '\n',
    };
    if (options->files_from == NULL)
        return 0;
    if (strcmp(options->files_from, "-") == 0)
        names->file = stdin;
    else
        names->file = fopen(options->files_from, "re");
    return names->file == NULL ? -errno : 0;
}

void names_close(struct names *names)
{
    if (names->file != NULL && names->file != stdin)
        fclose(names->file);
    free(names->line);
}

static int next_line(struct names *names, const char **ret_name, size_t *ret_size)
{
    ssize_t size;

    errno = 0;
    size = getdelim(&names->line, &names->room, names->delimiter, names->file);
    if (size < 0)
        return ferror(names->file) || !feof(names->file) ? (errno == 0 ? -EIO : -errno) : 0;
    if (size > 0 && names->line[size - 1] == names->delimiter)
        size--;
    *ret_name = names->line;
    *ret_size = (size_t)size;
    return 1;
}

int names_next(struct names *names, const char **ret_name, size_t *ret_size)
{
    if (names->file != NULL)
        return next_line(names, ret_name, ret_size);
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
