/* SPDX-License-Identifier: MIT */
/*
 * The names in a schema: those of its rules, and those that CDDL's prelude defines.
 */
#include <string.h>

#include "cddl/schema.h"

static const char *const supported[] = {"uint", "int", "bool", "tstr",
                                        "bstr", "nil", "any",  "float64"};

/* Names of CDDL's prelude that the subset leaves out, and what to write in their place. */
static const struct {
    const char *name, *instead;
} left_out[] = {
    {"text", "tstr"},          {"bytes", "bstr"},         {"null", "nil"},
    {"nint", "a range"},       {"integer", "int"},        {"unsigned", "uint"},
    {"float", "float64"},      {"float16", "float64"},    {"float32", "float64"},
    {"float16-32", "float64"}, {"float32-64", "float64"}, {"number", "int"},
    {"true", "bool"},          {"false", "bool"},         {"undefined", "nil"},
    {"tdate", "tstr"},         {"time", "uint"},          {"bigint", "int"},
    {"biguint", "uint"},       {"bignint", "int"},        {"decfrac", "int"},
    {"bigfloat", "float64"},   {"eb64url", "bstr"},       {"eb64legacy", "bstr"},
    {"eb16", "bstr"},          {"encoded-cbor", "bstr"},  {"uri", "tstr"},
    {"b64url", "tstr"},        {"b64legacy", "tstr"},     {"regexp", "tstr"},
    {"mime-message", "tstr"},  {"cbor-any", "any"},
};

bool cddl_is_prelude(const char *name)
{
    for (size_t i = 0; i < sizeof(supported) / sizeof(supported[0]); i++)
        if (strcmp(supported[i], name) == 0)
            return true;
    return false;
}

static const char *instead_of(const char *name)
{
    for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
        if (strcmp(left_out[i].name, name) == 0)
            return left_out[i].instead;
    return NULL;
}

static void check_name(struct cddl_source *source, const struct cddl_node *node)
{
    const char *instead = instead_of(node->text);

    if (cddl_is_prelude(node->text))
        return;
    if (instead != NULL)
        cddl_problem(source, node->span, "%s of CDDL's prelude is not in the subset: write %s",
                     node->text, instead);
    else if (strstr(node->text, "..") != NULL)
        cddl_problem(source, node->span,
                     "%.60s is one name in CDDL, and not defined: a range needs blanks around ..",
                     node->text);
    else
        cddl_problem(source, node->span, "the name %.60s is not defined", node->text);
}

/* Marks the rules that a node names, and notes names that nothing has. */
static void walk_names(const struct cddl_syntax *syntax, const struct cddl_node *node)
{
    if (node->kind == CDDL_NODE_NAME) {
        struct cddl_rule *rule = cddl_find_rule(syntax, node->text);

        if (rule != NULL)
            rule->reached = true;
        else
            check_name(syntax->source, node);
    }
    for (const struct cddl_node *part = node->parts; part != NULL; part = part->next)
        walk_names(syntax, part);
    for (const struct cddl_entry *entry = node->entries; entry != NULL; entry = entry->next) {
        if (entry->arrow)
            walk_names(syntax, entry->key);
        walk_names(syntax, entry->type);
    }
}

/* Goes on from the rules that are marked until no other is. */
static void walk_reached(const struct cddl_syntax *syntax)
{
    bool more = true;

    while (more) {
        more = false;
        for (struct cddl_rule *rule = syntax->rules; rule != NULL; rule = rule->next) {
            if (!rule->reached || rule->walked)
                continue;
            rule->walked = true;
            walk_names(syntax, rule->node);
            more = true;
        }
    }
}

void cddl_check_names(const struct cddl_syntax *syntax)
{
    bool whole = cddl_source_sound(syntax->source); /* what is broken may have led anywhere */

    if (syntax->rules != NULL)
        syntax->rules->reached = true;
    walk_reached(syntax);
    for (struct cddl_rule *rule = syntax->rules; rule != NULL; rule = rule->next) {
        if (cddl_is_prelude(rule->name) || instead_of(rule->name) != NULL)
            cddl_problem(syntax->source, rule->span, "%s is a name of CDDL's prelude", rule->name);
        else if (!rule->reached && whole)
            cddl_problem(syntax->source, rule->span,
                         "%.60s is not used: the service does not lead to it", rule->name);
        rule->reached = true;
    }
    walk_reached(syntax);
}
