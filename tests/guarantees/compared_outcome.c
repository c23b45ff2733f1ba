/* SPDX-License-Identifier: MIT */
/* An outcome of another method, compared. */
#include "kinds.h"

int64_t value_or_zero(const struct kinds_double_result *result);

int64_t value_or_zero(const struct kinds_double_result *result)
{
#ifdef FAULT
    return result->outcome == KINDS_SQUARE_GOT_VALUE ? result->value : 0;
#else
    return result->outcome == KINDS_DOUBLE_GOT_VALUE ? result->value : 0;
#endif
}
