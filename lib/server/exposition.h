/* SPDX-License-Identifier: MIT */
/*
 * Samples as text: the exposition format 0.0.4 of Prometheus.
 */
#ifndef VALVE_SERVER_EXPOSITION_H
#define VALVE_SERVER_EXPOSITION_H

#include <stdio.h>

#include "valve.h"

#define VALVE_EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct valve_exposition {
    FILE *stream;
    const struct valve_figure *figure; /* of the last sample; NULL: there was none */
};

/* A valve_take_sample, whose context is the exposition. Errors are left in the stream. */
void valve_exposition_add(void *context, const struct valve_sample *sample);

#endif
