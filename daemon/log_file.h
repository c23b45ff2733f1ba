/* SPDX-License-Identifier: MIT */
/*
 * A file that lines are added to, and that logrotate(8) may put another in place of.
 */
#ifndef VALVED_LOG_FILE_H
#define VALVED_LOG_FILE_H

#include "daemon/log.h"

struct log_file {
    char *path;     /* NULL: there is none, and lines go where the log goes */
    int descriptor; /* -1: not open */
    bool is_torn;   /* the line before is there in part */
    uint64_t complained_at;
};

/* Opens nothing yet. "" is no file. 0 or -ENOMEM. */
int log_file_init(struct log_file *file, const char *path);

/*
 * Opens it, and makes it if need be: as the user that will open it again. May wait. 0 or -errno,
 * explained in *ret_error by `what` it is.
 */
int log_file_open(struct log_file *file, const char *what, struct valve_error *ret_error);

/* One that was only zeroed is accepted. */
void log_file_close(struct log_file *file);

/*
 * Goes on in the file that has the name now, if another was moved away, while others write. `what`
 * it is, for the log. 0 or -errno, logged.
 */
int log_file_reopen(const struct log_file *file, struct log *log, const char *what);

/*
 * Writes whole lines, behind what is left of one that could not be written whole. Waits `patience`
 * ms for a pipe that takes nothing (-1: as long as it takes), and for the disk. 0 or -errno; how
 * much was written is told in any case. One thread at a time.
 */
int log_file_write(struct log_file *file, const char *lines, size_t size, int patience,
                   size_t *ret_written);

/*
 * Logs that it could not be written, and `consequence`, words that follow, now and then. As
 * log_file_write().
 */
void log_file_complain(struct log_file *file, struct log *log, const char *what, int error,
                       const char *consequence);

#endif
