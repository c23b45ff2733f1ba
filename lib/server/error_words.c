/* SPDX-License-Identifier: MIT */
/*
 * What a handler tells its client of an error number.
 */
#include <errno.h>

#include "valve.h"

struct valve_text valve_error_words(int error)
{
    switch (error) {
    case -ECANCELED:
        return valve_text("cancelled: the client asked for it, or is gone");
    case -ETIMEDOUT:
        return valve_text("timeout: it took longer than it may");
    case -EBUSY:
        return valve_text("busy: too much is being worked on");
    case -ENOMEM:
    case -ENOBUFS:
        return valve_text("busy: no memory");
    case -EMFILE:
    case -ENFILE:
        return valve_text("busy: no descriptor is free");
    case -EAGAIN:
        return valve_text("busy: what it takes is in use");
    default:
        return valve_text("io: an operation of the server failed");
    }
}
