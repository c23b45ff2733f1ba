/* SPDX-License-Identifier: MIT */
/*
 * Values made by hand.
 */
#include <string.h>

#include "valve.h"

struct valve_text valve_text(const char *string)
{
    return (struct valve_text){.data = string, .size = strlen(string)};
}
