/* SPDX-License-Identifier: MIT */
/*
 * Writing to stdout.
 */
#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "message.h"

static int note(struct output *output, bool failed)
{
    if (failed && output->error == 0)
        output->error = errno == 0 ? EIO : errno;
    return output->error == 0 ? 0 : -EIO;
}

static void put_hex(struct valve_bytes bytes)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes.size; i++) {
        putchar(digits[bytes.data[i] >> 4]);
        putchar(digits[bytes.data[i] & 15]);
    }
    putchar('\n');
}

int output_bytes(struct output *output, struct valve_bytes bytes)
{
    errno = 0;
    if (output->hex)
        put_hex(bytes);
    else
        fwrite(bytes.data, 1, bytes.size, stdout);
    return note(output, ferror(stdout));
}

int output_item(struct output *output, const struct item *item)
{
    errno = 0;
    item_print(item, stdout);
    putchar('\n');
    return note(output, ferror(stdout));
}

int output_flush(struct output *output)
{
    errno = 0;
    return note(output, fflush(stdout) != 0);
}

int output_close(struct output *output)
{
    output_flush(output);
    errno = 0;
    note(output, ferror(stdout)); /* what was lost before is not made good by a flush */
    note(output, fclose(stdout) != 0);
    if (output->error == 0)
        return 0;
    complain("stdout: %s", strerror(output->error));
    return -1;
}
