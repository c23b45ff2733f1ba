/* SPDX-License-Identifier: MIT */
/*
 * Messages to systemd, and its sockets, where valved is built with libsystemd and started by it.
 */
#include <config.h>

#include "daemon/notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *notify_reach(const struct valve_address *address)
{
    if (!getenv("INVOCATION_ID") || valve_address_is_loopback(address))
        return "";
    return ", for those whom IPAddressAllow= of the unit lets in";
}

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>

#define NS_PER_US 1000

bool notify_is_wanted(void)
{
    return getenv("NOTIFY_SOCKET");
}

void notify_ready(void)
{
    sd_notify(0, "READY=1\nSTATUS=Serving");
}

void notify_reloading(void)
{
    struct timespec now;
    char text[64];

    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
             (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / NS_PER_US);
    sd_notify(0, text);
}

void notify_stopping(void)
{
    sd_notify(0, "STOPPING=1\nSTATUS=Answering what was asked, then stopping");
}

void notify_status(const char *text)
{
    char message[256];

    snprintf(message, sizeof message, "STATUS=%s", text);
    sd_notify(0, message);
}

uint64_t notify_watchdog_interval(void)
{
    uint64_t interval;

    return sd_watchdog_enabled(0, &interval) > 0 ? interval * NS_PER_US : 0;
}

void notify_alive(void)
{
    sd_notify(0, "WATCHDOG=1");
}

static int *place_of(const struct config *config, int *sockets, const char *name)
{
    for (size_t i = 0; i < config->listener_count; i++)
        if (strcmp(config->listeners[i].name.text, name) == 0 && sockets[i] == 0)
            return &sockets[i];
    return NULL;
}

int *notify_sockets(const struct config *config, void (*lost)(void *context, const char *name),
                    void *context)
{
    int *sockets = calloc(config->listener_count, sizeof *sockets);
    char **names = NULL;
    int count = sockets ? sd_listen_fds_with_names(1, &names) : 0;

    for (int i = 0; i < count; i++) {
        int *place = place_of(config, sockets, names[i]);

        if (place) {
            *place = SD_LISTEN_FDS_START + i;
        } else {
            lost(context, names[i]);
            close(SD_LISTEN_FDS_START + i);
        }
        free(names[i]);
    }
    free(names);
    return sockets;
}

#else

bool notify_is_wanted(void)
{
    return false;
}

void notify_ready(void)
{
}

void notify_reloading(void)
{
}

void notify_stopping(void)
{
}

void notify_status(const char *text)
{
    (void)text;
}

uint64_t notify_watchdog_interval(void)
{
    return 0;
}

void notify_alive(void)
{
}

int *notify_sockets(const struct config *config, void (*lost)(void *context, const char *name),
                    void *context)
{
    (void)lost;
    (void)context;
    return calloc(config->listener_count, sizeof(int));
}

#endif
