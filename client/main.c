/* SPDX-License-Identifier: MIT */
/*
 * valvectl, the client of valved: the table of its commands.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "message.h"
#include "options.h"
#include "save.h"
#include "session.h"

const struct command commands[] = {
    {"list", "ls", "l0J", NAMES_NONE, list_run, NULL, "list [-l] [-0] [--json]", "all files",
     false},
    {"size", NULL, "0JF", NAMES_NEEDED, size_run, NULL, "size [-0] [--json] NAME...",
     "lengths in bytes", false},
    {"get", NULL, "0JFoS", NAMES_NEEDED, get_run, get_check, "get [-o WHERE] NAME...",
     "fetch files", false},
    {"exists", NULL, "0JFq", NAMES_NEEDED, exists_run, NULL, "exists [-q] [-0] [--json] NAME...",
     "yes or no", false},
    {"del", "rm", "0JF", NAMES_NEEDED, del_run, NULL, "del [-0] [--json] NAME...", "delete files",
     false},
    {"ping", NULL, "ci", NAMES_NONE, ping_run, NULL, "ping [-c COUNT] [-i TIME]",
     "measure how soon the server answers", false},
    {"status", NULL, "iJ", NAMES_NONE, watch_run, NULL, "status [-i TIME] [--json]",
     "what the server does and has done", true},
    {"bench", NULL, "0JFcCdnrDWMi", NAMES_ALLOWED, bench_run, bench_check,
     "bench [OPTION...] [NAME...]", "measure how much the server answers, and how soon", false},
    {0},
};

/*
 * Where a standard stream is closed, neither the connection nor a file being saved may take its
 * place. What is opened instead refuses to be used.
 */
static int hold_standard_descriptors(void)
{
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
        if (fcntl(i, F_GETFD) < 0 &&
            open("/dev/null", i == STDIN_FILENO ? O_WRONLY : O_RDONLY) != i)
            return -1;
    }
    return 0;
}

/* Help or version have been printed: that is all that was asked. */
static int end_of_help(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout) && fclose(stdout) == 0)
        return STATUS_DONE;
    complain("writing to stdout: %s", strerrordesc_np(errno));
    return STATUS_LOCAL;
}

int main(int argc, char **argv)
{
    struct options options;
    struct session session;

    if (hold_standard_descriptors() < 0) {
        complain("cannot open /dev/null for a standard stream that is closed");
        return STATUS_LOCAL;
    }
    if (options_parse(argc, argv, &options) < 0)
        return STATUS_USAGE;
    if (options.command == NULL)
        return end_of_help();
    save_handle_signals();
    if (session_open(&session, &options) == 0)
        options.command->run(&session);
    return (int)session_close(&session);
}
