/* SPDX-License-Identifier: MIT */
/*
 * The table of changes.
 */
#include <config.h>

#include "tests/fresh/kinds.h"

/*
 * A change of one path, or of two, before and after which all are asked; and one that only prepares
 * or tidies up.
 */
/* clang-format off */
#define ON(action, path)           {action, path, NULL, false}
#define TO(action, from, to)       {action, from, to, false}
#define ASIDE_ON(action, path)     {action, path, NULL, true}
#define ASIDE_TO(action, from, to) {action, from, to, true}
/* clang-format on */

const struct kind change_kinds[] = {
    {"pwrite", {ON(PWRITE, "in/g/p/f")}},
    {"stored through a mapping", {ON(STORE, "in/g/p/f")}},
    {"stored and synced", {ON(STORE_AND_SYNC, "in/g/p/f")}},
    {"libaio", {ON(AIO, "in/g/p/f")}},
    {"libaio, direct", {ON(DIRECT_AIO, "in/g/p/f")}},
    {"io_uring", {ON(URING, "in/g/p/f")}},
    {"append", {ON(APPEND, "in/g/p/f")}},
    {"truncate", {ON(TRUNCATE, "in/g/p/f")}},
    {"written by a link outside",
     {ASIDE_TO(LINK, "in/g/p/f", "out/f"), ON(PWRITE, "out/f"), ON(STORE, "out/f"),
      ON(TRUNCATE, "out/f"), ON(REMOVE, "out/f")}},
    {"rename over", {ASIDE_ON(MAKE, "out/f"), TO(MOVE, "out/f", "in/g/p/f")}},
    {"rename over by io_uring", {ASIDE_ON(MAKE, "out/f"), TO(MOVE_BY_URING, "out/f", "in/g/p/f")}},
    {"exchange with outside",
     {ASIDE_ON(MAKE, "out/f"), TO(EXCHANGE, "out/f", "in/g/p/f"), ASIDE_ON(REMOVE, "out/f")}},
    {"exchange of two", {TO(EXCHANGE, "in/g/p/f", "in/g/q/f")}},
    {"unlink and create", {ASIDE_ON(REMOVE, "in/g/p/f"), ON(MAKE, "in/g/p/f")}},
    {"unlink, then create", {ON(REMOVE, "in/g/p/f"), ON(MAKE, "in/g/p/f")}},
    {"Del", {ON(REQUEST_DEL, "in/g/p/f"), ON(MAKE, "in/g/p/f")}},
    {"create", {ON(MAKE, "in/g/p/none"), ON(REMOVE, "in/g/p/none")}},
    {"link", {TO(LINK, "in/g/p/f", "in/g/p/none"), ON(REMOVE, "in/g/p/none")}},
    {"link of a nameless file", {ON(LINK_NAMELESS, "in/g/p/none"), ON(REMOVE, "in/g/p/none")}},
    {"moved out and in", {TO(MOVE, "in/g/p/f", "out/f"), TO(MOVE, "out/f", "in/g/p/f")}},
    {"moved beside", {TO(MOVE, "in/g/p/f", "in/g/p/none"), TO(MOVE, "in/g/p/none", "in/g/p/f")}},
    {"parent moved", {TO(MOVE, "in/g/p", "in/g/r"), TO(MOVE, "in/g/r", "in/g/p")}},
    {"parent moved out", {TO(MOVE, "in/g/p", "out/p"), TO(MOVE, "out/p", "in/g/p")}},
    {"parents exchanged", {TO(EXCHANGE, "in/g/p", "in/g/q"), TO(EXCHANGE, "in/g/q", "in/g/p")}},
    {"parent moved, another in its place",
     {ASIDE_TO(MOVE, "in/g/p", "in/g/r"), TO(MOVE, "in/g/q", "in/g/p"),
      ASIDE_TO(MOVE, "in/g/p", "in/g/q"), TO(MOVE, "in/g/r", "in/g/p")}},
    {"grandparent moved", {TO(MOVE, "in/g", "in/k"), TO(MOVE, "in/k", "in/g")}},
    {"grandparent moved out", {TO(MOVE, "in/g", "out/g"), TO(MOVE, "out/g", "in/g")}},
    {"grandparents exchanged", {TO(EXCHANGE, "in/g", "in/h"), TO(EXCHANGE, "in/h", "in/g")}},
    {"parent removed and made", {ON(REMOVE, "in/g/e"), ON(MAKE_DIRECTORY, "in/g/e")}},
    {"parent replaced by one that has it",
     {ASIDE_ON(MAKE_DIRECTORY, "out/e"), ASIDE_ON(MAKE, "out/e/none"), TO(MOVE, "out/e", "in/g/e"),
      ON(REMOVE, "in/g/e/none")}},
    {"parent removed, one that has it moved in",
     {ASIDE_ON(MAKE_DIRECTORY, "out/e"), ASIDE_ON(MAKE, "out/e/none"), ASIDE_ON(REMOVE, "in/g/e"),
      TO(MOVE, "out/e", "in/g/e"), ON(REMOVE, "in/g/e/none")}},
    {"exchanged with a directory",
     {ASIDE_ON(MAKE_DIRECTORY, "out/d"), TO(EXCHANGE, "out/d", "in/g/p/f"),
      TO(EXCHANGE, "out/d", "in/g/p/f"), ASIDE_ON(REMOVE, "out/d")}},
    {"became a directory",
     {ASIDE_ON(REMOVE, "in/g/p/f"), ON(MAKE_DIRECTORY, "in/g/p/f"), ASIDE_ON(REMOVE, "in/g/p/f"),
      ON(MAKE, "in/g/p/f")}},
    {"became a link",
     {ASIDE_TO(MAKE_LINK, "out/l", "near"), TO(MOVE, "out/l", "in/g/p/f"), ASIDE_ON(MAKE, "out/f"),
      TO(MOVE, "out/f", "in/g/p/f")}},
    {"became a FIFO",
     {ASIDE_ON(MAKE_FIFO, "out/l"), TO(MOVE, "out/l", "in/g/p/f"), ASIDE_ON(MAKE, "out/f"),
      TO(MOVE, "out/f", "in/g/p/f")}},
    {"parent became a link",
     {ASIDE_TO(MOVE, "in/g/p", "in/g/r"), TO(MAKE_LINK, "in/g/p", "r"), ASIDE_ON(REMOVE, "in/g/p"),
      TO(MOVE, "in/g/r", "in/g/p")}},
    {"chmod", {ON(FORBID, "in/g/p/f"), ON(ALLOW, "in/g/p/f")}},
    {"chmod by a link outside",
     {ASIDE_TO(LINK, "in/g/p/f", "out/f"), ON(FORBID, "out/f"), ON(ALLOW, "out/f"),
      ASIDE_ON(REMOVE, "out/f")}},
    {"chmod of both names",
     {ASIDE_TO(LINK, "in/g/p/f", "in/g/p/none"), ON(FORBID, "in/g/p/f"), ON(ALLOW, "in/g/p/none"),
      ASIDE_ON(REMOVE, "in/g/p/none")}},
    {"chmod of the parent", {ON(FORBID, "in/g/p"), ON(ALLOW, "in/g/p")}},
    {"chmod of the grandparent", {ON(FORBID, "in/g"), ON(ALLOW, "in/g")}},
    {.name = NULL},
};

const struct kind mount_kinds[] = {
    {"mount", {ON(MOUNT, "in/g/p"), ON(MAKE, "in/g/p/f"), ON(UNMOUNT, "in/g/p")}},
    {"mount over the grandparent", {ON(MOUNT, "in/g"), ON(UNMOUNT, "in/g")}},
    {"bind mount", {TO(BIND, "in/g/q", "in/g/p"), ON(UNMOUNT, "in/g/p")}},
    {.name = NULL},
};

const char *const asked_paths[ASKED] = {
    "in/g/p/f",    "in/g/p/near", "in/g/p/none", "in/g/q/f",    "in/g/q/none",
    "in/g/e/none", "in/g/r/f",    "in/h/p/f",    "in/h/p/none", "in/g/p",
};
