/* SPDX-License-Identifier: MIT */
/*
 * The types of a schema as structs and enums of C, and the sum of its methods.
 */
#include "cddl/emit.h"

static void set_type(struct cddl_emit *emit, const struct cddl_type *type)
{
    emit->values['t'] = type->tag;
    emit->values['T'] = cddl_upper(emit->schema->source, type->tag);
}

/* Names a struct that is pointed to before it is defined. */
static void declare(struct cddl_emit *emit, struct cddl_type *type)
{
    if (type->declared || type->defined || !cddl_is_compound(type))
        return;
    emit->values['1'] = type->tag;
    cddl_emit(emit, "struct $1;\n\n");
    type->declared = true;
}

static void emit_schema_text(struct cddl_emit *emit, const struct cddl_type *type)
{
    struct cddl_source *source = emit->schema->source;
    const char *text = cddl_words(source, type->span);

    if (type->rule != NULL)
        text = cddl_pool_print(emit->pool, "%s = %s", type->rule, text);
    cddl_emit_comment(emit, "", text);
}

static void emit_field(struct cddl_emit *emit, const struct cddl_member *member, const char *indent)
{
    emit->values['1'] = indent;
    cddl_emit_set_member(emit, member);
    if (member->optional)
        cddl_emit(emit, "$1bool has_$a;\n");
    if (cddl_is_void(member))
        return;
    emit->values['v'] = cddl_c_type(emit, member->type);
    cddl_emit(emit, member->boxed ? "$1const $v *$F;\n" : "$1$v $F;\n");
}

static void emit_struct(struct cddl_emit *emit, const struct cddl_type *type)
{
    cddl_emit(emit, "struct $t {\n");
    for (unsigned i = 0; i < type->count; i++)
        emit_field(emit, &type->members[i], "    ");
    cddl_emit(emit, "};\n");
}

static void emit_sequence(struct cddl_emit *emit, const struct cddl_type *type)
{
    emit->values['v'] = cddl_c_type(emit, type->members[0].type);
    cddl_emit(emit, "struct $t {\n"
                    "    const $v *items;\n"
                    "    size_t count;\n"
                    "};\n");
}

static void emit_union(struct cddl_emit *emit, const struct cddl_type *type)
{
    bool empty = true;

    for (unsigned i = 0; i < type->count; i++)
        empty = empty && cddl_is_void(&type->members[i]);
    if (empty)
        return;
    cddl_emit(emit, "    union {\n");
    for (unsigned i = 0; i < type->count; i++)
        emit_field(emit, &type->members[i], "        ");
    cddl_emit(emit, "    };\n");
}

static void emit_sum(struct cddl_emit *emit, const struct cddl_type *type)
{
    cddl_emit(emit, "enum $t_kind {\n");
    for (unsigned i = 0; i < type->count; i++) {
        cddl_emit_set_member(emit, &type->members[i]);
        cddl_emit(emit, "    $T_$A,\n");
    }
    cddl_emit(emit, "};\n"
                    "struct $t {\n"
                    "    enum $t_kind kind;\n");
    emit_union(emit, type);
    cddl_emit(emit, "};\n");
}

static void emit_type(struct cddl_emit *emit, struct cddl_type *type)
{
    cddl_emit(emit, "\n");
    for (unsigned i = 0; i < type->count; i++)
        if (cddl_is_sequence(type) || type->members[i].boxed)
            declare(emit, type->members[i].type);
    emit_schema_text(emit, type);
    set_type(emit, type);
    if (cddl_is_sequence(type))
        emit_sequence(emit, type);
    else if (type->shape == CDDL_SUM || type->shape == CDDL_CHOICE)
        emit_sum(emit, type);
    else
        emit_struct(emit, type);
    type->defined = true;
}

static void emit_request(struct cddl_emit *emit)
{
    cddl_emit(emit, "\n/* ---- Methods ---- */\n\n"
                    "/* What a client may ask; a handler sees only its own method's part. */\n"
                    "enum $p_method {\n");
    for (const struct cddl_method *method = emit->schema->methods; method != NULL;
         method = method->next) {
        cddl_emit_set_method(emit, method);
        cddl_emit(emit, "    $M,\n");
    }
    cddl_emit(emit, "};\n"
                    "struct $p_request {\n"
                    "    enum $p_method kind;\n");
    emit_union(emit, emit->schema->request);
    cddl_emit(emit, "};\n"
                    "extern const struct valve_type $p_request_type;\n");
}

/* The names of those who are indices into a table. */
static const char *indices_into(struct cddl_emit *emit, const struct cddl_type *table)
{
    const char *names = NULL;

    for (const struct cddl_type *type = emit->schema->types; type != NULL; type = type->next)
        if (type->table == table)
            names = names == NULL ? type->name
                                  : cddl_pool_print(emit->pool, "%s or %s", names, type->name);
    return names;
}

/* An index that was decoded is one of its table's, but C cannot tell whose index it is given. */
static void emit_at(struct cddl_emit *emit, const struct cddl_type *table)
{
    set_type(emit, table);
    emit->values['v'] = cddl_c_type(emit, table->members[0].type);
    cddl_emit(emit, "\n");
    cddl_emit_comment(emit, "",
                      cddl_pool_print(emit->pool, "The element with this %s, or NULL.",
                                      indices_into(emit, table)));
    cddl_emit(emit, "static inline const $v *$t_at(const struct $t *table, uint64_t index)\n"
                    "{\n"
                    "    return index < table->count ? &table->items[index] : NULL;\n"
                    "}\n");
}

/* A value of nil is nothing but there. */
static void emit_find(struct cddl_emit *emit, const struct cddl_type *map)
{
    const struct cddl_member *value = &map->members[0].type->members[1];

    set_type(emit, map);
    if (cddl_is_void(value)) {
        cddl_emit(emit, "\n"
                        "/* Whether a map that was decoded, or is sorted, has this key. */\n"
                        "static inline bool $t_has(const struct $t *map, struct valve_text key)\n"
                        "{\n"
                        "    return valve_map_find(&$t_type, map, key) != NULL;\n"
                        "}\n");
        return;
    }
    emit->values['v'] = cddl_c_type(emit, value->type);
    cddl_emit(emit, "\n"
                    "/* The value of a key in a map that was decoded, or is sorted; else NULL. */\n"
                    "static inline const $v *$t_find(const struct $t *map, struct valve_text key)\n"
                    "{\n"
                    "    return (const $v *)valve_map_find(&$t_type, map, key);\n"
                    "}\n");
}

static void emit_accessors(struct cddl_emit *emit)
{
    for (const struct cddl_type *type = emit->schema->definitions; type != NULL;
         type = type->then) {
        if (type->is_table)
            emit_at(emit, type);
        else if (type->shape == CDDL_MAP)
            emit_find(emit, type);
    }
}

void cddl_emit_types(struct cddl_emit *emit)
{
    struct cddl_type *type;

    if (emit->schema->definitions != NULL)
        cddl_emit(emit, "\n/* ---- Types ---- */\n");
    for (type = emit->schema->definitions; type != NULL; type = type->then)
        emit_type(emit, type);
    if (emit->schema->definitions != NULL)
        cddl_emit(emit, "\n");
    for (type = emit->schema->definitions; type != NULL; type = type->then) {
        set_type(emit, type);
        cddl_emit(emit, "extern const struct valve_type $t_type;\n");
    }
    emit_accessors(emit);
    emit_request(emit);
}
