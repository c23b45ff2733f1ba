/* SPDX-License-Identifier: MIT */
/*
 * Finding what -t names: a rule, a method or a part of it, or a word that stands for more.
 */
#include "subject.h"

#include <errno.h>
#include <string.h>

#include "message.h"
#include "options.h"

static const struct valve_type *find_rule(const struct valve_tables *tables, const char *name)
{
    const struct valve_type *type = valve_tables_find_rule(tables, name);

    if (type == NULL && strcmp(name, "request") == 0)
        return tables->request;
    return type;
}

/* METHOD and METHOD.reply, METHOD.request, METHOD.item. */
static const struct valve_type *find_part(const struct valve_tables *tables, const char *name)
{
    const struct valve_tables_method *method = valve_tables_find_method(tables, name, strlen(name));
    const char *part = strrchr(name, '.');

    if (method != NULL)
        part = ".reply";
    else if (part != NULL)
        method = valve_tables_find_method(tables, name, (size_t)(part - name));
    if (method == NULL)
        return NULL;
    if (strcmp(part, ".reply") == 0)
        return method->reply;
    if (strcmp(part, ".request") == 0)
        return method->request;
    if (strcmp(part, ".item") == 0)
        return method->item;
    return NULL;
}

int subject_find(const struct valve_tables *tables, const char *name, struct subject *ret_subject)
{
    struct subject subject = {.kind = SUBJECT_VALUES, .tables = tables};
    char shown[SHOWN_ROOM];

    if (name == NULL)
        subject.type = tables->request;
    else if (strcmp(name, "to-server") == 0)
        subject.kind = SUBJECT_TO_SERVER;
    else if (strcmp(name, "to-client") == 0)
        subject.kind = SUBJECT_TO_CLIENT;
    else
        subject.type = find_rule(tables, name);
    if (subject.kind == SUBJECT_VALUES && subject.type == NULL)
        subject.type = find_part(tables, name);
    if (subject.kind == SUBJECT_VALUES && subject.type == NULL)
        return usage_error("the schema has no type %s; valve-cbor types lists those it has",
                           show_name(name, shown));
    *ret_subject = subject;
    return 0;
}
