/* SPDX-License-Identifier: MIT */
/*
 * The service of the tests of lib/server: handlers that do what their requests say.
 */
#include "tests/server_service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"

#define LONGEST_NAME 60000

uint8_t content_at(uint64_t offset)
{
    return (uint8_t)(offset * 2654435761u >> 24);
}

static void fill(uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] = content_at(i);
}

/* ---- Orders -------------------------------------------------------------------------------------- */

/* A path, taken apart: "word number number". */
struct order {
    char word[32];
    unsigned long long first, second;
};

static struct order order_of(const struct files_path *path)
{
    struct order order = {"", 0, 0};
    char text[64];

    snprintf(text, sizeof text, "%.*s", (int)path->text.size, path->text.data);
    sscanf(text, "%31s %llu %llu", order.word, &order.first, &order.second);
    return order;
}

static bool says(const struct order *order, const char *word)
{
    return strcmp(order->word, word) == 0;
}

static void note_thread(struct service *service)
{
    pthread_mutex_lock(&service->lock);
    if (service->thread_count < sizeof service->threads / sizeof service->threads[0])
        service->threads[service->thread_count++] = pthread_self();
    pthread_mutex_unlock(&service->lock);
}

static void begin(struct service *service)
{
    note_thread(service);
    tally_add(&service->begun);
}

/* The words for what a wait returned. */
static struct valve_text explain(struct service *service, int error)
{
    switch (error) {
    case -ECANCELED:
        tally_add(&service->canceled);
        return valve_text("cancelled: a wait was");
    case -ETIMEDOUT:
        return valve_text("timeout: of a wait");
    case -EBUSY:
        return valve_text("busy: no job could be ordered");
    default:
        return valve_text("io: something else");
    }
}

/* ---- The gate ------------------------------------------------------------------------------------ */

struct gate_job {
    struct valve_job job;
    struct service *service;
};

static void gate_work(struct valve_job *job)
{
    struct service *service = ((struct gate_job *)job)->service;

    tally_add(&service->at_gate);
    /* Longer than any test waits: so that none passes because a gate gave way. */
    for (unsigned i = 0; i < 3 && !tally_reaches(&service->gate, 1); i++)
        continue;
}

static void gate_release(struct valve_job *job)
{
    tally_add(&((struct gate_job *)job)->service->released);
    free(job);
}

static int pass_gate(struct service *service, struct valve_call *call, enum valve_job_kind kind)
{
    struct gate_job *job = calloc(1, sizeof *job);
    int r;

    if (job == NULL)
        return -ENOMEM;
    job->job = (struct valve_job){.work = gate_work, .release = gate_release, .kind = kind};
    job->service = service;
    r = valve_call_run(call, &job->job);
    if (r == 0)
        gate_release(&job->job);
    return r;
}

/* ---- Handlers ------------------------------------------------------------------------------------ */

static int wait_as_ordered(struct service *service, struct valve_call *call,
                           const struct order *order)
{
    if (says(order, "gate"))
        return pass_gate(service, call, VALVE_JOB_DATA);
    if (says(order, "gate-metadata"))
        return pass_gate(service, call, VALVE_JOB_METADATA);
    if (says(order, "sleep"))
        return valve_call_sleep(
            call, order->first == 0 ? VALVE_NEVER : valve_deadline(order->first * MILLISECOND));
    return 0;
}

static struct files_exists_answer exists(void *context, struct files_exists_reply reply,
                                         const struct files_path *path)
{
    struct service *service = context;
    struct order order = order_of(path);
    struct files_exists_answer answer;
    int r;

    valve_call_subject(reply.call, path->text.data, path->text.size);
    begin(service);
    r = wait_as_ordered(service, reply.call, &order);
    answer = r == 0 ? files_exists_reply_exists(reply, true)
                    : files_exists_reply_error(reply, explain(service, r));
    tally_add(&service->ended);
    return answer;
}

static struct files_size_answer size(void *context, struct files_size_reply reply,
                                     const struct files_path *path)
{
    const struct order order = order_of(path);

    begin(context);
    if (says(&order, "context"))
        return files_size_reply_size(reply, *(const unsigned *)valve_call_listener(reply.call));
    if (says(&order, "peer"))
        return files_size_reply_size(reply, *(const unsigned *)valve_call_peer(reply.call));
    return files_size_reply_size(reply, path->text.size);
}

static struct files_get_answer get_whole(struct files_get_reply reply, size_t wanted)
{
    uint8_t *data = valve_arena_alloc(valve_call_arena(reply.call), wanted, 1);

    if (data == NULL)
        return files_get_reply_error(reply, valve_text("busy: the arena is full"));
    fill(data, wanted);
    return files_get_reply_content(reply, (struct valve_bytes){data, wanted});
}

static struct files_get_answer get_in_place(struct service *service, struct files_get_reply reply,
                                            const struct order *order)
{
    size_t wanted = (size_t)order->first;
    uint8_t *data;
    int r = 0;

    if (says(order, "reserve-twice"))
        r = files_get_reply_content_reserve(reply, 1, &data);
    if (r == 0)
        r = files_get_reply_content_reserve(reply, wanted, &data);
    if (r == 0 && says(order, "reserve-gate"))
        r = pass_gate(service, reply.call, VALVE_JOB_DATA);
    if (r < 0)
        return files_get_reply_error(reply, explain(service, r));
    fill(data, wanted);
    tally_add(&service->added);
    return files_get_reply_content_done(reply, wanted);
}

static struct files_get_answer get(void *context, struct files_get_reply reply,
                                   const struct files_path *path)
{
    struct service *service = context;
    struct order order = order_of(path);
    struct files_get_answer answer;

    valve_call_subject(reply.call, path->text.data, path->text.size);
    begin(service);
    if (says(&order, "file-kept"))
        valve_reply_residency(reply.call, &service->residency);
    if (says(&order, "whole"))
        answer = get_whole(reply, (size_t)order.first);
    else if (says(&order, "file") || says(&order, "file-kept"))
        answer = files_get_reply_content_file(reply, service->file, 0, order.first, "the file");
    else if (says(&order, "file-from"))
        answer = files_get_reply_content_file(reply, service->file, (off_t)order.first,
                                              order.second, "the file");
    else
        answer = get_in_place(service, reply, &order);
    tally_add(&service->ended);
    return answer;
}

static struct files_del_answer del(void *context, struct files_del_reply reply,
                                   const struct files_path *path)
{
    const struct order order = order_of(path);

    begin(context);
    if (says(&order, "forget"))
        return (struct files_del_answer){{reply.call}};
    return files_del_reply_ok(reply);
}

static int add_elements(struct service *service, struct files_list_all_reply reply)
{
    static const char name[LONGEST_NAME + 1] = {[0 ... LONGEST_NAME - 1] = 'n'};
    struct files_file file = {
        .path = {.kind = FILES_PATH_TEXT, .text = {name, service->list.name_size}}};

    for (unsigned i = 1; i <= service->list.count; i++) {
        int r = 0;

        if (i == service->list.fail_at)
            return -EIO;
        if (i == service->list.gate_at)
            r = pass_gate(service, reply.call, VALVE_JOB_DATA);
        file.size = i;
        if (r == 0)
            r = files_list_all_reply_list_add(reply, &file);
        if (r < 0)
            return r;
        tally_add(&service->added);
    }
    return 0;
}

static struct files_list_all_answer list_all(void *context, struct files_list_all_reply reply)
{
    struct service *service = context;
    struct files_list_all_answer answer;
    int r;

    begin(service);
    r = files_list_all_reply_list_begin(reply);
    if (r == 0)
        r = add_elements(service, reply);
    answer = r == 0 ? files_list_all_reply_list_end(reply)
                    : files_list_all_reply_error(reply, explain(service, r));
    tally_add(&service->ended);
    return answer;
}

/* ---- Making -------------------------------------------------------------------------------------- */

void service_init(struct service *service)
{
    struct tally *tallies[] = {&service->begun,   &service->ended, &service->canceled,
                               &service->added,   &service->gate,  &service->at_gate,
                               &service->released};

    memset(service, 0, sizeof *service);
    for (size_t i = 0; i < sizeof tallies / sizeof tallies[0]; i++)
        tally_init(tallies[i]);
    pthread_mutex_init(&service->lock, NULL);
    service->list.count = 10;
    service->list.name_size = 5;
    service->file = -1;
}

void service_fini(struct service *service)
{
    if (service->file >= 0)
        close(service->file);
    service->file = -1;
}

const struct valve_service *service_of(struct service *service)
{
    static const struct files_handlers handlers = FILES_HANDLERS(list_all, size, get, exists, del);

    service->described = files_service(&handlers, service);
    return &service->described;
}
