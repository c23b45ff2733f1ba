/* SPDX-License-Identifier: MIT */
/*
 * Listeners: their defaults, which depend on the address, and what must be true of each and of all.
 */
#include <config.h>

#include "daemon/config_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void release_listener(struct config_listener *listener)
{
    config_release(config_listener_keys, CONFIG_LISTEN_KEY_COUNT, listener);
}

int config_listener_add(struct config *config, const char *name, unsigned line)
{
    struct config_listener listener = {.name.line = line, .group.id = (gid_t)-1};
    struct config_listener *list;
    int r;

    snprintf(listener.name.text, sizeof listener.name.text, "%s", name);
    r = config_set_defaults(config_listener_keys, CONFIG_LISTEN_KEY_COUNT, &listener,
                            listener.origins);
    list = r < 0 ? NULL : reallocarray(config->listeners, config->listener_count + 1, sizeof *list);
    if (list == NULL) {
        release_listener(&listener);
        return -ENOMEM;
    }
    list[config->listener_count++] = listener;
    config->listeners = list;
    return 0;
}

void config_listeners_clear(struct config *config)
{
    for (size_t i = 0; i < config->listener_count; i++)
        release_listener(&config->listeners[i]);
    free(config->listeners);
    config->listeners = NULL;
    config->listener_count = 0;
}

/* A key that was set, but means nothing for this kind of address. */
static void check_transports(const struct config *config, const struct config_listener *listener,
                             struct config_errors *errors)
{
    bool is_tcp = !valve_address_is_unix(&listener->address);
    bool is_file = valve_address_path(&listener->address) != NULL;

    for (size_t i = 0; i < CONFIG_LISTEN_KEY_COUNT; i++) {
        const struct config_key *key = &config_listener_keys[i];
        const struct config_origin *origin = &listener->origins[i];

        if (origin->source == CONFIG_FROM_DEFAULT)
            continue;
        if (key->transport == CONFIG_TCP && !is_tcp)
            config_errors_add_value(errors, config, key, origin,
                                    "is for TCP, but this listener's address is %s",
                                    listener->address.text);
        if (key->transport == CONFIG_SOCKET_FILE && !is_file)
            config_errors_add_value(
                errors, config, key, origin,
                "is for Unix sockets in the file system, but this listener's address is %s",
                listener->address.text);
    }
}

bool config_is_under_tls(const struct config_listener *listener)
{
    return listener->tls_cert && listener->tls_cert[0] != '\0';
}

bool config_knows_clients(const struct config_listener *listener)
{
    return config_is_under_tls(listener) && listener->tls_client_ca &&
           listener->tls_client_ca[0] != '\0';
}

/*
 * All that is said of TLS means nothing without a certificate, which is worth nothing without key.
 */
static void check_tls(const struct config *config, const struct config_listener *listener,
                      struct config_errors *errors)
{
    bool has_key = listener->tls_key && listener->tls_key[0] != '\0';

    if (config_is_under_tls(listener) && !has_key)
        config_errors_add_value(errors, config, &config_listener_keys[CONFIG_LISTEN_TLS_CERT],
                                &listener->origins[CONFIG_LISTEN_TLS_CERT],
                                "a certificate needs its tls_key");
    for (size_t i = CONFIG_LISTEN_TLS_KEY; i <= CONFIG_LISTEN_TLS_1_2; i++)
        if (!config_is_under_tls(listener) && listener->origins[i].source != CONFIG_FROM_DEFAULT &&
            (i != CONFIG_LISTEN_TLS_KEY || has_key) &&
            (i != CONFIG_LISTEN_TLS_CLIENT_CA || listener->tls_client_ca[0] != '\0') &&
            (i != CONFIG_LISTEN_TLS_1_2 || listener->tls_1_2))
            config_errors_add_value(errors, config, &config_listener_keys[i], &listener->origins[i],
                                    "means nothing without a tls_cert");
}

static void check_exposure(const struct config *config, const struct config_listener *listener,
                           struct config_errors *errors)
{
    if (valve_address_is_loopback(&listener->address) || listener->insecure ||
        config_knows_clients(listener))
        return;
    config_errors_add_value(
        errors, config, &config_listener_keys[CONFIG_LISTEN_ADDRESS],
        &listener->origins[CONFIG_LISTEN_ADDRESS],
        "%s can be reached from other machines: a [listen NAME] section for it has tls_cert, "
        "tls_key and tls_client_ca, or 'insecure = yes', which serves everybody there",
        listener->address.text);
}

/* Port 0 is a different one each time. */
static bool is_same_address(const struct valve_address *a, const struct valve_address *b)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->socket.storage;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->socket.storage;

    if (a->size == 0 || a->size != b->size || memcmp(&a->socket, &b->socket, a->size) != 0)
        return false;
    return !(v4->sin_family == AF_INET && v4->sin_port == 0) &&
           !(v6->sin6_family == AF_INET6 && v6->sin6_port == 0);
}

static void check_unique(const struct config *config, size_t index, struct config_errors *errors)
{
    const struct config_listener *listener = &config->listeners[index];

    for (size_t i = 0; i < index; i++) {
        if (!is_same_address(&config->listeners[i].address, &listener->address))
            continue;
        config_errors_add_value(errors, config, &config_listener_keys[CONFIG_LISTEN_ADDRESS],
                                &listener->origins[CONFIG_LISTEN_ADDRESS],
                                "%s is the address of [listen %s] too", listener->address.text,
                                config->listeners[i].name.text);
        return;
    }
}

/* All on a Unix socket, whose mode says who may come; over TCP, nothing that destroys. */
static void default_allow(struct config_listener *listener)
{
    if (listener->allow == 0)
        listener->allow = valve_address_is_unix(&listener->address)
                              ? CONFIG_ALLOW_ALL
                              : CONFIG_ALLOW_ALL & ~(unsigned)CONFIG_ALLOW_DEL;
}

unsigned config_allows(const struct config_listener *listener, bool deletes)
{
    return deletes ? listener->allow : listener->allow & ~(unsigned)CONFIG_ALLOW_DEL;
}

void config_metrics_check(const struct config *config, struct config_errors *errors)
{
    const struct config_key *key = &config_keys[CONFIG_METRICS_ADDRESS];
    const struct config_origin *origin = &config->origins[CONFIG_METRICS_ADDRESS];
    const struct valve_address *address = &config->metrics_address;

    if (address->size == 0)
        return;
    if (!valve_address_is_loopback(address) && !config->metrics_insecure)
        config_errors_add_value(errors, config, key, origin,
                                "%s can be reached from other machines; 'insecure = yes' serves "
                                "metrics to everybody there",
                                address->text);
    for (size_t i = 0; i < config->listener_count; i++)
        if (is_same_address(&config->listeners[i].address, address))
            config_errors_add_value(errors, config, key, origin,
                                    "%s is the address of [listen %s] too", address->text,
                                    config->listeners[i].name.text);
}

void config_listeners_require(const struct config *config, struct config_errors *errors)
{
    if (config->listener_count == 0)
        config_errors_add(errors, config->path, 0,
                          "there is no listener: add a section [listen NAME] with an address, or "
                          "give --listen ADDRESS");
}

void config_listeners_check(struct config *config, struct config_errors *errors)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        struct config_listener *listener = &config->listeners[i];

        if (listener->origins[CONFIG_LISTEN_ADDRESS].source == CONFIG_FROM_DEFAULT)
            config_errors_add(errors, config->path, listener->name.line,
                              "[listen %s] has no address", listener->name.text);
        /* An address that was refused is reported, and says nothing about the other keys. */
        if (listener->address.size == 0)
            continue;
        default_allow(listener);
        check_transports(config, listener, errors);
        check_tls(config, listener, errors);
        check_exposure(config, listener, errors);
        check_unique(config, i, errors);
    }
}
