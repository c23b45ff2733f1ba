/* SPDX-License-Identifier: MIT */
/*
 * Loading OpenSSL.
 */
#define VALVE_OPENSSL_BY_ITSELF
#include "tls/openssl.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include "valve.h"

#define LIBRARY "libssl.so.3" /* and libcrypto, which it needs */

struct valve_openssl valve_openssl;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_loaded;

/* The function of this name, into *ret_function: ISO C knows no pointer for both. */
static bool find(void *library, const char *name, void *ret_function)
{
    *(void **)ret_function = dlsym(library, name);
    return *(void **)ret_function != NULL;
}

/* It stays loaded: OpenSSL cleans up when the process ends. */
static int load(struct valve_error *error)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    bool are_all = library != NULL;

#define FUNCTION(name) are_all = are_all && find(library, #name, &valve_openssl.name);
    VALVE_OPENSSL_FUNCTIONS(FUNCTION)
#undef FUNCTION
    if (!are_all) {
        const char *why = dlerror();

        snprintf(error->text, sizeof error->text, "TLS needs OpenSSL 3: %.400s",
                 why != NULL ? why : LIBRARY " cannot be loaded");
        return -ELIBACC;
    }
    is_loaded = true;
    return 0;
}

int valve_openssl_load(struct valve_error *ret_error)
{
    int r;

    pthread_mutex_lock(&lock);
    r = is_loaded ? 0 : load(ret_error);
    pthread_mutex_unlock(&lock);
    return r;
}
