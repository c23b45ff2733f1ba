/* SPDX-License-Identifier: MIT */
/*
 * Templates, lines that are not too long, and the frame of the header.
 */
#include "cddl/emit.h"

#include <string.h>

#include "cddl/canon.h"

enum { COLUMNS = 100 };

/* ---- Lines ---- */

static void put(struct cddl_emit *emit, const char *text, size_t size)
{
    if (emit->capacity - emit->size < size) {
        size_t capacity = 2 * emit->capacity + size + 4096;
        char *larger = cddl_pool_alloc(emit->pool, capacity, 1);

        if (emit->size > 0)
            memcpy(larger, emit->text, emit->size);
        emit->text = larger;
        emit->capacity = capacity;
    }
    memcpy(emit->text + emit->size, text, size);
    emit->size += size;
}

/*
 * The column behind the innermost parenthesis or brace that is open there; `outer` is that of the
 * innermost one open before.
 */
static size_t open_column(const char *line, size_t size, size_t outer)
{
    size_t columns[32] = {outer}, depth = 0;

    for (size_t i = 0; i < size; i++) {
        if (line[i] == '(' || line[i] == '{')
            columns[++depth % 32] = i + 1;
        else if ((line[i] == ')' || line[i] == '}') && depth > 0)
            depth--;
    }
    return columns[depth % 32];
}

/* Where a line should be broken: behind the last blank that follows a comma and fits. */
static size_t find_break(const char *line, size_t size)
{
    size_t best = 0;

    for (size_t i = 1; i < size && i <= COLUMNS; i++)
        if (line[i] == ' ' && line[i - 1] == ',')
            best = i + 1;
    return best;
}

/* A function's type stands on a line of its own when the whole does not fit. */
static size_t find_signature_break(const char *line, size_t size)
{
    const char *open = memchr(line, '(', size);

    if (strncmp(line, "static inline ", 14) != 0 || open == NULL)
        return 0;
    while (open > line && open[-1] != ' ' && open[-1] != '*')
        open--;
    return (size_t)(open - line);
}

static void put_broken(struct cddl_emit *emit, const char *line, size_t size)
{
    size_t at = find_signature_break(line, size), column = 0;

    if (size > COLUMNS && at > 0) {
        put(emit, line, line[at - 1] == ' ' ? at - 1 : at);
        put(emit, "\n", 1);
        line += at;
        size -= at;
    }
    while (size > COLUMNS && (at = find_break(line, size)) > 0) {
        char *rest;

        put(emit, line, at - 1);
        put(emit, "\n", 1);
        column = open_column(line, at, column);
        rest = cddl_pool_alloc(emit->pool, column + size - at + 1, 1);
        memset(rest, ' ', column);
        memcpy(rest + column, line + at, size - at);
        size = column + size - at;
        line = rest;
        if (find_break(line, size) <= column)
            break;
    }
    put(emit, line, size);
}

/* The last line is complete: breaks it if it must be. One of a macro's is left as it is. */
static void end_line(struct cddl_emit *emit)
{
    size_t size = emit->size - emit->line;

    if (size > COLUMNS && emit->text[emit->size - 1] != '\\') {
        char *line = cddl_pool_copy(emit->pool, emit->text + emit->line, size);

        emit->size = emit->line;
        put_broken(emit, line, size);
    }
    put(emit, "\n", 1);
    emit->line = emit->size;
}

/* ---- Templates ---- */

void cddl_emit_init(struct cddl_emit *emit, struct cddl_pool *pool,
                    const struct cddl_schema *schema)
{
    memset(emit, 0, sizeof(*emit));
    emit->pool = pool;
    emit->schema = schema;
    emit->values['p'] = schema->word;
    emit->values['P'] = cddl_upper(schema->source, schema->word);
    emit->values['s'] = schema->name;
}

void cddl_emit(struct cddl_emit *emit, const char *template)
{
    for (const char *next = template; *next != '\0'; next++) {
        size_t size = strcspn(next, "$\n");

        put(emit, next, size);
        next += size;
        if (*next == '\0')
            return;
        if (*next == '$') {
            const char *value = emit->values[(unsigned char)*++next & 127];

            put(emit, value, strlen(value));
        } else {
            end_line(emit);
        }
    }
}

void cddl_emit_comment(struct cddl_emit *emit, const char *indent, const char *text)
{
    size_t width = COLUMNS - strlen(indent) - 6;
    bool whole = strlen(text) <= width;

    put(emit, indent, strlen(indent));
    put(emit, whole ? "/* " : "/*", whole ? 3 : 2);
    while (!whole && *text != '\0') {
        size_t size = strlen(text) < width ? strlen(text) : width;

        while (text[size] != '\0' && size > 1 && text[size] != ' ')
            size--;
        if (size == 1)
            size = strcspn(text, " ");
        end_line(emit);
        put(emit, indent, strlen(indent));
        put(emit, " * ", 3);
        put(emit, text, size);
        text += size;
        text += strspn(text, " ");
    }
    if (whole) {
        put(emit, text, strlen(text));
    } else {
        end_line(emit);
        put(emit, indent, strlen(indent));
    }
    put(emit, " */", 3);
    end_line(emit);
}

void cddl_emit_set_method(struct cddl_emit *emit, const struct cddl_method *method)
{
    emit->values['m'] = method->tag;
    emit->values['M'] = cddl_upper(emit->schema->source, method->tag);
    emit->values['w'] = method->word;
    emit->values['f'] = method->field;
}

void cddl_emit_set_member(struct cddl_emit *emit, const struct cddl_member *member)
{
    emit->values['a'] = member->word;
    emit->values['A'] = member->upper;
    emit->values['F'] = member->field;
}

const char *cddl_c_type(struct cddl_emit *emit, const struct cddl_type *type)
{
    static const char *const scalars[] = {
        [CDDL_UINT] = "uint64_t",
        [CDDL_INT] = "int64_t",
        [CDDL_BOOL] = "bool",
        [CDDL_FLOAT] = "double",
        [CDDL_TEXT] = "struct valve_text",
        [CDDL_BYTES] = "struct valve_bytes",
        [CDDL_ANYTHING] = "struct valve_any",
    };

    if (cddl_is_scalar(type))
        return scalars[type->shape];
    return cddl_pool_print(emit->pool, "struct %s", type->tag);
}

const char *cddl_c_parameter(struct cddl_emit *emit, const struct cddl_type *type)
{
    return cddl_pool_print(emit->pool, cddl_is_scalar(type) ? "%s " : "const %s *",
                           cddl_c_type(emit, type));
}

/* ---- The header ---- */

void cddl_emit_header(struct cddl_emit *emit, const char *source_name)
{
    emit->values['1'] = source_name;
    emit->values['2'] = cddl_digest(emit->schema);
    cddl_emit(emit,
              "/* Generated by valve-cddl from $1: do not edit. */\n"
              "#ifndef VALVE_SERVICE_$P_H\n"
              "#define VALVE_SERVICE_$P_H\n"
              "\n"
              "#include <valve.h>\n"
              "\n"
              "#ifdef __cplusplus\n"
              "extern \"C\" {\n"
              "#pragma GCC diagnostic push\n"
              "#pragma GCC diagnostic ignored \"-Wshadow\" /* a call is named as a struct */\n"
              "#pragma GCC diagnostic ignored \"-Wpedantic\" /* C99 initializers before C++20 */\n"
              "#if __GNUC__ >= 12\n"
              "#pragma GCC diagnostic ignored \"-Wc++20-extensions\"\n"
              "#endif\n"
              "#endif\n"
              "\n"
              "/* Of the schema: equal where the same travels. See valve-cddl(1), EVOLUTION. */\n"
              "#define $P_DIGEST \\\n"
              "    \"$2\"\n");
    cddl_emit_types(emit);
    cddl_emit_replies(emit);
    cddl_emit_server(emit);
    cddl_emit_client(emit);
    cddl_emit(emit, "\n"
                    "#ifdef __cplusplus\n"
                    "#pragma GCC diagnostic pop\n"
                    "}\n"
                    "#endif\n"
                    "\n"
                    "#endif\n");
}
