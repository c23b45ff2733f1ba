/* SPDX-License-Identifier: MIT */
/*
 * Counts of values in buckets that are as wide as a hundredth of what they count, or narrower.
 *
 * The layout is that of Gil Tene's HdrHistogram (hdrhistogram.org): linear steps within each power
 * of two. Any 64-bit value has its bucket; nothing is allocated, and adding takes a few
 * instructions. Least, greatest and sum are kept exactly.
 */
#ifndef VALVECTL_HISTOGRAM_H
#define VALVECTL_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS    7 /* a bucket spans less than 1/128 of its values: 0.79 % */
#define HISTOGRAM_STEPS   (1U << HISTOGRAM_BITS)
#define HISTOGRAM_BUCKETS ((65 - HISTOGRAM_BITS) * HISTOGRAM_STEPS)

/* Zero-initialised is empty. */
struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t least, most; /* of no meaning when it is empty */
    double sum;
};

/* The bucket of a value, and the greatest value in it. */
static inline unsigned histogram_bucket(uint64_t value)
{
    /* How many low bits do not tell: those below the HISTOGRAM_BITS + 1 that lead. */
    unsigned power = value < 2 * HISTOGRAM_STEPS
                         ? 0
                         : 63 - HISTOGRAM_BITS - (unsigned)__builtin_clzll(value);

    return power * HISTOGRAM_STEPS + (unsigned)(value >> power);
}
uint64_t histogram_bucket_end(unsigned bucket);

static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->counts[histogram_bucket(value)]++;
    if (histogram->total == 0 || value < histogram->least)
        histogram->least = value;
    if (value > histogram->most)
        histogram->most = value;
    histogram->sum += (double)value;
    histogram->total++;
}

/* Adds all that `other` has counted. */
void histogram_merge(struct histogram *histogram, const struct histogram *other);

/*
 * A value that so many percent (0..100) of all did not exceed: the end of the bucket in which the
 * last of these lies, less than 1 % more than that, and never more than the greatest. 0 when it is
 * empty.
 */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

double histogram_mean(const struct histogram *histogram);

#endif
