/* SPDX-License-Identifier: MIT */
/*
 * What handlers answer with, in the header: for each method the constructors of its replies.
 */
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

/* ---- Promises: of methods that are not one-way, which have nothing to promise ---- */

static void emit_promise(struct cddl_emit *emit)
{
    cddl_emit(emit, "struct $m_later {\n"
                    "    struct valve_later later;\n"
                    "};\n"
                    "static inline struct $m_answer $m_reply_later(struct $m_reply reply, "
                    "struct $m_later *ret_later)\n"
                    "{\n"
                    "    return (struct $m_answer){\n"
                    "        valve_reply_later(reply.call, &$m_reply_type, &ret_later->later)};\n"
                    "}\n");
}

static void emit_keeping(struct cddl_emit *emit, const struct cddl_member *arm)
{
    cddl_emit_set_member(emit, arm);
    emit->values['V'] = "";
    emit->values['1'] = "NULL";
    if (!cddl_is_void(arm)) {
        emit->values['V'] = cddl_pool_print(emit->pool, ", %svalue",
                                            cddl_c_parameter(emit, arm->type));
        emit->values['1'] = cddl_is_scalar(arm->type) ? "&value" : "value";
    }
    cddl_emit(emit, "static inline int $m_later_$a(struct $m_later later$V)\n"
                    "{\n"
                    "    return valve_later_reply(later.later, &$m_reply_type, $M_$A, $1);\n"
                    "}\n");
}

/* ---- Streams and one-way requests ---- */

static void emit_send_item(struct cddl_emit *emit, struct cddl_type *item)
{
    emit->values['2'] = item->tag;
    if (!cddl_is_compound(item) && !item->declared)
        cddl_emit(emit, "extern const struct valve_type $2_type;\n");
    item->declared = true;
    emit->values['V'] = cddl_c_parameter(emit, item);
    emit->values['1'] = cddl_is_scalar(item) ? "&item" : "item";
    cddl_emit(emit, "static inline VALVE_MUST_USE int $m_send_item(struct $m_reply reply, $Vitem)\n"
                    "{\n"
                    "    return valve_reply_item(reply.call, &$2_type, $1);\n"
                    "}\n");
}

static void emit_none(struct cddl_emit *emit)
{
    cddl_emit(emit, "static inline struct $m_answer $m_reply_none(struct $m_reply reply)\n"
                    "{\n"
                    "    return (struct $m_answer){valve_reply_none(reply.call)};\n"
                    "}\n");
}

/* ---- All that a handler answers with ---- */

static void emit_arms(struct cddl_emit *emit, const struct cddl_type *reply)
{
    cddl_emit(emit, "\nenum $m_arm {\n");
    for (unsigned i = 0; i < reply->count; i++) {
        cddl_emit_set_member(emit, &reply->members[i]);
        cddl_emit(emit, "    $M_$A,\n");
    }
    cddl_emit(emit, "};\n"
                    "extern const struct valve_type $m_reply_type;\n");
}

static void emit_reply(struct cddl_emit *emit, const struct cddl_method *method)
{
    const struct cddl_type *reply = method->reply;
    char *heading = cddl_pool_print(emit->pool, "---- %s: %s ----", method->variant, method->text);

    cddl_emit(emit, "\n");
    cddl_emit_comment(emit, "", heading);
    cddl_emit_set_method(emit, method);
    emit_arms(emit, reply);
    cddl_emit(emit, "\nstruct $m_reply {\n"
                    "    struct valve_call *call;\n"
                    "};\n"
                    "struct $m_answer {\n"
                    "    struct valve_answer answer;\n"
                    "};\n"
                    "\n");
    if (method->item != NULL)
        emit_send_item(emit, method->item);
    if (method->one_way)
        emit_none(emit);
    for (unsigned i = 0; i < reply->count; i++)
        emit_constructors(emit, &reply->members[i]);
    if (method->one_way)
        return;
    emit_promise(emit);
    for (unsigned i = 0; i < reply->count; i++)
        emit_keeping(emit, &reply->members[i]);
}

void cddl_emit_replies(struct cddl_emit *emit)
{
    cddl_emit(emit, "\n");
    cddl_emit_comment(emit, "",
                      "---- Answering: a handler gets the reply of its own method and returns its "
                      "answer, which only the constructors make of it. A promise (later) is kept "
                      "from any fiber or thread. ----");
    for (const struct cddl_method *method = emit->schema->methods; method != NULL;
         method = method->next)
        emit_reply(emit, method);
}
