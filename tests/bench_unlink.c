/* SPDX-License-Identifier: MIT */
/*
 * Removes files beneath a directory one after another, and prints nanoseconds that passed and
 * nanoseconds of CPU: what a server's Del is compared with.
 *
 *     bench_unlink DIRECTORY NAME...
 */
#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static unsigned long long nanoseconds(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (unsigned long long)time.tv_sec * 1000000000 + (unsigned long long)time.tv_nsec;
}

int main(int argc, char **argv)
{
    int root = argc > 2 ? open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    unsigned long long begin = nanoseconds(CLOCK_MONOTONIC);
    unsigned long long begin_cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);

    for (int i = 2; i < argc; i++) {
        if (unlinkat(root, argv[i], 0) < 0) {
            perror(argv[i]);
            return EXIT_FAILURE;
        }
    }
    printf("%llu %llu\n", nanoseconds(CLOCK_MONOTONIC) - begin,
           nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - begin_cpu);
    return argc > 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
