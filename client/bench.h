/* SPDX-License-Identifier: MIT */
/*
 * What the parts of `bench` share.
 */
#ifndef VALVECTL_BENCH_H
#define VALVECTL_BENCH_H

#include "load_valve.h"
#include "session.h"

/* Adds the names that the command line gives, or those of all files. 0; or it has been said. */
int bench_collect_names(struct session *session, struct load_valve *valve);

/* What is reported on. */
struct bench_report {
    const struct options *options;
    const struct load_protocol *protocol;
    const struct load_result *result;
    size_t names;
};

void bench_print_text(const struct bench_report *report, struct output *output);
void bench_print_json(const struct bench_report *report, struct output *output);

#endif
