/* SPDX-License-Identifier: MIT */
/*
 * The store's calls that may block, as jobs of the I/O pool that a handler waits for.
 *
 * Each of these suspends the calling fiber, if it does not say otherwise. Want of a resource
 * (descriptors, memory, or a name that others keep renaming) is waited out for the service's
 * io_timeout. Besides the errors of the store's own call there are those of valve_call_run():
 * -ECANCELED, -ETIMEDOUT, -EBUSY. Whatever happens, a job that nobody waits for any more frees what
 * it holds.
 */
#ifndef VALVED_SERVICE_JOBS_H
#define VALVED_SERVICE_JOBS_H

#include "daemon/service.h"

/*
 * The descriptors of jobs_open(), jobs_read() and jobs_close() are the call's, by
 * valve_call_hold(): one that the job owns, and one for whatever comes after it.
 */
#define JOBS_FILE_HELD 2

/*
 * The patience with a shortage: tries with pauses between them that grow, for the service's
 * io_timeout; the last try is when that is over.
 * pause: suspends the fiber until the next try. 0, -ECANCELED or -ETIMEDOUT (the call's own).
 */
struct jobs_patience {
    uint64_t deadline, pause; /* ns */
};
struct jobs_patience jobs_patience(const struct service *service);
bool jobs_patience_is_over(const struct jobs_patience *patience);
int jobs_pause(struct valve_call *call, struct jobs_patience *patience);

/*
 * As store_stat(), store_open(), store_remove(). Of what is removed the audit is told, and has to
 * be told before if it is required: -EBUSY.
 */
int jobs_stat(const struct service *service, struct valve_call *call, const char *path,
              struct store_info *ret_info);
int jobs_open(const struct service *service, struct valve_call *call, const char *path,
              struct store_file *ret_file);
int jobs_remove(const struct service *service, struct valve_call *call, const char *path);

/*
 * Writes to the audit that a call was denied: of `path`, of which some 1,000 bytes are told. What
 * fails of that is the audit's affair.
 */
void jobs_tell_denial(const struct service *service, struct valve_call *call, const char *operation,
                      const void *path, size_t size);

/* A small file's content. */
struct content {
    uint8_t data[VALVE_REPLY_BUFFER];
    size_t size;
};

/*
 * As store_read(), from the file that is open at `path`, into heap memory that is the caller's to
 * free(). The job takes the file, and gives it back with its present info unless it was read, or
 * the job abandoned: then *file is closed.
 */
int jobs_read(const struct service *service, struct valve_call *call, const char *path,
              struct store_file *file, struct content **ret_content);

/*
 * Closes a file, by the pool if that may take long; does not wait for it. Then the `held` places
 * that the call has for the file go with it. Returns how many did. A file without a place was not
 * kept over a wait: it was opened a moment ago, by its name, which is taken to be there still.
 */
unsigned jobs_close(struct valve_call *call, struct store_file *file, unsigned held);

/*
 * A job that does nothing but close the file when it is released, for valve_server_discard(); it
 * takes the file. NULL: there is no memory, and the file is the caller's still.
 */
struct valve_job *jobs_new_close(struct store_file *file);

#endif
