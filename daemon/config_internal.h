/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the configuration share: the table of keys, their types, and the errors.
 */
#ifndef VALVED_CONFIG_INTERNAL_H
#define VALVED_CONFIG_INTERNAL_H

#include "daemon/config.h"

#include <limits.h>

/* Bytes of the longest line, without its end: the longest path there is, its key and a comment. */
#define CONFIG_LINE_MAX (PATH_MAX + 256)

/* Bytes of the longest file: far more than anybody writes, and an end to /dev/zero. */
#define CONFIG_FILE_MAX (1024 * 1024)

enum config_section {
    CONFIG_SERVER,
    CONFIG_FILES,
    CONFIG_LIMITS,
    CONFIG_LOG,
    CONFIG_METRICS,
    CONFIG_ACCESS,
    CONFIG_LISTEN,
    CONFIG_SECTION_COUNT
};

extern const char *const config_section_names[CONFIG_SECTION_COUNT];

/* Why a value was refused, in words that follow "KEY: ". */
struct config_problem {
    char text[512];
};

struct config_key;

/*
 * How values of one kind are read and written. `value` points to the field at the key's offset.
 * parse() leaves it untouched unless it returns 0; otherwise -EINVAL with *problem, or -ENOMEM.
 * format() writes what parse() reads, as snprintf() does. release() is NULL where nothing is owned.
 */
struct config_type {
    int (*parse)(const struct config_key *key, const char *text, void *value,
                 struct config_problem *problem);
    void (*format)(const struct config_key *key, const void *value, char *text, size_t size);
    void (*release)(void *value);
};

/* Before the name of a file that the service manager passes. */
#define CONFIG_CREDENTIAL "credential:"

extern const struct config_type config_count_type;
extern const struct config_type config_size_type;
extern const struct config_type config_duration_type;
extern const struct config_type config_flag_type;
extern const struct config_type config_path_type;
extern const struct config_type config_patterns_type;
extern const struct config_type config_level_type;
extern const struct config_type config_address_type;
extern const struct config_type config_optional_address_type;
extern const struct config_type config_operations_type;
extern const struct config_type config_mode_type;
extern const struct config_type config_group_type;
extern const struct config_type config_user_type;
extern const struct config_type config_word_type;
extern const struct config_type config_peers_type;
extern const struct config_type config_prefix_type;
extern const struct config_type config_secret_type;
extern const struct config_type config_optional_path_type;

#define CONFIG_WORDS 3

/* Which listeners a key makes sense for. */
enum config_transport { CONFIG_ANY_TRANSPORT, CONFIG_SOCKET_FILE, CONFIG_TCP };

struct config_key {
    const char *name;
    enum config_section section;
    const struct config_type *type;
    size_t offset;            /* of the value in the struct of its section */
    const char *initial;      /* its default as one would write it; NULL: none, or it depends */
    const char *option;       /* the command line's name for it, or NULL */
    const char *const *words; /* CONFIG_WORDS of them, of which the value is one, an enum */
    uint64_t minimum;         /* of numbers, in the field's unit */
    uint64_t maximum;
    bool automatic; /* takes `auto` too */
    enum config_transport transport;
};

extern const struct config_key config_keys[CONFIG_KEY_COUNT];
extern const struct config_key config_listener_keys[CONFIG_LISTEN_KEY_COUNT];
extern const struct config_key config_access_keys[CONFIG_ACCESS_KEY_COUNT];

/* Where a key's value is, in the struct config, config_listener or config_rule at `base`. */
void *config_field(const struct config_key *key, void *base);
const void *config_field_const(const struct config_key *key, const void *base);

/*
 * Sets a key of the struct at `base`, and *origin to `from`: that even when the text is refused, so
 * that the next line with this key is still a repetition. A value that is refused leaves what owns
 * memory empty: a path NULL. 0, -EINVAL with *problem, or -ENOMEM.
 */
int config_set(const struct config_key *key, void *base, struct config_origin *origin,
               struct config_origin from, const char *text, struct config_problem *problem);

/* Sets all keys of the struct at `base` that have a default to it. 0 or -ENOMEM. */
int config_set_defaults(const struct config_key *keys, size_t count, void *base,
                        struct config_origin *origins);

/* Frees what the values of these keys own. */
void config_release(const struct config_key *keys, size_t count, void *base);

/* Reads what --allow and `allow` take: operations, separated by blanks or commas. */
int config_parse_operations(const char *text, unsigned *ret_operations,
                            struct config_problem *problem);

/*
 * Reads one word of `peer`, which *ret_peer does not keep. Looks names up. 0, -EINVAL or -ENOMEM.
 */
int config_parse_peer(const char *word, struct config_peer *ret_peer,
                      struct config_problem *problem);

/* Says in *problem what is wrong, and returns -EINVAL. */
int config_refuse(struct config_problem *problem, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Of a type whose values are text in memory of their own. */
void config_release_path(void *value);
void config_format_path(const struct config_key *key, const void *value, char *text, size_t size);

/* Says in *problem why a user or group could not be found; -ENOMEM is passed on. */
int config_refuse_account(struct config_problem *problem, const char *kind, const char *name,
                          int error);

/* Adds an error at a line of the file at `path`; at no line if `line` is 0. */
void config_errors_add(struct config_errors *errors, const char *path, unsigned line,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Adds an error about a value, wherever that came from. */
void config_errors_add_value(struct config_errors *errors, const struct config *config,
                             const struct config_key *key, const struct config_origin *origin,
                             const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Notes that memory ran out, which makes config_load() return -ENOMEM. */
void config_errors_lose(struct config_errors *errors);

/*
 * Reads what the stream holds into *config, which has its defaults and its path; all that is wrong
 * goes to *errors. The stream remains the caller's.
 */
void config_read(struct config *config, FILE *stream, struct config_errors *errors);

/* Appends a listener with its defaults. 0 or -ENOMEM. */
int config_listener_add(struct config *config, const char *name, unsigned line);

/* Drops all listeners. */
void config_listeners_clear(struct config *config);

/* Completes the defaults that hang on the address, and checks each listener and all together. */
void config_listeners_check(struct config *config, struct config_errors *errors);

/* Checks the address of metrics, beside those of the listeners. */
void config_metrics_check(const struct config *config, struct config_errors *errors);

/* Appends an access rule with its defaults. 0 or -ENOMEM. */
int config_rule_add(struct config *config, const char *name, unsigned line);

/* Drops all rules. */
void config_rules_clear(struct config *config);

/* Checks each rule of the file, and what they need of the rest. */
void config_rules_check(const struct config *config, struct config_errors *errors);

/* Reports it when there is none, neither in the file nor on the command line. */
void config_listeners_require(const struct config *config, struct config_errors *errors);

#endif
