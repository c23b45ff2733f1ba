/* SPDX-License-Identifier: MIT */
/*
 * What a writer does: asks until a name is known, changes it, and asks again at once.
 */
#include <config.h>

#include "tests/fresh/writer.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOGETHER      4     /* requests of a connection */
#define EARLY_MOST    60000 /* ns */
#define WRONG_SHOWN   20
#define MOUNTS_BEHIND UINT64_C(1000000000) /* ns that what was mounted may not be seen */
#define MOUNTS_PAUSE  20                   /* ms, between two looks */

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static bool leads_to(const char *directory, const char *path)
{
    size_t size = strlen(directory);

    return strncmp(directory, path, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

/* What is asked most, when this is changed: it, or a name beneath it. */
static const char *focus_on(const char *changed)
{
    for (size_t i = 0; changed != NULL && i < ASKED; i++)
        if (leads_to(changed, asked_paths[i]))
            return asked_paths[i];
    return NULL;
}

static const char *focus_of(struct writer *writer, const struct step *step)
{
    const char *from = focus_on(step->from), *to = focus_on(step->to);

    if (from != NULL && to != NULL)
        return random_chance(&writer->random, 0.5) ? from : to;
    return from != NULL ? from : to != NULL ? to : asked_paths[0];
}

static struct question choose_question(struct writer *writer, const char *focus)
{
    static const enum method methods[] = {GET, GET, SIZE, EXISTS};
    bool is_focus = random_chance(&writer->random, 0.5);

    return (struct question){
        methods[random_below(&writer->random, sizeof methods / sizeof *methods)],
        is_focus ? focus : asked_paths[random_below(&writer->random, ASKED)]};
}

/* ---- Judging --------------------------------------------------------------------------------- */

static void swap_views(struct node *directory)
{
    struct node *children = directory->children;

    directory->children = directory->covered;
    directory->covered = children;
}

/* What was there before something was mounted over it, where that may still be told. */
static bool was_right(struct writer *writer, const struct question *question)
{
    uint64_t age = now() - writer->changed_at;
    bool was;

    if (writer->covered == NULL)
        return false;
    swap_views(writer->covered);
    was = is_right(writer->scene->top, question, &writer->answer);
    swap_views(writer->covered);
    if (was && age > writer->old_for)
        writer->old_for = age;
    return was && age < MOUNTS_BEHIND;
}

static void show_wrong(struct writer *writer, const struct question *question, unsigned connection)
{
    const struct step *step = writer->step;
    char expected[160], got[160];

    describe_expected(writer->scene->top, question, expected);
    describe_answer(&writer->answer, got);
    printf("WRONG kind \"%s\" step %d (%s): %s %s, connection %u.%u, expected %s, got %s, %.6f s "
           "after the change\n",
           writer->kind->name, (int)(step - writer->kind->steps) + 1, step->from,
           method_names[question->method], question->path, writer->number, connection, expected,
           got, (double)(now() - writer->changed_at) / 1e9);
    fflush(stdout);
}

static void judge(struct writer *writer, const struct question *questions, unsigned connection)
{
    struct tally *tally = &writer->tallies[writer->kind - writer->kinds];
    const struct question *question = &questions[writer->answer.number];

    tally->checks++;
    if (is_right(writer->scene->top, question, &writer->answer) || was_right(writer, question))
        return;
    tally->wrong++;
    if (atomic_fetch_add(&writer->run->wrong, 1) < WRONG_SHOWN)
        show_wrong(writer, question, connection);
}

/* On all connections at once. */
static void ask_all(struct writer *writer, struct question questions[][TOGETHER], unsigned first)
{
    const char *focus = focus_of(writer, writer->step);

    for (unsigned i = 0; i < WRITER_CONNECTIONS; i++)
        for (unsigned j = 0; j < TOGETHER; j++)
            questions[i][j] = choose_question(writer, focus);
    for (unsigned i = 0; i < WRITER_CONNECTIONS; i++)
        ask(&writer->connections[i], writer->scene->name, questions[i], first, TOGETHER);
}

static void connect_again(struct writer *writer, struct connection *connection)
{
    if (!writer->is_early) {
        fprintf(stderr, "fresh_load: a connection has ended for no reason\n");
        exit(EXIT_FAILURE);
    }
    connection_close(connection);
    connection_open(connection, &writer->run->address);
}

/* What was asked before the change may be answered either way. */
static void take_answers(struct writer *writer, const struct question *questions,
                         unsigned connection)
{
    unsigned count = writer->is_early ? 2 * TOGETHER : TOGETHER;

    for (unsigned i = 0; i < count; i++) {
        if (!take_answer(&writer->connections[connection], &writer->answer)) {
            connect_again(writer, &writer->connections[connection]);
            return;
        }
        if (writer->answer.number < TOGETHER)
            judge(writer, questions, connection);
    }
}

static void check(struct writer *writer)
{
    struct question questions[WRITER_CONNECTIONS][TOGETHER];
    uint64_t left = atomic_load(&writer->run->checks_left), some = WRITER_CONNECTIONS * TOGETHER;

    ask_all(writer, questions, 0);
    for (unsigned i = 0; i < WRITER_CONNECTIONS; i++)
        take_answers(writer, questions[i], i);
    writer->is_early = false;
    while (!atomic_compare_exchange_weak(&writer->run->checks_left, &left,
                                         left > some ? left - some : 0)) {
    }
}

/* ---- Changing -------------------------------------------------------------------------------- */

/* By a request, on one connection. */
static void make_del(struct writer *writer)
{
    const struct question del = {DEL, writer->step->from};
    char got[160];

    ask(&writer->connections[0], writer->scene->name, &del, 0, 1);
    if (take_answer(&writer->connections[0], &writer->answer) && writer->answer.kind == EVENT_OK)
        return;
    describe_answer(&writer->answer, got);
    fprintf(stderr, "fresh_load: Del: %s\n", got);
    exit(EXIT_FAILURE);
}

static void check_mount(struct writer *writer)
{
    const struct step *step = writer->step;

    writer->covered = model_find(writer->scene->top, step->action == BIND ? step->to : step->from);
    do {
        check(writer);
        poll(NULL, 0, MOUNTS_PAUSE);
    } while (now() - writer->changed_at < MOUNTS_BEHIND);
    check(writer);
    writer->covered = NULL;
}

/* Asks, and lets the server come somewhere with it: the change is made in the middle of that. */
static void ask_early(struct writer *writer)
{
    struct question questions[WRITER_CONNECTIONS][TOGETHER];
    uint64_t end = now() + random_below(&writer->random, EARLY_MOST);

    ask_all(writer, questions, TOGETHER);
    writer->is_early = true;
    while (now() < end) {
    }
}

static bool may_be_in_the_middle(const struct step *step)
{
    return !step->is_aside && step->action != REQUEST_DEL && step->action != MOUNT &&
           step->action != BIND;
}

static void make_step(struct writer *writer, const struct step *step)
{
    unsigned before = step->is_aside ? 0 : (unsigned)random_below(&writer->random, 3);

    writer->step = step;
    for (unsigned i = 0; i < before; i++)
        check(writer);
    if (may_be_in_the_middle(step) && random_chance(&writer->random, 0.5))
        ask_early(writer);
    if (step->action == REQUEST_DEL)
        make_del(writer);
    scene_act(writer->scene, step);
    writer->changed_at = now();
    if (step->action == MOUNT || step->action == BIND)
        check_mount(writer);
    else if (!step->is_aside)
        check(writer);
}

static void make_change(struct writer *writer, const struct kind *kind)
{
    writer->kind = kind;
    for (unsigned i = 0; i < STEPS_MOST && kind->steps[i].action != NO_ACTION; i++)
        if (!scene_can(writer->scene, &kind->steps[i]))
            return;
    for (unsigned i = 0; i < STEPS_MOST && kind->steps[i].action != NO_ACTION; i++)
        make_step(writer, &kind->steps[i]);
    writer->tallies[kind - writer->kinds].changes++;
}

static unsigned count_kinds(const struct kind *kinds)
{
    unsigned count = 0;

    while (kinds[count].name != NULL)
        count++;
    return count;
}

void *writer_run(void *argument)
{
    struct writer *writer = argument;
    unsigned kinds = count_kinds(writer->kinds);

    /* Every kind once, and then as it comes. */
    for (uint64_t i = 0;
         !atomic_load(&writer->run->is_over) && atomic_load(&writer->run->checks_left) > 0; i++) {
        uint64_t kind = i < kinds ? i : random_below(&writer->random, kinds);

        writer->scene = &writer->scenes[random_below(&writer->random, WRITER_SCENES)];
        make_change(writer, &writer->kinds[kind]);
    }
    return NULL;
}

void writer_init(struct writer *writer, struct run *run, const struct kind *kinds, unsigned number)
{
    *writer = (struct writer){.run = run, .kinds = kinds, .number = number};
    writer->random = random_stream(run->seed, number);
    for (unsigned i = 0; i < WRITER_SCENES; i++)
        scene_init(&writer->scenes[i], run->top, number * WRITER_SCENES + i, ~run->seed);
    for (unsigned i = 0; i < WRITER_CONNECTIONS; i++)
        connection_open(&writer->connections[i], &run->address);
}

void writer_fini(struct writer *writer)
{
    for (unsigned i = 0; i < WRITER_SCENES; i++)
        scene_fini(&writer->scenes[i]);
    for (unsigned i = 0; i < WRITER_CONNECTIONS; i++)
        connection_close(&writer->connections[i]);
}
