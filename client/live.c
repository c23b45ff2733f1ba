/* SPDX-License-Identifier: MIT */
/*
 * Keys and signals of a terminal that is being watched.
 */
#include "live.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "session.h"
#include "signals.h"

#define MILLISECOND UINT64_C(1000000)
#define CONTROL_C   3
#define CONTROL_D   4

static struct termios before;
static bool has_keys;
static volatile sig_atomic_t is_over;

static void end_it(int number)
{
    (void)number;
    is_over = 1;
}

bool live_is_possible(void)
{
    const char *kind = getenv("TERM");

    return isatty(STDOUT_FILENO) && kind != NULL && strcmp(kind, "dumb") != 0;
}

/* A signal lets the terminal be put right first. */
void live_catch_signals(void)
{
    const struct sigaction action = {.sa_handler = end_it};

    signals_handle(&action);
}

void live_begin(void)
{
    struct termios keys;

    live_catch_signals();
    has_keys = tcgetattr(STDIN_FILENO, &before) == 0;
    if (!has_keys)
        return;
    keys = before;
    keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
    keys.c_cc[VMIN] = 1;
    keys.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &keys);
}

void live_end(void)
{
    if (has_keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    has_keys = false;
}

/* Whether the key that is there says that it is enough. */
static bool read_key(void)
{
    char key = 'q';

    return read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q' || key == CONTROL_C ||
           key == CONTROL_D;
}

bool live_wait(uint64_t duration)
{
    struct pollfd keys = {.fd = has_keys ? STDIN_FILENO : -1, .events = POLLIN};
    uint64_t end = now() + duration;

    for (uint64_t time = now(); time < end && !is_over; time = now()) {
        uint64_t left = (end - time) / MILLISECOND + 1;

        if (poll(&keys, 1, left < 60000 ? (int)left : 60000) > 0 && read_key())
            return false;
    }
    return !is_over;
}

bool live_goes_on(void)
{
    struct pollfd keys = {.fd = has_keys ? STDIN_FILENO : -1, .events = POLLIN};

    while (!is_over && poll(&keys, 1, 0) > 0)
        if (read_key())
            return false;
    return !is_over;
}
