/* SPDX-License-Identifier: MIT */
/*
 * What the bytes are: values of a type, or one direction of a connection's traffic.
 */
#ifndef VALVE_CBOR_SUBJECT_H
#define VALVE_CBOR_SUBJECT_H

#include "tables/tables.h"

enum subject_kind {
    SUBJECT_VALUES,
    SUBJECT_TO_SERVER, /* requests and cancels, each in its envelope */
    SUBJECT_TO_CLIENT, /* replies and items of streams, likewise */
};

struct subject {
    enum subject_kind kind;
    const struct valve_type *type; /* of values */
    const struct valve_tables *tables;
};

/* What -t names; NULL: requests. -EINVAL after saying that there is no such thing. */
int subject_find(const struct valve_tables *tables, const char *name, struct subject *ret_subject);

#endif
