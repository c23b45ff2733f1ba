/* SPDX-License-Identifier: MIT */
/*
 * Telling the service manager how it goes. Without systemd, nothing is told.
 */
#ifndef VALVED_NOTIFY_H
#define VALVED_NOTIFY_H

/* Connections are being accepted. */
void notify_ready(void);

/* No connection is accepted any more, what was read is being answered. */
void notify_stopping(void);

#endif
