/* SPDX-License-Identifier: MIT */
/*
 * Access rules. What they come to for a peer is found out when he connects; his requests then only
 * compare paths.
 */
#include <config.h>

#include "daemon/access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "valve.h"

/* One for each set of rules that applies to somebody: far fewer than there are connections. */
struct grants {
    struct grants *next;
    struct scope scopes[CONFIG_OPERATIONS];
    bool applies[]; /* by rule */
};

struct access {
    const struct config_rule *rules;
    size_t rule_count;
    struct grants *grants; /* all that were asked for */
};

const char access_not_granted[] = "no access rule grants it";

/* ---- Rules and peers ------------------------------------------------------------------ */

static bool is_of_group(const struct identity *identity, gid_t group)
{
    for (size_t i = 0; i < identity->group_count; i++)
        if (identity->groups[i] == group)
            return true;
    return false;
}

static bool is_peer(const struct config_peer *peer, const struct identity *identity)
{
    switch (peer->kind) {
    case CONFIG_PEER_ANY:
        return true;
    case CONFIG_PEER_USER:
        return identity->is_local && identity->user >= peer->first && identity->user <= peer->last;
    case CONFIG_PEER_GROUP:
        return identity->is_local && is_of_group(identity, peer->first);
    case CONFIG_PEER_ADDRESS:
        return !identity->is_local && valve_network_holds(&peer->network, &identity->address);
    }
    return false;
}

bool access_rule_is_for(const struct config_rule *rule, const struct identity *identity)
{
    for (size_t i = 0; i < rule->peers.count; i++)
        if (is_peer(&rule->peers.list[i], identity))
            return true;
    return false;
}

bool access_rule_grants(const struct config_rule *rule, unsigned operation, const char *path)
{
    const char *paths[] = {rule->path};

    return (rule->allow & operation) != 0 && scope_holds(&(struct scope){paths, 1}, path);
}

/* ---- What they come to ---------------------------------------------------------------- */

int access_new(const struct config *config, struct access **ret_access)
{
    struct access *access = malloc(sizeof *access);

    if (!access)
        return -ENOMEM;
    *access = (struct access){.rules = config->rules, .rule_count = config->rule_count};
    *ret_access = access;
    return 0;
}

static void grants_free(struct grants *grants)
{
    for (size_t i = 0; i < CONFIG_OPERATIONS; i++)
        scope_fini(&grants->scopes[i]);
    free(grants);
}

void access_free(struct access *access)
{
    while (access && access->grants) {
        struct grants *next = access->grants->next;

        grants_free(access->grants);
        access->grants = next;
    }
    free(access);
}

static int add_rule(struct grants *grants, const struct config_rule *rule)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < CONFIG_OPERATIONS; i++)
        if (rule->allow & 1u << i)
            r = scope_add(&grants->scopes[i], rule->path);
    return r;
}

/* Those to whom the same rules apply may already be known: then theirs, and `made` is not needed. */
static struct grants *find_same(const struct access *access, const struct grants *made)
{
    struct grants *known = access->grants;

    while (known &&
           memcmp(known->applies, made->applies, access->rule_count * sizeof *made->applies) != 0)
        known = known->next;
    return known;
}

int access_grants(struct access *access, const struct identity *identity,
                  const struct grants **ret_grants)
{
    struct grants *made = calloc(1, sizeof *made + access->rule_count * sizeof *made->applies);
    struct grants *known;
    int r = 0;

    if (!made)
        return -ENOMEM;
    for (size_t i = 0; i < access->rule_count; i++)
        made->applies[i] = access_rule_is_for(&access->rules[i], identity);
    known = find_same(access, made);
    for (size_t i = 0; !known && r == 0 && i < access->rule_count; i++)
        if (made->applies[i])
            r = add_rule(made, &access->rules[i]);
    if (known || r < 0) {
        grants_free(made);
        *ret_grants = known;
        return r;
    }
    made->next = access->grants;
    access->grants = made;
    *ret_grants = made;
    return 0;
}

int access_admit(void *context, int descriptor, void **ret_peer)
{
    const struct access_listener *listener = context;
    const struct grants *grants = NULL;
    struct identity identity;
    int r = identity_of(descriptor, &identity);

    if (r == 0)
        r = access_grants(listener->access, &identity, &grants);
    identity_fini(&identity);
    *ret_peer = (void *)grants;
    return r;
}

/* ---- Verdicts --------------------------------------------------------------------------- */

const char *access_scope(const struct valve_call *call, unsigned operation,
                         const struct scope **ret_scope)
{
    static const struct scope nothing;
    const struct access_listener *listener = valve_call_listener(call);
    const struct grants *grants = valve_call_peer(call);
    const struct scope *scope = &nothing;

    if (!(listener->allowed & operation))
        return "not allowed by this listener";
    if (!listener->access) {
        *ret_scope = NULL;
        return NULL;
    }
    if (grants)
        scope = &grants->scopes[ffs((int)operation) - 1];
    if (scope->count == 0)
        return access_not_granted;
    *ret_scope = scope_is_whole(scope) ? NULL : scope;
    return NULL;
}
