/* SPDX-License-Identifier: MIT */
/*
 * Listeners that come and go with the configuration.
 */
#include <config.h>

#include "daemon/listeners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/listen_tls.h"

struct listener {
    struct access_listener context; /* of its connections: it stays while there are any */
    struct listener *next;
    unsigned allowed;      /* once listeners_allow() is called */
    struct valve_tls *tls; /* while it is being set: what it has from now on, if all goes well */
    bool is_wanted, is_new;
};

/* The one at the address that the configuration names, if it is nobody else's by now. */
static struct listener *find(const struct listeners *listeners,
                             const struct config_listener *wanted)
{
    struct listener *listener = listeners->open;

    while (listener &&
           (listener->is_wanted || strcmp(listener->context.address, wanted->address.text) != 0))
        listener = listener->next;
    return listener;
}

static int open_listener(struct listeners *listeners, const struct config_listener *wanted,
                         int inherited, struct valve_tls *tls, struct listener **ret_listener,
                         struct valve_error *ret_error)
{
    struct listener *listener = calloc(1, sizeof *listener);
    struct valve_listener_options options = {
        .address = wanted->address.text,
        .socket = inherited,
        .tls = tls,
        .mode = wanted->mode,
        .group = wanted->group.name ? wanted->group.id : listeners->group,
        .admit = access_admit,
        .leave = access_leave,
    };
    int r;

    if (!listener) {
        snprintf(ret_error->text, sizeof ret_error->text, "out of memory");
        return -ENOMEM;
    }
    options.context = &listener->context;
    listener->context.access = listeners->access;
    memcpy(listener->context.address, wanted->address.text, sizeof listener->context.address);
    listener->is_new = true;
    r = valve_server_listen(listeners->server, &options, ret_error);
    if (r < 0) {
        free(listener);
        return r;
    }
    listener->next = listeners->open;
    listeners->open = listener;
    *ret_listener = listener;
    return 0;
}

/* Closes those of one kind: of what was there what is not wanted, or what was opened in vain. */
static void retire(struct listeners *listeners, bool new)
{
    struct listener **link = &listeners->open;

    while (*link) {
        struct listener *listener = *link;

        if (new ? !listener->is_new : listener->is_wanted) {
            link = &listener->next;
            continue;
        }
        valve_server_unlisten(listeners->server, &listener->context);
        *link = listener->next;
        listener->next = listeners->retired;
        listeners->retired = listener;
    }
}

/* Has there be one as the configuration describes. */
static int provide(struct listeners *listeners, const struct config_listener *wanted, int inherited,
                   struct valve_error *ret_error)
{
    struct listener *listener = find(listeners, wanted);
    struct valve_tls *tls;
    int r = listen_tls_new(wanted, &tls, ret_error);

    if (r == 0 && !listener)
        r = open_listener(listeners, wanted, inherited, tls, &listener, ret_error);
    if (r < 0) {
        valve_tls_free(tls);
        return r;
    }
    listener->tls = tls;
    listener->is_wanted = true;
    listener->allowed = config_allows(wanted, listeners->deletes);
    return 0;
}

/* What was set for it is in force if all goes well, and forgotten if not. */
static void settle(struct listeners *listeners, struct listener *listener, bool is_well)
{
    if (is_well && listener->is_wanted) {
        atomic_fetch_and(&listener->context.allowed, listener->allowed);
        if (!listener->is_new)
            valve_server_set_tls(listeners->server, &listener->context, listener->tls);
    }
    valve_tls_free(listener->tls);
    listener->tls = NULL;
}

int listeners_set(struct listeners *listeners, const struct config *config, const int *inherited,
                  struct valve_error *ret_error)
{
    int r = 0;

    for (struct listener *listener = listeners->open; listener; listener = listener->next)
        listener->is_wanted = listener->is_new = false;
    for (size_t i = 0; r == 0 && i < config->listener_count; i++)
        r = provide(listeners, &config->listeners[i], inherited ? inherited[i] : 0, ret_error);
    for (struct listener *listener = listeners->open; listener; listener = listener->next)
        settle(listeners, listener, r == 0);
    retire(listeners, r < 0);
    return r;
}

void listeners_forbid_retired(struct listeners *listeners)
{
    for (struct listener *listener = listeners->retired; listener; listener = listener->next)
        atomic_store(&listener->context.allowed, 0);
}

void listeners_allow(struct listeners *listeners)
{
    for (struct listener *listener = listeners->open; listener; listener = listener->next)
        atomic_store(&listener->context.allowed, listener->allowed);
}

static void free_all(struct listener *listener)
{
    while (listener) {
        struct listener *next = listener->next;

        free(listener);
        listener = next;
    }
}

void listeners_fini(struct listeners *listeners)
{
    free_all(listeners->open);
    free_all(listeners->retired);
    *listeners = (struct listeners){0};
}
