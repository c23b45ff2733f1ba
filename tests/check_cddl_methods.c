/* SPDX-License-Identifier: MIT */
/*
 * The schema compiler on methods: which transcripts are calls, and the names they make in C.
 */
#include "check_cddl.h"

#include <stdio.h>
#include <string.h>

#include "cddl/compile.h"

#define METHOD(x) "t = " x "\nfail = {\"Error\" => tstr}\n"

/* ---- What is refused ---- */

#define NO_METHOD                                                                                  \
    "a method is [request, reply], [request, * item, reply], or [request] alone if it is one-way\n"
#define NO_REQUEST    "a call begins with one request: no * + or ? before it\n"
#define NO_VARIANT    "a request is one variant: \"Method\" or {\"Method\" => T}\n"
#define NO_SUM        "a reply is a sum: each alternative is \"Variant\" or {\"Variant\" => T}\n"
#define STREAM_PLACE  "between request and reply only a stream may stand: * item\n"
#define STREAM_END    "a stream ends with a reply: [request, * item, reply]\n"
#define REPLY_OR_NONE "a call has a reply or is one-way: [request, reply] or [request]\n"
#define ADMIT_ERROR                                                                                \
    "this reply must admit {\"Error\" => tstr}, with which the server itself answers what it "     \
    "cannot pass on\n"
#define TAKEN(name, at) "its name in C, " name ", is already that of " at ": rename one of them\n"

static const struct {
    const char *schema, *report;
} refusals[] = {
    {"t = tstr", AT("1:5: " NO_METHOD "    t = tstr\n"
                    "        ^~~~")},
    {"t = {\"A\" => tstr}", AT("1:5: " NO_METHOD "    t = {\"A\" => tstr}\n"
                               "        ^~~~~~~~~~~~~")},
    {"t = []", AT("1:5: " NO_METHOD "    t = []\n"
                  "        ^~")},
    {METHOD("[\"A\", * tstr, * uint, fail]"),
     AT("1:5: " NO_METHOD "    t = [\"A\", * tstr, * uint, fail]\n"
        "        ^~~~~~~~~~~~~~~~~~~~~~~~~~~")},
    {METHOD("[\"A\", * tstr, fail, tstr]"),
     AT("1:5: " NO_METHOD "    t = [\"A\", * tstr, fail, tstr]\n"
        "        ^~~~~~~~~~~~~~~~~~~~~~~~~")},
    /* Requests */
    {METHOD("[tstr, \"Ok\" / fail]"), AT("1:6: " NO_VARIANT "    t = [tstr, \"Ok\" / fail]\n"
                                         "         ^~~~")},
    {"t = [tstr]", AT("1:6: " NO_VARIANT "    t = [tstr]\n"
                      "         ^~~~")},
    {METHOD("[* \"A\", fail]"), AT("1:6: " NO_REQUEST "    t = [* \"A\", fail]\n"
                                   "         ^~~~~")},
    {"t = [? \"A\"]", AT("1:6: " NO_REQUEST "    t = [? \"A\"]\n"
                         "         ^~~~~")},
    {METHOD("[\"A\", fail] / [{\"A\" => tstr}, fail]"),
     AT("1:21: the method \"A\" stands twice, first in line 1\n"
        "    t = [\"A\", fail] / [{\"A\" => tstr}, fail]\n"
        "                        ^~~")},
    {METHOD("[\"A\", fail] / [\"A\"]"), AT("1:20: the method \"A\" stands twice, first in line 1\n"
                                           "    t = [\"A\", fail] / [\"A\"]\n"
                                           "                       ^~~")},
    /* Streams */
    {METHOD("[\"A\", tstr, fail]"), AT("1:11: " STREAM_PLACE "    t = [\"A\", tstr, fail]\n"
                                       "              ^~~~")},
    {METHOD("[\"A\", + tstr, fail]"),
     AT("1:11: a stream may end before its first item, when its call is refused: write * instead "
        "of +\n"
        "    t = [\"A\", + tstr, fail]\n"
        "              ^~~~~~")},
    {METHOD("[\"A\", ? tstr, fail]"),
     AT("1:11: a stream has any number of items: write * instead of ?, or make this a part of the "
        "reply\n"
        "    t = [\"A\", ? tstr, fail]\n"
        "              ^~~~~~")},
    {METHOD("[\"A\", * nil, fail]"), AT("1:13: a stream of nil says no more than its length\n"
                                        "    t = [\"A\", * nil, fail]\n"
                                        "                ^~~")},
    {METHOD("[\"A\", * none, fail]\nnone = nil"),
     AT("1:13: a stream of nil says no more than its length\n"
        "    t = [\"A\", * none, fail]\n"
        "                ^~~~")},
    {METHOD("[\"A\", * fail]"), AT("1:11: " STREAM_END "    t = [\"A\", * fail]\n"
                                   "              ^~~~~~")},
    {METHOD("[\"A\", * tstr, + fail]"), AT("1:19: " STREAM_END "    t = [\"A\", * tstr, + fail]\n"
                                           "                      ^~~~~~")},
    {METHOD("[\"A\", * pth, fail]"), AT("1:13: the name pth is not defined\n"
                                        "    t = [\"A\", * pth, fail]\n"
                                        "                ^~~")},
    /* Replies */
    {METHOD("[\"A\", ? fail]"), AT("1:11: " REPLY_OR_NONE "    t = [\"A\", ? fail]\n"
                                   "              ^~~~~~")},
    {METHOD("[\"A\", tstr / fail]"), AT("1:11: " NO_SUM "    t = [\"A\", tstr / fail]\n"
                                        "              ^~~~~~~~~~~")},
    {"t = [\"A\", \"Ok\"]", AT("1:11: " ADMIT_ERROR "    t = [\"A\", \"Ok\"]\n"
                               "              ^~~~")},
    {"t = [\"A\", * tstr, \"Ok\"]", AT("1:19: " ADMIT_ERROR "    t = [\"A\", * tstr, \"Ok\"]\n"
                                       "                      ^~~~")},
    {"t = [\"A\", \"Ok\" / {\"Error\" => uint}]",
     AT("1:11: " ADMIT_ERROR "    t = [\"A\", \"Ok\" / {\"Error\" => uint}]\n"
        "              ^~~~~~~~~~~~~~~~~~~~~~~~")},
    /* All of it */
    {METHOD("[+ \"A\", tstr, ? fail]"),
     AT("1:6: " NO_REQUEST "    t = [+ \"A\", tstr, ? fail]\n"
        "         ^~~~~") AT("1:13: " STREAM_PLACE "    t = [+ \"A\", tstr, ? fail]\n"
                             "                ^~~~")
         AT("1:19: " REPLY_OR_NONE "    t = [+ \"A\", tstr, ? fail]\n"
            "                      ^~~~~~")},
    /* Names in C */
    {"Valve-x = [\"A\"]",
     AT("1:1: names that begin with valve are those of valve.h in C: call it otherwise\n"
        "    Valve-x = [\"A\"]\n"
        "    ^~~~~~~") AT("1:1: the first rule is the service and is named as the file: t\n"
                          "    Valve-x = [\"A\"]\n"
                          "    ^~~~~~~")},
    {METHOD("[\"Ab\", fail] / [\"ab\", fail]"),
     AT("1:21: " TAKEN("t_ab", "line 1, column 6") "    t = [\"Ab\", fail] / [\"ab\", fail]\n"
                                                   "                        ^~~~")},
    {METHOD("[\"A\", \"Failed\" / fail]"),
     AT("1:11: " TAKEN("T_A_FAILED", "line 1, column 6") "    t = [\"A\", \"Failed\" / fail]\n"
                                                         "              ^~~~~~~~")},
    {METHOD("[\"A\", {\"Kind\" => tstr} / fail]"),
     AT("1:12: " TAKEN("t_a_reply_value.kind",
                       "line 1, column 6") "    t = [\"A\", {\"Kind\" => tstr} / fail]\n"
                                           "               ^~~~~~")},
    {METHOD("[\"A\", \"Later\" / fail]"),
     AT("1:11: " TAKEN("t_a_reply_later", "line 1, column 6") "    t = [\"A\", \"Later\" / fail]\n"
                                                              "              ^~~~~~~")},
    {METHOD("[\"A\", * tstr, {\"Item\" => tstr} / fail]"),
     AT("1:20: " TAKEN("T_A_GOT_ITEM",
                       "line 1, column 6") "    t = [\"A\", * tstr, {\"Item\" => tstr} / fail]\n"
                                           "                       ^~~~~~")},
    {METHOD("[\"A\"] / [\"A-send\", fail]"),
     AT("1:14: " TAKEN("t_a_send", "line 1, column 6") "    t = [\"A\"] / [\"A-send\", fail]\n"
                                                       "                 ^~~~~~~~")},
    {METHOD("[\"A\", fail] / [\"A-wait\", fail]"),
     AT("1:20: " TAKEN("t_a_wait",
                       "line 1, column 6") "    t = [\"A\", fail] / [\"A-wait\", fail]\n"
                                           "                       ^~~~~~~~")},
    {METHOD("[{\"A\" => a-later}, fail]\na-later = {x: uint}"),
     AT("2:11: " TAKEN("t_a_later", "line 1, column 7") "    a-later = {x: uint}\n"
                                                        "              ^~~~~~~~~")},
};

START_TEST(refuses_method)
{
    expect_report(refusals[_i].schema, refusals[_i].report);
}
END_TEST

/* Names that only other shapes of call have are free. */
static const char *const allowed[] = {
    METHOD("[\"A\"] / [\"A-wait\", fail] / [\"A-start\", fail] / [\"A-next\", fail]"),
    METHOD("[\"A\", * tstr, fail] / [\"A-send\", fail]"),
    METHOD("[\"A\", {\"Item\" => tstr} / \"None\" / fail] / [\"A-send-item\", fail]"),
    "t = [{\"A\" => a}]\na = {\"Later\" => uint} / \"Got-Error\"",
    METHOD("[\"A\", * b, b / fail]\nb = \"X\" / {\"Y\" => [* tstr]}"),
};

START_TEST(allows_names)
{
    expect_report(allowed[_i], "");
}
END_TEST

/* ---- What is understood ---- */

static struct cddl_pool pool;
static struct cddl_source source;
static struct cddl_schema schema;

static const struct cddl_method *method_of(const char *text)
{
    cddl_source_init(&source, &pool, "t.cddl", text, strlen(text));
    ck_assert(cddl_compile(&source, "t", &schema));
    return schema.methods;
}

static void forget(void)
{
    cddl_pool_free(&pool);
}

START_TEST(a_call_has_a_reply)
{
    const struct cddl_method *method = method_of(METHOD("[\"A\", \"Ok\" / fail]"));

    ck_assert(!method->one_way);
    ck_assert_ptr_null(method->item);
    ck_assert_ptr_null(method->request);
    ck_assert_uint_eq(method->reply->count, 2);
    ck_assert_str_eq(method->text, "\"Ok\" / fail");
}
END_TEST

START_TEST(a_stream_has_items_and_a_reply)
{
    const struct cddl_method *method = method_of(
        METHOD("[{\"A\" => uint},\n   * a / nil, ; many\n   \"Ok\" / fail]\na = {x: b}\n"
               "b = {y: uint}"));

    ck_assert(!method->one_way);
    ck_assert_int_eq(method->item->shape, CDDL_CHOICE);
    ck_assert(method->item->is_item);
    ck_assert_str_eq(method->item->tag, "t_a_item");
    ck_assert_uint_eq(method->reply->count, 2);
    ck_assert_str_eq(method->text, "* a / nil, \"Ok\" / fail");
    /* What items lead to is defined in C, and what is held by value stands first. */
    ck_assert_str_eq(schema.definitions->tag, "t_b");
    ck_assert_str_eq(schema.definitions->then->tag, "t_a");
    ck_assert_ptr_eq(schema.definitions->then->then, method->item);
}
END_TEST

START_TEST(a_one_way_call_can_only_be_refused)
{
    const struct cddl_method *method = method_of("t = [{\"A\" => tstr}]");

    ck_assert(method->one_way);
    ck_assert_ptr_null(method->item);
    ck_assert_int_eq(method->request->shape, CDDL_TEXT);
    ck_assert_uint_eq(method->reply->count, 1);
    ck_assert_str_eq(method->reply->tag, "t_a_reply");
    ck_assert_str_eq(method->reply->members[0].name, "Error");
    ck_assert_ptr_eq(method->reply->members[0].type, method->request);
    ck_assert_uint_eq(method->reply->least, 8); /* a1 65 4572726f72 60 */
}
END_TEST

START_TEST(calls_of_all_shapes_stand_together)
{
    const struct cddl_method *method = method_of(
        METHOD("[\"A\"] / more / [\"D\", * tstr, fail]\nmore = [\"B\", fail] / [\"C\"]"));
    char seen[20] = "";

    for (; method != NULL; method = method->next)
        snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s%d%d ", method->variant,
                 method->one_way, method->item != NULL);
    ck_assert_str_eq(seen, "A10 B00 C10 D01 ");
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

void add_method_tests(Suite *suite)
{
    TCase *methods = tcase_create("methods");

    tcase_add_checked_fixture(methods, NULL, forget);
    tcase_add_loop_test(methods, refuses_method, 0, COUNT(refusals));
    tcase_add_loop_test(methods, allows_names, 0, COUNT(allowed));
    tcase_add_test(methods, a_call_has_a_reply);
    tcase_add_test(methods, a_stream_has_items_and_a_reply);
    tcase_add_test(methods, a_one_way_call_can_only_be_refused);
    tcase_add_test(methods, calls_of_all_shapes_stand_together);
    suite_add_tcase(suite, methods);
}
