/* SPDX-License-Identifier: MIT */
/*
 * The keys of valve.ini: where each stands, what it may hold, and its default.
 */
#include <config.h>

#include "daemon/config_internal.h"

#include <stddef.h>
#include <string.h>

#define K             UINT64_C(1024)
#define M             (K * K)
#define SECOND        UINT64_C(1000)
#define HOUR          (3600 * SECOND)
#define FIELD(member) offsetof(struct config, member)
#define PART(member)  offsetof(struct config_listener, member)
#define RULE(member)  offsetof(struct config_rule, member)

const char *const config_section_names[CONFIG_SECTION_COUNT] = {
    [CONFIG_SERVER] = "server", [CONFIG_FILES] = "files",     [CONFIG_LIMITS] = "limits",
    [CONFIG_LOG] = "log",       [CONFIG_METRICS] = "metrics", [CONFIG_ACCESS] = "access",
    [CONFIG_LISTEN] = "listen",
};

/* clang-format off */
#define COUNT(member, default_, least, most) \
    .type = &config_count_type, .offset = FIELD(member), .initial = (default_), \
    .minimum = (least), .maximum = (most)
#define SIZE(member, default_, least, most) \
    .type = &config_size_type, .offset = FIELD(member), .initial = (default_), \
    .minimum = (least), .maximum = (most)
#define DURATION(member, default_, most) \
    .type = &config_duration_type, .offset = FIELD(member), .initial = (default_), \
    .minimum = 1, .maximum = (most)
#define FLAG(member, default_) \
    .type = &config_flag_type, .offset = FIELD(member), .initial = (default_)
#define WORD(member, default_, ...) \
    .type = &config_word_type, .offset = FIELD(member), .initial = (default_), \
    .words = (const char *const[CONFIG_WORDS]){__VA_ARGS__}

const struct config_key config_keys[CONFIG_KEY_COUNT] = {
    [CONFIG_WORKERS] = {"workers", CONFIG_SERVER,
        COUNT(workers, "auto", 1, 1024), .automatic = true},
    [CONFIG_PIN] = {"pin", CONFIG_SERVER, FLAG(pin, "yes")},
    [CONFIG_MAX_DESCRIPTORS] = {"max_descriptors", CONFIG_SERVER,
        COUNT(max_descriptors, "1048576", 512, 16 * M)},
    [CONFIG_MAX_CONNECTIONS] = {"max_connections", CONFIG_SERVER,
        COUNT(max_connections, "auto", 1, 16 * M), .automatic = true},
    [CONFIG_MAX_FILES] = {"max_files", CONFIG_SERVER,
        COUNT(max_files, "auto", 4, 16 * M), .automatic = true},
    [CONFIG_IO_THREADS] = {"io_threads", CONFIG_SERVER,
        COUNT(io_threads, "auto", 2, 4096), .automatic = true},
    [CONFIG_MAX_FIBERS] = {"max_fibers", CONFIG_SERVER,
        COUNT(max_fibers, "4096", 16, M)},
    [CONFIG_FIBER_STACK] = {"fiber_stack", CONFIG_SERVER,
        SIZE(fiber_stack, "64K", 16 * K, 16 * M)},
    [CONFIG_USER] = {"user", CONFIG_SERVER, .option = "--user",
        .type = &config_user_type, .offset = FIELD(user), .initial = ""},
    [CONFIG_SANDBOX] = {"sandbox", CONFIG_SERVER,
        WORD(sandbox, "auto", [CONFIG_SANDBOX_NO] = "no", [CONFIG_SANDBOX_AUTO] = "auto",
             [CONFIG_SANDBOX_REQUIRED] = "required")},

    [CONFIG_ROOT] = {"root", CONFIG_FILES, .option = "--root",
        .type = &config_path_type, .offset = FIELD(root), .initial = "/srv/valve"},
    [CONFIG_HIDE] = {"hide", CONFIG_FILES,
        .type = &config_patterns_type, .offset = FIELD(hide), .initial = ""},
    [CONFIG_SYMLINKS] = {"symlinks", CONFIG_FILES, FLAG(symlinks, "no")},
    [CONFIG_ONE_FILESYSTEM] = {"one_filesystem", CONFIG_FILES, FLAG(one_filesystem, "no")},
    [CONFIG_DELETES] = {"deletes", CONFIG_FILES, FLAG(deletes, "yes")},
    [CONFIG_SERVE_SLASH] = {"serve_slash", CONFIG_FILES, FLAG(serve_slash, "no")},
    [CONFIG_CACHE] = {"cache", CONFIG_FILES,
        COUNT(cache, "auto", 0, M), .automatic = true},

    [CONFIG_MAX_REQUEST] = {"max_request", CONFIG_LIMITS,
        SIZE(max_request, "8K", 256, 16 * M)},
    [CONFIG_MAX_IN_FLIGHT] = {"max_in_flight", CONFIG_LIMITS,
        COUNT(max_in_flight, "64", 1, 64 * K - 1)},
    [CONFIG_REQUEST_TIMEOUT] = {"request_timeout", CONFIG_LIMITS,
        DURATION(request_timeout, "10s", 24 * HOUR)},
    [CONFIG_IDLE_TIMEOUT] = {"idle_timeout", CONFIG_LIMITS,
        DURATION(idle_timeout, "5min", 576 * HOUR)},
    [CONFIG_SEND_TIMEOUT] = {"send_timeout", CONFIG_LIMITS,
        DURATION(send_timeout, "30s", 24 * HOUR)},
    [CONFIG_IO_TIMEOUT] = {"io_timeout", CONFIG_LIMITS,
        DURATION(io_timeout, "30s", 24 * HOUR)},
    [CONFIG_DRAIN_TIMEOUT] = {"drain_timeout", CONFIG_LIMITS,
        DURATION(drain_timeout, "10s", 24 * HOUR)},

    [CONFIG_LOG_LEVEL] = {"level", CONFIG_LOG,
        .type = &config_level_type, .offset = FIELD(log_level), .initial = "info"},
    [CONFIG_LOG_FORMAT] = {"format", CONFIG_LOG,
        WORD(log_format, "auto", [CONFIG_LOG_AUTO] = "auto", [CONFIG_LOG_PLAIN] = "plain",
             [CONFIG_LOG_JSON] = "json")},
    [CONFIG_LOG_RATE] = {"rate_limit", CONFIG_LOG,
        COUNT(log_rate, "100", 0, M)},
    [CONFIG_LOG_ACCESS] = {"access", CONFIG_LOG, FLAG(access, "no")},
    [CONFIG_LOG_ACCESS_FILE] = {"access_file", CONFIG_LOG,
        .type = &config_optional_path_type, .offset = FIELD(access_file), .initial = ""},
    [CONFIG_LOG_AUDIT] = {"audit", CONFIG_LOG,
        WORD(audit, "no", [CONFIG_AUDIT_NO] = "no", [CONFIG_AUDIT_YES] = "yes",
             [CONFIG_AUDIT_REQUIRED] = "required")},
    [CONFIG_LOG_AUDIT_FILE] = {"audit_file", CONFIG_LOG,
        .type = &config_optional_path_type, .offset = FIELD(audit_file), .initial = ""},

    [CONFIG_METRICS_ADDRESS] = {"address", CONFIG_METRICS,
        .type = &config_optional_address_type, .offset = FIELD(metrics_address), .initial = ""},
    [CONFIG_METRICS_INSECURE] = {"insecure", CONFIG_METRICS, FLAG(metrics_insecure, "no")},
};

const struct config_key config_listener_keys[CONFIG_LISTEN_KEY_COUNT] = {
    [CONFIG_LISTEN_ADDRESS] = {"address", CONFIG_LISTEN, .option = "--listen",
        .type = &config_address_type, .offset = PART(address)},
    [CONFIG_LISTEN_ALLOW] = {"allow", CONFIG_LISTEN, .option = "--allow",
        .type = &config_operations_type, .offset = PART(allow)},
    [CONFIG_LISTEN_MODE] = {"mode", CONFIG_LISTEN, .transport = CONFIG_SOCKET_FILE,
        .type = &config_mode_type, .offset = PART(mode), .initial = "0660", .maximum = 0777},
    [CONFIG_LISTEN_GROUP] = {"group", CONFIG_LISTEN, .transport = CONFIG_SOCKET_FILE,
        .type = &config_group_type, .offset = PART(group), .initial = ""},
    [CONFIG_LISTEN_INSECURE] = {"insecure", CONFIG_LISTEN, .transport = CONFIG_TCP,
        .type = &config_flag_type, .offset = PART(insecure), .initial = "no"},
    [CONFIG_LISTEN_TLS_CERT] = {"tls_cert", CONFIG_LISTEN, .transport = CONFIG_TCP,
        .type = &config_secret_type, .offset = PART(tls_cert), .initial = ""},
    [CONFIG_LISTEN_TLS_KEY] = {"tls_key", CONFIG_LISTEN, .transport = CONFIG_TCP,
        .type = &config_secret_type, .offset = PART(tls_key), .initial = ""},
    [CONFIG_LISTEN_TLS_CLIENT_CA] = {"tls_client_ca", CONFIG_LISTEN, .transport = CONFIG_TCP,
        .type = &config_secret_type, .offset = PART(tls_client_ca), .initial = ""},
    [CONFIG_LISTEN_TLS_1_2] = {"tls_1_2", CONFIG_LISTEN, .transport = CONFIG_TCP,
        .type = &config_flag_type, .offset = PART(tls_1_2), .initial = "no"},
};

const struct config_key config_access_keys[CONFIG_ACCESS_KEY_COUNT] = {
    [CONFIG_ACCESS_PEER] = {"peer", CONFIG_ACCESS,
        .type = &config_peers_type, .offset = RULE(peers)},
    [CONFIG_ACCESS_ALLOW] = {"allow", CONFIG_ACCESS,
        .type = &config_operations_type, .offset = RULE(allow)},
    [CONFIG_ACCESS_PATH] = {"path", CONFIG_ACCESS,
        .type = &config_prefix_type, .offset = RULE(path), .initial = ""},
};
/* clang-format on */

void *config_field(const struct config_key *key, void *base)
{
    return (char *)base + key->offset;
}

const void *config_field_const(const struct config_key *key, const void *base)
{
    return (const char *)base + key->offset;
}

/*
 * Whether a line of a file could hold the value after "KEY = ". Hardly anything that a file brings
 * fails; the command line could bring what --dump-config would then write in vain.
 */
static bool fits_a_line(const char *text)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i++) {
        if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
            return false;
        if (text[i] == ';' && (i == 0 || strchr(" \t", text[i - 1]) != NULL))
            return false;
    }
    return length == 0 || strchr(" \t", text[length - 1]) == NULL;
}

static int parse_value(const struct config_key *key, void *base, struct config_origin *origin,
                       const char *text, struct config_problem *problem)
{
    if (!fits_a_line(text))
        return config_refuse(problem,
                             "control characters, a ';' that begins a word, and a blank at "
                             "the end cannot be part of a value");
    if (key->automatic && strcmp(text, "auto") == 0) {
        origin->automatic = true;
        *(uint64_t *)config_field(key, base) = 0;
        return 0;
    }
    return key->type->parse(key, text, config_field(key, base), problem);
}

int config_set_defaults(const struct config_key *keys, size_t count, void *base,
                        struct config_origin *origins)
{
    struct config_problem problem;
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++)
        if (keys[i].initial != NULL)
            r = config_set(&keys[i], base, &origins[i], (struct config_origin){0}, keys[i].initial,
                           &problem);
    return r;
}

void config_release(const struct config_key *keys, size_t count, void *base)
{
    for (size_t i = 0; i < count; i++)
        if (keys[i].type->release != NULL)
            keys[i].type->release(config_field(&keys[i], base));
}

int config_set(const struct config_key *key, void *base, struct config_origin *origin,
               struct config_origin from, const char *text, struct config_problem *problem)
{
    int r;

    *origin = from;
    r = parse_value(key, base, origin, text, problem);
    /* No default stands in for what was refused. */
    if (r < 0 && key->type->release != NULL)
        key->type->release(config_field(key, base));
    return r;
}
