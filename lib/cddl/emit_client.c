/* SPDX-License-Identifier: MIT */
/*
 * The client's side of the header: for each method its outcomes, start, wait, the whole call.
 */
#include "cddl/emit.h"

/* Lists and bytes may be long: of such an arm only the beginning is received. */
static bool has_shape(const struct cddl_member *arm, enum cddl_shape shape)
{
    return arm->type != NULL && arm->type->shape == shape;
}

static unsigned count_lists(const struct cddl_type *reply)
{
    unsigned count = 0;

    for (unsigned i = 0; i < reply->count; i++)
        count += has_shape(&reply->members[i], CDDL_LIST);
    return count;
}

static void emit_comment(struct cddl_emit *emit, const char *text)
{
    cddl_emit(emit, "\n");
    cddl_emit_comment(emit, "", text);
}

/* ---- Outcomes ---- */

/*
 * No two outcomes of a service are the same number: these follow those of `previous`, the last
 * method before that has any, or NULL.
 */
static void emit_outcomes(struct cddl_emit *emit, const struct cddl_method *method,
                          const struct cddl_method *previous)
{
    const struct cddl_type *reply = method->reply;

    emit->values['1'] = "1";
    if (previous != NULL)
        emit->values['1'] = cddl_pool_print(emit->pool, "%s_FAILED + 1",
                                            cddl_upper(emit->schema->source, previous->tag));
    cddl_emit(emit, "struct $m_pending {\n"
                    "    struct valve_pending pending;\n"
                    "};\n"
                    "enum $m_outcome {\n");
    for (unsigned i = 0; i < reply->count; i++) {
        cddl_emit_set_member(emit, &reply->members[i]);
        cddl_emit(emit, i == 0 ? "    $M_GOT_$A = $1,\n" : "    $M_GOT_$A,\n");
    }
    if (method->item != NULL)
        cddl_emit(emit, "    $M_GOT_ITEM, /* and more will come: the call is still in flight */\n");
    cddl_emit(emit, "    $M_FAILED,\n"
                    "};\n");
}

/* What the arm leaves in the result: its value, the length of its bytes, or nothing. */
static void emit_result_field(struct cddl_emit *emit, const struct cddl_member *arm)
{
    cddl_emit_set_member(emit, arm);
    if (cddl_is_void(arm))
        return;
    if (arm->type->shape == CDDL_BYTES) {
        cddl_emit(emit, "        uint64_t $a_size; /* read them by valve_client_read_bytes() */\n");
    } else if (arm->type->shape != CDDL_LIST) {
        emit->values['v'] = cddl_c_type(emit, arm->type);
        cddl_emit(emit, "        $v $F;\n");
    }
}

static void emit_result(struct cddl_emit *emit, const struct cddl_method *method)
{
    cddl_emit(emit, "struct $m_result {\n"
                    "    enum $m_outcome outcome;\n"
                    "    union {\n");
    for (unsigned i = 0; i < method->reply->count; i++)
        emit_result_field(emit, &method->reply->members[i]);
    if (method->item != NULL) {
        emit->values['v'] = cddl_c_type(emit, method->item);
        cddl_emit(emit, "        $v item;\n");
    }
    cddl_emit(emit, "        int failed; /* a negative errno; words in valve_client_problem() */\n"
                    "    };\n"
                    "};\n");
}

/* ---- Calls ---- */

/* Sets $V to the request as a parameter, $1 to it as a payload, $2 to it as an argument. */
static void set_request(struct cddl_emit *emit, const struct cddl_method *method)
{
    struct cddl_member member = {.type = method->request};
    bool scalar;

    if (cddl_is_void(&member)) {
        emit->values['V'] = "";
        emit->values['1'] = "NULL";
        emit->values['2'] = "";
        return;
    }
    scalar = cddl_is_scalar(method->request);
    emit->values['V'] = cddl_pool_print(emit->pool, "%srequest, ",
                                        cddl_c_parameter(emit, method->request));
    emit->values['1'] = scalar ? "&request" : "request";
    emit->values['2'] = "request, ";
}

static void emit_start(struct cddl_emit *emit, const struct cddl_method *method)
{
    set_request(emit, method);
    emit->values['3'] = "NULL";
    if (method->item != NULL)
        emit->values['3'] = cddl_pool_print(emit->pool, "&%s_type", method->item->tag);
    cddl_emit(emit, "\nstatic inline VALVE_MUST_USE int $m_start(struct valve_client *client, "
                    "$Vconst struct valve_call_options *options, struct $m_pending *pending)\n"
                    "{\n"
                    "    return valve_client_start(client, &$p_request_type, $M, $1, $3, "
                    "&$m_reply_type, options, &pending->pending);\n"
                    "}\n");
}

static void emit_lengths(struct cddl_emit *emit, const struct cddl_type *reply)
{
    for (unsigned i = 0; i < reply->count; i++) {
        if (!has_shape(&reply->members[i], CDDL_BYTES))
            continue;
        cddl_emit_set_member(emit, &reply->members[i]);
        cddl_emit(emit, "    if (result.outcome == $M_GOT_$A)\n"
                        "        result.$a_size = size;\n");
    }
}

/* All payloads are received where the union begins; an error is one of them in every reply. */
static void emit_receive(struct cddl_emit *emit, const struct cddl_method *method)
{
    bool stream = method->item != NULL;

    cddl_emit_set_member(emit, &method->reply->members[0]);
    emit->values['1'] = stream ? "item or reply" : "reply";
    cddl_emit(emit,
              "\n/* After valve_client_next() announced this $1. */\n"
              "static inline VALVE_MUST_USE struct $m_result $m_receive("
              "struct valve_client *client, struct $m_pending *pending, "
              "struct valve_arena *arena, uint64_t deadline)\n"
              "{\n"
              "    struct $m_result result;\n"
              "    unsigned arm = 0;\n"
              "    uint64_t size = 0;\n"
              "    int error = valve_client_receive(client, &pending->pending, arena, deadline, "
              "&arm, &result.error, &size);\n"
              "\n"
              "    if (error < 0)\n"
              "        return (struct $m_result){.outcome = $M_FAILED, .failed = error};\n");
    if (stream)
        cddl_emit(emit, "    if (arm == VALVE_ARM_ITEM) {\n"
                        "        result.outcome = $M_GOT_ITEM;\n"
                        "        return result;\n"
                        "    }\n");
    cddl_emit(emit, "    result.outcome = (enum $m_outcome)($M_GOT_$A + arm);\n");
    emit_lengths(emit, method->reply);
    cddl_emit(emit, "    return result;\n"
                    "}\n");
}

static void emit_wait(struct cddl_emit *emit, const struct cddl_method *method)
{
    emit->values['1'] = method->item != NULL
                            ? "Waits for the next item of this call, or its reply, and receives it."
                            : "Waits for the reply of this call, and receives it.";
    cddl_emit(emit, "\n/* $1 */\n"
                    "static inline VALVE_MUST_USE struct $m_result $m_wait("
                    "struct valve_client *client, struct $m_pending *pending, "
                    "struct valve_arena *arena, uint64_t deadline)\n"
                    "{\n"
                    "    int error = valve_client_wait(client, &pending->pending, deadline);\n"
                    "\n"
                    "    if (error < 0)\n"
                    "        return (struct $m_result){.outcome = $M_FAILED, .failed = error};\n"
                    "    return $m_receive(client, pending, arena, deadline);\n"
                    "}\n");
}

static void emit_next(struct cddl_emit *emit, const struct cddl_type *reply)
{
    bool only = count_lists(reply) == 1;

    for (unsigned i = 0; i < reply->count; i++) {
        const struct cddl_member *arm = &reply->members[i];

        if (!has_shape(arm, CDDL_LIST))
            continue;
        cddl_emit_set_member(emit, arm);
        emit->values['v'] = cddl_c_type(emit, arm->type->members[0].type);
        emit->values['1'] = only ? "next" : cddl_pool_print(emit->pool, "%s_next", arm->word);
        emit_comment(emit, cddl_pool_print(emit->pool,
                                           "The next element after %s_GOT_%s: 1, 0 at the end of "
                                           "the list, or a negative errno.",
                                           emit->values['M'], arm->upper));
        cddl_emit(emit, "static inline VALVE_MUST_USE int $m_$1(struct valve_client *client, "
                        "struct valve_arena *arena, $v *ret_item, uint64_t deadline)\n"
                        "{\n"
                        "    return valve_client_next_item(client, arena, ret_item, deadline);\n"
                        "}\n");
    }
}

static void emit_whole(struct cddl_emit *emit, const struct cddl_method *method)
{
    set_request(emit, method);
    emit_comment(emit, "The whole call. One that failed is given up; after -ETIMEDOUT the "
                       "connection is still of use.");
    cddl_emit(emit, "static inline VALVE_MUST_USE struct $m_result $m(struct valve_client *client, "
                    "$Vconst struct valve_call_options *options, struct valve_arena *arena, "
                    "uint64_t deadline)\n"
                    "{\n"
                    "    struct $m_pending pending;\n"
                    "    struct $m_result result;\n"
                    "    int error = $m_start(client, $2options, &pending);\n"
                    "\n"
                    "    if (error < 0)\n"
                    "        return (struct $m_result){.outcome = $M_FAILED, .failed = error};\n"
                    "    result = $m_wait(client, &pending, arena, deadline);\n"
                    "    if (result.outcome == $M_FAILED)\n"
                    "        valve_client_forget(client, &pending.pending);\n"
                    "    return result;\n"
                    "}\n");
}

static void emit_send(struct cddl_emit *emit, const struct cddl_method *method)
{
    set_request(emit, method);
    cddl_emit(emit, "\n/* One-way: of a refusal only valve_client_refused() tells. */\n"
                    "static inline VALVE_MUST_USE int $m_send(struct valve_client *client, "
                    "$Vconst struct valve_call_options *options)\n"
                    "{\n"
                    "    return valve_client_send(client, &$p_request_type, $M, $1, options);\n"
                    "}\n");
}

static void emit_call(struct cddl_emit *emit, const struct cddl_method *method)
{
    emit_result(emit, method);
    emit_start(emit, method);
    emit_receive(emit, method);
    emit_wait(emit, method);
    emit_next(emit, method->reply);
    if (method->item == NULL)
        emit_whole(emit, method);
}

void cddl_emit_client(struct cddl_emit *emit)
{
    const struct cddl_method *previous = NULL;

    emit_comment(emit, "---- Calling: a call in flight, and what became of it: one of its own "
                       "replies, or FAILED when the connection or the protocol broke. ----");
    for (const struct cddl_method *method = emit->schema->methods; method != NULL;
         method = method->next) {
        cddl_emit_set_method(emit, method);
        if (method->one_way) {
            emit_send(emit, method);
            continue;
        }
        cddl_emit(emit, "\n");
        emit_outcomes(emit, method, previous);
        emit_call(emit, method);
        previous = method;
    }
}
