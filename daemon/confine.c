/* SPDX-License-Identifier: MIT */
/*
 * What valved gives up before it serves: its user, and all files but those it needs.
 */
#include <config.h>

#include "daemon/confine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/cleanup.h"
#include "daemon/sandbox.h"

/* Whoever finds a hole in a process of root's has the machine: that it is his must be meant. */
bool confine_allows(const struct config *config, struct log *log)
{
    if (geteuid() != 0 || config->user.name)
        return true;
    log_print(log, VALVE_LOG_ERROR,
              "not run as root: name a user in [server], or by --user; root, if it has to be");
    return false;
}

bool confine_become_user(const struct confinement *confinement)
{
    const struct config_user *user = &confinement->config->user;
    int r;

    if (user->name && geteuid() != 0 && geteuid() != user->id)
        log_print(confinement->log, VALVE_LOG_WARNING, "cannot become %s: not started by root",
                  user->name);
    r = sandbox_become(user->name, user->name ? user->id : geteuid(), user->group);
    if (r < 0)
        log_print(confinement->log, VALVE_LOG_ERROR, "cannot become %s: %s", user->name,
                  strerror(-r));
    return r == 0;
}

/* The sockets that are files, and are removed at the end; the caller frees it. NULL: no memory. */
static const char **socket_files(const struct config *config)
{
    const char **paths = calloc(config->listener_count + 2, sizeof *paths);
    const char *metrics = valve_address_path(&config->metrics_address);
    size_t count = 0;

    if (!paths)
        return NULL;
    for (size_t i = 0; i < config->listener_count; i++) {
        const char *path = valve_address_path(&config->listeners[i].address);

        if (path)
            paths[count++] = path;
    }
    if (config->metrics_address.size > 0 && metrics)
        paths[count++] = metrics;
    return paths;
}

/* The files that a reload reads again; the caller frees the list. NULL: no memory. */
static const char **reloaded_files(const struct config *config)
{
    const char **paths = calloc(3 * config->listener_count + 2, sizeof *paths);
    size_t count = 0;

    if (!paths)
        return NULL;
    if (config->path)
        paths[count++] = config->path;
    for (size_t i = 0; config->path && i < config->listener_count; i++) {
        const struct config_listener *listener = &config->listeners[i];
        const char *files[] = {listener->tls_cert, listener->tls_key, listener->tls_client_ca};

        for (size_t j = 0; j < 3; j++)
            if (files[j] && files[j][0] == '/') /* or else a credential */
                paths[count++] = files[j];
    }
    return paths;
}

/* The files that a reload opens again to write to them. */
static void list_reopened(const struct config *config, const char *paths[3])
{
    if (config->path && config->audit != CONFIG_AUDIT_NO && config->audit_file[0] != '\0')
        *paths++ = config->audit_file;
    if (config->path && config->access && config->access_file[0] != '\0')
        *paths++ = config->access_file;
    *paths = NULL;
}

/*
 * The main thread reads the configuration again, with names of users and groups, and what finds
 * those is a library.
 */
static bool enter_sandbox(struct confinement *confinement)
{
    const struct config *config = confinement->config;
    cleanup(cleanup_memory) const char **sockets = socket_files(config);
    const char *nothing = NULL;
    const char *written[3];
    cleanup(cleanup_memory) const char **files = reloaded_files(config);
    const char *directories[] = {
        "/etc", "/usr/lib", "/lib", "/lib64", getenv("CREDENTIALS_DIRECTORY"), NULL};
    const struct sandbox sandbox = {.root = store_root(confinement->store),
                                    .read = config->path ? directories : &nothing,
                                    .files = files,
                                    .written = written,
                                    .deletes = config->deletes,
                                    .sockets = sockets};
    bool is_required = config->sandbox == CONFIG_SANDBOX_REQUIRED;
    int r = -ENOMEM;

    list_reopened(config, written);
    if (sockets && files)
        r = sandbox_enter(&sandbox);
    confinement->is_in_sandbox = r == 0;
    if (r == 0)
        log_print(confinement->log, VALVE_LOG_INFO, "in a sandbox: reads beneath the root only, %s",
                  config->deletes ? "removes files there only" : "removes nothing");
    else
        log_print(confinement->log, is_required ? VALVE_LOG_ERROR : VALVE_LOG_WARNING,
                  "no sandbox: Landlock: %s%s", strerror(-r),
                  is_required ? "" : "; permissions alone say what valved can reach");
    return r == 0 || !is_required;
}

/* A root that comes back after its server was away is another one to Landlock: it must be meant. */
static bool is_sandbox_wanted(const struct confinement *confinement)
{
    enum config_sandbox sandbox = confinement->config->sandbox;

    if (sandbox == CONFIG_SANDBOX_AUTO && store_is_remote(confinement->store)) {
        log_print(confinement->log, VALVE_LOG_NOTICE,
                  "no sandbox: it would keep the root out when that is mounted again, as this kind "
                  "of file system may be; 'sandbox = required' has it all the same");
        return false;
    }
    return sandbox != CONFIG_SANDBOX_NO;
}

bool confine_process(struct confinement *confinement)
{
    return !is_sandbox_wanted(confinement) || enter_sandbox(confinement);
}

bool confine_thread(const struct confinement *confinement)
{
    const char *none = NULL;
    const struct sandbox sandbox = {.root = store_root(confinement->store),
                                    .read = &none,
                                    .files = &none,
                                    .written = &none,
                                    .deletes = confinement->config->deletes,
                                    .sockets = &none};
    int r = confinement->is_in_sandbox ? sandbox_enter(&sandbox) : 0;

    if (r < 0)
        log_print(confinement->log, VALVE_LOG_ERROR, "cannot enter the sandbox: %s", strerror(-r));
    return r == 0;
}
