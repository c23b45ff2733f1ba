/* SPDX-License-Identifier: MIT */
/*
 * One call for each of many names, pipelined over one connection: a window of them is in flight,
 * answers are taken in whatever order they come and reported in the order of the names. Memory is
 * that of the window, however many names there are.
 */
#ifndef VALVECTL_BATCH_H
#define VALVECTL_BATCH_H

#include "files.h"
#include "session.h"

#define BATCH_WINDOW 256

/* One name, from asking until its result is reported. */
struct batch_item {
    union {
        struct valve_pending any; /* the generated ones begin with it */
        struct files_size_pending size;
        struct files_get_pending get;
        struct files_exists_pending exists;
        struct files_del_pending del;
    } pending;
    char *name; /* a copy; the item keeps the memory for the next name */
    size_t size, room;
    bool done;           /* what follows is known */
    enum status failure; /* STATUS_DONE: it went well */
    uint64_t value;      /* what the command asked for */
    char error[VALVE_ERROR_TEXT];
};

/* What a command does with each name. */
struct batch_calls {
    int (*start)(struct valve_client *client, const struct files_path *path,
                 struct batch_item *item);
    /* Receives the answer into the item. 0, or the error that broke the connection. */
    int (*receive)(struct session *session, struct batch_item *item, void *context);
    void (*report)(struct session *session, const struct batch_item *item);
    size_t window; /* most calls in flight */
    void *context;
};

/* Runs the command's names through. What fails is said and tallied. */
void batch_run(struct session *session, const struct batch_calls *calls);

/* The item failed, for a reason of the server's, or here: "code: words". */
void batch_item_answered(struct batch_item *item, struct valve_text error);
void batch_item_fail(struct batch_item *item, enum status why, const char *format, ...)
    VALVE_PRINTF(3, 4);

#endif
