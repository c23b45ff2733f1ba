/* SPDX-License-Identifier: MIT */
/*
 * Reading the configuration again.
 */
#include <config.h>

#include "daemon/reload.h"

#include <errno.h>
#include <string.h>

#include "daemon/config_internal.h"
#include "daemon/notify.h"

/* ---- What takes a restart ------------------------------------------------------------------- */

/* A value as one would write it. The texts are static: this is the main thread's. */
static const char *text_of(const struct config_key *key, const void *base,
                           const struct config_origin *origin, char text[CONFIG_LINE_MAX + 1])
{
    if (origin->automatic)
        return "auto";
    key->type->format(key, config_field_const(key, base), text, CONFIG_LINE_MAX + 1);
    return text;
}

/* Says that a value is another than that in force. Returns whether so. */
static bool tell_difference(const struct reload *reload, const struct config_key *key,
                            const char *section, const void *old,
                            const struct config_origin *old_origin, const void *new,
                            const struct config_origin *new_origin)
{
    static char old_text[CONFIG_LINE_MAX + 1], new_text[CONFIG_LINE_MAX + 1];
    const char *before = text_of(key, old, old_origin, old_text);
    const char *after = text_of(key, new, new_origin, new_text);

    if (strcmp(before, after) == 0)
        return false;
    log_print(reload->log, VALVE_LOG_WARNING,
              "%s in [%s] takes a restart: '%.200s' stays in force, not '%.200s'", key->name,
              section, before, after);
    return true;
}

static void tell_keys(const struct reload *reload, const struct config *new)
{
    const struct config *old = reload->config;

    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++)
        if (i != CONFIG_LOG_LEVEL && i != CONFIG_LOG_FORMAT && i != CONFIG_LOG_RATE)
            tell_difference(reload, &config_keys[i], config_section_names[config_keys[i].section],
                            old, &old->origins[i], new, &new->origins[i]);
}

/* What a socket was made with it keeps. */
static void tell_listener(const struct reload *reload, const struct config_listener *old,
                          const struct config_listener *new)
{
    static const enum config_listener_key_index indexes[] = {CONFIG_LISTEN_MODE,
                                                             CONFIG_LISTEN_GROUP};
    char section[sizeof "listen " + CONFIG_NAME_MAX];

    snprintf(section, sizeof section, "listen %s", new->name.text);
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++)
        tell_difference(reload, &config_listener_keys[indexes[i]], section, old,
                        &old->origins[indexes[i]], new, &new->origins[indexes[i]]);
}

static const struct config_listener *find(const struct config *config,
                                          const struct config_listener *other)
{
    for (size_t i = 0; i < config->listener_count; i++)
        if (strcmp(config->listeners[i].address.text, other->address.text) == 0)
            return &config->listeners[i];
    return NULL;
}

static void tell_listeners(const struct reload *reload, const struct config *new)
{
    const struct config *old = reload->config;

    for (size_t i = 0; i < new->listener_count; i++) {
        const struct config_listener *before = find(old, &new->listeners[i]);

        if (before)
            tell_listener(reload, before, &new->listeners[i]);
        else
            log_print(reload->log, VALVE_LOG_NOTICE, "listening on %s%s",
                      new->listeners[i].address.text, notify_reach(&new->listeners[i].address));
    }
    for (size_t i = 0; i < old->listener_count; i++)
        if (!find(new, &old->listeners[i]))
            log_print(reload->log, VALVE_LOG_NOTICE, "no longer listening on %s",
                      old->listeners[i].address.text);
}

/* ---- Putting it into force ------------------------------------------------------------------ */

static bool fail(const struct reload *reload, const char *why)
{
    log_print(reload->log, VALVE_LOG_ERROR, "%s", why);
    log_print(reload->log, VALVE_LOG_ERROR, "not reloaded: the configuration stays as it was");
    return false;
}

/* The rules are the last that can fail, and only for want of memory: then listeners go back. */
static int put_into_force(const struct reload *reload, struct config *new,
                          struct valve_error *ret_error)
{
    size_t rules = new->rule_count;
    int r = listeners_set(reload->listeners, new, NULL, ret_error);

    if (r < 0)
        return r;
    if (new->rule_count == 0 && access_has_rules(reload->access))
        listeners_forbid_retired(reload->listeners);
    r = access_set_rules(reload->access, new->rules, new->rule_count);
    if (r < 0) {
        snprintf(ret_error->text, sizeof ret_error->text, "out of memory");
        if (listeners_set(reload->listeners, reload->config, NULL, &(struct valve_error){0}) == 0)
            listeners_allow(reload->listeners); /* or they stay as narrow as they are by now */
        return r;
    }
    listeners_allow(reload->listeners);
    config_rules_forget(new);
    log_configure(reload->log, new);
    tell_keys(reload, new);
    tell_listeners(reload, new);
    log_print(reload->log, VALVE_LOG_NOTICE, "reloaded %s: %zu listeners, %zu access rules",
              new->path, new->listener_count, rules);
    return 0;
}

/* What the other configuration has of listeners becomes that of the one in force. */
static void exchange_listeners(struct config *config, struct config *other)
{
    struct config_listener *listeners = config->listeners;
    size_t count = config->listener_count;

    config->listeners = other->listeners;
    config->listener_count = other->listener_count;
    other->listeners = listeners;
    other->listener_count = count;
    config->log_level = other->log_level;
    config->log_format = other->log_format;
    config->log_rate = other->log_rate;
}

bool reload_configuration(struct reload *reload)
{
    struct config_errors errors = {0};
    struct config new = {0};
    struct valve_error error;
    int r;

    /* Who moved these files away is not to wait for a configuration to be mended. */
    audit_reopen(reload->audit);
    access_log_reopen(reload->access_log);
    if (!reload->config->path)
        return fail(reload, "SIGHUP: the configuration came from the command line alone");
    r = config_load(reload->options, &new, &errors);
    for (size_t i = 0; i < errors.count; i++)
        log_print(reload->log, VALVE_LOG_ERROR, "%s", errors.list[i].text);
    config_errors_fini(&errors);
    if (r < 0)
        return fail(reload, r == -EINVAL ? "the configuration is wrong" : strerror(-r));
    r = put_into_force(reload, &new, &error);
    if (r == 0)
        exchange_listeners(reload->config, &new);
    config_fini(&new);
    return r == 0 || fail(reload, error.text);
}
