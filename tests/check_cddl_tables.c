/* SPDX-License-Identifier: MIT */
/*
 * The tables and shims that valve-cddl made of services, as the C compiler sees them.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "calc.h"
#include "files.h"
#include "graph.h"
#include "zoo.h"

/* ---- Tables ---- */

START_TEST(struct_table_is_in_order_of_keys)
{
    static const char *const keys[] = {"path", "size", "mtime"};

    ck_assert_uint_eq(files_file_type.count, 3);
    ck_assert_uint_eq(files_file_type.flags, VALVE_TYPE_OPEN);
    ck_assert_uint_eq(files_file_type.least, 1 + (5 + 1) + (5 + 1) + (6 + 1));
    for (unsigned i = 0; i < 3; i++)
        ck_assert_str_eq(files_file_type.members[i].name, keys[i]);
    ck_assert_uint_eq(files_file_type.members[1].offset, offsetof(struct files_file, size));
    ck_assert_str_eq(files_file_type.members[2].type->name, "i64");
    ck_assert_uint_eq(files_file_type.members[2].type->low, (uint64_t)INT64_MIN);
}
END_TEST

START_TEST(request_table_has_the_methods)
{
    static const char *const methods[] = {"ListAll", "Size", "Get", "Exists", "Del"};

    ck_assert_uint_eq(files_request_type.count, 5);
    for (unsigned i = 0; i < 5; i++)
        ck_assert_str_eq(files_request_type.members[i].name, methods[i]);
    ck_assert_ptr_null(files_request_type.members[FILES_LIST_ALL].type);
    ck_assert_ptr_eq(files_request_type.members[FILES_DEL].type, &files_path_type);
    ck_assert_ptr_null(files_del_reply_type.members[FILES_DEL_OK].type);
    ck_assert_uint_eq(files_del_reply_type.least, 3);
}
END_TEST

START_TEST(recursive_table_has_boxes)
{
    const struct valve_type *add = calc_expr_type.members[CALC_EXPR_ADD].type;

    ck_assert_uint_eq(calc_expr_type.least, 6);
    ck_assert_uint_eq(add->count, 2);
    ck_assert_ptr_eq(add->members[1].type, &calc_expr_type);
    ck_assert_uint_eq(add->members[1].flags, VALVE_MEMBER_BOXED);
    ck_assert_uint_eq(add->members[1].offset, offsetof(struct calc_expr_add, right));
    ck_assert_uint_eq(calc_expr_type.members[CALC_EXPR_LET].flags, 0);
}
END_TEST

/* An element without a name has none, so that paths say [1]. */
START_TEST(tuple_table_has_names_where_the_schema_has)
{
    const struct valve_member *pair = zoo_pair_request_type.members; /* [uint, name: tstr] */

    ck_assert_uint_eq(pair[0].name_size, 0);
    ck_assert_str_eq(pair[0].name, "");
    ck_assert_uint_eq(pair[0].offset, offsetof(struct zoo_pair_request, item0));
    ck_assert_uint_eq(pair[1].name_size, 4);
    ck_assert_str_eq(pair[1].name, "name");
}
END_TEST

START_TEST(index_table_leads_to_its_list)
{
    const struct valve_type *list = &graph_node_id_list_type, *index = list->members[0].type;

    ck_assert_str_eq(index->name, "node-id");
    ck_assert_int_eq(index->shape, VALVE_SHAPE_UINT);
    ck_assert_uint_eq(index->flags, VALVE_TYPE_INDEX | VALVE_TYPE_EDGES);
    ck_assert_uint_eq(index->size, sizeof(uint64_t));
    ck_assert_uint_eq(index->high, UINT64_MAX);
    ck_assert_uint_eq(index->count, 1);
    ck_assert_ptr_eq(index->members[0].type, &graph_nodes_type);
    ck_assert_str_eq(index->members[0].name, "nodes");
    ck_assert_uint_eq(index->members[0].name_size, 5);
}
END_TEST

START_TEST(graph_tables_have_their_flags)
{
    ck_assert_uint_eq(graph_nodes_type.flags, VALVE_TYPE_TABLE | VALVE_TYPE_EDGES);
    ck_assert_uint_eq(graph_labels_type.flags, VALVE_TYPE_TABLE);
    ck_assert_uint_eq(graph_node_type.flags, VALVE_TYPE_EDGES);
    ck_assert_uint_eq(graph_digraph_type.flags, VALVE_TYPE_EDGES);
    ck_assert_uint_eq(graph_request_type.flags, VALVE_TYPE_EDGES);
    ck_assert_uint_eq(graph_reachable_reply_type.flags, VALVE_TYPE_EDGES);
    ck_assert_uint_eq(graph_components_reply_type.flags, 0);
    ck_assert_uint_eq(graph_component_type.flags, 0);
}
END_TEST

START_TEST(an_index_is_looked_up_in_its_table)
{
    static const struct valve_text texts[] = {{"a", 1}, {"b", 1}};
    const struct graph_labels labels = {texts, 2};

    ck_assert_ptr_eq(graph_labels_at(&labels, 0), &texts[0]);
    ck_assert_ptr_eq(graph_labels_at(&labels, 1), &texts[1]);
    ck_assert_ptr_null(graph_labels_at(&labels, 2));
    ck_assert_ptr_null(graph_labels_at(&labels, UINT64_MAX));
    ck_assert_ptr_null(graph_nodes_at(&(struct graph_nodes){NULL, 0}, 0));
}
END_TEST

/* ---- Dispatch and constructors, with the framework played by this test ---- */

struct valve_call {
    const struct valve_type *reply;
    unsigned arm;
    union {
        struct valve_text text;
        uint64_t number;
    };
    const void *context;
};

/* Stands in for the server's: notes what was answered. */
struct valve_answer valve_reply(struct valve_call *call, const struct valve_type *reply,
                                unsigned arm, const void *payload)
{
    call->reply = reply;
    call->arm = arm;
    ck_assert((payload == NULL) == (reply->members[arm].type == NULL));
    if (payload != NULL && reply->members[arm].type->size <= sizeof(call->text))
        memcpy(&call->text, payload, reply->members[arm].type->size);
    return (struct valve_answer){call};
}

static const struct valve_text no = {"denied: no", 10};

static struct files_list_all_answer list_all(void *context, struct files_list_all_reply reply)
{
    reply.call->context = context;
    return files_list_all_reply_error(reply, no);
}

static struct files_size_answer size(void *context, struct files_size_reply reply,
                                     const struct files_path *request)
{
    reply.call->context = context;
    return files_size_reply_size(reply, request->text.size);
}

static struct files_get_answer get(void *context, struct files_get_reply reply,
                                   const struct files_path *request)
{
    (void)context;
    (void)request;
    return files_get_reply_error(reply, no);
}

static struct files_exists_answer exists(void *context, struct files_exists_reply reply,
                                         const struct files_path *request)
{
    (void)context;
    return files_exists_reply_exists(reply, request->kind == FILES_PATH_TEXT);
}

static struct files_del_answer del(void *context, struct files_del_reply reply,
                                   const struct files_path *request)
{
    (void)context;
    (void)request;
    return files_del_reply_ok(reply);
}

static const struct files_handlers handlers = FILES_HANDLERS(list_all, size, get, exists, del);

static int context;

static struct valve_call serve(const struct files_request *request)
{
    struct valve_call call = {.arm = UINT32_MAX};
    struct valve_service service = files_service(&handlers, &context);
    struct valve_answer answer = service.dispatch(&service, &call, request);

    ck_assert_str_eq(service.name, "files");
    ck_assert_ptr_eq(service.request, &files_request_type);
    ck_assert_ptr_eq(answer.call, &call);
    return call;
}

START_TEST(dispatch_reaches_the_handler_of_the_method)
{
    static const struct files_path path = {.kind = FILES_PATH_TEXT, .text = {"a/b", 3}};
    struct valve_call call = serve(&(struct files_request){.kind = FILES_LIST_ALL});

    ck_assert_ptr_eq(call.reply, &files_list_all_reply_type);
    ck_assert_uint_eq(call.arm, FILES_LIST_ALL_ERROR);
    ck_assert_ptr_eq(call.text.data, no.data);
    ck_assert_ptr_eq(call.context, &context);
    call = serve(&(struct files_request){.kind = FILES_SIZE, .size = path});
    ck_assert_ptr_eq(call.reply, &files_size_reply_type);
    ck_assert_uint_eq(call.arm, FILES_SIZE_SIZE);
    ck_assert_uint_eq(call.number, 3);
    call = serve(&(struct files_request){.kind = FILES_GET, .get = path});
    ck_assert_ptr_eq(call.reply, &files_get_reply_type);
    call = serve(&(struct files_request){.kind = FILES_EXISTS, .exists = path});
    ck_assert_ptr_eq(call.reply, &files_exists_reply_type);
    call = serve(&(struct files_request){.kind = FILES_DEL, .del = path});
    ck_assert_ptr_eq(call.reply, &files_del_reply_type);
    ck_assert_uint_eq(call.arm, FILES_DEL_OK);
}
END_TEST

static Suite *cddl_tables_suite(void)
{
    Suite *suite = suite_create("cddl_tables");
    TCase *tables = tcase_create("tables");

    tcase_add_test(tables, struct_table_is_in_order_of_keys);
    tcase_add_test(tables, request_table_has_the_methods);
    tcase_add_test(tables, recursive_table_has_boxes);
    tcase_add_test(tables, tuple_table_has_names_where_the_schema_has);
    tcase_add_test(tables, index_table_leads_to_its_list);
    tcase_add_test(tables, graph_tables_have_their_flags);
    tcase_add_test(tables, an_index_is_looked_up_in_its_table);
    tcase_add_test(tables, dispatch_reaches_the_handler_of_the_method);
    suite_add_tcase(suite, tables);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(cddl_tables_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
