/* SPDX-License-Identifier: MIT */
/*
 * Errors: what each errno means to a client, by one table.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/store_internal.h"
#include "rpc/utf8.h"

struct meaning {
    int error; /* positive errno */
    const char *code;
    const char *words; /* NULL: the system's own */
};

/* valve-protocol(7), "Error replies". What is not here is `io`. */
static const struct meaning meanings[] = {
    {EACCES, "denied", NULL},
    {EPERM, "denied", NULL},
    {EROFS, "denied", NULL},
    {EINVAL, "bad-path", "not a path of this service"},
    {ENAMETOOLONG, "bad-path", NULL},
    {ENOENT, "not-found", "no such file"},
    {ENOTDIR, "not-found", "no such file"},
    {ELOOP, "not-found", "no such file"},
    {EXDEV, "not-found", "no such file"},
    {ESTALE, "not-found", "no such file"},
    {EISDIR, "not-found", "no such file"},
    {EAGAIN, "busy", "renames kept getting in the way"},
    {EBUSY, "busy", "the server, or the file, is in use"},
    {EMFILE, "busy", NULL},
    {ENFILE, "busy", NULL},
    {ENOMEM, "busy", "out of memory"},
    {ETIMEDOUT, "timeout", "time ran out"},
    {ECANCELED, "cancelled", "cancelled"},
};

static struct meaning meaning_of(int error)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (meanings[i].error == -error)
            return meanings[i];
    return (struct meaning){-error, "io", NULL};
}

const char *store_code(int error)
{
    return meaning_of(error).code;
}

int store_verdict(int error)
{
    switch (error) {
    case -EINVAL:    /* a path that breaks the rules */
    case -EFBIG:     /* a file that is not small */
    case -ECANCELED: /* a request that was cancelled */
        return -EIO; /* what they mean to callers, the storage cannot have meant */
    default:
        return strcmp(meaning_of(error).code, "not-found") == 0 ? -ENOENT : error;
    }
}

bool store_is_shortage(int error)
{
    return error == -EAGAIN || error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

bool store_is_failure(int error)
{
    return error < 0 && strcmp(meaning_of(error).code, "io") == 0;
}

/* Room in a message for "code: ", ": " and the words, the longest of which take half of it. */
#define NAME_ROOM (VALVE_ERROR_TEXT - 160)

void store_explain(int error, const void *name, size_t size, const char *words,
                   struct valve_error *ret_error)
{
    struct meaning meaning = meaning_of(error);
    char escaped[NAME_ROOM];

    if (!words)
        words = meaning.words;
    if (!words)
        words = strerrordesc_np(-error);
    if (!words)
        words = "unknown error";
    if (size > 0) {
        valve_escape(name, size, escaped, sizeof escaped);
        snprintf(ret_error->text, sizeof ret_error->text, "%s: %s: %s", meaning.code, escaped,
                 words);
    } else {
        snprintf(ret_error->text, sizeof ret_error->text, "%s: %s", meaning.code, words);
    }
}
