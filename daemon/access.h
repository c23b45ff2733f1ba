/* SPDX-License-Identifier: MIT */
/*
 * Who may do what to which files: the rules of [access NAME].
 *
 * A call needs both the `allow` of its listener and a rule. Where there is no rule at all the
 * listener alone decides. Rules only grant, so their order does not matter.
 *
 * The verdict needs nothing but the path as it was sent: it comes before any file is looked at.
 */
#ifndef VALVED_ACCESS_H
#define VALVED_ACCESS_H

#include <stdatomic.h>

#include "daemon/config.h"
#include "daemon/identity.h"
#include "daemon/scope.h"

struct valve_call;
struct valve_certificate;

/* The rules in force, and what they come to for those who have connected. */
struct access;

/* What some peers may do: for all to whom the same rules apply. */
struct grants;

/* A listener, as the context of its connections. */
struct access_listener {
    _Atomic unsigned allowed; /* of enum config_operation */
    struct access *access;
    char address[VALVE_ADDRESS_TEXT]; /* as the configuration has it */
};

/* There are no rules yet. 0 or -errno. */
int access_new(struct access **ret_access);

/* NULL is accepted. No connection may be left. */
void access_free(struct access *access);

/*
 * Puts other rules into force, which it takes over: all or, if that fails, none. Connections that
 * are open are judged by them from their next request on. 0 or -ENOMEM. Main thread.
 */
int access_set_rules(struct access *access, struct config_rule *rules, size_t count);

/* Whether there are any. Any thread. */
bool access_has_rules(struct access *access);

/* The admit() and leave() of a listener, with a struct access_listener; see valve.h. Any thread. */
int access_admit(void *context, int descriptor, const struct valve_certificate *certificate,
                 void **ret_peer);
void access_leave(void *context, void *peer);

/*
 * To which part of the tree a call may do this: *ret_scope, NULL where it is the whole. It is valid
 * until the call waits. 0; -EPERM if there is none, and why, in words for its client; -errno.
 */
int access_scope(struct valve_call *call, unsigned operation, const struct scope **ret_scope,
                 const char **ret_refusal);

/* Why a path that is not in the scope is refused. */
extern const char access_not_granted[];

/* Whether a rule is for this peer. */
bool access_rule_is_for(const struct config_rule *rule, const struct identity *identity);

/* Whether it grants this, to those it is for. */
bool access_rule_grants(const struct config_rule *rule, unsigned operation, const char *path);

#endif
