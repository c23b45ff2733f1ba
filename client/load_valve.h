/* SPDX-License-Identifier: MIT */
/*
 * The file service, as load knows it: requests from names that were encoded once, and the heads of
 * its answers.
 */
#ifndef VALVECTL_LOAD_VALVE_H
#define VALVECTL_LOAD_VALVE_H

#include "files.h"
#include "load.h"

#define LOAD_METHODS (FILES_DEL + 1)

struct load_valve {
    unsigned shares[LOAD_METHODS]; /* how often each method is called, by enum files_method */
    unsigned shares_sum;
    uint64_t random; /* the state of what draws the method */
    bool once;       /* each name is used only once: with Del */
    uint8_t *paths;  /* encoded, one behind the other */
    size_t used, room;
    size_t *ends; /* of each path */
    size_t count, ends_room;
    size_t next; /* the name whose turn it is */
    size_t longest;
    struct {
        uint8_t data[16];
        size_t size;
    } prefixes[LOAD_METHODS]; /* what stands between the envelope and the path */
};

/* Nothing is called yet. */
void load_valve_init(struct load_valve *valve);
void load_valve_fini(struct load_valve *valve);

/* A method is to be so many parts of all calls. */
void load_valve_call(struct load_valve *valve, enum files_method method, unsigned share);

/* One more name. 0; -ENOMEM; -EINVAL: it is no name that may be sent. */
int load_valve_add(struct load_valve *valve, const char *name, size_t size);

/* Whoever speaks like that. There must be a call, and a name. */
struct load_protocol load_valve_protocol(struct load_valve *valve);

#endif
