/* SPDX-License-Identifier: MIT */
/*
 * Messages to systemd, where valved is built with libsystemd and started by it.
 */
#include <config.h>

#include "daemon/notify.h"

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>

void notify_ready(void)
{
    sd_notify(0, "READY=1\nSTATUS=Serving");
}

void notify_stopping(void)
{
    sd_notify(0, "STOPPING=1\nSTATUS=Answering what was asked, then stopping");
}

#else

void notify_ready(void)
{
}

void notify_stopping(void)
{
}

#endif
