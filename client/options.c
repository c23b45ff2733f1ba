/* SPDX-License-Identifier: MIT */
/*
 * Reading the command line: options before the subcommand, then the subcommand's own.
 */
#include "config.h"

#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "message.h"

#define DEFAULT_ADDRESS     "unix:/run/valve/valve.sock"
#define DEFAULT_METRICS     "unix:/run/valve/metrics.sock"
#define MILLISECOND         UINT64_C(1000000)
#define DEFAULT_TIMEOUT     (60 * 1000 * MILLISECOND)
#define DEFAULT_INTERVAL    (1000 * MILLISECOND)
#define DEFAULT_CONNECTIONS 16
#define MOST_CONNECTIONS    1000000
#define MOST_DEPTH          65536
#define MOST_RATE           UINT64_C(1000000000)
#define LONGEST             (UINT64_C(100) * 365 * 24 * 3600 * 1000) /* milliseconds */

/* Options that are only long have a capital letter that is no short option. */
#define GLOBAL      "HthVTEKAN"
#define JSON        'J'
#define FILES_FROM  'F'
#define NO_SYNC     'S'
#define CONNECTIONS 'C'
#define DURATION    'D'
#define WARM_UP     'W'
#define MIX         'M'
#define TLS         'T'
#define CERTIFICATE 'E'
#define KEY         'K'
#define AUTHORITIES 'A'
#define SERVER_NAME 'N'

static const struct option long_options[] = {
    {"host", required_argument, NULL, 'H'},
    {"timeout", required_argument, NULL, 't'},
    {"tls", no_argument, NULL, TLS},
    {"cert", required_argument, NULL, CERTIFICATE},
    {"key", required_argument, NULL, KEY},
    {"ca", required_argument, NULL, AUTHORITIES},
    {"server-name", required_argument, NULL, SERVER_NAME},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"long", no_argument, NULL, 'l'},
    {"null", no_argument, NULL, '0'},
    {"quiet", no_argument, NULL, 'q'},
    {"output", required_argument, NULL, 'o'},
    {"count", required_argument, NULL, 'c'},
    {"interval", required_argument, NULL, 'i'},
    {"json", no_argument, NULL, JSON},
    {"files-from", required_argument, NULL, FILES_FROM},
    {"no-sync", no_argument, NULL, NO_SYNC},
    {"connections", required_argument, NULL, CONNECTIONS},
    {"depth", required_argument, NULL, 'd'},
    {"requests", required_argument, NULL, 'n'},
    {"rate", required_argument, NULL, 'r'},
    {"duration", required_argument, NULL, DURATION},
    {"warm-up", required_argument, NULL, WARM_UP},
    {"mix", required_argument, NULL, MIX},
    {NULL, 0, NULL, 0},
};
static const char short_options[] = "+:H:t:hVl0qo:c:i:d:n:r:";

int usage_error(const char *format, ...)
{
    char words[2 * SHOWN_ROOM];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    complain("%s (valvectl -h tells more)", words);
    return -EINVAL;
}

/* ---- Values ---------------------------------------------------------------------------------- */

static int parse_number(const char *text, const char **ret_end, uint64_t *ret_number)
{
    char *end = NULL;
    unsigned long long number;

    if (*text < '0' || *text > '9')
        return -EINVAL;
    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno != 0)
        return -ERANGE;
    *ret_end = end;
    *ret_number = number;
    return 0;
}

/* A duration as in valve.ini: 500ms, 10s, 5min, 1h, or seconds. Nanoseconds; never 0. */
static int parse_duration(const char *option, const char *text, uint64_t *ret_duration)
{
    static const struct {
        const char *unit;
        uint64_t milliseconds;
    } units[] = {{"ms", 1}, {"s", 1000}, {"", 1000}, {"min", 60000}, {"h", 3600000}};
    const char *unit = "";
    uint64_t number = 0;

    if (parse_number(text, &unit, &number) == 0 && number > 0) {
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
            if (strcmp(unit, units[i].unit) != 0 || number > LONGEST / units[i].milliseconds)
                continue;
            *ret_duration = number * units[i].milliseconds * MILLISECOND;
            return 0;
        }
    }
    return usage_error("%s takes a time such as 500ms, 10s, 5min or 1h, not \"%s\"", option, text);
}

static int parse_count(const char *option, const char *text, uint64_t most, uint64_t *ret_count)
{
    const char *end = "";
    uint64_t count = 0;

    if (parse_number(text, &end, &count) < 0 || *end != '\0' || count == 0)
        return usage_error("%s takes a number from 1 on, not \"%s\"", option, text);
    if (count > most)
        return usage_error("%s takes a number up to %" PRIu64 ", not \"%s\"", option, most, text);
    *ret_count = count;
    return 0;
}

static int parse_small(const char *option, const char *text, uint32_t most, uint32_t *ret_count)
{
    uint64_t count = 0;
    int r = parse_count(option, text, most, &count);

    if (r == 0)
        *ret_count = (uint32_t)count;
    return r;
}

/* ---- Options --------------------------------------------------------------------------------- */

static const char *option_name(int letter)
{
    static char text[32];

    for (const struct option *option = long_options; option->name != NULL; option++) {
        if (option->val == letter) {
            snprintf(text, sizeof text, "--%s", option->name);
            return text;
        }
    }
    return "that option";
}

/* Options of bench. */
static int apply_load(struct options *options, int letter, char *argument)
{
    struct load_options *load = &options->load;

    switch (letter) {
    case CONNECTIONS:
        return parse_small("--connections", argument, MOST_CONNECTIONS, &load->connections);
    case 'd':
        return parse_small("--depth", argument, MOST_DEPTH, &load->depth);
    case 'n':
        return parse_count("--requests", argument, UINT64_MAX, &load->requests);
    case 'r':
        return parse_count("--rate", argument, MOST_RATE, &load->rate);
    case DURATION:
        return parse_duration("--duration", argument, &load->duration);
    case WARM_UP:
        load->warm_up = 0;
        return strcmp(argument, "0") == 0 ? 0
                                          : parse_duration("--warm-up", argument, &load->warm_up);
    case MIX:
        options->mix = argument;
        return 0;
    default:
        return -EINVAL;
    }
}

/* Options of TLS: each of them asks for it. */
static int apply_tls(struct options *options, int letter, char *argument)
{
    options->tls.is_wanted = true;
    switch (letter) {
    case CERTIFICATE:
        options->tls.certificate = argument;
        return 0;
    case KEY:
        options->tls.key = argument;
        return 0;
    case AUTHORITIES:
        options->tls.authorities = argument;
        return 0;
    case SERVER_NAME:
        options->tls.name = argument;
        return 0;
    default: /* TLS */
        return 0;
    }
}

static int apply(struct options *options, int letter, char *argument)
{
    switch (letter) {
    case 'H':
        options->address = argument;
        return 0;
    case 't':
        return parse_duration("--timeout", argument, &options->timeout);
    case TLS:
    case CERTIFICATE:
    case KEY:
    case AUTHORITIES:
    case SERVER_NAME:
        return apply_tls(options, letter, argument);
    case 'l':
        options->detailed = true;
        return 0;
    case '0':
        options->nul = true;
        return 0;
    case 'q':
        options->quiet = true;
        return 0;
    case 'o':
        if (*argument == '\0') /* a variable that a script forgot to set */
            return usage_error("--output takes a file, a directory or -, not nothing");
        options->output = argument;
        return 0;
    case 'c':
        return options->command != NULL && options->command->names == NAMES_ALLOWED
                   ? parse_small("-c", argument, MOST_CONNECTIONS, &options->load.connections)
                   : parse_count("-c", argument, UINT64_MAX, &options->count);
    case 'i':
        return parse_duration("--interval", argument, &options->interval);
    case JSON:
        options->json = true;
        return 0;
    case FILES_FROM:
        options->files_from = argument;
        return 0;
    case NO_SYNC:
        options->no_sync = true;
        return 0;
    default:
        return apply_load(options, letter, argument);
    }
}

static void print_help(void)
{
    puts("Usage: valvectl [-H ADDRESS] [-t TIME] COMMAND [OPTION...] [NAME...]\n"
         "Lists, measures, fetches and deletes the files that a valved serves.\n");
    for (const struct command *command = commands; command->name != NULL; command++)
        printf("  %-34s %s\n", command->usage, command->summary);
    puts("\n"
         "  -H, --host ADDRESS   unix:/path, a.b.c.d:port or [v6]:port; default: VALVE_HOST, or\n"
         "                       " DEFAULT_ADDRESS "\n"
         "                       (status: VALVE_METRICS, or " DEFAULT_METRICS ")\n"
         "  -t, --timeout TIME   give up when nothing moves for so long (60s)\n"
         "      --tls            speak TLS; so do the others of these\n"
         "      --ca FILE        who has to have signed the server's certificate (PEM); default:\n"
         "                       whom this system believes\n"
         "      --cert FILE      one's own certificate (PEM), for servers that ask for one\n"
         "      --key FILE       its private key (PEM)\n"
         "      --server-name N  whom the server's certificate has to name; default: the address\n"
         "  -h, --help           show this\n"
         "  -V, --version        show the version\n\n"
         "  --json               one JSON object a line\n"
         "  -0, --null           names end in NUL, not in a line end\n"
         "  --files-from FILE    read names from FILE (-: stdin) instead of the command line\n"
         "  -l, --long           list sizes and times too\n"
         "  -o, --output WHERE   get into this file or directory, or to stdout (-)\n"
         "  --no-sync            get without waiting for the disk\n"
         "  -q, --quiet          print nothing: the exit status of exists tells\n\n"
         "bench, with the names given or those of all files:\n"
         "  -c, --connections N  so many connections (16)\n"
         "  -d, --depth N        so many requests in flight on each (1)\n"
         "  -r, --rate N         begin so many requests a second, whatever the server does\n"
         "  -n, --requests N     end after so many answers\n"
         "      --duration TIME  end after so long (10s, unless -n is given)\n"
         "      --warm-up TIME   do not measure for so long (1s, unless -n is given)\n"
         "      --mix CALLS      such as get=90,exists=9,size=1 (get)\n\n"
         "Exit status: 0 all done, 1 some items failed or are missing, 2 usage, 3 no connection\n"
         "or too slow, 4 protocol broken, 5 denied, 6 reading or writing here failed.\n"
         "See valvectl(1).");
}

/* `before` is the argument before the one that getopt reads next. */
static int refuse_option(const struct options *options, const char *before)
{
    const char letter[] = {'-', (char)optopt, '\0'};
    /* Of a long option getopt has read the whole argument, of a cluster of letters it has not. */
    const char *option = optopt == 0 || strchr(before, '=') != NULL ? before : letter;
    bool takes_names = options->command != NULL && options->command->names != NAMES_NONE;
    char shown[SHOWN_ROOM];

    return usage_error("there is no option %s%s", show_name(option, strlen(option), shown),
                       takes_names ? "; names that begin with a hyphen stand behind --" : "");
}

/* Reads options up to the first that is none of `allowed`; ret_done: help or version was shown. */
static int read_options(struct options *options, int argc, char **argv, const char *format,
                        const char *allowed, bool *ret_done)
{
    int letter, r = 0;

    optind = 0; /* begins anew, with the format's own rule on where options may stand */
    while (r == 0 && (letter = getopt_long(argc, argv, format, long_options, NULL)) != -1) {
        if (letter == ':')
            return usage_error("%s takes an argument", argv[optind - 1]);
        if (letter == '?')
            return refuse_option(options, argv[optind - 1]);
        if (strchr(GLOBAL, letter) == NULL && strchr(allowed, letter) == NULL)
            return usage_error("%s takes no %s",
                               options->command == NULL ? "valvectl without a command"
                                                        : options->command->name,
                               option_name(letter));
        if (letter == 'h' || letter == 'V') {
            if (letter == 'h')
                print_help();
            else
                puts("valvectl " PACKAGE_VERSION);
            *ret_done = true;
            return 0;
        }
        r = apply(options, letter, optarg);
    }
    return r;
}

/* ---- The whole line -------------------------------------------------------------------------- */

static const struct command *find_command(const char *name)
{
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (strcmp(command->name, name) == 0 ||
            (command->alias != NULL && strcmp(command->alias, name) == 0))
            return command;
    }
    return NULL;
}

static int check_tls(const struct options *options)
{
    if (!options->tls.is_wanted)
        return 0;
    if (options->command->of_metrics)
        return usage_error("%s speaks no TLS", options->command->name);
    if ((options->tls.certificate == NULL) != (options->tls.key == NULL))
        return usage_error("--cert and --key belong together");
    if (strncmp(options->address, "unix:", 5) == 0)
        return usage_error("TLS is for TCP: name its address by --host, or VALVE_HOST");
    return 0;
}

static int check_names(const struct options *options)
{
    const struct command *command = options->command;

    if (command->names == NAMES_NONE && options->name_count > 0)
        return usage_error("%s takes no names", command->name);
    if (command->names == NAMES_NONE)
        return 0;
    if (options->name_count > 0 && options->files_from != NULL)
        return usage_error("names come from the command line or by --files-from, not both");
    if (command->names == NAMES_NEEDED && options->name_count == 0 && options->files_from == NULL)
        return usage_error("%s needs a name, or --files-from", command->name);
    return 0;
}

static void set_defaults(struct options *options)
{
    *options = (struct options){
        .timeout = DEFAULT_TIMEOUT,
        .count = 1,
        .interval = DEFAULT_INTERVAL,
        .load = {.connections = DEFAULT_CONNECTIONS, .depth = 1, .warm_up = UINT64_MAX},
    };
}

/* Where to ask, unless the command line says it. */
static const char *default_address(const struct command *command)
{
    const char *host = getenv(command->of_metrics ? "VALVE_METRICS" : "VALVE_HOST");

    if (host != NULL && *host != '\0')
        return host;
    return command->of_metrics ? DEFAULT_METRICS : DEFAULT_ADDRESS;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
    struct options options;
    char shown[SHOWN_ROOM];
    bool done = false;
    int r;

    set_defaults(&options);
    r = read_options(&options, argc, argv, short_options, "", &done);
    if (r == 0 && !done) {
        if (optind >= argc)
            return usage_error("a command is missing");
        argc -= optind;
        argv += optind;
        options.command = find_command(argv[0]);
        if (options.command == NULL)
            return usage_error("there is no command %s",
                               show_name(argv[0], strlen(argv[0]), shown));
        /* Without the plus sign options may also stand behind names. */
        r = read_options(&options, argc, argv, short_options + 1, options.command->takes, &done);
    }
    if (r < 0)
        return r;
    if (done) {
        options.command = NULL;
    } else {
        if (options.address == NULL)
            options.address = default_address(options.command);
        options.names = argv + optind;
        options.name_count = (size_t)(argc - optind);
        r = check_tls(&options);
        if (r == 0)
            r = check_names(&options);
        if (r == 0 && options.command->check != NULL)
            r = options.command->check(&options);
    }
    if (r == 0)
        *ret_options = options;
    return r;
}
