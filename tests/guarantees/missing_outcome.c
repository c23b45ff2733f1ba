/* SPDX-License-Identifier: MIT */
/* An outcome of a call that nobody thought of. */
#include "kinds.h"

int64_t value_or_zero(const struct kinds_double_result *result);

int64_t value_or_zero(const struct kinds_double_result *result)
{
    switch (result->outcome) {
    case KINDS_DOUBLE_GOT_VALUE:
        return result->value;
    case KINDS_DOUBLE_GOT_ERROR:
        break;
#ifndef FAULT
    case KINDS_DOUBLE_FAILED:
        break;
#endif
    }
    return 0;
}
