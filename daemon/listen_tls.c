/* SPDX-License-Identifier: MIT */
/*
 * TLS of listeners. Credentials are those of systemd.exec(5): files in a directory that the
 * environment names.
 */
#include <config.h>

#include "daemon/listen_tls.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/config_internal.h"
#include "server/os.h"

/*
 * OpenSSL has buffers of 17 and 33 KiB for each record, as it comes and goes: it would be mapped
 * and unmapped for each.
 */
#define LARGE_BLOCK_UNDER_TLS ((size_t)64 * 1024)

static bool is_credential(const char *name)
{
    return name && strncmp(name, CONFIG_CREDENTIAL, strlen(CONFIG_CREDENTIAL)) == 0;
}

/* Where a file is that is named so; "" for none. 0, or -ENOENT: nobody has passed it. */
static int path_of(const char *name, char path[PATH_MAX])
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    size_t prefix = strlen(CONFIG_CREDENTIAL);
    int size;

    if (!is_credential(name)) {
        snprintf(path, PATH_MAX, "%s", name ? name : "");
        return 0;
    }
    if (!directory)
        return -ENOENT;
    size = snprintf(path, PATH_MAX, "%s/%s", directory, name + prefix);
    return size >= PATH_MAX ? -ENOENT : 0;
}

bool listen_tls_can_be_checked(const struct config_listener *listener)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");

    return (directory && access(directory, R_OK | X_OK) == 0) ||
           (!is_credential(listener->tls_cert) && !is_credential(listener->tls_key) &&
            !is_credential(listener->tls_client_ca));
}

int listen_tls_new(const struct config_listener *listener, struct valve_tls **ret_tls,
                   struct valve_error *ret_error)
{
    const char *const names[] = {listener->tls_cert, listener->tls_key, listener->tls_client_ca};
    static char paths[3][PATH_MAX]; /* the main thread's */
    struct valve_tls_options options = {.allows_1_2 = listener->tls_1_2};
    struct valve_error error;
    int r = 0;

    *ret_tls = NULL;
    if (!config_is_under_tls(listener))
        return 0;
    for (size_t i = 0; r == 0 && i < 3; i++)
        r = path_of(names[i], paths[i]);
    if (r < 0) {
        snprintf(ret_error->text, sizeof ret_error->text,
                 "[listen %s]: credentials are named, but none were passed: the unit needs "
                 "LoadCredential=",
                 listener->name.text);
        return r;
    }
    options.certificate = paths[0];
    options.key = paths[1];
    options.authorities = paths[2][0] != '\0' ? paths[2] : NULL;
    r = valve_tls_new_server(&options, ret_tls, &error);
    valve_os_map_large_blocks(LARGE_BLOCK_UNDER_TLS);
    if (r < 0)
        snprintf(ret_error->text, sizeof ret_error->text, "[listen %s]: %.400s",
                 listener->name.text, error.text);
    return r;
}
