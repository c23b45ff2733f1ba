/* SPDX-License-Identifier: MIT */
/*
 * valved --check-access.
 */
#include <config.h>

#include "daemon/access_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/access.h"
#include "daemon/accounts.h"
#include "daemon/cleanup.h"
#include "daemon/config_internal.h"
#include "daemon/store.h"

/* Who is asked about. */
struct somebody {
    struct identity identity;
    struct valve_certificate certificate; /* the identity's, if he has one */
};

static void somebody_fini(struct somebody *somebody)
{
    char **names = somebody->certificate.names;

    for (char **name = names; name && *name; name++)
        free(*name);
    free(names);
    free(somebody->certificate.common_name);
    identity_fini(&somebody->identity);
}

/* ---- The question --------------------------------------------------------------------- */

static int refuse(struct valve_error *error, const char *text)
{
    snprintf(error->text, sizeof error->text, "%s", text);
    return -EINVAL;
}

static int add_group(struct identity *identity, gid_t group)
{
    gid_t *groups = reallocarray(identity->groups, identity->group_count + 1, sizeof *groups);

    if (!groups)
        return -ENOMEM;
    groups[identity->group_count++] = group;
    identity->groups = groups;
    return 0;
}

/* A user that is named has the groups that he would have after logging in. */
static int add_groups_of(struct identity *identity, const char *word)
{
    const char *name = strchr(word, ':') + 1;
    cleanup(cleanup_memory) gid_t *groups = NULL;
    size_t count = 0;
    uid_t user;
    gid_t group;
    int r = strncmp(word, "user:", 5) == 0 ? accounts_user(name, &user, &group) : -ENOENT;

    if (r < 0 || group == (gid_t)-1)
        return 0;
    r = accounts_groups_of(name, group, &groups, &count);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = add_group(identity, groups[i]);
    return r;
}

static int add_name(struct valve_certificate *certificate, const struct config_peer *peer,
                    struct valve_error *error)
{
    size_t count = 0;
    char **names;

    if (peer->kind == CONFIG_PEER_NAME) {
        if (certificate->common_name)
            return refuse(error, "a certificate has one common name");
        certificate->common_name = strdup(peer->name);
        return certificate->common_name ? 0 : -ENOMEM;
    }
    while (certificate->names && certificate->names[count])
        count++;
    names = reallocarray(certificate->names, count + 2, sizeof *names);
    if (!names)
        return -ENOMEM;
    certificate->names = names;
    names[count + 1] = NULL;
    names[count] = strdup(peer->name);
    return names[count] ? 0 : -ENOMEM;
}

static int add_word(struct somebody *somebody, const char *word, struct valve_error *error)
{
    struct identity *identity = &somebody->identity;
    struct config_problem problem;
    struct config_peer peer;
    int r = config_parse_peer(word, &peer, &problem);

    if (r < 0)
        return r == -EINVAL ? refuse(error, problem.text) : r;
    switch (peer.kind) {
    case CONFIG_PEER_ANY:
        return refuse(error, "'any' is nobody in particular");
    case CONFIG_PEER_USER:
        if (peer.first != peer.last)
            return refuse(error, "a range of user ids is nobody in particular");
        identity->is_local = true;
        identity->user = peer.first;
        return add_groups_of(identity, word);
    case CONFIG_PEER_GROUP:
        identity->is_local = true;
        return add_group(identity, peer.first);
    case CONFIG_PEER_ADDRESS:
        if (!valve_network_is_one(&peer.network))
            return refuse(error, "a network is nobody in particular: name one address");
        identity->address = peer.network;
        return 0;
    case CONFIG_PEER_NAME:
    case CONFIG_PEER_ALIAS:
        identity->certificate = &somebody->certificate;
        return add_name(&somebody->certificate, &peer, error);
    }
    return 0;
}

/* Who is meant; the caller frees it in any case. */
static int read_peer(const char *text, struct somebody *somebody, struct valve_error *error)
{
    const struct identity *identity = &somebody->identity;
    int r = 0;

    *somebody = (struct somebody){.identity.user = (uid_t)-1,
                                  .certificate.names = calloc(1, sizeof(char *))};
    if (!somebody->certificate.names)
        return -ENOMEM;
    while (r == 0 && *text != '\0') {
        size_t length = strcspn(text, ",");
        cleanup(cleanup_memory) char *word = strndup(text, length);

        r = word ? add_word(somebody, word, error) : -ENOMEM;
        text += length + (text[length] == ',');
    }
    if (r == 0 &&
        identity->is_local == (identity->address.family != AF_UNSPEC || identity->certificate))
        r = refuse(error, "a peer has either a user and groups, or an address and a certificate");
    return r;
}

/* One call. ListAll shows what may be listed, so that has a path, too. */
static int read_call(const char *text, unsigned *ret_operation, struct valve_error *error)
{
    struct config_problem problem;

    if (config_parse_operations(text, ret_operation, &problem) < 0)
        return refuse(error, problem.text);
    if (*ret_operation & (*ret_operation - 1))
        return refuse(error, "ask for one call at a time");
    return 0;
}

static int check_path(const char *path, struct valve_error *error)
{
    const char *problem = store_path_problem(path, strlen(path));

    if (!problem)
        return 0;
    snprintf(error->text, sizeof error->text, "the path has %s", problem);
    return -EINVAL;
}

/* ---- The answer ----------------------------------------------------------------------- */

static const struct config_rule *granting_rule(const struct config *config,
                                               const struct identity *identity, unsigned operation,
                                               const char *path)
{
    for (size_t i = 0; i < config->rule_count; i++)
        if (access_rule_is_for(&config->rules[i], identity) &&
            access_rule_grants(&config->rules[i], operation, path))
            return &config->rules[i];
    return NULL;
}

static void print_rule(const struct config *config, const struct config_rule *rule, FILE *stream)
{
    fprintf(stream, "[access %s] (%s:%u)", rule->name.text, config->path, rule->name.line);
}

/* What the peer does have, where it is not enough. */
static void print_rules_for(const struct config *config, const struct identity *identity,
                            FILE *stream)
{
    for (size_t i = 0; i < config->rule_count; i++) {
        const struct config_rule *rule = &config->rules[i];
        char allowed[64];

        if (!access_rule_is_for(rule, identity))
            continue;
        config_operations_type.format(&config_access_keys[CONFIG_ACCESS_ALLOW], &rule->allow,
                                      allowed, sizeof allowed);
        fputs("  ", stream);
        print_rule(config, rule, stream);
        fprintf(stream, " is for this peer, and grants %s of %s\n", allowed,
                *rule->path ? rule->path : "all files");
    }
}

static bool print_verdict(const struct config *config, const struct config_listener *listener,
                          const struct identity *identity, unsigned operation, const char *path,
                          FILE *stream)
{
    const struct config_rule *rule = granting_rule(config, identity, operation, path);
    char allowed[64];

    fprintf(stream, "[listen %s] %s: ", listener->name.text, listener->address.text);
    if (!(listener->allow & operation)) {
        config_operations_type.format(&config_listener_keys[CONFIG_LISTEN_ALLOW], &listener->allow,
                                      allowed, sizeof allowed);
        fprintf(stream, "denied: this listener allows %s\n", allowed);
        return false;
    }
    if (!(config_allows(listener, config->deletes) & operation)) {
        fputs("denied: 'deletes = no' in [files]\n", stream);
        return false;
    }
    if (config->rule_count == 0) {
        fputs("granted: this listener allows it, and there are no access rules\n", stream);
        return true;
    }
    if (!rule) {
        fputs("denied: no access rule grants it\n", stream);
        print_rules_for(config, identity, stream);
        return false;
    }
    fputs("granted by ", stream);
    print_rule(config, rule, stream);
    fputc('\n', stream);
    return true;
}

/* Where certificates are asked for nobody comes without, and elsewhere they say nothing. */
static bool can_come_by(const struct identity *identity, const struct config_listener *listener)
{
    if (valve_address_is_unix(&listener->address))
        return identity->is_local;
    return !identity->is_local && (identity->certificate != NULL) == config_knows_clients(listener);
}

int access_check(const struct config *config, const struct access_question *question, FILE *stream,
                 struct valve_error *ret_error)
{
    cleanup(somebody_fini) struct somebody somebody;
    const struct identity *identity = &somebody.identity;
    bool is_granted = false, is_heard = false;
    unsigned operation = 0;
    int r = read_peer(question->peer, &somebody, ret_error);

    if (r == 0)
        r = read_call(question->call, &operation, ret_error);
    if (r == 0)
        r = check_path(question->path, ret_error);
    for (size_t i = 0; r == 0 && i < config->listener_count; i++) {
        const struct config_listener *listener = &config->listeners[i];

        if (!can_come_by(identity, listener))
            continue;
        is_heard = true;
        is_granted |= print_verdict(config, listener, identity, operation, question->path, stream);
    }
    if (r == 0 && !is_heard)
        fprintf(stream, "denied: no listener is for %s\n",
                identity->is_local      ? "Unix sockets"
                : identity->certificate ? "certificates of clients"
                                        : "TCP without them");
    return r < 0 ? r : is_granted;
}
