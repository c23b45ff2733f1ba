/* SPDX-License-Identifier: MIT */
/*
 * Reading the command line: a subcommand, then its options and files.
 */
#include "config.h"

#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "commands.h"
#include "message.h"

#define DEFAULT_DEPTH 256
#define MOST_SIZE     (1U << 30)
#define MOST_DEPTH    1000 /* each level is a few calls deep on the stack */

/* Options that are only long have a capital letter that is no short option. */
#define GLOBAL    "txhVSD"
#define MAX_SIZE  'S'
#define MAX_DEPTH 'D'

static const char usage[] =
    "usage: valve-cbor print [-kx] [-t TYPE] SCHEMA.cddl [FILE]\n"
    "       valve-cbor convert [-kx] [-t TYPE] SCHEMA.cddl [FILE]\n"
    "       valve-cbor generate [-x] [-t TYPE] [-n COUNT] [-s SEED] SCHEMA.cddl\n"
    "       valve-cbor types SCHEMA.cddl\n";

static const char help[] =
    "\n"
    "print     show items of CBOR (of FILE, or stdin) in diagnostic notation, a line for each\n"
    "convert   bring them into the deterministic form of RFC 8949, 4.2.1\n"
    "generate  make random ones that are legal\n"
    "types     list the types of a schema\n"
    "\n"
    "  -t, --type TYPE      what they are: a rule's name; METHOD (its reply), METHOD.request or\n"
    "                       METHOD.item; request (the default); to-server or to-client, the\n"
    "                       traffic of a connection\n"
    "  -x, --hex            bytes are read and written as hexadecimal digits\n"
    "  -k, --keep-going     go on behind an item that is not of the type\n"
    "  -n, --count COUNT    generate so many (1)\n"
    "  -s, --seed SEED      generate the same ones for the same seed\n"
    "  --max-size SIZE      most bytes of an item (16M; 1K to generate)\n"
    "  --max-depth LEVELS   most arrays and maps inside each other (256)\n"
    "  -h, --help           show this\n"
    "  -V, --version        show the version\n"
    "\n"
    "Exit status: 0 all is well, 1 bytes or schema are wrong or could not be read or written,\n"
    "64 usage. See valve-cbor(1).\n";

int usage_error(const char *format, ...)
{
    char words[2 * SHOWN_ROOM];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    complain("%s (valve-cbor -h tells more)", words);
    return -EINVAL;
}

/* ---- Values ---------------------------------------------------------------------------------- */

/* A number from `least` to `most`; `ret_end` (may be NULL: nothing may follow) is behind it. */
static int parse_number(const char *option, const char *text, uint64_t least, uint64_t most,
                        char **ret_end, uint64_t *ret_number)
{
    char shown[SHOWN_ROOM], *end;
    unsigned long long number = 0;
    bool legal = *text >= '0' && *text <= '9';

    if (legal) {
        errno = 0;
        number = strtoull(text, &end, 10);
        legal = errno == 0 && number >= least && number <= most &&
                (ret_end != NULL || *end == '\0');
    }
    if (!legal)
        return usage_error("%s takes a number from %llu to %llu, not \"%s\"", option,
                           (unsigned long long)least, (unsigned long long)most,
                           show_name(text, shown));
    if (ret_end != NULL)
        *ret_end = end;
    *ret_number = number;
    return 0;
}

/* Bytes; K, M and G stand for 1024s. */
static int parse_size(const char *option, const char *text, size_t *ret_size)
{
    static const char units[] = "KMG";
    char shown[SHOWN_ROOM], *unit;
    uint64_t number;
    unsigned shift = 0;
    int r = parse_number(option, text, 1, MOST_SIZE, &unit, &number);

    if (r < 0)
        return r;
    if (*unit != '\0' && strchr(units, *unit) != NULL)
        shift = 10 * (unsigned)(strchr(units, *unit++) - units + 1);
    if (*unit != '\0' || number > MOST_SIZE >> shift)
        return usage_error("%s takes a size such as 64K or 16M, at most 1G, not \"%s\"", option,
                           show_name(text, shown));
    *ret_size = (size_t)number << shift;
    return 0;
}

/* ---- Options --------------------------------------------------------------------------------- */

static const struct option long_options[] = {
    {"type", required_argument, NULL, 't'},
    {"hex", no_argument, NULL, 'x'},
    {"keep-going", no_argument, NULL, 'k'},
    {"count", required_argument, NULL, 'n'},
    {"seed", required_argument, NULL, 's'},
    {"max-size", required_argument, NULL, MAX_SIZE},
    {"max-depth", required_argument, NULL, MAX_DEPTH},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};
static const char short_options[] = "+:t:xkn:s:hV";

static const char *option_name(int letter)
{
    static char text[32];

    for (const struct option *option = long_options; option->name != NULL; option++)
        if (option->val == letter)
            snprintf(text, sizeof text, "--%s", option->name);
    return text;
}

static int apply(struct options *options, int letter, const char *argument)
{
    uint64_t number = 0;
    int r = 0;

    switch (letter) {
    case 't':
        options->type = argument;
        break;
    case 'x':
        options->hex = true;
        break;
    case 'k':
        options->keep_going = true;
        break;
    case 'n':
        r = parse_number("--count", argument, 0, UINT64_MAX, NULL, &options->count);
        break;
    case 's':
        r = parse_number("--seed", argument, 0, UINT64_MAX, NULL, &options->seed);
        break;
    case MAX_SIZE:
        r = parse_size("--max-size", argument, &options->limits.max_size);
        break;
    default:
        r = parse_number("--max-depth", argument, 1, MOST_DEPTH, NULL, &number);
        options->limits.max_depth = (unsigned)number;
    }
    return r;
}

static bool may_take(const struct command *command, int letter)
{
    return strchr(GLOBAL, letter) != NULL ||
           (command != NULL && strchr(command->takes, letter) != NULL);
}

static void show_help_or_version(int letter)
{
    if (letter == 'V')
        puts("valve-cbor " PACKAGE_VERSION);
    else
        printf("%s%s", usage, help);
}

/* `before` is the argument before the one that getopt reads next. */
static int refuse_option(const char *before)
{
    const char letter[] = {'-', (char)optopt, '\0'};
    /* Of a long option getopt has read the whole argument, of a cluster of letters it has not. */
    const char *option = optopt == 0 || strchr(before, '=') != NULL ? before : letter;
    char shown[SHOWN_ROOM];

    return usage_error("there is no option %s", show_name(option, shown));
}

/* Options up to the first word that is none; ret_done: help or version was shown. */
static int read_options(struct options *options, int argc, char **argv, const char *format,
                        bool *ret_done)
{
    char shown[SHOWN_ROOM];
    int letter, r = 0;

    optind = 0; /* begins anew, with the format's own rule on where options may stand */
    while (r == 0 && (letter = getopt_long(argc, argv, format, long_options, NULL)) != -1) {
        if (letter == ':')
            return usage_error("%s takes an argument", show_name(argv[optind - 1], shown));
        if (letter == '?')
            return refuse_option(argv[optind - 1]);
        if (!may_take(options->command, letter))
            return usage_error("%s takes no %s",
                               options->command == NULL ? "valve-cbor without a command"
                                                        : options->command->name,
                               option_name(letter));
        if (letter == 'h' || letter == 'V') {
            show_help_or_version(letter);
            *ret_done = true;
            return 0;
        }
        r = apply(options, letter, optarg);
    }
    return r;
}

size_t options_memory(const struct options *options)
{
    size_t size = options->limits.max_size;

    return size > SIZE_MAX / 128 ? SIZE_MAX : 64 * size + (1U << 20);
}

/* ---- The whole line -------------------------------------------------------------------------- */

static const struct command *find_command(const char *name)
{
    for (const struct command *command = commands; command->name != NULL; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

static int take_files(struct options *options, int count, char **files)
{
    if (count == 0)
        return usage_error("%s needs a schema", options->command->name);
    if (count > (options->command->reads ? 2 : 1))
        return usage_error("%s takes %s", options->command->name,
                           options->command->reads ? "a schema, and one file of CBOR"
                                                   : "a schema, and nothing else");
    if (options->limits.max_size == 0)
        options->limits.max_size = options->command->max_size;
    options->schema = files[0];
    if (count == 2 && strcmp(files[1], "-") != 0)
        options->file = files[1];
    return 0;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
    struct options options = {.count = 1, .limits = {.max_depth = DEFAULT_DEPTH}};
    char shown[SHOWN_ROOM];
    bool done = false;
    int r;

    if (getrandom(&options.seed, sizeof options.seed, 0) != sizeof options.seed)
        options.seed = 1;
    r = read_options(&options, argc, argv, short_options, &done);
    if (r == 0 && !done) {
        if (optind >= argc)
            return usage_error("a command is missing");
        argc -= optind;
        argv += optind;
        options.command = find_command(argv[0]);
        if (options.command == NULL)
            return usage_error("there is no command %s", show_name(argv[0], shown));
        /* Without the plus sign options may also stand behind names. */
        r = read_options(&options, argc, argv, short_options + 1, &done);
    }
    if (r == 0 && done)
        options.command = NULL;
    else if (r == 0)
        r = take_files(&options, argc - optind, argv + optind);
    if (r == 0)
        *ret_options = options;
    return r;
}
