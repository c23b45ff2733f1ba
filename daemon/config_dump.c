/* SPDX-License-Identifier: MIT */
/*
 * Writing a configuration as a file that reads back to the same, with the origin of each value.
 */
#include <config.h>

#include "daemon/config_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A value and its origin share a line that is no longer than this. */
#define COLUMNS 100

/* Where the comments begin that share a line with a value, if that is short enough. */
#define COMMENT_COLUMN 40

struct dump {
    const struct config *config;
    FILE *stream;
    char value[CONFIG_LINE_MAX + 1];
};

/* The path goes into a comment: nothing in it may end the line. */
static void print_path(struct dump *dump)
{
    for (const char *c = dump->config->path; *c != '\0'; c++)
        putc((unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c, dump->stream);
}

static void print_origin(struct dump *dump, const struct config_key *key,
                         const struct config_origin *origin, const void *base)
{
    fputs("; ", dump->stream);
    switch (origin->source) {
    case CONFIG_FROM_DEFAULT:
        fputs("default", dump->stream);
        break;
    case CONFIG_FROM_FILE:
        print_path(dump);
        fprintf(dump->stream, ":%u", origin->line);
        break;
    case CONFIG_FROM_COMMAND_LINE:
        fputs("command line", dump->stream);
        break;
    }
    if (origin->automatic && dump->config->resolved)
        fprintf(dump->stream, ", here %" PRIu64, *(const uint64_t *)config_field_const(key, base));
    putc('\n', dump->stream);
}

static void print_key(struct dump *dump, const struct config_key *key,
                      const struct config_origin *origin, const void *base)
{
    size_t comment = strlen("; , line 4294967295, here 4294967295");
    size_t width;

    if (origin->automatic)
        snprintf(dump->value, sizeof dump->value, "auto");
    else
        key->type->format(key, config_field_const(key, base), dump->value, sizeof dump->value);

    width = strlen(key->name) + strlen(" = ") + strlen(dump->value);
    if (origin->source == CONFIG_FROM_FILE)
        comment += strlen(dump->config->path);
    if (width + comment > COLUMNS) {
        print_origin(dump, key, origin, base);
        fprintf(dump->stream, "%s = %s\n", key->name, dump->value);
        return;
    }
    fprintf(dump->stream, "%s = %s%*s", key->name, dump->value,
            width < COMMENT_COLUMN ? (int)(COMMENT_COLUMN - width) : 1, "");
    print_origin(dump, key, origin, base);
}

static bool applies(const struct config_key *key, const struct config_listener *listener)
{
    switch (key->transport) {
    case CONFIG_ANY_TRANSPORT:
        return true;
    case CONFIG_SOCKET_FILE:
        return valve_address_path(&listener->address) != NULL;
    case CONFIG_TCP:
        return !valve_address_is_unix(&listener->address);
    }
    return false;
}

static void print_listener(struct dump *dump, const struct config_listener *listener)
{
    fprintf(dump->stream, "\n[%s %s]\n", config_section_names[CONFIG_LISTEN], listener->name.text);
    for (size_t i = 0; i < CONFIG_LISTEN_KEY_COUNT; i++) {
        if (applies(&config_listener_keys[i], listener))
            print_key(dump, &config_listener_keys[i], &listener->origins[i], listener);
    }
}

static void print_rule(struct dump *dump, const struct config_rule *rule)
{
    fprintf(dump->stream, "\n[%s %s]\n", config_section_names[CONFIG_ACCESS], rule->name.text);
    for (size_t i = 0; i < CONFIG_ACCESS_KEY_COUNT; i++)
        print_key(dump, &config_access_keys[i], &rule->origins[i], rule);
}

int config_dump(const struct config *config, FILE *stream)
{
    enum config_section section = CONFIG_SECTION_COUNT;
    struct dump *dump = malloc(sizeof *dump);

    if (dump == NULL)
        return -ENOMEM;
    dump->config = config;
    dump->stream = stream;
    fputs("; The configuration in effect, and where each value came from.\n", stream);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        if (config_keys[i].section != section)
            fprintf(stream, "\n[%s]\n", config_section_names[config_keys[i].section]);
        section = config_keys[i].section;
        print_key(dump, &config_keys[i], &config->origins[i], config);
    }
    for (size_t i = 0; i < config->listener_count; i++)
        print_listener(dump, &config->listeners[i]);
    for (size_t i = 0; i < config->rule_count; i++)
        print_rule(dump, &config->rules[i]);
    free(dump);
    return 0;
}
