/* SPDX-License-Identifier: MIT */
/*
 * Handing messages to the journal: sd_journal_sendv(3).
 */
#include <config.h>

#include "daemon/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "daemon/record.h"

#define MOST_FIELDS 16

/* JOURNAL_STREAM, which is DEVICE:INODE, names what systemd connected: systemd.exec(5). */
bool journal_is_log(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    uintmax_t device, inode;
    struct stat status;

    return stream && sscanf(stream, "%" SCNuMAX ":%" SCNuMAX, &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &status) == 0 && device == status.st_dev && inode == status.st_ino;
}

#ifdef HAVE_SYSTEMD
#define SD_JOURNAL_SUPPRESS_LOCATION /* each message would bear that of journal_send() */
#include <systemd/sd-journal.h>

/* sd_journal_sendv() reports success where there is no such socket, as in a chroot. */
bool journal_takes_fields(void)
{
    return access("/run/systemd/journal/socket", W_OK) == 0;
}

int journal_send(const char *line, size_t size)
{
    struct iovec fields[MOST_FIELDS];
    const char *next = line, *end = line + size;
    int count = 0;

    if (!journal_takes_fields()) /* any more */
        return -ENOENT;
    while (next < end && count < MOST_FIELDS) {
        const char *field = next + 1; /* behind its mark */
        const char *mark = memchr(field, RECORD_MARK, (size_t)(end - field));

        next = mark ? mark : end;
        fields[count++] = (struct iovec){(void *)field, (size_t)(next - field)}; /* only read */
    }
    return sd_journal_sendv(fields, count);
}

#else

bool journal_takes_fields(void)
{
    return false;
}

int journal_send(const char *line, size_t size)
{
    (void)line;
    (void)size;
    return -ENOSYS;
}

#endif
