/* SPDX-License-Identifier: MIT */
/*
 * The tree of a scene.
 */
#include <config.h>

#include "tests/fresh/model.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);

    if (memory == NULL)
        abort();
    return memory;
}

struct file *file_new(void)
{
    return allocate(sizeof(struct file));
}

struct node *node_new(enum node_kind kind, struct file *file)
{
    struct node *node = allocate(sizeof *node);

    node->kind = kind;
    node->file = file;
    if (file != NULL)
        file->links++;
    return node;
}

static void free_all(struct node *node)
{
    while (node != NULL) {
        struct node *next = node->next;

        node_free(node);
        node = next;
    }
}

void node_free(struct node *node)
{
    free_all(node->children);
    free_all(node->covered);
    if (node->file != NULL && --node->file->links == 0)
        free(node->file);
    free(node);
}

static struct node *find_child(const struct node *directory, const char *name, size_t size)
{
    struct node *child = directory->children;

    while (child != NULL && (strlen(child->name) != size || memcmp(child->name, name, size) != 0))
        child = child->next;
    return child;
}

/* The next part of a path, and whether there is one. */
static bool next_part(const char **path, const char **ret_name, size_t *ret_size)
{
    *path += **path == '/';
    *ret_name = *path;
    *ret_size = strcspn(*path, "/");
    *path += *ret_size;
    return *ret_size > 0;
}

struct node *model_find(struct node *top, const char *path)
{
    const char *name;
    size_t size;

    while (top != NULL && next_part(&path, &name, &size))
        top = find_child(top, name, size);
    return top;
}

void model_put(struct node *top, const char *path, struct node *node)
{
    const char *name = strrchr(path, '/') + 1;
    char parent[64];

    snprintf(parent, sizeof parent, "%.*s", (int)(name - 1 - path), path);
    top = model_find(top, parent);
    assert(top != NULL && find_child(top, name, strlen(name)) == NULL);
    snprintf(node->name, sizeof node->name, "%s", name);
    node->parent = top;
    node->next = top->children;
    top->children = node;
}

void model_take(struct node *node)
{
    struct node **link = &node->parent->children;

    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    node->next = NULL;
}

void model_exchange(struct node *top, const char *one, const char *other)
{
    struct node *first = model_find(top, one), *second = model_find(top, other);

    model_take(first);
    model_take(second);
    model_put(top, one, second);
    model_put(top, other, first);
}

void model_cover(struct node *directory, struct node *children)
{
    directory->covered = directory->children;
    directory->children = children;
}

void model_uncover(struct node *directory)
{
    free_all(directory->children);
    directory->children = directory->covered;
    directory->covered = NULL;
}

enum verdict model_judge(struct node *top, const char *path, const struct file **ret_file)
{
    const char *name;
    size_t size;

    while (next_part(&path, &name, &size)) {
        if (top->kind == NODE_DIRECTORY && top->is_forbidden)
            return IS_DENIED;
        top = find_child(top, name, size);
        if (top == NULL)
            return IS_ABSENT;
    }
    if (top->kind != NODE_FILE)
        return IS_ABSENT;
    *ret_file = top->file;
    return IS_FILE;
}
