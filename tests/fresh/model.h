/* SPDX-License-Identifier: MIT */
/*
 * What a scene holds, as its writer knows it: a small tree of directories and files. It says
 * exactly what each name must answer.
 */
#ifndef VALVE_TESTS_FRESH_MODEL_H
#define VALVE_TESTS_FRESH_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More than what is answered in one piece. */
#define CONTENT_MOST 70000

/* A file, whatever its names are. */
struct file {
    unsigned links;
    bool is_forbidden;
    size_t size;
    uint8_t bytes[CONTENT_MOST];
};

enum node_kind { NODE_DIRECTORY, NODE_FILE, NODE_OTHER };

/* A name, and what it leads to. */
struct node {
    enum node_kind kind;
    bool is_forbidden; /* a directory */
    char name[16];
    struct file *file;
    struct node *parent, *children, *next;
    struct node *covered; /* what a mount hides */
};

/* One that stands nowhere yet. */
struct node *node_new(enum node_kind kind, struct file *file);
struct file *file_new(void);

/* With all beneath it. */
void node_free(struct node *node);

/* NULL: there is none. */
struct node *model_find(struct node *top, const char *path);

/* Puts it at a path at which there is nothing, in a directory that is there. */
void model_put(struct node *top, const char *path, struct node *node);

/* Takes it out of its directory. */
void model_take(struct node *node);

void model_exchange(struct node *top, const char *one, const char *other);

/* A directory shows what is mounted there, which is none of its own; and what it hid again. */
void model_cover(struct node *directory, struct node *children);
void model_uncover(struct node *directory);

/* What is to be told of a path. */
enum verdict { IS_FILE, IS_ABSENT, IS_DENIED };
enum verdict model_judge(struct node *top, const char *path, const struct file **ret_file);

#endif
