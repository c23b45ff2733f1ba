/* SPDX-License-Identifier: MIT */
/*
 * Jobs of the I/O pool: what they own, and how a handler waits for them.
 */
#include <config.h>

#include "daemon/service_jobs.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/audit.h"
#include "daemon/cleanup.h"
#include "daemon/identity.h"
#include "fiber/clock.h"
#include "rpc/utf8.h"

/* Pauses between two tries when a resource is wanting. */
#define PAUSE_FIRST   ((uint64_t)1000000)
#define PAUSE_LONGEST ((uint64_t)100000000)

/* Bytes of paths, with their terminators, for which a task has room. */
#define PATH_SHORT  128
#define PATH_MEDIUM 512

/*
 * One call of the store. While it runs it is the pool's, with everything it points to; the store
 * outlives the pool.
 */
struct task {
    struct valve_job job; /* first: the pool knows no more of it */
    int (*call)(struct task *task);
    int result;
    const struct store *store;
    struct store_info info;
    struct store_file file;
    struct content *content;
    struct audit *audit; /* NULL: nobody is told */
    const char *operation;
    bool owes_line; /* of the audit: what goes before it is written is a loss */
    char *peer;     /* who asked, for the audit, or NULL */
    char path[];    /* terminated */
};

static_assert(offsetof(struct task, job) == 0, "a job is where its task is");

static void task_work(struct valve_job *job)
{
    struct task *task = (struct task *)job;

    task->result = task->call(task);
}

static void task_release(struct valve_job *job)
{
    struct task *task = (struct task *)job;

    if (task->owes_line)
        audit_lose(task->audit, -EBUSY);
    store_close(&task->file);
    free(task->content);
    free(task->peer);
    free(task);
}

static void cleanup_task(struct task **task)
{
    if (*task)
        task_release(&(*task)->job);
}

/*
 * Tasks are of few sizes: each thread's cache of the heap keeps some blocks of each, and with them
 * the pages that these are in.
 */
static size_t room_for(size_t size)
{
    return size <= PATH_SHORT ? PATH_SHORT : size <= PATH_MEDIUM ? PATH_MEDIUM : size;
}

static struct task *try_new(const char *path, enum valve_job_kind kind)
{
    size_t size = strlen(path) + 1;
    struct task *task = calloc(1, sizeof *task + room_for(size));

    if (!task)
        return NULL;
    task->job.work = task_work;
    task->job.release = task_release;
    task->job.kind = kind;
    task->file = STORE_FILE_CLOSED;
    memcpy(task->path, path, size);
    return task;
}

/* Want of memory is waited out like that of any other resource. */
static int task_new(const struct service *service, struct valve_call *call, const char *path,
                    enum valve_job_kind kind, int (*function)(struct task *task),
                    struct task **ret_task)
{
    uint64_t deadline = valve_deadline(service->io_timeout);
    struct task *task;

    while (!(task = try_new(path, kind))) {
        int r = valve_deadline(0) > deadline
                    ? -ENOMEM
                    : valve_call_sleep(call, valve_deadline(PAUSE_LONGEST));

        if (r < 0)
            return r;
    }
    task->call = function;
    task->store = service->store;
    *ret_task = task;
    return 0;
}

struct jobs_patience jobs_patience(const struct service *service)
{
    return (struct jobs_patience){valve_deadline(service->io_timeout), PAUSE_FIRST};
}

bool jobs_patience_is_over(const struct jobs_patience *patience)
{
    return valve_clock_now() >= patience->deadline;
}

int jobs_pause(struct valve_call *call, struct jobs_patience *patience)
{
    uint64_t wake = valve_clock_now() + patience->pause;

    if (patience->pause < PAUSE_LONGEST)
        patience->pause *= 2;
    return valve_call_sleep(call, wake < patience->deadline ? wake : patience->deadline);
}

/* Runs a task and takes its result. One that was abandoned is the pool's: *task is NULL then. */
static int task_run(const struct service *service, struct valve_call *call, struct task **task)
{
    struct jobs_patience patience = jobs_patience(service);

    for (;;) {
        int r = valve_call_run(call, &(*task)->job);

        if (r < 0) {
            *task = NULL;
            return r;
        }
        if (!store_is_shortage((*task)->result) || jobs_patience_is_over(&patience))
            return (*task)->result;
        r = jobs_pause(call, &patience);
        if (r < 0)
            return r;
    }
}

static int call_stat(struct task *task)
{
    return store_stat(task->store, task->path, &task->info);
}

int jobs_stat(const struct service *service, struct valve_call *call, const char *path,
              struct store_info *ret_info)
{
    cleanup(cleanup_task) struct task *task = NULL;
    int r = task_new(service, call, path, VALVE_JOB_METADATA, call_stat, &task);

    if (r == 0)
        r = task_run(service, call, &task);

    if (r == 0)
        *ret_info = task->info;
    return r;
}

static int call_open(struct task *task)
{
    return store_open(task->store, task->path, &task->file);
}

int jobs_open(const struct service *service, struct valve_call *call, const char *path,
              struct store_file *ret_file)
{
    cleanup(cleanup_task) struct task *task = NULL;
    int r = task_new(service, call, path, VALVE_JOB_METADATA, call_open, &task);

    if (r < 0)
        return r;
    task->job.held = 1;
    r = task_run(service, call, &task);

    if (r < 0)
        return r;
    *ret_file = task->file;
    task->file = STORE_FILE_CLOSED;
    return 0;
}

static int call_remove(struct task *task)
{
    return store_remove(task->store, task->path);
}

/* Its size is what it was a moment before. */
static int call_remove_and_tell(struct task *task)
{
    size_t room = 4 * strlen(task->path) + 4;
    cleanup(cleanup_memory) char *escaped = malloc(room);
    struct audit_entry entry = {
        .call = task->operation, .peer = task->peer, .path = escaped, .size = -1};
    struct store_info info;
    int r;

    if (!escaped)
        return -ENOMEM;
    valve_escape(task->path, strlen(task->path), escaped, room);
    if (store_stat(task->store, task->path, &info) == 0)
        entry.size = (int64_t)info.size;
    if (audit_is_required(task->audit) && audit_write(task->audit, &entry) < 0)
        return -EBUSY;
    r = store_remove(task->store, task->path);
    entry.result = r == 0 ? "ok" : store_code(r);
    audit_write(task->audit, &entry);
    return r;
}

/*
 * What a task of the audit has to know of its call. 0; -ENOMEM; -ENOTCONN, a client that is gone
 * can no longer be told from others, and what it is told does not reach it.
 */
static int know_peer(struct task *task, struct valve_call *call, const char *operation)
{
    task->operation = operation;
    task->peer = malloc(IDENTITY_TEXT);
    if (!task->peer)
        return -ENOMEM;
    return identity_describe(valve_call_socket(call), valve_call_certificate(call), task->peer);
}

int jobs_remove(const struct service *service, struct valve_call *call, const char *path)
{
    cleanup(cleanup_task) struct task *task = NULL;
    int r = task_new(service, call, path, VALVE_JOB_METADATA,
                     service->audit ? call_remove_and_tell : call_remove, &task);

    if (r == 0 && service->audit) {
        task->audit = service->audit;
        r = know_peer(task, call, "del");
        if (r == -ENOTCONN)
            r = -ECANCELED; /* nothing is removed of which nobody could say for whom */
    }
    return r == 0 ? task_run(service, call, &task) : r;
}

/* The path is escaped. */
static int call_tell_denial(struct task *task)
{
    audit_write(task->audit, &(struct audit_entry){.call = task->operation,
                                                   .result = "denied",
                                                   .peer = task->peer,
                                                   .path = task->path,
                                                   .size = -1});
    task->owes_line = false;
    return 0;
}

void jobs_tell_denial(const struct service *service, struct valve_call *call, const char *operation,
                      const void *path, size_t size)
{
    cleanup(cleanup_task) struct task *task = NULL;
    char escaped[1024];

    valve_escape(path, size, escaped, sizeof escaped);
    if (task_new(service, call, escaped, VALVE_JOB_METADATA, call_tell_denial, &task) < 0) {
        audit_lose(service->audit, -ENOMEM);
        return;
    }
    task->audit = service->audit;
    task->owes_line = true;
    task->job.is_owed = true; /* or whoever is in no mind to wait would leave no trace */
    if (know_peer(task, call, operation) != -ENOMEM)
        (void)task_run(service, call, &task); /* it is denied whatever becomes of this */
}

static int call_read(struct task *task)
{
    struct content *content = task->content;
    int r = task->file.descriptor < 0 /* that is tried again */
                ? -ESTALE
                : store_read(&task->file, content->data, sizeof content->data, &content->size);

    if (r != -ESTALE)
        return r;
    /* Another machine has replaced the file: its name leads to the new one. */
    store_close(&task->file);
    r = store_open(task->store, task->path, &task->file);
    if (r < 0)
        return r;
    return store_read(&task->file, content->data, sizeof content->data, &content->size);
}

/* Closes the file, too, where it may take long, unless there is more of it to be sent. */
static int call_read_and_close(struct task *task)
{
    int r = call_read(task);

    if (r != -EFBIG && !store_is_shortage(r)) /* that is tried again */
        store_close(&task->file);
    return r;
}

int jobs_read(const struct service *service, struct valve_call *call, const char *path,
              struct store_file *file, struct content **ret_content)
{
    cleanup(cleanup_task) struct task *task = NULL;
    int r = task_new(service, call, path, VALVE_JOB_DATA, call_read_and_close, &task);

    if (r < 0)
        return r;
    task->job.held = 1;
    task->content = malloc(sizeof *task->content);
    if (!task->content)
        return -ENOMEM;
    task->file = *file;
    *file = STORE_FILE_CLOSED;
    r = task_run(service, call, &task);
    if (task) {
        *file = task->file;
        task->file = STORE_FILE_CLOSED;
    }
    if (r < 0)
        return r;
    *ret_content = task->content;
    task->content = NULL;
    return 0;
}

/* What a task holds is released with it: by the pool, which nobody waits for. */
struct valve_job *jobs_new_close(struct store_file *file)
{
    struct task *task = try_new("", VALVE_JOB_DATA);

    if (!task)
        return NULL;
    task->file = *file;
    *file = STORE_FILE_CLOSED;
    return &task->job;
}

unsigned jobs_close(struct valve_call *call, struct store_file *file, unsigned held)
{
    bool is_slow = held > 0 && store_close_is_slow(file);
    struct valve_job *job = is_slow ? jobs_new_close(file) : NULL;

    if (job) {
        job->held = held;
        valve_call_discard(call, job);
        return held;
    }
    store_close(file);
    return 0;
}
