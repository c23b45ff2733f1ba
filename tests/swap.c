/* SPDX-License-Identifier: MIT */
/*
 * Has pairs of paths change places, again and again, each pair in turn, and says in the end how often:
 *
 *     swap NUMBER A B [A B]...
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    unsigned long number = argc > 1 ? strtoul(argv[1], NULL, 10) : 0, done;

    if (number == 0 || argc < 4 || argc % 2 != 0) {
        fprintf(stderr, "usage: swap NUMBER A B [A B]...\n");
        return EXIT_FAILURE;
    }
    for (done = 0; done < number; done++) {
        char **pair = argv + 2 + done * 2 % (unsigned)(argc - 2);

        if (renameat2(AT_FDCWD, pair[0], AT_FDCWD, pair[1], RENAME_EXCHANGE) < 0) {
            fprintf(stderr, "swap: %s and %s: %s\n", pair[0], pair[1], strerror(errno));
            return EXIT_FAILURE;
        }
    }
    printf("%lu\n", done);
    return EXIT_SUCCESS;
}
