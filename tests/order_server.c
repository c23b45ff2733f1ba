/* SPDX-License-Identifier: MIT */
/*
 * order_server ADDRESS - the service of orders as a program by itself, for tests/test_serve.py.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/order_service.h"

#define MOST_KEPT      16
#define RELAY_PATIENCE 2000000000 /* ns */

/* "count N": items 1 to N. */
static struct valve_answer count(struct valve_call *call, const uint64_t *numbers)
{
    int r = 0;

    for (uint64_t i = 1; r == 0 && i <= numbers[0]; i++)
        r = valve_reply_item(call, &order_number_type, &i);
    return r < 0 ? order_failed(call, r) : order_done(call, numbers[0]);
}

/* "note": is answered with nothing. */
static struct valve_answer note(struct valve_call *call, const uint64_t *numbers)
{
    (void)numbers;
    return valve_reply_none(call);
}

static struct valve_later kept[MOST_KEPT];

/* "keep N": is answered when somebody gives the Nth answer. */
static struct valve_answer keep(struct valve_call *call, const uint64_t *numbers)
{
    return valve_reply_later(call, &order_reply_type, &kept[numbers[0] % MOST_KEPT]);
}

/* "give N M": gives that, which is M. */
static struct valve_answer give(struct valve_call *call, const uint64_t *numbers)
{
    int r = valve_later_reply(kept[numbers[0] % MOST_KEPT], &order_reply_type, ORDER_DONE,
                              &numbers[1]);

    return r < 0 ? order_failed(call, r) : order_done(call, numbers[0]);
}

/* "sleep": is answered when it is cancelled. */
static struct valve_answer sleep_on(struct valve_call *call, const uint64_t *numbers)
{
    int r = valve_call_sleep(call, VALVE_NEVER);

    (void)numbers;
    return order_failed(call, r);
}

/* "twice": is answered twice. */
static struct valve_answer answer_twice(struct valve_call *call, const uint64_t *numbers)
{
    order_done(call, numbers[0]);
    return order_done(call, numbers[1]);
}

/* "break": breaks off a list, for a reason that no line of a log should be made of. */
static struct valve_answer break_off(struct valve_call *call, const uint64_t *numbers)
{
    static const char text[1000] = {[0 ... 999] = 't'};
    const struct valve_text item = {text, sizeof text}, why = valve_text("io: a\nb\x1b[2J\x7f");
    int r = valve_reply_list_begin(call, &order_reply_type, ORDER_LIST);

    (void)numbers;
    for (unsigned i = 0; r == 0 && i < 100; i++)
        r = valve_reply_list_add(call, &item);
    return valve_reply(call, &order_reply_type, ORDER_ERROR, &why);
}

static const char *own_address;

/* Asks whoever answers there; the answer itself is left unread. */
static int relay_to(const char *address, uint64_t deadline)
{
    const struct valve_text text = valve_text("now 1");
    const struct valve_type *request = order_service(NULL).request;
    struct valve_pending pending, *answered;
    struct valve_client *client;
    struct valve_error error;
    int r = valve_client_connect(address, deadline, &client, &error);

    if (r < 0)
        return r;
    r = valve_client_start(client, request, 0, &text, NULL, &order_reply_type, NULL, &pending);
    if (r == 0)
        r = valve_client_next(client, 1, &answered); /* it cannot be there yet */
    if (r == -ETIMEDOUT)
        r = valve_client_next(client, deadline, &answered);
    valve_client_free(client);
    return r;
}

/* "relay PORT": asks another server of this machine, or with no port this one. */
static struct valve_answer relay(struct valve_call *call, const uint64_t *numbers)
{
    char address[32];
    int r;

    snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)numbers[0]);
    r = relay_to(numbers[0] != 0 ? address : own_address, valve_deadline(RELAY_PATIENCE));
    return r < 0 ? order_failed(call, r) : order_done(call, numbers[0]);
}

static const struct order orders[] = {
    {"break", break_off}, {"count", count},        {"give", give},
    {"keep", keep},       {"note", note},          {"relay", relay},
    {"sleep", sleep_on},  {"twice", answer_twice}, {NULL, NULL},
};

int main(int argc, char **argv)
{
    const struct valve_service service = order_service(orders);
    struct valve_server_options options;
    struct valve_error error;

    valve_server_options_default(&options);
    options.workers = 1; /* the orders share what is kept */
    if (argc != 2) {
        fprintf(stderr, "usage: order_server ADDRESS\n");
        return EXIT_FAILURE;
    }
    own_address = argv[1];
    if (valve_serve(&service, argv[1], &options, &error) == 0)
        return EXIT_SUCCESS;
    fprintf(stderr, "order_server: %s\n", error.text);
    return EXIT_FAILURE;
}
