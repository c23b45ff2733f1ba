/* SPDX-License-Identifier: MIT */
/*
 * The valve protocol as a soak speaks it: written and read by hand, sharing no code with valve.
 * What the server sends must be in the one form that it promises; anything else breaks the rules.
 */
#ifndef VALVE_TESTS_SOAK_WIRE_H
#define VALVE_TESTS_SOAK_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Writing --------------------------------------------------------------------------------- */

#define REQUEST_ROOM 8192 /* for any request */

struct request {
    uint8_t bytes[REQUEST_ROOM];
    size_t size;
};

enum method { LIST_ALL, SIZE, GET, EXISTS, DEL, METHODS };

extern const char *const method_names[METHODS];

#define NO_TIMEOUT UINT64_MAX

void write_request(struct request *request, uint32_t id, enum method method, const void *path,
                   size_t path_size, uint64_t timeout);
void write_cancel(struct request *request, uint32_t id);

/* One of some requests that are none, in different ways. */
#define BAD_REQUESTS 6
void write_bad_request(struct request *request, uint32_t id, unsigned which);

/* ---- Reading --------------------------------------------------------------------------------- */

#define READER_ROOM 16384

enum event_kind {
    EVENT_NOTHING, /* more must be read first */
    EVENT_BROKEN,  /* against the rules: `text` says which */
    EVENT_OK,
    EVENT_SIZE,    /* number */
    EVENT_EXISTS,  /* number: 0 or 1 */
    EVENT_ERROR,   /* text */
    EVENT_CONTENT, /* number: its size. So many bytes of EVENT_BYTES follow, then EVENT_END */
    EVENT_BYTES,   /* text */
    EVENT_LIST,    /* EVENT_FILEs follow, then EVENT_END */
    EVENT_FILE,    /* text: path; number: size; mtime */
    EVENT_END,
};

struct event {
    enum event_kind kind;
    uint32_t id; /* of all but EVENT_NOTHING and EVENT_BROKEN; 0 as the server sends it */
    uint64_t number;
    int64_t mtime;
    const uint8_t *text; /* valid until more is read */
    size_t text_size;
    bool is_text; /* and no byte string */
};

struct reader {
    size_t start, end;  /* of what is in `bytes` */
    enum event_kind in; /* EVENT_CONTENT or EVENT_LIST: in the middle of it */
    uint32_t id;
    uint64_t remaining; /* bytes of the content */
    uint8_t bytes[READER_ROOM];
};

/* Where to read to; then `end` moves on. */
uint8_t *reader_room(struct reader *reader, size_t *ret_size);

void reader_next(struct reader *reader, struct event *ret_event);

#endif
