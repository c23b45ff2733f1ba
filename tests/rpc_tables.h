/* SPDX-License-Identifier: MIT */
/*
 * Types and tables for the tests of lib/rpc, made by hand as valve-cddl would make them: parts of
 * the file service, the expressions of calc, and a type that has every shape.
 */
#ifndef VALVE_TESTS_RPC_TABLES_H
#define VALVE_TESTS_RPC_TABLES_H

#include "valve.h"

#define TABLE_NAME(string)   .name = (string), .name_size = sizeof(string) - 1
#define TABLE_SIZES(c_type)  .size = sizeof(c_type), .alignment = _Alignof(c_type)
#define TABLE_MEMBERS(array) .members = (array), .count = sizeof(array) / sizeof((array)[0])

/* ---- Plain types ----------------------------------------------------------------------------- */

static const struct valve_type uint_type = {.name = "an unsigned integer",
                                            .shape = VALVE_SHAPE_UINT,
                                            TABLE_SIZES(uint64_t),
                                            .least = 1,
                                            .high = UINT64_MAX};
static const struct valve_type i64_type = {.name = "an integer",
                                           .shape = VALVE_SHAPE_INT,
                                           TABLE_SIZES(int64_t),
                                           .least = 1,
                                           .low = (uint64_t)INT64_MIN,
                                           .high = INT64_MAX};
static const struct valve_type bool_type = {
    .name = "a boolean", .shape = VALVE_SHAPE_BOOL, TABLE_SIZES(bool), .least = 1};
static const struct valve_type float_type = {
    .name = "a float", .shape = VALVE_SHAPE_FLOAT, TABLE_SIZES(double), .least = 3};
static const struct valve_type any_type = {
    .name = "anything", .shape = VALVE_SHAPE_ANY, TABLE_SIZES(struct valve_any), .least = 1};
static const struct valve_type nil_type = {
    .name = "nil", .shape = VALVE_SHAPE_NIL, .size = 0, .alignment = 1, .least = 1};
static const struct valve_type text_type = {.name = "text",
                                            .shape = VALVE_SHAPE_TEXT,
                                            TABLE_SIZES(struct valve_text),
                                            .least = 1,
                                            .high = UINT64_MAX};
static const struct valve_type bytes_type = {.name = "bytes",
                                             .shape = VALVE_SHAPE_BYTES,
                                             TABLE_SIZES(struct valve_bytes),
                                             .least = 1,
                                             .high = UINT64_MAX};

/* ---- The file service ------------------------------------------------------------------------ */

enum path_kind { PATH_TEXT, PATH_BYTES };

struct path {
    enum path_kind kind;
    union {
        struct valve_text text;
        struct valve_bytes bytes;
    };
};

static const struct valve_member path_members[] = {
    {TABLE_NAME("text"), .type = &text_type, .offset = offsetof(struct path, text)},
    {TABLE_NAME("bytes"), .type = &bytes_type, .offset = offsetof(struct path, bytes)},
};
static const struct valve_type path_type = {.name = "path",
                                            .shape = VALVE_SHAPE_CHOICE,
                                            TABLE_SIZES(struct path),
                                            .least = 1,
                                            TABLE_MEMBERS(path_members)};

struct file {
    struct path path;
    uint64_t size;
    int64_t mtime;
};

static const struct valve_member file_members[] = {
    {TABLE_NAME("path"), .type = &path_type, .offset = offsetof(struct file, path)},
    {TABLE_NAME("size"), .type = &uint_type, .offset = offsetof(struct file, size)},
    {TABLE_NAME("mtime"), .type = &i64_type, .offset = offsetof(struct file, mtime)},
};
static const struct valve_type file_type = {.name = "file",
                                            .shape = VALVE_SHAPE_STRUCT,
                                            .flags = VALVE_TYPE_OPEN,
                                            TABLE_SIZES(struct file),
                                            .least = 20,
                                            TABLE_MEMBERS(file_members)};

struct file_list {
    const struct file *items;
    size_t count;
};

static const struct valve_member file_list_members[] = {{TABLE_NAME("file"), .type = &file_type}};
static const struct valve_type file_list_type = {.name = "a list of file",
                                                 .shape = VALVE_SHAPE_LIST,
                                                 TABLE_SIZES(struct file_list),
                                                 .least = 1,
                                                 TABLE_MEMBERS(file_list_members)};

enum files_method { FILES_LIST_ALL, FILES_SIZE, FILES_GET, FILES_EXISTS, FILES_DEL };

struct files_request {
    enum files_method kind;
    union {
        struct path size, get, exists, del;
    };
};

static const struct valve_member files_request_members[] = {
    {TABLE_NAME("ListAll")},
    {TABLE_NAME("Size"), .type = &path_type, .offset = offsetof(struct files_request, size)},
    {TABLE_NAME("Get"), .type = &path_type, .offset = offsetof(struct files_request, get)},
    {TABLE_NAME("Exists"), .type = &path_type, .offset = offsetof(struct files_request, exists)},
    {TABLE_NAME("Del"), .type = &path_type, .offset = offsetof(struct files_request, del)},
};
static const struct valve_type files_request_type = {.name = "a request",
                                                     .shape = VALVE_SHAPE_SUM,
                                                     TABLE_SIZES(struct files_request),
                                                     .least = 6,
                                                     TABLE_MEMBERS(files_request_members)};

/* All replies in one sum, as no generated code has it: enough for the tests. */
enum files_reply_kind {
    REPLY_LIST,
    REPLY_SIZE,
    REPLY_CONTENT,
    REPLY_EXISTS,
    REPLY_OK,
    REPLY_ERROR
};

struct files_reply {
    enum files_reply_kind kind;
    union {
        struct file_list list;
        uint64_t size;
        struct valve_bytes content;
        bool exists;
        struct valve_text error;
    };
};

static const struct valve_member files_reply_members[] = {
    {TABLE_NAME("List"), .type = &file_list_type, .offset = offsetof(struct files_reply, list)},
    {TABLE_NAME("Size"), .type = &uint_type, .offset = offsetof(struct files_reply, size)},
    {TABLE_NAME("Content"), .type = &bytes_type, .offset = offsetof(struct files_reply, content)},
    {TABLE_NAME("Exists"), .type = &bool_type, .offset = offsetof(struct files_reply, exists)},
    {TABLE_NAME("Ok")},
    {TABLE_NAME("Error"), .type = &text_type, .offset = offsetof(struct files_reply, error)},
};
static const struct valve_type files_reply_type = {.name = "a reply",
                                                   .shape = VALVE_SHAPE_SUM,
                                                   TABLE_SIZES(struct files_reply),
                                                   .least = 3,
                                                   TABLE_MEMBERS(files_reply_members)};

/* ---- Expressions ----------------------------------------------------------------------------- */

enum expr_kind { EXPR_NUM, EXPR_VAR, EXPR_ADD, EXPR_MUL, EXPR_LET };

struct expr_pair;
struct expr_let;

struct expr {
    enum expr_kind kind;
    union {
        int64_t num;
        struct valve_text var;
        const struct expr_pair *add, *mul;
        const struct expr_let *let;
    };
};

struct expr_pair {
    struct expr left, right;
};

struct expr_let {
    struct valve_text name;
    struct expr value, body;
};

static const struct valve_type expr_type;

static const struct valve_member expr_pair_members[] = {
    {.type = &expr_type, .offset = offsetof(struct expr_pair, left)},
    {.type = &expr_type, .offset = offsetof(struct expr_pair, right)},
};
static const struct valve_type expr_pair_type = {.name = "two expressions",
                                                 .shape = VALVE_SHAPE_TUPLE,
                                                 TABLE_SIZES(struct expr_pair),
                                                 .least = 13,
                                                 TABLE_MEMBERS(expr_pair_members)};

static const struct valve_member expr_let_members[] = {
    {TABLE_NAME("name"), .type = &text_type, .offset = offsetof(struct expr_let, name)},
    {TABLE_NAME("value"), .type = &expr_type, .offset = offsetof(struct expr_let, value)},
    {TABLE_NAME("body"), .type = &expr_type, .offset = offsetof(struct expr_let, body)},
};
static const struct valve_type expr_let_type = {.name = "name, value and body",
                                                .shape = VALVE_SHAPE_TUPLE,
                                                TABLE_SIZES(struct expr_let),
                                                .least = 14,
                                                TABLE_MEMBERS(expr_let_members)};

static const struct valve_member expr_members[] = {
    {TABLE_NAME("Num"), .type = &i64_type, .offset = offsetof(struct expr, num)},
    {TABLE_NAME("Var"), .type = &text_type, .offset = offsetof(struct expr, var)},
    {TABLE_NAME("Add"), .type = &expr_pair_type, .offset = offsetof(struct expr, add),
     .flags = VALVE_MEMBER_BOXED},
    {TABLE_NAME("Mul"), .type = &expr_pair_type, .offset = offsetof(struct expr, mul),
     .flags = VALVE_MEMBER_BOXED},
    {TABLE_NAME("Let"), .type = &expr_let_type, .offset = offsetof(struct expr, let),
     .flags = VALVE_MEMBER_BOXED},
};
static const struct valve_type expr_type = {.name = "an expression",
                                            .shape = VALVE_SHAPE_SUM,
                                            TABLE_SIZES(struct expr),
                                            .least = 6,
                                            TABLE_MEMBERS(expr_members)};

/* ---- Every shape at once --------------------------------------------------------------------- */

struct uint_list {
    const uint64_t *items;
    size_t count;
};

enum either_kind {
    EITHER_UINT,
    EITHER_NEGATIVE,
    EITHER_BOOL,
    EITHER_NIL,
    EITHER_LIST,
    EITHER_FILE
};

struct either {
    enum either_kind kind;
    union {
        uint64_t number;
        int64_t negative;
        bool boolean;
        struct uint_list list;
        const struct file *file;
    };
};

struct sample {
    bool has_id, has_note, has_more;
    uint64_t id;             /* 1 to 300 */
    int64_t level;           /* -5 to 5 */
    struct valve_text note;  /* at most 5 bytes */
    struct valve_bytes hash; /* at least 2 bytes */
    struct either either;
    const struct file *more;
};

static const struct valve_type id_type = {.name = "id",
                                          .shape = VALVE_SHAPE_UINT,
                                          TABLE_SIZES(uint64_t),
                                          .least = 1,
                                          .low = 1,
                                          .high = 300};
static const struct valve_type level_type = {.name = "level",
                                             .shape = VALVE_SHAPE_INT,
                                             TABLE_SIZES(int64_t),
                                             .least = 1,
                                             .low = (uint64_t)-5,
                                             .high = 5};
static const struct valve_type negative_type = {.name = "a negative integer",
                                                .shape = VALVE_SHAPE_INT,
                                                TABLE_SIZES(int64_t),
                                                .least = 1,
                                                .low = (uint64_t)INT64_MIN,
                                                .high = (uint64_t)-1};
static const struct valve_type note_type = {.name = "note",
                                            .shape = VALVE_SHAPE_TEXT,
                                            TABLE_SIZES(struct valve_text),
                                            .least = 1,
                                            .high = 5};
static const struct valve_type hash_type = {.name = "hash",
                                            .shape = VALVE_SHAPE_BYTES,
                                            TABLE_SIZES(struct valve_bytes),
                                            .least = 3,
                                            .low = 2,
                                            .high = UINT64_MAX};
static const struct valve_member uint_list_members[] = {{TABLE_NAME("uint"), .type = &uint_type}};
static const struct valve_type uint_list_type = {.name = "a list of uint",
                                                 .shape = VALVE_SHAPE_LIST,
                                                 TABLE_SIZES(struct uint_list),
                                                 .least = 1,
                                                 TABLE_MEMBERS(uint_list_members)};

static const struct valve_member either_members[] = {
    {TABLE_NAME("uint"), .type = &uint_type, .offset = offsetof(struct either, number)},
    {TABLE_NAME("negative"), .type = &negative_type, .offset = offsetof(struct either, negative)},
    {TABLE_NAME("bool"), .type = &bool_type, .offset = offsetof(struct either, boolean)},
    {TABLE_NAME("nil"), .type = &nil_type, .offset = offsetof(struct either, number)},
    {TABLE_NAME("list"), .type = &uint_list_type, .offset = offsetof(struct either, list)},
    {TABLE_NAME("file"), .type = &file_type, .offset = offsetof(struct either, file),
     .flags = VALVE_MEMBER_BOXED},
};
static const struct valve_type either_type = {.name = "either",
                                              .shape = VALVE_SHAPE_CHOICE,
                                              TABLE_SIZES(struct either),
                                              .least = 1,
                                              TABLE_MEMBERS(either_members)};

static const struct valve_member sample_members[] = {
    {TABLE_NAME("id"), .type = &id_type, .offset = offsetof(struct sample, id),
     .presence = offsetof(struct sample, has_id), .flags = VALVE_MEMBER_OPTIONAL},
    {TABLE_NAME("hash"), .type = &hash_type, .offset = offsetof(struct sample, hash)},
    {TABLE_NAME("more"), .type = &file_type, .offset = offsetof(struct sample, more),
     .presence = offsetof(struct sample, has_more),
     .flags = VALVE_MEMBER_OPTIONAL | VALVE_MEMBER_BOXED},
    {TABLE_NAME("note"), .type = &note_type, .offset = offsetof(struct sample, note),
     .presence = offsetof(struct sample, has_note), .flags = VALVE_MEMBER_OPTIONAL},
    {TABLE_NAME("level"), .type = &level_type, .offset = offsetof(struct sample, level)},
    {TABLE_NAME("either"), .type = &either_type, .offset = offsetof(struct sample, either)},
};
static const struct valve_type sample_type = {.name = "a sample",
                                              .shape = VALVE_SHAPE_STRUCT,
                                              TABLE_SIZES(struct sample),
                                              .least = 24,
                                              TABLE_MEMBERS(sample_members)};

#endif
