/* SPDX-License-Identifier: MIT */
/*
 * Replies whose bytes go from a file to the socket without passing through this process.
 *
 * The worker sends only what is in memory; a thread of the pool brings in what is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rpc/encoder.h"
#include "rpc/envelope.h"
#include "server/connection.h"
#include "server/counters.h"
#include "server/os.h"
#include "server/output.h"
#include "server/reply.h"
#include "server/server.h"
#include "server/worker.h"

#define WINDOW ((size_t)512 * 1024) /* looked at, brought in and sent at once */
#define RETRY  20000000             /* ns between looks for a free descriptor */

/* Brings in one window. Owns its descriptor, since it may outlive the call. */
struct bring_in_job {
    struct valve_job job;
    int descriptor;
    off_t offset;
    size_t size;
    int result;
};

static void bring_in_work(struct valve_job *job)
{
    struct bring_in_job *self = (struct bring_in_job *)job;

    self->result = valve_os_bring_in(self->descriptor, self->offset, self->size);
}

static void bring_in_release(struct valve_job *job)
{
    struct bring_in_job *self = (struct bring_in_job *)job;

    close(self->descriptor);
    free(self);
}

/* A descriptor of the job's own. Waits for one as long as for storage: the reply has begun. */
static int duplicate(struct valve_call *call, int descriptor)
{
    uint64_t deadline = valve_deadline(call->worker->server->options.io_timeout);
    int copy, r = 0;

    while ((copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)) < 0 && r == 0) {
        if (errno != EMFILE || valve_deadline(0) >= deadline)
            return -errno;
        r = valve_call_sleep(call, valve_deadline(RETRY));
    }
    return copy >= 0 ? copy : r;
}

static int bring_in(struct valve_call *call, int descriptor, off_t offset, size_t size)
{
    struct bring_in_job *self = malloc(sizeof *self);
    int r;

    if (self == NULL)
        return -ENOMEM;
    *self = (struct bring_in_job){
        .job = {.work = bring_in_work, .release = bring_in_release, .kind = VALVE_JOB_DATA},
        .descriptor = duplicate(call, descriptor),
        .offset = offset,
        .size = size,
    };
    if (self->descriptor < 0) {
        r = self->descriptor;
        free(self);
        return r;
    }
    r = valve_call_run(call, &self->job);
    if (r < 0)
        return r;
    r = self->result;
    bring_in_release(&self->job);
    return r;
}

/* Waits until all that is queued has left, so that the file's bytes may follow. */
static int wait_until_sent(struct valve_call *call)
{
    struct valve_output *output = call->connection->output;

    while (output->queue.size > 0) {
        int r = valve_wait_queue_wait(&output->progress, VALVE_NEVER);

        if (r < 0)
            return r;
    }
    return 0;
}

/* The socket is full: waits until it is not. */
static int wait_for_socket(struct valve_call *call)
{
    call->connection->flags |= VALVE_CONNECTION_BLOCKED;
    valve_connection_attend(call->worker, call->connection);
    return valve_wait_queue_wait(&call->connection->output->progress, VALVE_NEVER);
}

/* Sends one window that is in memory. Returns 0 or -errno; -ENODATA: the file ends here. */
static int send_window(struct valve_call *call, int descriptor, off_t *offset, size_t size)
{
    int socket = valve_connection_descriptor(call->worker, call->connection);
    off_t end = *offset + (off_t)size;

    while (*offset < end) {
        ssize_t sent = valve_os_send_file(socket, descriptor, offset, (size_t)(end - *offset));
        int r = 0;

        if (sent > 0) {
            call->connection->output->handed += (size_t)sent;
            valve_count(&call->worker->counters->sent, (uint64_t)sent);
        }
        if (sent == -EAGAIN)
            r = wait_for_socket(call);
        else if (sent == 0)
            r = -ENODATA;
        else if (sent < 0 && sent != -EINTR)
            r = (int)sent;
        if (r < 0)
            return r;
    }
    return 0;
}

static int send_file(struct valve_call *call, int descriptor, off_t offset, uint64_t size)
{
    int r = wait_until_sent(call);

    call->connection->output->more = false;
    while (r == 0 && size > 0) {
        size_t window = size < WINDOW ? (size_t)size : WINDOW;

        if (!valve_os_in_memory(descriptor, offset, window))
            r = bring_in(call, descriptor, offset, window);
        if (r == 0)
            r = send_window(call, descriptor, &offset, window);
        size -= window;
        if (r == 0 && size > 0)
            r = valve_worker_yield(call->worker);
    }
    return r;
}

static int queue_front(struct valve_call *call, const struct valve_type *reply, unsigned arm,
                       uint64_t size)
{
    struct valve_buffer *buffer = valve_buffer_new(&call->worker->buffers,
                                                   VALVE_ENVELOPE_PREFIX + 2 * VALVE_HEAD_MAX + 1 +
                                                       reply->members[arm].name_size);
    uint8_t *end;

    if (buffer == NULL)
        return -ENOMEM;
    end = valve_envelope_write_reply(call->id, buffer->data);
    end = valve_encode_arm_prefix(reply, arm, end);
    end = valve_encode_bytes_head(size, end);
    buffer->end = (size_t)(end - buffer->data);
    call->connection->output->more = size > 0;
    valve_reply_begin(call, buffer);
    return 0;
}

static const char *explain(int error)
{
    switch (error) {
    case -ENODATA:
        return "io: the file ended before its length was sent";
    case -ETIMEDOUT:
        return "timeout: storage or the output before it took too long";
    case -ECANCELED:
        return "cancelled: the client asked for it";
    case -EBUSY:
        return "busy: the I/O queue stayed full";
    case -ENOMEM:
        return "busy: no memory";
    default:
        return "io: reading it failed";
    }
}

struct valve_answer valve_reply_bytes_file(struct valve_call *call, const struct valve_type *reply,
                                           unsigned arm, int descriptor, off_t offset,
                                           uint64_t size, const char *what)
{
    char why[VALVE_ERROR_TEXT];
    int r;

    if (valve_reply_is_second(call))
        return (struct valve_answer){call};
    valve_reply_drop(call);
    if (call->stage == VALVE_CALL_BEGUN)
        return valve_reply_broken(call, "a file came after part of another reply");
    r = valve_reply_turn(call);
    if (valve_reply_pointless(call))
        return valve_reply_answered(call);
    if (r == 0 && valve_reply_is_refused(call))
        r = -ECANCELED;
    if (r == 0)
        r = queue_front(call, reply, arm, size);
    if (r == 0)
        r = send_file(call, descriptor, offset, size);
    if (r == 0 || valve_reply_pointless(call))
        return valve_reply_answered(call);
    if (call->stage == VALVE_CALL_OPEN)
        return valve_reply_refuse(call, explain(r));
    if (r == -EPIPE || r == -ECONNRESET) { /* the client left: no fault of anything here */
        valve_connection_break(call->worker, call->connection);
        return valve_reply_answered(call);
    }
    snprintf(why, sizeof why, "%.300s: %s", what, explain(r));
    return valve_reply_broken(call, why);
}
