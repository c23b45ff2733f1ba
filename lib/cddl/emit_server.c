/* SPDX-License-Identifier: MIT */
/*
 * The server's side of the header: the table of handlers, and the dispatch to them.
 */
#include <string.h>

#include "cddl/emit.h"

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
static void emit_parameters(struct cddl_emit *emit)
{
    const struct cddl_method *first = emit->schema->methods;

    for (const struct cddl_method *method = first; method != NULL; method = method->next) {
        size_t column = emit->size - emit->line;

        cddl_emit_set_method(emit, method);
        if (method != first)
            cddl_emit(emit, column + strlen(method->field) > 93 ? ", \\\n    " : ", ");
        cddl_emit(emit, "$f_");
    }
}

static void emit_handlers_macro(struct cddl_emit *emit)
{
    cddl_emit(emit, "#define $P_HANDLERS(");
    emit_parameters(emit);
    cddl_emit(emit, ") \\\n"
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
                    "        .digest = $P_DIGEST,\n"
                    "        .request = &$p_request_type,\n"
                    "        .dispatch = $p_dispatch,\n"
                    "        .handlers = handlers,\n"
                    "        .context = context,\n"
                    "    };\n"
                    "}\n");
}
