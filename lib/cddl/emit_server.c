/* SPDX-License-Identifier: MIT */
/*
 * The server's side of the header: constructors of replies, the table of handlers, the dispatch.
 */
#include <string.h>

#include "cddl/emit.h"

/* ---- Replies ---- */

static void emit_plain(struct cddl_emit *emit, const struct cddl_type *type)
{
    emit->values['V'] = cddl_c_parameter(emit, type);
    emit->values['1'] = cddl_is_scalar(type) ? "&value" : "value";
    cddl_emit(emit, "static inline struct $m_answer $m_reply_$a(struct $m_reply reply, $Vvalue)\n"
                    "{\n"
                    "    return (struct $m_answer){\n"
                    "        valve_reply(reply.call, &$m_reply_type, $M_$A, $1)};\n"
                    "}\n");
}

static void emit_unit(struct cddl_emit *emit)
{
    cddl_emit(emit, "static inline struct $m_answer $m_reply_$a(struct $m_reply reply)\n"
                    "{\n"
                    "    return (struct $m_answer){\n"
                    "        valve_reply(reply.call, &$m_reply_type, $M_$A, NULL)};\n"
                    "}\n");
}

/* A list may also be sent element by element. */
static void emit_list(struct cddl_emit *emit, const struct cddl_type *type)
{
    const struct cddl_type *item = type->members[0].type;

    emit->values['V'] = cddl_c_parameter(emit, item);
    emit->values['1'] = cddl_is_scalar(item) ? "&item" : "item";
    cddl_emit(emit,
              "static inline VALVE_MUST_USE int $m_reply_$a_begin(struct $m_reply reply)\n"
              "{\n"
              "    return valve_reply_list_begin(reply.call, &$m_reply_type, $M_$A);\n"
              "}\n"
              "static inline VALVE_MUST_USE int $m_reply_$a_add(struct $m_reply reply, $Vitem)\n"
              "{\n"
              "    return valve_reply_list_add(reply.call, $1);\n"
              "}\n"
              "static inline struct $m_answer $m_reply_$a_end(struct $m_reply reply)\n"
              "{\n"
              "    return (struct $m_answer){valve_reply_list_end(reply.call)};\n"
              "}\n");
}

/* Bytes may also be read in place, or come out of a file. */
static void emit_bytes(struct cddl_emit *emit)
{
    cddl_emit(emit, "static inline VALVE_MUST_USE int $m_reply_$a_reserve(struct $m_reply reply, "
                    "size_t capacity, uint8_t **ret_data)\n"
                    "{\n"
                    "    return valve_reply_bytes_reserve(reply.call, capacity, ret_data);\n"
                    "}\n"
                    "static inline struct $m_answer $m_reply_$a_done(struct $m_reply reply, "
                    "size_t size)\n"
                    "{\n"
                    "    return (struct $m_answer){\n"
                    "        valve_reply_bytes_done(reply.call, &$m_reply_type, $M_$A, size)};\n"
                    "}\n"
                    "static inline struct $m_answer $m_reply_$a_file(struct $m_reply reply, "
                    "int descriptor, off_t offset, uint64_t size, const char *what)\n"
                    "{\n"
                    "    return (struct $m_answer){valve_reply_bytes_file(\n"
                    "        reply.call, &$m_reply_type, $M_$A, descriptor, offset, size, what)};\n"
                    "}\n");
}

static void emit_constructors(struct cddl_emit *emit, const struct cddl_member *arm)
{
    cddl_emit_set_member(emit, arm);
    if (cddl_is_void(arm)) {
        emit_unit(emit);
        return;
    }
    emit_plain(emit, arm->type);
    if (arm->type->shape == CDDL_LIST)
        emit_list(emit, arm->type);
    if (arm->type->shape == CDDL_BYTES)
        emit_bytes(emit);
}

static void emit_reply(struct cddl_emit *emit, const struct cddl_method *method)
{
    const struct cddl_type *reply = method->reply;
    char *heading = cddl_pool_print(emit->pool, "---- %s: %s ----", method->variant, method->text);

    cddl_emit(emit, "\n");
    cddl_emit_comment(emit, "", heading);
    cddl_emit_set_method(emit, method);
    cddl_emit(emit, "\nenum $m_arm {\n");
    for (unsigned i = 0; i < reply->count; i++) {
        cddl_emit_set_member(emit, &reply->members[i]);
        cddl_emit(emit, "    $M_$A,\n");
    }
    cddl_emit(emit, "};\n"
                    "extern const struct valve_type $m_reply_type;\n"
                    "\n"
                    "struct $m_reply {\n"
                    "    struct valve_call *call;\n"
                    "};\n"
                    "struct $m_answer {\n"
                    "    struct valve_answer answer;\n"
                    "};\n"
                    "\n");
    for (unsigned i = 0; i < reply->count; i++)
        emit_constructors(emit, &reply->members[i]);
}

void cddl_emit_replies(struct cddl_emit *emit)
{
    for (const struct cddl_method *method = emit->schema->methods; method != NULL;
         method = method->next)
        emit_reply(emit, method);
}

/* ---- Handlers ---- */

static struct cddl_member request_of(const struct cddl_method *method)
{
    return (struct cddl_member){.type = method->request};
}

static bool has_request(const struct cddl_method *method)
{
    struct cddl_member member = request_of(method);

    return !cddl_is_void(&member);
}

static void emit_handler(struct cddl_emit *emit, const struct cddl_method *method)
{
    cddl_emit_set_method(emit, method);
    if (!has_request(method)) {
        cddl_emit(emit, "    struct $m_answer (*$f)(void *context, struct $m_reply reply);\n");
        return;
    }
    emit->values['V'] = cddl_c_parameter(emit, method->request);
    cddl_emit(emit,
              "    struct $m_answer (*$f)(void *context, struct $m_reply reply, $Vrequest);\n");
}

/* The macro's parameters: fields with an underscore behind them, as no other field has. */
static const char *handler_parameters(struct cddl_emit *emit, const char *separator)
{
    const char *all = "";

    for (const struct cddl_method *method = emit->schema->methods; method != NULL;
         method = method->next)
        all = cddl_pool_print(emit->pool, "%s%s%s_", all,
                              method == emit->schema->methods ? "" : separator, method->field);
    return all;
}

static void emit_handlers_macro(struct cddl_emit *emit)
{
    emit->values['1'] = handler_parameters(emit, ", ");
    if (strlen(emit->values['1']) + strlen(emit->values['P']) > 75)
        emit->values['1'] = handler_parameters(emit, ", \\\n    ");
    cddl_emit(emit, "#define $P_HANDLERS($1) \\\n"
                    "    { \\\n");
    for (const struct cddl_method *method = emit->schema->methods; method != NULL;
         method = method->next) {
        cddl_emit_set_method(emit, method);
        cddl_emit(emit, "        .$f = ($f_), \\\n");
    }
    cddl_emit(emit, "    }\n");
}

static void emit_case(struct cddl_emit *emit, const struct cddl_method *method)
{
    cddl_emit_set_method(emit, method);
    cddl_emit(emit, "    case $M:\n"
                    "        return handlers->$f(service->context, (struct $m_reply){call}");
    if (has_request(method))
        cddl_emit(emit, cddl_is_scalar(method->request) ? ", message->$f" : ", &message->$f");
    cddl_emit(emit, ").answer;\n");
}

static void emit_dispatch(struct cddl_emit *emit)
{
    cddl_emit(emit, "\nstatic inline struct valve_answer $p_dispatch(const struct valve_service "
                    "*service, struct valve_call *call, const void *request)\n"
                    "{\n"
                    "    const struct $p_handlers *handlers = "
                    "(const struct $p_handlers *)service->handlers;\n"
                    "    const struct $p_request *message = (const struct $p_request *)request;\n"
                    "\n"
                    "    switch (message->kind) {\n");
    for (const struct cddl_method *method = emit->schema->methods; method != NULL;
         method = method->next)
        emit_case(emit, method);
    cddl_emit(emit, "    }\n"
                    "    __builtin_unreachable();\n"
                    "}\n");
}

void cddl_emit_server(struct cddl_emit *emit)
{
    cddl_emit(emit,
              "\n/* ---- Serving ---- */\n\n"
              "/* One handler for each method; made by $P_HANDLERS(), which leaves none out. */\n"
              "struct $p_handlers {\n");
    for (const struct cddl_method *method = emit->schema->methods; method != NULL;
         method = method->next)
        emit_handler(emit, method);
    cddl_emit(emit, "};\n");
    emit_handlers_macro(emit);
    emit_dispatch(emit);
    cddl_emit(emit, "\n/* The service, for valve_server_new(). `handlers` must outlive it. */\n"
                    "static inline struct valve_service "
                    "$p_service(const struct $p_handlers *handlers, void *context)\n"
                    "{\n"
                    "    return (struct valve_service){\n"
                    "        .name = \"$s\",\n"
                    "        .request = &$p_request_type,\n"
                    "        .dispatch = $p_dispatch,\n"
                    "        .handlers = handlers,\n"
                    "        .context = context,\n"
                    "    };\n"
                    "}\n");
}
