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

#include "daemon/config.h"
#include "daemon/identity.h"
#include "daemon/scope.h"

struct valve_call;

/* The rules, and what they come to for those who have connected. */
struct access;

/* What some peers may do: for all to whom the same rules apply. Constant, and as old as its rules. */
struct grants;

/* A listener, as the context of its connections. */
struct access_listener {
    unsigned allowed;      /* of enum config_operation */
    struct access *access; /* or NULL: there are no rules */
};

/* Keeps the rules of the configuration, which must outlive it. 0 or -ENOMEM. */
int access_new(const struct config *config, struct access **ret_access);

/* NULL is accepted. No call may be left. */
void access_free(struct access *access);

/* What all rules together grant to a peer. 0 or -ENOMEM. One thread at a time. */
int access_grants(struct access *access, const struct identity *identity,
                  const struct grants **ret_grants);

/* The admit() of listeners that have rules, with a struct access_listener; see valve.h. */
int access_admit(void *context, int descriptor, void **ret_peer);

/*
 * To which part of the tree a call may do this: *ret_scope, NULL where it is the whole. If there is
 * none, why, in words for its client; else NULL.
 */
const char *access_scope(const struct valve_call *call, unsigned operation,
                         const struct scope **ret_scope);

/* Why a path that is not in the scope is refused. */
extern const char access_not_granted[];

/* Whether a rule is for this peer. */
bool access_rule_is_for(const struct config_rule *rule, const struct identity *identity);

/* Whether it grants this, to those it is for. */
bool access_rule_grants(const struct config_rule *rule, unsigned operation, const char *path);

#endif
