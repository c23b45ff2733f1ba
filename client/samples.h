/* SPDX-License-Identifier: MIT */
/*
 * Metrics as Prometheus reads them, taken apart: names, labels and values.
 */
#ifndef VALVECTL_SAMPLES_H
#define VALVECTL_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>

#define SAMPLE_LABELS 4 /* a line with more is passed over */

struct sample_label {
    const char *name, *value; /* the value as it is meant, without escapes */
};
struct sample {
    const char *name;
    struct sample_label labels[SAMPLE_LABELS];
    size_t label_count;
    double value;
};

/* Zero-initialised is empty. */
struct samples {
    char *text; /* what all names and labels point into */
    struct sample *list;
    size_t count;
};

/* Takes the text over. Lines that it does not understand are passed over. 0 or -ENOMEM. */
int samples_read(struct samples *samples, char *text);
void samples_fini(struct samples *samples);

/* The value of a label; "" where there is no such. */
const char *sample_label(const struct sample *sample, const char *name);

/*
 * The sum of all samples of this name that have these labels: pairs of a name and a value, which
 * NULL ends. samples_has(): whether there is one.
 */
double samples_sum(const struct samples *samples, const char *name, ...);
bool samples_has(const struct samples *samples, const char *name);

/* The greatest of all of this name; 0 where there is none. */
double samples_most(const struct samples *samples, const char *name);

#endif
