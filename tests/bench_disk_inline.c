/* SPDX-License-Identifier: MIT */
/*
 * valved without its I/O pool, for contrast: linked into a valved in which each call of
 * valve_call_run() and valve_call_order() comes here, so that the worker does itself whatever may block.
 */
#include "valve.h"

int __wrap_valve_call_run(struct valve_call *call, struct valve_job *job);
int __wrap_valve_call_order(struct valve_call *call, struct valve_job *job);

int __wrap_valve_call_run(struct valve_call *call, struct valve_job *job)
{
    (void)call;
    job->work(job);
    return 0;
}

/* valve_call_await() finds it done. */
int __wrap_valve_call_order(struct valve_call *call, struct valve_job *job)
{
    return __wrap_valve_call_run(call, job);
}
