/* SPDX-License-Identifier: MIT */
/*
 * Reading a histogram.
 */
#include "histogram.h"

uint64_t histogram_bucket_end(unsigned bucket)
{
    unsigned power = bucket < 2 * HISTOGRAM_STEPS ? 0 : bucket / HISTOGRAM_STEPS - 1;
    uint64_t step = bucket - power * HISTOGRAM_STEPS;

    return ((step + 1) << power) - 1; /* of the last bucket that wraps to the greatest number */
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
    if (other->total == 0)
        return;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        histogram->counts[i] += other->counts[i];
    if (histogram->total == 0 || other->least < histogram->least)
        histogram->least = other->least;
    if (other->most > histogram->most)
        histogram->most = other->most;
    histogram->sum += other->sum;
    histogram->total += other->total;
}

/* How many of all have to be counted to have so many percent of them: at least one. */
static uint64_t rank_of(const struct histogram *histogram, double percent)
{
    uint64_t whole = (uint64_t)((double)histogram->total * percent / 100.0);

    /* Rounded up, but not for what the division left behind. */
    if ((double)whole < (double)histogram->total * percent / 100.0 - 1e-6)
        whole++;
    if (whole > histogram->total)
        return histogram->total;
    return whole == 0 ? 1 : whole;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent)
{
    uint64_t left, end;
    unsigned bucket = 0;

    if (histogram->total == 0)
        return 0;
    left = rank_of(histogram, percent);
    while (histogram->counts[bucket] < left)
        left -= histogram->counts[bucket++];
    end = histogram_bucket_end(bucket);
    return end < histogram->most ? end : histogram->most;
}

double histogram_mean(const struct histogram *histogram)
{
    return histogram->total == 0 ? 0 : histogram->sum / (double)histogram->total;
}
