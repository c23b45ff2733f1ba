/* SPDX-License-Identifier: MIT */
/*
 * Putting a configuration together: defaults, file, command line, and what depends on the machine.
 */
#include <config.h>

#include "daemon/config_internal.h"
#include "daemon/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Descriptors of valved itself. Fixed: the standard ones, the root, listeners, event loops, those
 * who read the metrics. Per thread: a worker's event loop and mailbox, its news of files and of
 * mounts, and what a thread opens and closes within one call of the store: a path's directories, a
 * file looked up and opened. To each thread of the pool belongs half a one that walks.
 */
#define OWN_FIXED         64
#define OWN_PER_WORKER    8
#define OWN_PER_IO_THREAD 6

/* What max_files = auto comes to. */
#define FILES_LEAST 64
#define FILES_MOST  8192

/* ---- the file ---- */

/* 0, or 1 where the file cannot be read, which is reported: what it says is not known. */
static int read_file(struct config *config, const struct options *options,
                     struct config_errors *errors)
{
    const char *path = options->config_path;
    bool readable;
    FILE *stream;

    if (path == NULL && options->listener_count > 0)
        return 0;
    config->path = strdup(path != NULL ? path : VALVED_CONFIG_FILE);
    if (config->path == NULL)
        return -ENOMEM;
    stream = fopen(config->path, "re");
    if (stream == NULL) {
        config_errors_add(errors, config->path, 0, "%s%s", strerror(errno),
                          path == NULL ? "; give another file with -c, or --listen ADDRESS" : "");
        return 1;
    }
    config_read(config, stream, errors);
    readable = ferror(stream) == 0;
    fclose(stream);
    if (readable) {
        config_listeners_check(config, errors);
        config_rules_check(config, errors);
    }
    return readable ? 0 : 1;
}

/* ---- the command line ---- */

static char *absolute_path(const char *path)
{
    char *directory = NULL;
    char *absolute = NULL;

    if (path[0] == '/')
        return strdup(path);
    directory = getcwd(NULL, 0);
    if (directory == NULL)
        return NULL;
    if (asprintf(&absolute, "%s/%s", directory, path) < 0)
        absolute = NULL;
    free(directory);
    return absolute;
}

/* Sets a key to what the command line says. 0, also if that is wrong and reported, or -ENOMEM. */
static int apply_key(struct config *config, enum config_key_index index, const char *text,
                     struct config_errors *errors)
{
    const struct config_origin from = {.source = CONFIG_FROM_COMMAND_LINE};
    const struct config_key *key = &config_keys[index];
    struct config_problem problem;
    int r = config_set(key, config, &config->origins[index], from, text, &problem);

    if (r == -EINVAL) {
        config_errors_add_value(errors, config, key, &from, "%s", problem.text);
        return 0;
    }
    return r;
}

static int apply_root(struct config *config, const char *root, struct config_errors *errors)
{
    const struct config_origin from = {.source = CONFIG_FROM_COMMAND_LINE};
    char *path = absolute_path(root);
    int r = -ENOMEM;

    if (path != NULL) {
        r = apply_key(config, CONFIG_ROOT, path, errors);
    } else if (errno != ENOMEM) {
        config_errors_add_value(errors, config, &config_keys[CONFIG_ROOT], &from,
                                "%.100s: the working directory is unknown: %s", root,
                                strerror(errno));
        r = 0;
    }
    free(path);
    return r;
}

static int add_argument(struct config *config, const struct options *options, size_t index,
                        struct config_errors *errors)
{
    const struct config_origin from = {.source = CONFIG_FROM_COMMAND_LINE};
    const struct config_key *key = &config_listener_keys[CONFIG_LISTEN_ADDRESS];
    struct config_listener *listener;
    struct config_problem problem;
    char name[CONFIG_NAME_MAX + 1];
    int r;

    snprintf(name, sizeof name, "%zu", index + 1);
    r = config_listener_add(config, name, 0);
    if (r < 0)
        return r;
    listener = &config->listeners[config->listener_count - 1];
    r = config_set(key, listener, &listener->origins[CONFIG_LISTEN_ADDRESS], from,
                   options->listeners[index].text, &problem);
    if (r == -EINVAL)
        config_errors_add_value(errors, config, key, &from, "%s", problem.text);
    if (options->allow != 0) {
        listener->allow = options->allow;
        listener->origins[CONFIG_LISTEN_ALLOW] = from;
    }
    return r == -EINVAL ? 0 : r;
}

/* --listen replaces the listeners of the file, which have been checked all the same. */
static int apply_options(struct config *config, const struct options *options,
                         struct config_errors *errors)
{
    int r = 0;

    if (options->root != NULL)
        r = apply_root(config, options->root, errors);
    if (r >= 0 && options->user != NULL)
        r = apply_key(config, CONFIG_USER, options->user, errors);
    if (r < 0 || options->listener_count == 0)
        return r;
    config_listeners_clear(config);
    for (size_t i = 0; i < options->listener_count; i++) {
        r = add_argument(config, options, i, errors);
        if (r < 0)
            return r;
    }
    config_listeners_check(config, errors);
    return 0;
}

/* ---- the whole ---- */

static bool is_slash(const struct stat *status)
{
    struct stat slash;

    return stat("/", &slash) == 0 && slash.st_dev == status->st_dev &&
           slash.st_ino == status->st_ino;
}

static void check_root(const struct config *config, struct config_errors *errors)
{
    const struct config_key *key = &config_keys[CONFIG_ROOT];
    const struct config_origin *origin = &config->origins[CONFIG_ROOT];
    bool by_default = origin->source == CONFIG_FROM_DEFAULT;
    struct stat status;
    int error = 0;

    if (config->root == NULL) /* refused, and reported */
        return;
    if (stat(config->root, &status) < 0)
        error = errno;
    else if (!S_ISDIR(status.st_mode))
        error = ENOTDIR;
    else if (is_slash(&status) && !config->serve_slash)
        config_errors_add_value(errors, config, key, origin,
                                "%s is all there is on this machine: 'serve_slash = yes' serves it",
                                config->root);
    if (error != 0)
        config_errors_add_value(errors, config, key, origin, "%s: %s%s", config->root,
                                strerror(error),
                                by_default ? "; it is the default: set root in [files], or give "
                                             "--root DIR"
                                           : "");
}

int config_load(const struct options *options, struct config *ret_config,
                struct config_errors *errors)
{
    struct config config = {0};
    bool known = false; /* what the file says */
    int r;

    r = config_set_defaults(config_keys, CONFIG_KEY_COUNT, &config, config.origins);
    if (r >= 0) {
        r = read_file(&config, options, errors);
        known = r == 0;
    }
    if (r >= 0)
        r = apply_options(&config, options, errors);
    if (r >= 0 && known)
        config_listeners_require(&config, errors);
    if (r >= 0)
        config_metrics_check(&config, errors);
    if (r >= 0 && (known || config.origins[CONFIG_ROOT].source != CONFIG_FROM_DEFAULT))
        check_root(&config, errors);
    if (errors->incomplete)
        r = -ENOMEM;
    if (r >= 0 && errors->count > 0)
        r = -EINVAL;
    if (r < 0) {
        config_fini(&config);
        return r;
    }
    *ret_config = config;
    return 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t config_own_descriptors(const struct config *config)
{
    return config->cache + OWN_FIXED + OWN_PER_WORKER * config->workers +
           OWN_PER_IO_THREAD * config->io_threads;
}

/* What is not asked for by connections, within reason, or a share that grows with the limit. */
static uint64_t automatic_files(const struct config *config, uint64_t descriptor_limit)
{
    uint64_t taken = config_own_descriptors(config) + config->max_connections;
    uint64_t files = greater(descriptor_limit / 32, FILES_LEAST);

    if (!config->origins[CONFIG_MAX_CONNECTIONS].automatic && taken < descriptor_limit)
        files = greater(files, descriptor_limit - taken);
    return smaller(files, FILES_MOST);
}

void config_resolve(struct config *config, unsigned cpus, uint64_t descriptor_limit)
{
    uint64_t taken, left;

    if (config->origins[CONFIG_WORKERS].automatic)
        config->workers = greater(cpus, 1);
    if (config->origins[CONFIG_IO_THREADS].automatic)
        config->io_threads = greater(2 * config->workers, 4);
    if (config->origins[CONFIG_CACHE].automatic)
        config->cache = smaller(descriptor_limit / 16, 8192);
    config->cache = smaller(config->cache, descriptor_limit / 2);
    if (config->origins[CONFIG_MAX_FILES].automatic)
        config->max_files = automatic_files(config, descriptor_limit);
    config->max_files = smaller(config->max_files, descriptor_limit / 4);

    taken = config_own_descriptors(config) + config->max_files;
    left = descriptor_limit > taken ? descriptor_limit - taken : 1;
    if (config->origins[CONFIG_MAX_CONNECTIONS].automatic)
        config->max_connections = left;
    config->resolved = true;
}

void config_fini(struct config *config)
{
    config_listeners_clear(config);
    config_rules_clear(config);
    config_release(config_keys, CONFIG_KEY_COUNT, config);
    free(config->path);
    *config = (struct config){0};
}
