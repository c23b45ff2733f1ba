/* SPDX-License-Identifier: MIT */
/*
 * valvectl, the client of valved: the table of its commands.
 */
#include <stdio.h>

#include "commands.h"
#include "options.h"
#include "save.h"
#include "session.h"

const struct command commands[] = {
    {"list", "ls", "l0J", false, list_run, NULL, "list [-l] [-0] [--json]", "all files"},
    {"size", NULL, "0JF", true, size_run, NULL, "size [-0] [--json] NAME...", "lengths in bytes"},
    {"get", NULL, "0JFoS", true, get_run, get_check, "get [-o WHERE] NAME...", "fetch files"},
    {"exists", NULL, "0JFq", true, exists_run, NULL, "exists [-q] [-0] [--json] NAME...",
     "yes or no"},
    {"del", "rm", "0JF", true, del_run, NULL, "del [--json] NAME...", "delete files"},
    {"ping", NULL, "ci", false, ping_run, NULL, "ping [-c COUNT] [-i TIME]",
     "measure how soon the server answers"},
    {0},
};

int main(int argc, char **argv)
{
    struct options options;
    struct session session;

    if (options_parse(argc, argv, &options) < 0)
        return STATUS_USAGE;
    if (options.command == NULL) /* help or version: they have been printed */
        return fflush(stdout) == 0 && fclose(stdout) == 0 ? STATUS_DONE : STATUS_LOCAL;
    save_handle_signals();
    if (session_open(&session, &options) == 0)
        options.command->run(&session);
    return (int)session_close(&session);
}
