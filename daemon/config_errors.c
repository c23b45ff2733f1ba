/* SPDX-License-Identifier: MIT */
/*
 * The list of all that is wrong with a configuration.
 */
#include <config.h>

#include "daemon/config_internal.h"

#include <stdarg.h>
#include <stdlib.h>

void config_errors_lose(struct config_errors *errors)
{
    errors->incomplete = true;
}

/* Takes the text over, also when it cannot keep it. What has no line comes last. */
static void insert(struct config_errors *errors, unsigned line, char *text)
{
    struct config_error *list = NULL;
    size_t i = errors->count;

    if (text != NULL)
        list = reallocarray(errors->list, errors->count + 1, sizeof *list);
    if (list == NULL) {
        free(text);
        config_errors_lose(errors);
        return;
    }
    /* 0, no line, wraps around to the greatest. */
    for (; i > 0 && list[i - 1].line - 1 > line - 1; i--)
        list[i] = list[i - 1];
    list[i] = (struct config_error){.line = line, .text = text};
    errors->list = list;
    errors->count++;
}

/* "PATH:LINE: " and the message; the path or the line is left out where there is none. */
__attribute__((format(printf, 3, 0))) static char *format_at(const char *path, unsigned line,
                                                             const char *format, va_list arguments)
{
    char *message = NULL;
    char *text = NULL;
    int r;

    if (vasprintf(&message, format, arguments) < 0)
        return NULL;
    if (path == NULL)
        return message;
    if (line > 0)
        r = asprintf(&text, "%s:%u: %s", path, line, message);
    else
        r = asprintf(&text, "%s: %s", path, message);
    free(message);
    return r < 0 ? NULL : text;
}

void config_errors_add(struct config_errors *errors, const char *path, unsigned line,
                       const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    insert(errors, line, format_at(path, line, format, arguments));
    va_end(arguments);
}

void config_errors_add_value(struct config_errors *errors, const struct config *config,
                             const struct config_key *key, const struct config_origin *origin,
                             const char *format, ...)
{
    bool argument = origin->source == CONFIG_FROM_COMMAND_LINE && key->option != NULL;
    bool in_file = origin->source == CONFIG_FROM_FILE;
    char *message;
    va_list arguments;

    va_start(arguments, format);
    message = format_at(argument ? key->option : key->name, 0, format, arguments);
    va_end(arguments);
    if (message == NULL)
        config_errors_lose(errors);
    else
        config_errors_add(errors, in_file ? config->path : NULL, origin->line, "%s", message);
    free(message);
}

void config_errors_fini(struct config_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++)
        free(errors->list[i].text);
    free(errors->list);
    *errors = (struct config_errors){0};
}
