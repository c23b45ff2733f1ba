/* SPDX-License-Identifier: MIT */
/*
 * The client's side of the header: for each method its outcomes, start, receive, the whole call.
 */
#include "cddl/emit.h"

static bool is_long(const struct cddl_member *arm)
{
    return arm->type != NULL && (arm->type->shape == CDDL_LIST || arm->type->shape == CDDL_BYTES);
}

static unsigned count_lists(const struct cddl_type *reply)
{
    unsigned count = 0;

    for (unsigned i = 0; i < reply->count; i++)
        count += is_long(&reply->members[i]) && reply->members[i].type->shape == CDDL_LIST;
    return count;
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

static void emit_result(struct cddl_emit *emit, const struct cddl_type *reply)
{
    cddl_emit(emit, "struct $m_pending {\n"
                    "    struct valve_pending pending;\n"
                    "};\n"
                    "enum $m_outcome {\n");
    for (unsigned i = 0; i < reply->count; i++) {
        cddl_emit_set_member(emit, &reply->members[i]);
        cddl_emit(emit, "    $M_GOT_$A,\n");
    }
    cddl_emit(emit, "    $M_FAILED,\n"
                    "};\n"
                    "struct $m_result {\n"
                    "    enum $m_outcome outcome;\n"
                    "    union {\n");
    for (unsigned i = 0; i < reply->count; i++)
        emit_result_field(emit, &reply->members[i]);
    cddl_emit(emit, "        int failed; /* a negative errno; words in valve_client_problem() */\n"
                    "    };\n"
                    "};\n");
}

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

static void emit_start(struct cddl_emit *emit)
{
    cddl_emit(emit,
              "\nstatic inline int $m_start(struct valve_client *client, "
              "$Vconst struct valve_call_options *options, struct $m_pending *pending)\n"
              "{\n"
              "    return valve_client_start(client, &$p_request_type, $M, $1, NULL, "
              "&$m_reply_type, options, &pending->pending);\n"
              "}\n");
}

/* All payloads are received where the union begins; an error is one of them in every reply. */
static void emit_receive(struct cddl_emit *emit, const struct cddl_type *reply)
{
    cddl_emit(emit,
              "\n/* After valve_client_next() announced this reply. */\n"
              "static inline struct $m_result $m_receive(struct valve_client *client, "
              "struct $m_pending *pending, struct valve_arena *arena, uint64_t deadline)\n"
              "{\n"
              "    struct $m_result result;\n"
              "    unsigned arm = 0;\n"
              "    uint64_t size = 0;\n"
              "    int error = valve_client_receive(client, &pending->pending, arena, deadline, "
              "&arm, &result.error, &size);\n"
              "\n"
              "    if (error < 0)\n"
              "        return (struct $m_result){.outcome = $M_FAILED, .failed = error};\n"
              "    result.outcome = (enum $m_outcome)arm;\n");
    for (unsigned i = 0; i < reply->count; i++) {
        if (!is_long(&reply->members[i]) || reply->members[i].type->shape != CDDL_BYTES)
            continue;
        cddl_emit_set_member(emit, &reply->members[i]);
        cddl_emit(emit, "    if (result.outcome == $M_GOT_$A)\n"
                        "        result.$a_size = size;\n");
    }
    cddl_emit(emit, "    return result;\n"
                    "}\n");
}

static void emit_next(struct cddl_emit *emit, const struct cddl_type *reply)
{
    bool only = count_lists(reply) == 1;

    for (unsigned i = 0; i < reply->count; i++) {
        const struct cddl_member *arm = &reply->members[i];

        if (!is_long(arm) || arm->type->shape != CDDL_LIST)
            continue;
        cddl_emit_set_member(emit, arm);
        emit->values['v'] = cddl_c_type(emit, arm->type->members[0].type);
        emit->values['1'] = only ? "next" : cddl_pool_print(emit->pool, "%s_next", arm->word);
        cddl_emit(emit, "\n/* The next element after $M_GOT_$A: 1, 0 at the end of the list, or a "
                        "negative errno. */\n"
                        "static inline int $m_$1(struct valve_client *client, "
                        "struct valve_arena *arena, $v *ret_item, uint64_t deadline)\n"
                        "{\n"
                        "    return valve_client_next_item(client, arena, ret_item, deadline);\n"
                        "}\n");
    }
}

static void emit_whole(struct cddl_emit *emit)
{
    cddl_emit(
        emit,
        "\n/*\n"
        " * The whole call, with nothing else in flight (else -EBUSY). A call that failed is\n"
        " * given up: after -ETIMEDOUT the connection is still of use.\n"
        " */\n"
        "static inline struct $m_result $m(struct valve_client *client, "
        "$Vconst struct valve_call_options *options, struct valve_arena *arena, "
        "uint64_t deadline)\n"
        "{\n"
        "    struct $m_result result = {.outcome = $M_FAILED, .failed = -EBUSY};\n"
        "    struct $m_pending pending = {0};\n"
        "    struct valve_pending *first;\n"
        "\n"
        "    if (valve_client_in_flight(client) == 0)\n"
        "        result.failed = $m_start(client, $2options, &pending);\n"
        "    if (result.failed == 0)\n"
        "        result.failed = valve_client_next(client, deadline, &first);\n"
        "    if (result.failed == 0)\n"
        "        result = $m_receive(client, &pending, arena, deadline);\n"
        "    if (result.outcome == $M_FAILED)\n"
        "        valve_client_forget(client, &pending.pending);\n"
        "    return result;\n"
        "}\n");
}

void cddl_emit_client(struct cddl_emit *emit)
{
    cddl_emit(emit,
              "\n/* ---- Calling: a call in flight, and what became of it: one of its own replies, "
              "or\n"
              " * FAILED when the connection or the protocol broke. ---- */\n");
    for (const struct cddl_method *method = emit->schema->methods; method != NULL;
         method = method->next) {
        cddl_emit_set_method(emit, method);
        cddl_emit(emit, "\n");
        emit_result(emit, method->reply);
        set_request(emit, method);
        emit_start(emit);
        emit_receive(emit, method->reply);
        emit_next(emit, method->reply);
        set_request(emit, method);
        emit_whole(emit);
    }
}
