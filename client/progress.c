/* SPDX-License-Identifier: MIT */
/*
 * NAME  12.3 MiB of 1.0 GiB   1%  110.2 MiB/s
 */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "message.h"
#include "session.h"

#define SECOND      UINT64_C(1000000000)
#define REDRAW      (SECOND / 5)
#define LEAST_WIDTH 50
#define FIGURES     44 /* columns of what stands behind the name */

void progress_begin(struct progress *progress, const char *name, size_t size, uint64_t total)
{
    *progress = (struct progress){
        .name = name,
        .name_size = size,
        .total = total,
        .begun = now(),
        .enabled = isatty(STDERR_FILENO),
    };
}

static unsigned terminal_width(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < LEAST_WIDTH)
        return LEAST_WIDTH;
    return size.ws_col;
}

static void format_bytes(double bytes, char text[24])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;

    for (; bytes >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        bytes /= 1024;
    snprintf(text, 24, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

static void draw(struct progress *progress, uint64_t time)
{
    char name[SHOWN_ROOM], done[24], total[24], rate[24];
    double seconds = (double)(time - progress->begun) / (double)SECOND;
    double share = progress->total == 0 ? 1 : (double)progress->done / (double)progress->total;

    show_name(progress->name, progress->name_size, name);
    format_bytes((double)progress->done, done);
    format_bytes((double)progress->total, total);
    format_bytes((double)progress->done / seconds, rate);
    fprintf(stderr, "\r%.*s  %s of %s  %3.0f%%  %s/s\033[K", (int)(terminal_width() - FIGURES),
            name, done, total, share * 100, rate);
    fflush(stderr);
    progress->visible = true;
    progress->shown = time;
}

void progress_advance(struct progress *progress, size_t bytes)
{
    uint64_t time;

    progress->done += bytes;
    if (!progress->enabled)
        return;
    time = now();
    if (time - progress->begun >= SECOND && time - progress->shown >= REDRAW)
        draw(progress, time);
}

void progress_end(struct progress *progress)
{
    if (progress->visible)
        fputs("\r\033[K", stderr);
    progress->visible = false;
}
