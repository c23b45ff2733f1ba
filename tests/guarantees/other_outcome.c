/* SPDX-License-Identifier: MIT */
/* An outcome of another method, among the cases of a switch. */
#include "kinds.h"

int64_t value_or_zero(const struct kinds_double_result *result);

int64_t value_or_zero(const struct kinds_double_result *result)
{
    switch (result->outcome) {
    case KINDS_DOUBLE_GOT_VALUE:
        return result->value;
#ifdef FAULT
    case KINDS_SQUARE_GOT_ERROR:
#else
    case KINDS_DOUBLE_GOT_ERROR:
#endif
    case KINDS_DOUBLE_FAILED:
        break;
    }
    return 0;
}
