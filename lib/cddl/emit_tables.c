/* SPDX-License-Identifier: MIT */
/*
 * SERVICE.c: the constant tables that describe the types, proved against them by the compiler.
 */
#include <inttypes.h>
#include <string.h>

#include "cddl/emit.h"

static const char *const shapes[] = {
    [CDDL_UINT] = "UINT",    [CDDL_INT] = "INT",       [CDDL_BOOL] = "BOOL",
    [CDDL_FLOAT] = "FLOAT",  [CDDL_TEXT] = "TEXT",     [CDDL_BYTES] = "BYTES",
    [CDDL_ANYTHING] = "ANY", [CDDL_NIL] = "NIL",       [CDDL_STRUCT] = "STRUCT",
    [CDDL_TUPLE] = "TUPLE",  [CDDL_LIST] = "LIST",     [CDDL_MAP] = "MAP",
    [CDDL_SUM] = "SUM",      [CDDL_CHOICE] = "CHOICE",
};

static void set_number(struct cddl_emit *emit, char letter, uint64_t number)
{
    const char *format = number > UINT32_MAX ? "UINT64_C(%" PRIu64 ")" : "%" PRIu64;

    emit->values[(unsigned char)letter] = number == UINT64_MAX
                                              ? "UINT64_MAX"
                                              : cddl_pool_print(emit->pool, format, number);
}

static void set_type(struct cddl_emit *emit, const struct cddl_type *type)
{
    emit->values['t'] = type->tag;
    emit->values['T'] = cddl_upper(emit->schema->source, type->tag);
    emit->values['v'] = type->shape == CDDL_NIL ? "" : cddl_c_type(emit, type);
}

static bool has_members(const struct cddl_type *type)
{
    return cddl_is_compound(type) || type->is_index;
}

/* ---- Members ---- */

/* $1 is how the member is reached in an initializer: nothing, or [ENUMERATOR] = */
static void emit_member(struct cddl_emit *emit, const struct cddl_member *member)
{
    const char *name = member->nameless ? "" : member->name;

    cddl_emit_set_member(emit, member);
    emit->values['n'] = name;
    set_number(emit, '2', strlen(name));
    cddl_emit(emit, "    $1{.name = \"$n\", .name_size = $2");
    if (member->type != NULL) {
        emit->values['2'] = member->type->tag;
        cddl_emit(emit, ", .type = &$2_type");
    }
    if (!cddl_is_void(member)) {
        emit->values['2'] = cddl_pool_print(emit->pool, member->boxed ? "const %s *" : "%s",
                                            cddl_c_type(emit, member->type));
        cddl_emit(emit, ",\n     .offset = FIELD($v, $F, $2)");
    }
    if (member->optional)
        cddl_emit(emit, ",\n     .presence = FIELD($v, has_$a, bool)");
    if (member->optional || member->boxed)
        cddl_emit(emit, ",\n     .flags = ");
    if (member->optional)
        cddl_emit(emit, "VALVE_MEMBER_OPTIONAL");
    if (member->optional && member->boxed)
        cddl_emit(emit, " | ");
    if (member->boxed)
        cddl_emit(emit, "VALVE_MEMBER_BOXED");
    cddl_emit(emit, "},\n");
}

static void emit_fields(struct cddl_emit *emit, const struct cddl_type *type)
{
    const struct cddl_member **order = cddl_members_as_sent(emit->pool, type);

    emit->values['1'] = "";
    for (unsigned i = 0; i < type->count; i++)
        emit_member(emit, order[i]);
}

/* $E is what the enumerators begin with. */
static void emit_arms(struct cddl_emit *emit, const struct cddl_type *type)
{
    for (unsigned i = 0; i < type->count; i++) {
        emit->values['1'] = cddl_pool_print(emit->pool, "[%s_%s] = ", emit->values['E'],
                                            type->members[i].upper);
        emit_member(emit, &type->members[i]);
    }
}

/* What a list or a map consists of, or the table of an index. */
static void emit_element(struct cddl_emit *emit, const struct cddl_type *element)
{
    emit->values['1'] = element->name;
    set_number(emit, '2', strlen(element->name));
    emit->values['n'] = element->tag;
    cddl_emit(emit, "    {.name = \"$1\", .name_size = $2, .type = &$n_type},\n");
}

static void emit_members(struct cddl_emit *emit, const struct cddl_type *type)
{
    cddl_emit(emit, "static const struct valve_member $t_members[] = {\n");
    if (type->shape == CDDL_SUM || type->shape == CDDL_CHOICE)
        emit_arms(emit, type);
    else if (type->is_index)
        emit_element(emit, type->table);
    else if (cddl_is_sequence(type))
        emit_element(emit, type->members[0].type);
    else
        emit_fields(emit, type);
    cddl_emit(emit, "};\n");
}

/* ---- Types ---- */

static void emit_bounds(struct cddl_emit *emit, const struct cddl_type *type)
{
    set_number(emit, '1', type->low);
    set_number(emit, '2', type->high);
    if (type->shape == CDDL_INT) {
        emit->values['1'] = cddl_pool_print(emit->pool, "(uint64_t)INT64_C(%" PRId64 ")",
                                            (int64_t)type->low);
        emit->values['2'] = cddl_pool_print(emit->pool, "(uint64_t)INT64_C(%" PRId64 ")",
                                            (int64_t)type->high);
        if ((int64_t)type->low == INT64_MIN) /* has no literal of its own */
            emit->values['1'] = "(uint64_t)INT64_MIN";
    }
    if (type->shape == CDDL_UINT || type->shape == CDDL_INT || type->shape == CDDL_TEXT ||
        type->shape == CDDL_BYTES)
        cddl_emit(emit, "    .low = $1,\n"
                        "    .high = $2,\n");
}

static void emit_flags(struct cddl_emit *emit, const struct cddl_type *type)
{
    const struct {
        bool set;
        const char *name;
    } flags[] = {
        {type->open, "VALVE_TYPE_OPEN"},
        {type->is_index, "VALVE_TYPE_INDEX"},
        {type->is_table, "VALVE_TYPE_TABLE"},
        {type->has_edges, "VALVE_TYPE_EDGES"},
    };
    const char *before = "    .flags = ", *after = "";

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (!flags[i].set)
            continue;
        cddl_emit(emit, before);
        cddl_emit(emit, flags[i].name);
        before = " | ";
        after = ",\n";
    }
    cddl_emit(emit, after);
}

/* The table of a type; $v is its C type, empty for one that C does not hold. */
static void emit_table(struct cddl_emit *emit, const struct cddl_type *type)
{
    emit->values['1'] = type->name;
    emit->values['2'] = shapes[type->shape];
    cddl_emit(emit, cddl_is_compound(type) || type->is_item
                        ? "const struct valve_type $t_type = {\n"
                        : "static const struct valve_type $t_type = {\n");
    cddl_emit(emit, "    .name = \"$1\",\n"
                    "    .shape = VALVE_SHAPE_$2,\n");
    emit_flags(emit, type);
    cddl_emit(emit, emit->values['v'][0] == '\0' ? "    .alignment = 1,\n"
                                                 : "    .size = sizeof($v),\n"
                                                   "    .alignment = _Alignof($v),\n");
    set_number(emit, '1', type->least);
    cddl_emit(emit, "    .least = $1,\n");
    emit_bounds(emit, type);
    if (has_members(type))
        cddl_emit(emit, "    .count = COUNT($t_members),\n"
                        "    .members = $t_members,\n");
    cddl_emit(emit, "};\n");
}

/* What the interpreter takes for granted and no initializer proves. */
static void emit_proof(struct cddl_emit *emit, const struct cddl_type *type)
{
    if (cddl_is_sequence(type))
        cddl_emit(emit, "SAME(offsetof($v, items), 0);\n"
                        "SAME(offsetof($v, count), sizeof(void *));\n");
    if (type->shape == CDDL_SUM || type->shape == CDDL_CHOICE)
        cddl_emit(emit, "SAME(offsetof($v, kind), 0);\n"
                        "SAME(sizeof((($v *)0)->kind), sizeof(unsigned));\n");
}

static void emit_type(struct cddl_emit *emit, const struct cddl_type *type)
{
    cddl_emit(emit, "\n");
    if (has_members(type))
        emit_members(emit, type);
    emit_table(emit, type);
    emit_proof(emit, type);
}

/* A whole reply in memory. The constructors of replies never make one; tools that decode do. */
static void emit_reply(struct cddl_emit *emit, const struct cddl_method *method)
{
    const struct cddl_type *reply = method->reply;

    cddl_emit_set_method(emit, method);
    set_type(emit, reply);
    cddl_emit(emit, "\n"
                    "struct $t_value {\n"
                    "    enum $m_arm kind;\n"
                    "    union {\n");
    for (unsigned i = 0; i < reply->count; i++) {
        cddl_emit_set_member(emit, &reply->members[i]);
        if (cddl_is_void(&reply->members[i]))
            continue;
        emit->values['v'] = cddl_c_type(emit, reply->members[i].type);
        cddl_emit(emit, "        $v $F;\n");
    }
    cddl_emit(emit, "    };\n"
                    "};\n");
    emit->values['v'] = cddl_pool_print(emit->pool, "struct %s_value", reply->tag);
    emit->values['E'] = emit->values['M'];
    emit_type(emit, reply);
}

static void emit_preface(struct cddl_emit *emit, const char *source_name, const char *header_name)
{
    emit->values['1'] = source_name;
    emit->values['2'] = header_name;
    cddl_emit(emit,
              "/* Generated by valve-cddl from $1: do not edit. */\n"
              "#include \"$2\"\n"
              "\n"
              "/* Where a field stands, after proof that it has the type which its table says. */\n"
              "#define FIELD(owner, field, type) \\\n"
              "    (uint32_t)(offsetof(owner, field) + \\\n"
              "               0 * sizeof(char[__builtin_types_compatible_p( \\\n"
              "                                   __typeof__(((owner *)0)->field), type) \\\n"
              "                                   ? 1 \\\n"
              "                                   : -1]))\n"
              "#define COUNT(array) (sizeof(array) / sizeof((array)[0]))\n"
              "#define SAME(a, b) _Static_assert((a) == (b), #a \" is \" #b)\n");
}

void cddl_emit_tables(struct cddl_emit *emit, const char *source_name, const char *header_name)
{
    const struct cddl_schema *schema = emit->schema;

    emit_preface(emit, source_name, header_name);
    for (const struct cddl_type *type = schema->types; type != NULL; type = type->next) {
        set_type(emit, type);
        if (!cddl_is_compound(type))
            emit_type(emit, type);
    }
    for (const struct cddl_type *type = schema->definitions; type != NULL; type = type->then) {
        set_type(emit, type);
        emit->values['E'] = emit->values['T'];
        emit_type(emit, type);
    }
    for (const struct cddl_method *method = schema->methods; method != NULL; method = method->next)
        emit_reply(emit, method);
    set_type(emit, schema->request);
    emit->values['E'] = emit->values['P'];
    emit_type(emit, schema->request);
}
