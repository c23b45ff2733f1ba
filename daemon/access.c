/* SPDX-License-Identifier: MIT */
/*
 * Access rules. What they come to for a peer is found out when he connects; his requests then only
 * compare paths.
 */
#include <config.h>

#include "daemon/access.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "valve.h"

/* Rules for as long as they are in force, or a connection has been judged by them last. */
struct policy {
    struct config_rule *rules;
    size_t rule_count;
    struct grants *grants; /* all that were asked for */
    size_t connections;
};

/* One for each set of rules that applies to somebody: far fewer than there are connections. */
struct grants {
    struct grants *next;
    struct policy *policy;
    struct scope scopes[CONFIG_OPERATIONS];
    bool applies[]; /* by rule */
};

struct access {
    pthread_mutex_t lock; /* of all policies, but for what is constant: scopes */
    /* To be looked into by who holds the lock, or counts as its. */
    _Atomic(struct policy *) current;
    atomic_bool has_rules;
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

static bool has_name(const struct valve_certificate *certificate, const char *name)
{
    for (char **each = certificate->names; *each; each++)
        if (strcmp(*each, name) == 0)
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
    case CONFIG_PEER_NAME:
        return identity->certificate && identity->certificate->common_name &&
               strcmp(identity->certificate->common_name, peer->name) == 0;
    case CONFIG_PEER_ALIAS:
        return identity->certificate && has_name(identity->certificate, peer->name);
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

static void grants_free(struct grants *grants)
{
    for (size_t i = 0; i < CONFIG_OPERATIONS; i++)
        scope_fini(&grants->scopes[i]);
    free(grants);
}

static void policy_free(struct policy *policy)
{
    while (policy->grants) {
        struct grants *next = policy->grants->next;

        grants_free(policy->grants);
        policy->grants = next;
    }
    config_rules_free(policy->rules, policy->rule_count);
    free(policy);
}

int access_new(struct access **ret_access)
{
    struct access *access = calloc(1, sizeof *access);
    int r;

    if (!access)
        return -ENOMEM;
    pthread_mutex_init(&access->lock, NULL);
    r = access_set_rules(access, NULL, 0);
    if (r < 0)
        access_free(access);
    else
        *ret_access = access;
    return r;
}

void access_free(struct access *access)
{
    if (!access)
        return;
    if (access->current)
        policy_free(access->current);
    pthread_mutex_destroy(&access->lock);
    free(access);
}

int access_set_rules(struct access *access, struct config_rule *rules, size_t count)
{
    struct policy *policy, *old = access->current;

    if (old && config_rules_same(old->rules, old->rule_count, rules, count)) {
        config_rules_free(rules, count); /* nobody needs to be judged again */
        return 0;
    }
    policy = calloc(1, sizeof *policy);
    if (!policy)
        return -ENOMEM;
    policy->rules = rules;
    policy->rule_count = count;
    pthread_mutex_lock(&access->lock);
    atomic_store(&access->current, policy);
    atomic_store(&access->has_rules, count > 0);
    if (old && old->connections == 0)
        policy_free(old);
    pthread_mutex_unlock(&access->lock);
    return 0;
}

/* Where there are no rules, what a listener allows is all there is to it. */
static int add_everything(struct grants *grants)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < CONFIG_OPERATIONS; i++)
        r = scope_add(&grants->scopes[i], "");
    return r;
}

static int add_rule(struct grants *grants, const struct config_rule *rule)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < CONFIG_OPERATIONS; i++)
        if (rule->allow & 1u << i)
            r = scope_add(&grants->scopes[i], rule->path);
    return r;
}

/* Those to whom the same rules apply may already be known: then theirs, and `made` is not. */
static struct grants *find_same(const struct policy *policy, const struct grants *made)
{
    struct grants *known = policy->grants;

    while (known &&
           memcmp(known->applies, made->applies, policy->rule_count * sizeof *made->applies) != 0)
        known = known->next;
    return known;
}

/* What all rules together grant to a peer. NULL: no memory. The lock is held. */
static struct grants *find_grants(struct policy *policy, const struct identity *identity)
{
    struct grants *made = calloc(1, sizeof *made + policy->rule_count * sizeof *made->applies);
    struct grants *known;
    int r = 0;

    if (!made)
        return NULL;
    for (size_t i = 0; i < policy->rule_count; i++)
        made->applies[i] = access_rule_is_for(&policy->rules[i], identity);
    known = find_same(policy, made);
    if (!known && policy->rule_count == 0)
        r = add_everything(made);
    for (size_t i = 0; !known && r == 0 && i < policy->rule_count; i++)
        if (made->applies[i])
            r = add_rule(made, &policy->rules[i]);
    if (known || r < 0) {
        grants_free(made);
        return known;
    }
    made->policy = policy;
    made->next = policy->grants;
    policy->grants = made;
    return made;
}

/* What the rules in force grant to who is at the other end; his connection counts as theirs. */
static int judge(struct access *access, int descriptor, const struct valve_certificate *certificate,
                 struct grants **ret_grants)
{
    struct grants *grants = NULL;
    struct identity identity;
    int r = identity_of(descriptor, &identity);

    identity.certificate = certificate;
    if (r == 0) {
        pthread_mutex_lock(&access->lock);
        grants = find_grants(access->current, &identity);
        if (grants)
            grants->policy->connections++;
        pthread_mutex_unlock(&access->lock);
        r = grants ? 0 : -ENOMEM;
    }
    identity_fini(&identity);
    *ret_grants = grants;
    return r;
}

static void let_go(struct access *access, const struct grants *grants)
{
    struct policy *policy = grants->policy;

    pthread_mutex_lock(&access->lock);
    if (--policy->connections == 0 && policy != access->current)
        policy_free(policy);
    pthread_mutex_unlock(&access->lock);
}

/* ---- Connections ------------------------------------------------------------------------ */

bool access_has_rules(struct access *access)
{
    return atomic_load_explicit(&access->has_rules, memory_order_acquire);
}

int access_admit(void *context, int descriptor, const struct valve_certificate *certificate,
                 void **ret_peer)
{
    const struct access_listener *listener = context;
    struct grants *grants = NULL;
    int r = access_has_rules(listener->access)
                ? judge(listener->access, descriptor, certificate, &grants)
                : 0;

    *ret_peer = grants;
    return r;
}

void access_leave(void *context, void *peer)
{
    const struct access_listener *listener = context;

    if (peer)
        let_go(listener->access, peer);
}

/* What is granted to a call's peer by the rules in force, which may be others than when he came. */
static int grants_of(struct valve_call *call, struct access *access,
                     const struct grants **ret_grants)
{
    struct grants *grants = valve_call_peer(call), *renewed;
    int r;

    if (!grants || grants->policy != atomic_load_explicit(&access->current, memory_order_acquire)) {
        r = judge(access, valve_call_socket(call), valve_call_certificate(call), &renewed);
        if (r < 0)
            return -EBUSY; /* a shortage: what was granted before is not valid any more */
        valve_call_set_peer(call, renewed);
        if (grants)
            let_go(access, grants);
        grants = renewed;
    }
    *ret_grants = grants;
    return 0;
}

/* What the rules in force say. */
static int ask_rules(struct valve_call *call, const struct access_listener *listener,
                     unsigned operation, const struct scope **ret_scope, const char **ret_refusal)
{
    const struct grants *grants;
    const struct scope *scope;
    int r;

    if (!access_has_rules(listener->access))
        return 0;
    r = grants_of(call, listener->access, &grants);
    if (r < 0)
        return r;
    scope = &grants->scopes[ffs((int)operation) - 1];
    if (scope->count == 0) {
        *ret_refusal = access_not_granted;
        return -EPERM;
    }
    if (!scope_is_whole(scope))
        *ret_scope = scope;
    return 0;
}

static bool is_allowed(const struct access_listener *listener, unsigned operation)
{
    return atomic_load_explicit(&listener->allowed, memory_order_acquire) & operation;
}

/*
 * The listener is asked before the rules and after them: a reload takes from listeners, exchanges
 * the rules, and gives to listeners. Old rules go with what was allowed before, new ones with what
 * is allowed now, whichever of them are met here.
 */
int access_scope(struct valve_call *call, unsigned operation, const struct scope **ret_scope,
                 const char **ret_refusal)
{
    const struct access_listener *listener = valve_call_listener(call);
    bool was_allowed = is_allowed(listener, operation);
    int r = 0;

    *ret_scope = NULL;
    if (was_allowed)
        r = ask_rules(call, listener, operation, ret_scope, ret_refusal);
    if (r == 0 && !(was_allowed && is_allowed(listener, operation))) {
        *ret_refusal = "not allowed by this listener";
        r = -EPERM;
    }
    return r;
}
