/* SPDX-License-Identifier: MIT */
/*
 * Trimming of a worker: a survey of its spares every ten seconds; what was too much goes, some at a
 * time. When none is left it has come to rest, and the heap gives back its free pages, too: those
 * between blocks that are kept, as a service's may be.
 */
#include "server/trim.h"

#include <stdlib.h>

#include "server/buffer.h"
#include "server/input.h"
#include "server/os.h"
#include "server/output.h"

#define TRIM_GO_ON   10000000 /* ns: where there is more than one turn should do */
#define TRIM_AT_MOST 64       /* of each kind in a turn: each may be a system call */

static bool has_spares(const struct valve_worker *worker)
{
    struct valve_scheduler_stats stats;

    valve_scheduler_get_stats(worker->scheduler, &stats);
    return stats.mapped > stats.live + VALVE_WARM_STACKS || worker->spare_inputs.count > 0 ||
           worker->spare_outputs.count > 0 || valve_buffer_pool_count(&worker->buffers) > 0;
}

static void survey(struct valve_worker *worker)
{
    valve_scheduler_survey(worker->scheduler);
    valve_buffer_pool_survey(&worker->buffers);
    valve_spares_survey(&worker->spare_inputs);
    valve_spares_survey(&worker->spare_outputs);
}

static bool trim(struct valve_worker *worker)
{
    bool more = valve_scheduler_trim(worker->scheduler, TRIM_AT_MOST);

    more |= valve_buffer_pool_trim(&worker->buffers, TRIM_AT_MOST);
    more |= valve_spares_trim(&worker->spare_inputs, TRIM_AT_MOST, valve_input_free);
    more |= valve_spares_trim(&worker->spare_outputs, TRIM_AT_MOST, free);
    return more;
}

/* All is at rest: what is left are pages that were needed at some time. */
static void give_back_pages(const struct valve_worker *worker)
{
    valve_os_forget(worker->region, VALVE_REGION);
    valve_os_trim_heap();
}

bool valve_trim_turn(struct valve_worker *worker)
{
    bool is_due = worker->now >= worker->trim_at;

    if (is_due) {
        if (!worker->is_trimming)
            survey(worker);
        worker->is_trimming = trim(worker);
        worker->trim_at = worker->is_trimming ? worker->now + TRIM_GO_ON : VALVE_NEVER;
    }
    /* After any other turn there may be pages to be given back, even if there are no spares. */
    if (worker->trim_at == VALVE_NEVER) {
        if (is_due && !has_spares(worker))
            give_back_pages(worker);
        else
            worker->trim_at = worker->now + VALVE_TRIM_EVERY;
    }
    return is_due;
}

uint64_t valve_trim_next(const struct valve_worker *worker)
{
    return worker->trim_at;
}
