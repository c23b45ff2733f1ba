/* SPDX-License-Identifier: MIT */
/*
 * What valved was told to do: /etc/valve.ini and the command line, read once, checked whole.
 *
 * Defaults < file < command line. Every value knows where it came from, so that an error names its
 * line and --dump-config can say it. The main thread loads a configuration before any other thread
 * is started; from then on it is constant and may be read anywhere.
 */
#ifndef VALVED_CONFIG_H
#define VALVED_CONFIG_H

#include "net/address.h"
#include "net/network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct options;

/* Read when the command line names neither a file nor a listener; the build may move it. */
#ifndef VALVED_CONFIG_FILE
#define VALVED_CONFIG_FILE "/etc/valve.ini"
#endif

/* Longest NAME of [listen NAME] and [access NAME], without its terminator. */
#define CONFIG_NAME_MAX 32

/* What peers may do, as bits of the `allow` of listeners and of rules. */
#define CONFIG_OPERATIONS 5

enum config_operation {
    CONFIG_ALLOW_LIST = 1u << 0,
    CONFIG_ALLOW_SIZE = 1u << 1,
    CONFIG_ALLOW_GET = 1u << 2,
    CONFIG_ALLOW_EXISTS = 1u << 3,
    CONFIG_ALLOW_DEL = 1u << 4,
    CONFIG_ALLOW_ALL = (1u << CONFIG_OPERATIONS) - 1,
};

/* One for each key outside of [listen NAME]; the index of struct config.origins. */
enum config_key_index {
    CONFIG_WORKERS,
    CONFIG_PIN,
    CONFIG_MAX_DESCRIPTORS,
    CONFIG_MAX_CONNECTIONS,
    CONFIG_MAX_FILES,
    CONFIG_IO_THREADS,
    CONFIG_MAX_FIBERS,
    CONFIG_FIBER_STACK,
    CONFIG_USER,
    CONFIG_SANDBOX,
    CONFIG_ROOT,
    CONFIG_HIDE,
    CONFIG_SYMLINKS,
    CONFIG_ONE_FILESYSTEM,
    CONFIG_DELETES,
    CONFIG_SERVE_SLASH,
    CONFIG_CACHE,
    CONFIG_MAX_REQUEST,
    CONFIG_MAX_IN_FLIGHT,
    CONFIG_REQUEST_TIMEOUT,
    CONFIG_IDLE_TIMEOUT,
    CONFIG_SEND_TIMEOUT,
    CONFIG_IO_TIMEOUT,
    CONFIG_DRAIN_TIMEOUT,
    CONFIG_LOG_LEVEL,
    CONFIG_LOG_FORMAT,
    CONFIG_LOG_RATE,
    CONFIG_LOG_ACCESS,
    CONFIG_LOG_ACCESS_FILE,
    CONFIG_LOG_AUDIT,
    CONFIG_LOG_AUDIT_FILE,
    CONFIG_METRICS_ADDRESS,
    CONFIG_METRICS_INSECURE,
    CONFIG_KEY_COUNT
};

/* One for each key of [listen NAME]; the index of struct config_listener.origins. */
enum config_listener_key_index {
    CONFIG_LISTEN_ADDRESS,
    CONFIG_LISTEN_ALLOW,
    CONFIG_LISTEN_MODE,
    CONFIG_LISTEN_GROUP,
    CONFIG_LISTEN_INSECURE,
    CONFIG_LISTEN_TLS_CERT,
    CONFIG_LISTEN_TLS_KEY,
    CONFIG_LISTEN_TLS_CLIENT_CA,
    CONFIG_LISTEN_TLS_1_2,
    CONFIG_LISTEN_KEY_COUNT
};

/* One for each key of [access NAME]; the index of struct config_rule.origins. */
enum config_access_key_index {
    CONFIG_ACCESS_PEER,
    CONFIG_ACCESS_ALLOW,
    CONFIG_ACCESS_PATH,
    CONFIG_ACCESS_KEY_COUNT
};

enum config_source { CONFIG_FROM_DEFAULT, CONFIG_FROM_FILE, CONFIG_FROM_COMMAND_LINE };

struct config_origin {
    enum config_source source;
    unsigned line;  /* in config.path, from 1; 0 unless the source is the file */
    bool automatic; /* the value is `auto`: config_resolve() chooses it */
};

/* A list of words; `words` ends with NULL and is NULL when the list is empty. */
struct config_words {
    char **words;
    size_t count;
};

/* The group that owns a Unix socket. */
struct config_group {
    char *name; /* NULL: the process's own group */
    gid_t id;   /* (gid_t)-1, which chown() leaves alone, when name is NULL */
};

/* What tells a section from others of its kind. */
struct config_name {
    char text[CONFIG_NAME_MAX + 1];
    unsigned line; /* of its header; 0 for --listen */
};

/* Whose the process becomes. */
struct config_user {
    char *name; /* NULL: it stays whose it is */
    uid_t id;
    gid_t group; /* his own */
};

/* What becomes of the sandbox where the system has none. */
enum config_sandbox { CONFIG_SANDBOX_NO, CONFIG_SANDBOX_AUTO, CONFIG_SANDBOX_REQUIRED };

/* The form of what is logged: auto, which is plain but where the journal takes fields. */
enum config_log_format { CONFIG_LOG_AUTO, CONFIG_LOG_PLAIN, CONFIG_LOG_JSON };

/* Whether there is an audit, and whether nothing is removed of which it cannot tell. */
enum config_audit { CONFIG_AUDIT_NO, CONFIG_AUDIT_YES, CONFIG_AUDIT_REQUIRED };

struct config_listener {
    struct config_name name;
    struct valve_address address;
    unsigned allow;            /* of enum config_operation; never 0 */
    mode_t mode;               /* of a Unix socket in the file system */
    struct config_group group; /* likewise */
    bool insecure;             /* TCP: reachable from other machines, as asked, by anybody */
    char *tls_cert, *tls_key;  /* files, as written; "": none */
    char *tls_client_ca;       /* likewise: who signs certificates of clients */
    bool tls_1_2;              /* TLS 1.2, too */
    struct config_origin origins[CONFIG_LISTEN_KEY_COUNT];
};

/* Whom a rule is for: one word of `peer`. */
struct config_peer {
    enum config_peer_kind {
        CONFIG_PEER_ANY,     /* whoever connects */
        CONFIG_PEER_USER,    /* a user id of [first, last], over a Unix socket */
        CONFIG_PEER_GROUP,   /* one of whose groups, of all he has, is `first`; likewise */
        CONFIG_PEER_ADDRESS, /* an address in a network, over TCP */
        CONFIG_PEER_NAME,    /* a certificate's common name, over TLS */
        CONFIG_PEER_ALIAS,   /* one of its alternative names */
    } kind;
    uint32_t first, last;
    struct valve_network network;
    const char *name; /* in `text` */
    char *text;       /* as it was written */
};

struct config_peers {
    struct config_peer *list;
    size_t count;
};

/* [access NAME]: these peers may do these things to what is under this path. */
struct config_rule {
    struct config_name name;
    struct config_peers peers; /* at least one */
    unsigned allow;            /* of enum config_operation; never 0 */
    char *path;                /* whole components from the root on; "": all there is */
    struct config_origin origins[CONFIG_ACCESS_KEY_COUNT];
};

/*
 * Numbers are within the ranges of valve.ini(5). Those that can be `auto` (origins[].automatic) are
 * 0 until config_resolve(). Times are in milliseconds, sizes in bytes.
 */
struct config {
    char *path; /* the file that was read, NULL if none */
    bool resolved;

    uint64_t workers; /* can be auto */
    bool pin;
    uint64_t max_descriptors;
    uint64_t max_connections; /* can be auto */
    uint64_t max_files;       /* descriptors that requests may hold; can be auto */
    uint64_t io_threads;      /* can be auto */
    uint64_t max_fibers;
    uint64_t fiber_stack;
    struct config_user user;
    enum config_sandbox sandbox;

    char *root; /* absolute; was a directory when it was loaded */
    struct config_words hide;
    bool symlinks;
    bool one_filesystem;
    bool deletes;     /* if not, nobody removes anything, whatever a listener allows */
    bool serve_slash; /* the root may be that of the system */
    uint64_t cache;   /* open files kept, 0: none; can be auto */

    uint64_t max_request;
    uint64_t max_in_flight;
    uint64_t request_timeout;
    uint64_t idle_timeout;
    uint64_t send_timeout;
    uint64_t io_timeout;
    uint64_t drain_timeout;

    int log_level; /* LOG_ERR to LOG_DEBUG of <syslog.h> */
    enum config_log_format log_format;
    uint64_t log_rate; /* messages a second of each level; 0: any number */
    bool access;       /* there is an access log */
    char *access_file; /* "": where the log goes */
    enum config_audit audit;
    char *audit_file; /* "": where the log goes */

    struct valve_address metrics_address; /* size 0: no metrics are served */
    bool metrics_insecure;                /* reachable from other machines, as asked */

    struct config_listener *listeners; /* at least one */
    size_t listener_count;

    struct config_rule *rules; /* none: what a listener allows is all there is to it */
    size_t rule_count;

    struct config_origin origins[CONFIG_KEY_COUNT];
};

struct config_error {
    unsigned line; /* of the file, from 1; 0 for what has no line */
    char *text;    /* the whole message, with its file:line, without a newline */
};

/* Everything that is wrong with a configuration, in the order of its lines. */
struct config_errors {
    struct config_error *list;
    size_t count;
    bool incomplete; /* memory ran out: a message is missing, and config_load() says -ENOMEM */
};

/*
 * Builds the configuration that the options ask for: reads the file, if one is called for, applies
 * the command line, looks up groups and the root. It reports all that is wrong, not the first only.
 * May wait for the file system.
 *
 * 0: *ret_config is complete and the caller's to config_fini(). -EINVAL: *errors, which starts as
 * zeroes, says why. -ENOMEM. On failure *ret_config is untouched. In any case the caller calls
 * config_errors_fini().
 */
int config_load(const struct options *options, struct config *ret_config,
                struct config_errors *errors);

/*
 * Chooses what was left to `auto`, for a process that may use `cpus` CPUs and has raised its
 * descriptor limit to `descriptor_limit`: a worker for each CPU, twice as many I/O threads but at
 * least 4, and shares of the descriptors as valve.ini(5) says. What was set is kept, except that
 * the cache is lowered to half of the descriptors, and max_files to a quarter. More connections
 * than are left are the server's to refuse, which says so.
 */
void config_resolve(struct config *config, unsigned cpus, uint64_t descriptor_limit);

/*
 * Writes the configuration so that config_load() reads it back to the same values, each with a
 * comment that says where it came from. `auto` is written as such, with the number chosen in the
 * comment if config_resolve() has run. 0 or -ENOMEM; errors of writing are left in the stream.
 */
int config_dump(const struct config *config, FILE *stream);

/* Whether it is TLS that is spoken there, and whether clients need certificates. */
bool config_is_under_tls(const struct config_listener *listener);
bool config_knows_clients(const struct config_listener *listener);

/* What `allow` calls one operation. */
const char *config_operation_name(unsigned operation);

/* What the peers of a listener may do at most: its `allow`, less what is switched off for all. */
unsigned config_allows(const struct config_listener *listener, bool deletes);

/*
 * Descriptors that are neither connections nor held by requests: the cache, and what valved has
 * open itself, for as long as it runs or within a single call. After config_resolve().
 */
uint64_t config_own_descriptors(const struct config *config);

/* Whether these rules say the same, about the same users and groups, in the same order. */
bool config_rules_same(const struct config_rule *a, size_t a_count, const struct config_rule *b,
                       size_t b_count);

/* The configuration has no rules any more: somebody else has taken them. */
void config_rules_forget(struct config *config);

/* Frees rules that were taken from a configuration. */
void config_rules_free(struct config_rule *rules, size_t count);

/* Frees what the configuration owns; accepts one of zeroes. */
void config_fini(struct config *config);

/* Frees the messages; accepts a list of zeroes. */
void config_errors_fini(struct config_errors *errors);

#endif
