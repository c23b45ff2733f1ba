/* SPDX-License-Identifier: MIT */
/* A variant of a sum that nobody thought of. */
#include "kinds.h"

uint64_t area(const struct kinds_shape *shape);

uint64_t area(const struct kinds_shape *shape)
{
    switch (shape->kind) {
    case KINDS_SHAPE_CIRCLE:
        return 3 * shape->circle * shape->circle;
    case KINDS_SHAPE_BOX:
        return shape->box.width * shape->box.height;
#ifndef FAULT
    case KINDS_SHAPE_POINT:
        break;
#endif
    }
    return 0;
}
