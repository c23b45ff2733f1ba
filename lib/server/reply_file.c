/* SPDX-License-Identifier: MIT */
/*
 * Replies whose bytes go from a file to the socket without passing through this process.
 *
 * The worker sends only what is in memory, and looks right before it does. What is not is read by a
 * thread of the pool into a buffer, from which it goes on its way whatever is evicted meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rpc/encoder.h"
#include "rpc/envelope.h"
#include "rpc/utf8.h"
#include "server/connection.h"
#include "server/counters.h"
#include "server/os.h"
#include "server/output.h"
#include "server/reply.h"
#include "server/secured.h"
#include "server/server.h"
#include "server/worker.h"

#define HOT_WINDOW   ((size_t)1024 * 1024) /* looked at at once, and read ahead */
#define SLICE        ((size_t)256 * 1024)  /* sent at once: the CPU has it until it is taken */
#define HOT_TRUSTED  1000000               /* ns for which memory is taken to keep what it had */
#define KEPT_TRUSTED 10000000              /* ns, of files that are sent again and again */
#define COLD_WINDOW  ((size_t)128 * 1024)  /* read at once: held until it is sent */
#define RETRY        20000000              /* ns between looks for a free descriptor */

/* A file on its way to the socket. */
struct transfer {
    struct valve_call *call;
    int descriptor;
    off_t offset; /* of what is neither sent nor read */
    uint64_t left;
    off_t hot_end; /* so far it was in memory, at the time */
    uint64_t hot_at;
    bool is_moving;            /* some of it was not, and what follows may be on its way there */
    struct valve_buffer *cold; /* what was read of it, and is to be queued, or NULL */
    size_t taken;              /* in this turn, for TLS */
};

/* Reads one window. Owns its descriptor and its buffer, since it may outlive the call. */
struct read_job {
    struct valve_job job;
    int descriptor;
    off_t offset;
    struct valve_buffer *buffer;
    ssize_t result;
};

static void read_work(struct valve_job *job)
{
    struct read_job *self = (struct read_job *)job;

    self->result = valve_os_read(self->descriptor, self->offset, self->buffer->data,
                                 self->buffer->capacity, HOT_WINDOW);
    close(self->descriptor);
    self->descriptor = -1;
}

static void read_release(struct valve_job *job)
{
    struct read_job *self = (struct read_job *)job;

    if (self->descriptor >= 0)
        close(self->descriptor);
    free(self->buffer);
    free(self);
}

/* A descriptor of the job's own. Waits for one as long as for storage: the reply has begun. */
static int duplicate(struct valve_call *call, int descriptor)
{
    uint64_t deadline = valve_deadline(call->worker->server->options.io_timeout);
    int copy, r = 0;

    while ((copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)) < 0 && r == 0) {
        if ((errno != EMFILE && errno != ENFILE) || valve_deadline(0) >= deadline)
            return -errno;
        r = valve_call_sleep(call, valve_deadline(RETRY));
    }
    return copy >= 0 ? copy : r;
}

static int make_job(const struct transfer *transfer, struct read_job **ret_job)
{
    size_t size = transfer->left < COLD_WINDOW ? (size_t)transfer->left : COLD_WINDOW;
    struct read_job *self = malloc(sizeof *self);
    int r = -ENOMEM;

    if (self == NULL)
        return r;
    *self = (struct read_job){
        .job = {.work = read_work,
                .release = read_release,
                .kind = VALVE_JOB_DATA,
                .held = transfer->call->held > 1}, /* one is its own, one the handler's */
        .descriptor = -1,
        .offset = transfer->offset,
        .buffer = valve_buffer_new_odd(size),
    };
    if (self->buffer != NULL)
        r = self->descriptor = duplicate(transfer->call, transfer->descriptor);
    if (r < 0) {
        read_release(&self->job);
        return r;
    }
    *ret_job = self;
    return 0;
}

/* What the storage says, as far as it may be told from what others say of this call. */
static int verdict(ssize_t error)
{
    return error == -ENOMEM || error == -ETIMEDOUT ? (int)error : -EIO;
}

/* Has the pool read what comes next. -ENODATA: the file ends here. */
static int fetch(struct transfer *transfer)
{
    struct read_job *self = NULL;
    int r = make_job(transfer, &self);

    if (r < 0)
        return r;
    r = valve_call_run(transfer->call, &self->job);
    if (r < 0)
        return r;
    transfer->is_moving = true;
    if (self->result > 0) {
        transfer->cold = self->buffer;
        transfer->cold->end = (size_t)self->result;
        transfer->offset += (off_t)self->result;
        transfer->left -= (uint64_t)self->result;
        self->buffer = NULL;
    } else {
        r = self->result < 0 ? verdict(self->result) : -ENODATA;
    }
    read_release(&self->job);
    return r;
}

void valve_reply_residency(struct valve_call *call, struct valve_residency *residency)
{
    call->residency = residency;
}

/* Whether this much that comes next was found in memory by another reply, a moment ago. */
static bool was_found(const struct transfer *transfer, size_t window, uint64_t now)
{
    const struct valve_residency *residency = transfer->call->residency;

    return residency != NULL && (uint64_t)transfer->offset + window <= residency->size &&
           now - residency->at < KEPT_TRUSTED;
}

/* Looks whether it is in memory. What was found of a whole file is remembered. */
static bool look(struct transfer *transfer, size_t window, uint64_t now)
{
    struct valve_residency *residency = transfer->call->residency;

    if (!valve_os_in_memory(transfer->descriptor, transfer->offset, window, transfer->is_moving))
        return false;
    if (residency != NULL && transfer->offset == 0 && window == transfer->left)
        *residency = (struct valve_residency){window, now};
    return true;
}

/* Whether what comes next can be sent from where it is: up to hot_end, and now. */
static bool is_hot(struct transfer *transfer)
{
    uint64_t now = transfer->call->worker->now;
    size_t window = transfer->left < HOT_WINDOW ? (size_t)transfer->left : HOT_WINDOW;

    if (transfer->offset < transfer->hot_end && now - transfer->hot_at < HOT_TRUSTED)
        return true;
    if (!was_found(transfer, window, now) && !look(transfer, window, now))
        return false;
    transfer->hot_end = transfer->offset + (off_t)window;
    transfer->hot_at = now;
    return true;
}

/* The socket is full: waits until it is not. */
static int wait_for_socket(struct valve_call *call)
{
    call->connection->flags |= VALVE_CONNECTION_BLOCKED;
    valve_connection_attend(call->worker, call->connection);
    return valve_wait_queue_wait(&call->connection->output->progress, VALVE_NEVER);
}

/* Sends all that is queued, so that the file's bytes may follow. May wait for the client. */
static int send_queued(struct valve_call *call)
{
    struct valve_connection *connection = call->connection;
    int r = 0;

    while (r == 0 && connection->output->queue.size > 0) {
        if (!(connection->flags & VALVE_CONNECTION_BLOCKED))
            r = valve_output_send(call->worker, connection);
        if (connection->output->queue.size > 0 && (r == 0 || r == -EAGAIN))
            r = wait_for_socket(call);
    }
    return r;
}

/*
 * Sends some of what is hot: as much as the socket takes, or -errno. -ENODATA: the file ends here.
 */
static ssize_t send_slice(struct transfer *transfer, size_t size)
{
    struct valve_call *call = transfer->call;
    int socket = valve_connection_descriptor(call->worker, call->connection);
    ssize_t sent;

    do
        sent = valve_os_send_file(socket, transfer->descriptor, &transfer->offset, size);
    while (sent == -EINTR);
    if (sent == -EAGAIN)
        return 0;
    if (sent <= 0)
        return sent < 0 ? sent : -ENODATA;
    call->connection->output->handed += (size_t)sent;
    valve_count(&call->worker->counters->sent, (uint64_t)sent);
    call->bytes += (uint64_t)sent;
    transfer->left -= (uint64_t)sent;
    return sent;
}

/* Sends what is hot, as far as the socket takes it. */
static int send_hot(struct transfer *transfer)
{
    size_t window = (size_t)(transfer->hot_end - transfer->offset), size;
    ssize_t sent;

    transfer->call->connection->output->more = false;
    do {
        size = window < SLICE ? window : SLICE;
        sent = send_slice(transfer, size);
        if (sent < 0)
            return (int)sent;
        window -= (size_t)sent;
    } while (sent == (ssize_t)size && window > 0);
    if (sent < (ssize_t)size) /* if the file ended instead, it is writable at once */
        return wait_for_socket(transfer->call);
    return transfer->left > 0 ? valve_worker_yield(transfer->call->worker) : 0;
}

/*
 * Under TLS it has to come here to be encrypted: what is in memory of it at once, all else by the
 * pool.
 */
static int take(struct transfer *transfer)
{
    struct valve_buffer *buffer;
    ssize_t size;

    if (transfer->taken >= SLICE) {
        int r = valve_worker_yield(transfer->call->worker);

        if (r < 0)
            return r;
        transfer->taken = 0;
    }
    buffer = valve_buffer_new(&transfer->call->worker->buffers, VALVE_REPLY_BUFFER);
    if (buffer == NULL)
        return -ENOMEM;
    size = valve_os_read_hot(transfer->descriptor, transfer->offset, buffer->data,
                             transfer->left < VALVE_REPLY_BUFFER ? (size_t)transfer->left
                                                                 : VALVE_REPLY_BUFFER);
    if (size <= 0) {
        valve_buffer_free(&transfer->call->worker->buffers, buffer);
        return fetch(transfer);
    }
    buffer->end = (size_t)size;
    transfer->cold = buffer;
    transfer->taken += (size_t)size;
    transfer->offset += (off_t)size;
    transfer->left -= (uint64_t)size;
    return 0;
}

/* Queues what was read, while the next window may already be on its way. */
static int queue_cold(struct transfer *transfer)
{
    struct valve_call *call = transfer->call;
    int r = valve_reply_wait_for_output(call);

    if (r < 0)
        return r;
    call->connection->output->more = false;
    valve_reply_queue(call, transfer->cold);
    transfer->cold = NULL;
    valve_connection_attend(call->worker, call->connection);
    return 0;
}

static int send_next(struct transfer *transfer)
{
    struct valve_call *call = transfer->call;

    if (transfer->cold != NULL)
        return queue_cold(transfer);
    if (valve_secured_seals(call->connection))
        return take(transfer);
    if (!is_hot(transfer))
        return fetch(transfer);
    if (call->connection->output->queue.size > 0)
        return send_queued(call);
    return send_hot(transfer);
}

static int send_file(struct transfer *transfer)
{
    int r = 0;

    while (r == 0 && (transfer->left > 0 || transfer->cold != NULL))
        r = send_next(transfer);
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

/* Begins the reply once its first bytes are at hand: where there are none, another is possible. */
static int begin(struct transfer *transfer, const struct valve_type *reply, unsigned arm)
{
    uint64_t size = transfer->left;
    int r = valve_reply_turn(transfer->call);

    if (r < 0 || valve_reply_pointless(transfer->call))
        return r < 0 ? r : -ECANCELED;
    if (size > 0 && valve_secured_seals(transfer->call->connection))
        r = take(transfer);
    else if (size > 0 && !is_hot(transfer))
        r = fetch(transfer);
    if (r == 0 && valve_reply_is_refused(transfer->call))
        r = -ECANCELED;
    return r < 0 ? r : queue_front(transfer->call, reply, arm, size);
}

/* Nothing was sent yet: an error reply, which names the file. */
static struct valve_answer refuse(struct valve_call *call, int error, const char *what)
{
    const char *why = explain(error), *colon = strchr(why, ':');
    char name[256], text[VALVE_ERROR_TEXT];

    valve_escape(what, strlen(what), name, sizeof name);
    snprintf(text, sizeof text, "%.*s: %s%s", (int)(colon - why), why, name, colon);
    if (error == -EIO)
        valve_server_log(call->worker->server, VALVE_LOG_WARNING, "%s", text);
    return valve_reply_refuse(call, text);
}

/* The end of a reply that failed: refused if it has not begun, else broken off. */
static struct valve_answer fail(struct valve_call *call, int error, const char *what)
{
    char why[VALVE_ERROR_TEXT];

    if (call->stage == VALVE_CALL_OPEN)
        return refuse(call, error, what);
    if (error == -EPIPE || error == -ECONNRESET) { /* the client left: no fault of anything here */
        valve_connection_break(call->worker, call->connection);
        return valve_reply_answered(call);
    }
    snprintf(why, sizeof why, "%.300s: %s", what, explain(error));
    return valve_reply_broken(call, why);
}

struct valve_answer valve_reply_bytes_file(struct valve_call *call, const struct valve_type *reply,
                                           unsigned arm, int descriptor, off_t offset,
                                           uint64_t size, const char *what)
{
    struct transfer transfer = {
        .call = call, .descriptor = descriptor, .offset = offset, .left = size};
    int r;

    if (valve_reply_is_second(call))
        return (struct valve_answer){call};
    valve_reply_drop(call);
    if (!valve_reply_has_arm(reply, arm, VALVE_SHAPE_BYTES))
        return valve_reply_contradicted(call, "a file was sent as a variant that has no bytes");
    if (call->stage == VALVE_CALL_BEGUN)
        return valve_reply_broken(call, "a file came after part of another reply");
    r = begin(&transfer, reply, arm);
    if (r == 0)
        r = send_file(&transfer);
    valve_buffer_free(&call->worker->buffers, transfer.cold);
    if (r == 0 || valve_reply_pointless(call))
        return valve_reply_answered(call);
    return fail(call, r, what);
}
