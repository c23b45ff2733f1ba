/* SPDX-License-Identifier: MIT */
/*
 * The five handlers of the file service, each from request to reply in direct style.
 */
#include <config.h>

#include "daemon/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/access.h"
#include "daemon/caches.h"
#include "daemon/cleanup.h"
#include "daemon/config.h"
#include "daemon/service_jobs.h"
#include "daemon/service_walk.h"
#include "files.h"
#include "rpc/utf8.h"

/* ---- What the handlers have in common ----------------------------------------------- */

/* What a request is about, and who asks. */
struct subject {
    const struct service *service;
    struct valve_call *call;
    const void *name;    /* of the file, as it came; for messages */
    size_t name_size;    /* 0: it is about no file in particular */
    const char *path;    /* the same for the store */
    const char *refusal; /* why the store was not even asked, or NULL */
    unsigned operation;  /* that is asked for */
    bool may_hold_file;  /* its call has places for the descriptors of one file */
};

/* The file's path as the store takes it, if it may be asked for. */
static int subject_check(struct subject *subject)
{
    const struct scope *scope;
    char *path;
    int r = access_scope(subject->call, subject->operation, &scope, &subject->refusal);

    if (r < 0)
        return r;
    subject->refusal = store_path_problem(subject->name, subject->name_size);
    if (subject->refusal)
        return -EINVAL;
    path = valve_arena_alloc(valve_call_arena(subject->call), subject->name_size + 1, 1);
    if (!path)
        return -ENOMEM;
    memcpy(path, subject->name, subject->name_size);
    path[subject->name_size] = '\0';
    if (scope && !scope_holds(scope, path)) {
        subject->refusal = access_not_granted;
        return -EPERM;
    }
    subject->path = path;
    return 0;
}

static int subject_init(struct subject *subject, void *context, struct valve_call *call,
                        unsigned operation, const struct files_path *path)
{
    bool text = path->kind == FILES_PATH_TEXT;

    *subject = (struct subject){
        .service = context,
        .call = call,
        .operation = operation,
        .name = text ? (const void *)path->text.data : path->bytes.data,
        .name_size = text ? path->text.size : path->bytes.size,
    };
    valve_call_subject(call, subject->name, subject->name_size);
    return subject_check(subject);
}

/* Of a Del that was tried the audit has been told. */
static void tell_denial(const struct subject *subject)
{
    if (!subject->service->audit || (subject->operation == CONFIG_ALLOW_DEL && subject->path))
        return;
    jobs_tell_denial(subject->service, subject->call, config_operation_name(subject->operation),
                     subject->name, subject->name_size);
}

/* The text of an error reply, which lives as long as the call. What is denied is told before. */
static struct valve_text explain(const struct subject *subject, int error)
{
    const struct service *service = subject->service;
    struct valve_error *text = valve_arena_alloc(valve_call_arena(subject->call), sizeof *text, 1);

    if (strcmp(store_code(error), "denied") == 0)
        tell_denial(subject);
    if (!text)
        return valve_text("busy: out of memory");
    store_explain(error, subject->name, subject->name_size, subject->refusal, text);
    if (store_is_failure(error))
        log_print(service->log, VALVE_LOG_WARNING, "%s", text->text);
    return valve_text(text->text);
}

/* Of the worker that runs this call, or NULL. */
static struct cache *cache_of(const struct subject *subject)
{
    return caches_of(subject->service->caches, valve_call_worker(subject->call));
}

static int find_known(const struct subject *subject, struct cached *ret_cached)
{
    return cache_find(cache_of(subject), valve_call_batch(subject->call), subject->path,
                      ret_cached);
}

/* Looks a file up: at once where the answer is at hand, by the pool where it is not. */
static int look_up_afresh(const struct subject *subject, struct store_info *ret_info)
{
    int r = store_try_stat(subject->service->store, subject->path, ret_info);

    if (r == -EAGAIN)
        r = jobs_stat(subject->service, subject->call, subject->path, ret_info);
    if (r == 0 || r == -ENOENT)
        cache_learn(cache_of(subject), subject->path);
    return r;
}

/* Who has a file open while it waits has a place for it, and waits for that with none open. */
static int hold_place(struct subject *subject)
{
    int r = subject->may_hold_file ? 0 : valve_call_hold(subject->call, JOBS_FILE_HELD);

    if (r == 0)
        subject->may_hold_file = true;
    return r;
}

/* Closes the file. Returns how many of its places went with it. */
static unsigned close_file(const struct subject *subject, struct store_file *file)
{
    return jobs_close(subject->call, file, subject->may_hold_file);
}

static void give_place_back(struct subject *subject, unsigned gone)
{
    if (subject->may_hold_file)
        valve_call_let_go(subject->call, JOBS_FILE_HELD - gone);
    subject->may_hold_file = false;
}

static int open_file(struct subject *subject, struct store_file *ret_file)
{
    int r = store_try_open(subject->service->store, subject->path, ret_file);

    if (r != -EAGAIN)
        return r;
    r = hold_place(subject);
    return r < 0 ? r : jobs_open(subject->service, subject->call, subject->path, ret_file);
}

/* Readies an open file for being kept over a wait; if there is no place it is opened afresh. */
static int keep_open(struct subject *subject, struct store_file *file)
{
    int r;

    if (!subject->may_hold_file)
        subject->may_hold_file = valve_call_try_hold(subject->call, JOBS_FILE_HELD);
    if (subject->may_hold_file)
        return 0;
    close_file(subject, file);
    r = hold_place(subject);
    return r < 0 ? r : open_file(subject, file);
}

/* ---- Size, Exists, Del -------------------------------------------------------------- */

static int find_size(const struct subject *subject, struct store_info *ret_info)
{
    struct cached cached;
    int r = find_known(subject, &cached);

    if (r == 0)
        r = cached_stat(&cached, ret_info);
    return r == -EAGAIN ? look_up_afresh(subject, ret_info) : r;
}

static int find_out_whether_there(const struct subject *subject)
{
    struct store_info info;
    struct cached cached;
    int r = find_known(subject, &cached);

    return r == -EAGAIN ? look_up_afresh(subject, &info) : r;
}

static struct files_size_answer size(void *context, struct files_size_reply reply,
                                     const struct files_path *path)
{
    struct subject subject;
    struct store_info info;
    int r = subject_init(&subject, context, reply.call, CONFIG_ALLOW_SIZE, path);

    if (r == 0)
        r = find_size(&subject, &info);
    if (r < 0)
        return files_size_reply_error(reply, explain(&subject, r));
    return files_size_reply_size(reply, info.size);
}

static struct files_exists_answer exists(void *context, struct files_exists_reply reply,
                                         const struct files_path *path)
{
    struct subject subject;
    int r = subject_init(&subject, context, reply.call, CONFIG_ALLOW_EXISTS, path);

    if (r == 0)
        r = find_out_whether_there(&subject);
    if (r < 0 && r != -ENOENT)
        return files_exists_reply_error(reply, explain(&subject, r));
    return files_exists_reply_exists(reply, r == 0);
}

static struct files_del_answer del(void *context, struct files_del_reply reply,
                                   const struct files_path *path)
{
    struct subject subject;
    int r = subject_init(&subject, context, reply.call, CONFIG_ALLOW_DEL, path);

    if (r == 0)
        r = jobs_remove(subject.service, subject.call, subject.path);
    if (r < 0)
        return files_del_reply_error(reply, explain(&subject, r));
    return files_del_reply_ok(reply);
}

/* ---- Get ------------------------------------------------------------------------------ */

/* Bytes up to which a file is read; what has more goes to the socket without being copied. */
#define READ_MOST ((size_t)16 * 1024)

static int read_by_pool(struct subject *subject, struct files_get_reply reply,
                        struct store_file *file, size_t *ret_size)
{
    cleanup(cleanup_memory) struct content *content = NULL;
    uint8_t *data;
    int r = keep_open(subject, file);

    if (r < 0)
        return r;
    r = jobs_read(subject->service, subject->call, subject->path, file, &content);

    if (r < 0)
        return r;
    r = files_get_reply_content_reserve(reply, content->size, &data);
    if (r < 0)
        return r;
    memcpy(data, content->data, content->size);
    *ret_size = content->size;
    return 0;
}

/* Room for all of a small file, and a byte more, which tells whether it has grown. */
static size_t room_for(const struct store_file *file)
{
    return (size_t)file->info.size + 1;
}

/*
 * Waits for that room, without holding the file's descriptor; then it is opened afresh, and may
 * have another size. -EFBIG: it is no small file any more.
 */
static int wait_for_room(struct subject *subject, struct files_get_reply reply,
                         struct store_file *file)
{
    size_t capacity = room_for(file);
    uint8_t *data;
    int r;

    give_place_back(subject, close_file(subject, file));
    r = files_get_reply_content_reserve(reply, capacity, &data);
    if (r == 0)
        r = open_file(subject, file);
    return r == 0 && file->info.size > READ_MOST ? -EFBIG : r;
}

/* Reads a small file into what will be sent. -EFBIG: it is no small file any more. */
static int read_small(struct subject *subject, struct files_get_reply reply,
                      struct store_file *file, size_t *ret_size)
{
    uint8_t *data;
    int r = 0;

    while (r == 0 && !valve_reply_has_room(subject->call, room_for(file)))
        r = wait_for_room(subject, reply, file);
    if (r == 0)
        r = files_get_reply_content_reserve(reply, room_for(file), &data);
    if (r < 0)
        return r;
    r = store_try_read(file, data, room_for(file), ret_size);
    return r == -EAGAIN ? read_by_pool(subject, reply, file, ret_size) : r;
}

/* Waits for the turn of a large file, without holding its descriptor; then it is opened afresh. */
static int take_turn(struct subject *subject, struct store_file *file)
{
    int r = valve_reply_try_turn(subject->call);

    if (r == -EAGAIN) {
        give_place_back(subject, close_file(subject, file));
        r = valve_reply_turn(subject->call);
        if (r == 0)
            r = open_file(subject, file);
    }
    return r < 0 ? r : keep_open(subject, file);
}

/* Sends a large file that is known, if all that is needed is there at once. Else -EAGAIN. */
static int send_known(const struct subject *subject, struct files_get_reply reply,
                      const struct cached *cached, struct files_get_answer *ret_answer)
{
    uint64_t size;
    int descriptor;

    if (valve_reply_try_turn(subject->call) < 0 ||
        !valve_call_try_hold(subject->call, JOBS_FILE_HELD))
        return -EAGAIN;
    if (cached_hold(cached, &descriptor, &size) == 0) {
        valve_reply_residency(subject->call, cached_residency(cached));
        *ret_answer = files_get_reply_content_file(reply, descriptor, 0, size, subject->path);
        cached_let_go(cached);
        return 0; /* its places are given back by the end of the call */
    }
    valve_call_let_go(subject->call, JOBS_FILE_HELD);
    return -EAGAIN;
}

/* Answers with a file that is known, by what is open of it. -EAGAIN: it is to be opened. */
static int answer_known(const struct subject *subject, struct files_get_reply reply,
                        const struct cached *cached, struct files_get_answer *ret_answer)
{
    uint8_t *data;
    size_t room = cached_room(cached, READ_MOST), size;
    int r;

    if (room == 0)
        return send_known(subject, reply, cached, ret_answer);
    r = files_get_reply_content_reserve(reply, room, &data); /* which may wait */
    if (r == 0)
        r = cached_read(cached, data, room, &size);
    if (r == 0)
        *ret_answer = files_get_reply_content_done(reply, size);
    return r;
}

/* Opens the file, by its name if what is known does not do. `cached` may be NULL. */
static int open_to_send(struct subject *subject, const struct cached *cached,
                        struct store_file *file)
{
    int r = cached ? cached_open(cached, file) : -EAGAIN;

    if (r != -EAGAIN)
        return r;
    r = open_file(subject, file);
    if (r == 0 || r == -ENOENT)
        cache_learn(cache_of(subject), subject->path);
    return r;
}

/* Answers with a file that is open. */
static int answer_open(struct subject *subject, struct files_get_reply reply,
                       struct store_file *file, struct files_get_answer *ret_answer)
{
    size_t size;
    int r = -EFBIG;

    if (file->info.size <= READ_MOST) {
        r = read_small(subject, reply, file, &size);
        if (r == 0)
            *ret_answer = files_get_reply_content_done(reply, size);
    }
    if (r == -EFBIG) {
        r = take_turn(subject, file);
        if (r == 0)
            *ret_answer = files_get_reply_content_file(reply, file->descriptor, 0, file->info.size,
                                                       subject->path);
    }
    return r;
}

/* The caller closes the file, if it was opened. */
static int get_content(struct subject *subject, struct files_get_reply reply,
                       struct store_file *file, struct files_get_answer *ret_answer)
{
    struct cached cached;
    int r = find_known(subject, &cached);
    bool is_known = r == 0;

    if (is_known)
        r = answer_known(subject, reply, &cached, ret_answer);
    if (r != -EAGAIN)
        return r;
    r = open_to_send(subject, is_known ? &cached : NULL, file);
    return r == 0 ? answer_open(subject, reply, file, ret_answer) : r;
}

static struct files_get_answer get(void *context, struct files_get_reply reply,
                                   const struct files_path *path)
{
    struct store_file file = STORE_FILE_CLOSED;
    struct files_get_answer answer;
    struct subject subject;
    int r = subject_init(&subject, context, reply.call, CONFIG_ALLOW_GET, path);

    if (r == 0)
        r = get_content(&subject, reply, &file, &answer);
    if (r < 0)
        answer = files_get_reply_error(reply, explain(&subject, r));
    close_file(&subject, &file);
    return answer;
}

/* ---- ListAll -------------------------------------------------------------------------- */

static struct files_file as_message(const struct walk_file *file)
{
    struct files_file message = {.size = file->info.size, .mtime = file->info.mtime};

    if (valve_utf8_valid(file->path, file->path_size)) {
        message.path.kind = FILES_PATH_TEXT;
        message.path.text = (struct valve_text){file->path, file->path_size};
    } else {
        message.path.kind = FILES_PATH_BYTES;
        message.path.bytes = (struct valve_bytes){(const uint8_t *)file->path, file->path_size};
    }
    return message;
}

/* Sends what is found, batch by batch. */
static int send_files(struct walkers *walkers, struct files_list_all_reply reply)
{
    struct walk *walk;
    int r;

    while ((r = walkers_next(walkers, &walk)) == 0 && walk) {
        struct walk_file file;

        while (r == 0 && walk_take(walk, &file)) {
            struct files_file message = as_message(&file);

            r = files_list_all_reply_list_add(reply, &message);
        }
        if (r < 0)
            return r;
    }
    return r;
}

static struct files_list_all_answer list_all(void *context, struct files_list_all_reply reply)
{
    const struct scope *scope;
    struct subject subject = {
        .service = context, .call = reply.call, .operation = CONFIG_ALLOW_LIST};
    struct files_list_all_answer answer;
    struct walkers walkers = {0};
    int r;

    r = access_scope(subject.call, CONFIG_ALLOW_LIST, &scope, &subject.refusal);
    if (r == 0)
        r = walkers_init(&walkers, subject.service, subject.call, scope);
    if (r == 0)
        r = files_list_all_reply_list_begin(reply);
    if (r == 0)
        r = send_files(&walkers, reply);
    subject.name = walkers_where(&walkers);
    subject.name_size = strlen(subject.name);
    answer = r == 0 ? files_list_all_reply_list_end(reply)
                    : files_list_all_reply_error(reply, explain(&subject, r));
    walkers_free(&walkers);
    return answer;
}

/* ---- The service ---------------------------------------------------------------------- */

static const struct files_handlers handlers = FILES_HANDLERS(list_all, size, get, exists, del);

struct valve_service service_as_rpc(struct service *service)
{
    return files_service(&handlers, service);
}
