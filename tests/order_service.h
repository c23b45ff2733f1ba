/* SPDX-License-Identifier: MIT */
/*
 * A service for tests, by tables written by hand: its one method, {"Do" => tstr}, carries out what
 * a word stands for, and each suite brings its own words.
 */
#ifndef VALVE_ORDER_SERVICE_H
#define VALVE_ORDER_SERVICE_H

#include <stdint.h>

#include "valve.h"

/* {"Done" => uint} / {"List" => [* tstr]} / {"Content" => bstr} / {"Error" => tstr} */
enum order_arm {
    ORDER_DONE,
    ORDER_LIST,
    ORDER_CONTENT,
    ORDER_ERROR,
};
extern const struct valve_type order_reply_type;

/* For the items of streams. */
extern const struct valve_type order_number_type; /* uint64_t */
extern const struct valve_type order_text_type;   /* struct valve_text */

/* "word number number", and what is done about it; numbers that are not there are 0. */
struct order {
    const char *word;
    struct valve_answer (*carry_out)(struct valve_call *call, const uint64_t *numbers);
};

/* The service that knows these orders, and "now N": Done at once. A word of NULL ends them. */
struct valve_service order_service(const struct order *orders);

/* Answers. */
struct valve_answer order_done(struct valve_call *call, uint64_t number);
struct valve_answer order_failed(struct valve_call *call, int error);

#endif
