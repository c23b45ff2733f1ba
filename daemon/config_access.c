/* SPDX-License-Identifier: MIT */
/*
 * Access rules: who is meant by `peer`, what a `path` may be, and what must be true of each rule.
 */
#include <config.h>

#include "daemon/config_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/accounts.h"
#include "daemon/store.h"

#define BLANKS " \t"

/* ---- peers ---- */

static int parse_any(const char *text, struct config_peer *peer, struct config_problem *problem)
{
    (void)peer;
    if (text[0] != '\0')
        return config_refuse(problem, "'any' stands alone");
    return 0;
}

static int parse_user(const char *text, struct config_peer *peer, struct config_problem *problem)
{
    gid_t group;
    int r = accounts_user(text, &peer->first, &group);

    peer->last = peer->first;
    return r < 0 ? config_refuse_account(problem, "user", text, r) : 0;
}

static int parse_group(const char *text, struct config_peer *peer, struct config_problem *problem)
{
    int r = accounts_group(text, &peer->first);

    return r < 0 ? config_refuse_account(problem, "group", text, r) : 0;
}

static int parse_ids(const char *text, struct config_peer *peer, struct config_problem *problem)
{
    size_t length = strcspn(text, "-");
    const char *last = text[length] == '-' ? text + length + 1 : text;

    if (accounts_parse_id(text, length, &peer->first) < 0 ||
        accounts_parse_id(last, strlen(last), &peer->last) < 0 || peer->last < peer->first)
        return config_refuse(problem, "'uid:%.100s' is neither uid:N nor uid:FIRST-LAST", text);
    return 0;
}

static int parse_network(const char *text, struct config_peer *peer, struct config_problem *problem)
{
    const char *why;

    if (valve_network_parse(text, &peer->network, &why) < 0)
        return config_refuse(problem, "'address:%.100s': %s", text, why);
    return 0;
}

static int parse_name(const char *text, struct config_peer *peer, struct config_problem *problem)
{
    peer->name = text;
    return text[0] != '\0' ? 0 : config_refuse(problem, "cn: and san: need a name");
}

static const struct {
    const char *prefix;
    enum config_peer_kind kind;
    int (*parse)(const char *text, struct config_peer *peer, struct config_problem *problem);
} peer_kinds[] = {
    {"any", CONFIG_PEER_ANY, parse_any},
    {"user:", CONFIG_PEER_USER, parse_user},
    {"uid:", CONFIG_PEER_USER, parse_ids},
    {"group:", CONFIG_PEER_GROUP, parse_group},
    {"address:", CONFIG_PEER_ADDRESS, parse_network},
    {"cn:", CONFIG_PEER_NAME, parse_name},
    {"san:", CONFIG_PEER_ALIAS, parse_name},
};

int config_parse_peer(const char *word, struct config_peer *ret_peer,
                      struct config_problem *problem)
{
    struct config_peer peer = {0};
    int r;

    for (size_t i = 0; i < sizeof peer_kinds / sizeof *peer_kinds; i++) {
        size_t length = strlen(peer_kinds[i].prefix);

        if (strncmp(word, peer_kinds[i].prefix, length) == 0) {
            peer.kind = peer_kinds[i].kind;
            r = peer_kinds[i].parse(word + length, &peer, problem);
            if (r == 0)
                *ret_peer = peer;
            return r;
        }
    }
    return config_refuse(problem,
                         "'%.100s' is nobody: there are any, user:NAME, uid:FIRST-LAST, "
                         "group:NAME, address:NETWORK, cn:NAME and san:NAME",
                         word);
}

static void release_peers(void *value)
{
    struct config_peers *peers = value;

    for (size_t i = 0; i < peers->count; i++)
        free(peers->list[i].text);
    free(peers->list);
    *peers = (struct config_peers){0};
}

/* Takes over `word`, which may be NULL: no memory. */
static int append_peer(struct config_peers *peers, char *word, struct config_problem *problem)
{
    struct config_peer peer;
    struct config_peer *list;
    int r = word != NULL ? config_parse_peer(word, &peer, problem) : -ENOMEM;

    list = r == 0 ? reallocarray(peers->list, peers->count + 1, sizeof *list) : NULL;
    if (list == NULL) {
        free(word);
        return r == 0 ? -ENOMEM : r;
    }
    peer.text = word;
    list[peers->count++] = peer;
    peers->list = list;
    return 0;
}

static int parse_peers(const struct config_key *key, const char *text, void *value,
                       struct config_problem *problem)
{
    struct config_peers peers = {0};
    int r = 0;

    (void)key;
    for (text += strspn(text, BLANKS); r == 0 && *text != '\0'; text += strspn(text, BLANKS)) {
        size_t length = strcspn(text, BLANKS);

        r = append_peer(&peers, strndup(text, length), problem);
        text += length;
    }
    if (r == 0 && peers.count == 0)
        r = config_refuse(problem, "nobody is named; any is everybody");
    if (r < 0) {
        release_peers(&peers);
        return r;
    }
    release_peers(value);
    *(struct config_peers *)value = peers;
    return 0;
}

static void format_peers(const struct config_key *key, const void *value, char *text, size_t size)
{
    const struct config_peers *peers = value;
    size_t used = 0;

    (void)key;
    text[0] = '\0';
    for (size_t i = 0; i < peers->count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? " " : "",
                                 peers->list[i].text);
}

const struct config_type config_peers_type = {parse_peers, format_peers, release_peers};

/* ---- paths ---- */

static int parse_prefix(const struct config_key *key, const char *text, void *value,
                        struct config_problem *problem)
{
    const char *why = text[0] != '\0' ? store_path_problem(text, strlen(text)) : NULL;
    char *copy;

    (void)key;
    if (why != NULL)
        return config_refuse(problem, "'%.100s' is no path from the root on: it has %s", text, why);
    copy = strdup(text);
    if (copy == NULL)
        return -ENOMEM;
    config_release_path(value);
    *(char **)value = copy;
    return 0;
}

const struct config_type config_prefix_type = {parse_prefix, config_format_path,
                                               config_release_path};

/* ---- rules ---- */

static void release_rule(struct config_rule *rule)
{
    config_release(config_access_keys, CONFIG_ACCESS_KEY_COUNT, rule);
}

int config_rule_add(struct config *config, const char *name, unsigned line)
{
    struct config_rule rule = {.name.line = line};
    struct config_rule *list;
    int r;

    snprintf(rule.name.text, sizeof rule.name.text, "%s", name);
    r = config_set_defaults(config_access_keys, CONFIG_ACCESS_KEY_COUNT, &rule, rule.origins);
    list = r < 0 ? NULL : reallocarray(config->rules, config->rule_count + 1, sizeof *list);
    if (list == NULL) {
        release_rule(&rule);
        return -ENOMEM;
    }
    list[config->rule_count++] = rule;
    config->rules = list;
    return 0;
}

void config_rules_free(struct config_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++)
        release_rule(&rules[i]);
    free(rules);
}

/* What is written the same means the same, but for names that are others' by now. */
static bool is_same_peer(const struct config_peer *a, const struct config_peer *b)
{
    return strcmp(a->text, b->text) == 0 && a->first == b->first && a->last == b->last;
}

static bool is_same_rule(const struct config_rule *a, const struct config_rule *b)
{
    if (strcmp(a->path, b->path) != 0 || a->allow != b->allow || a->peers.count != b->peers.count)
        return false;
    for (size_t i = 0; i < a->peers.count; i++)
        if (!is_same_peer(&a->peers.list[i], &b->peers.list[i]))
            return false;
    return true;
}

bool config_rules_same(const struct config_rule *a, size_t a_count, const struct config_rule *b,
                       size_t b_count)
{
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++)
        if (!is_same_rule(&a[i], &b[i]))
            return false;
    return true;
}

void config_rules_forget(struct config *config)
{
    config->rules = NULL;
    config->rule_count = 0;
}

void config_rules_clear(struct config *config)
{
    config_rules_free(config->rules, config->rule_count);
    config_rules_forget(config);
}

/* What has no default must be there. */
static void require_key(const struct config *config, const struct config_rule *rule,
                        enum config_access_key_index index, struct config_errors *errors)
{
    if (rule->origins[index].source == CONFIG_FROM_DEFAULT)
        config_errors_add(errors, config->path, rule->name.line, "[access %s] has no %s",
                          rule->name.text, config_access_keys[index].name);
}

void config_rules_check(const struct config *config, struct config_errors *errors)
{
    for (size_t i = 0; i < config->rule_count; i++) {
        const struct config_rule *rule = &config->rules[i];

        require_key(config, rule, CONFIG_ACCESS_PEER, errors);
        require_key(config, rule, CONFIG_ACCESS_ALLOW, errors);
        if (config->symlinks && rule->path != NULL && rule->path[0] != '\0')
            config_errors_add_value(
                errors, config, &config_access_keys[CONFIG_ACCESS_PATH],
                &rule->origins[CONFIG_ACCESS_PATH],
                "with 'symlinks = yes' a link would lead out of %s: a rule can be for all files "
                "only",
                rule->path);
    }
}
