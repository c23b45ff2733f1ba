/* SPDX-License-Identifier: MIT */
/*
 * Reading in pieces: the scanner finds where an item ends, looking at each byte once.
 */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE ((size_t)64 * 1024) /* bytes that are read at once */

int input_open(struct input *input, const struct options *options, struct output *output)
{
    const struct valve_limits limits = {options->limits.max_size, options->limits.max_depth};
    const char *file = options->file;

    *input = (struct input){.descriptor = STDIN_FILENO, .hex = options->hex, .output = output};
    show_name(file == NULL ? "stdin" : file, input->name);
    if (file != NULL)
        input->descriptor = open(file, O_RDONLY | O_CLOEXEC);
    if (input->descriptor < 0) {
        int error = errno;

        complain("%s: %s", input->name, strerror(error));
        return -error;
    }
    input->scanner = malloc(valve_scanner_size(limits.max_depth));
    input->data = malloc(PIECE);
    if (input->scanner == NULL || input->data == NULL) {
        complain("no memory");
        return -ENOMEM;
    }
    input->capacity = PIECE;
    valve_scanner_init(input->scanner, &limits);
    return 0;
}

void input_close(struct input *input)
{
    free(input->data);
    free(input->scanner);
    if (input->descriptor > STDERR_FILENO)
        close(input->descriptor);
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

static int value_of_digit(uint8_t digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if ((digit | 32) >= 'a' && (digit | 32) <= 'f')
        return (digit | 32) - 'a' + 10;
    return -1;
}

/* Turns digits into bytes, in place, up to what is none; returns how many. */
static size_t read_hex(struct input *input, uint8_t *data, size_t size)
{
    size_t count = 0;

    for (size_t i = 0; i < size && !input->wrong; i++) {
        int value = value_of_digit(data[i]);

        if (data[i] == ' ' || (data[i] >= '\t' && data[i] <= '\r'))
            continue;
        if (value < 0) {
            input->wrong = true;
        } else if (input->digit == 0) {
            input->digit = data[i];
        } else {
            data[count++] = (uint8_t)(value_of_digit(input->digit) << 4 | value);
            input->digit = 0;
        }
    }
    return count;
}

static int refuse_hex(const struct input *input)
{
    complain("%s: after %" PRIu64 " bytes: %s", input->name,
             input->offset + input->end - input->start,
             input->wrong ? "that is no hexadecimal digit" : "one digit alone is no byte");
    return -EIO;
}

/*
 * Room for a piece behind what is there, which is moved only over as much that is done with: so
 * each byte moves about once.
 */
static int make_room(struct input *input)
{
    size_t size = input->end - input->start, capacity = 2 * size + PIECE;
    uint8_t *larger;

    if (input->start >= size) {
        memmove(input->data, input->data + input->start, size);
        input->start = 0;
        input->end = size;
    }
    if (input->capacity - input->end >= PIECE)
        return 0;
    capacity += input->start;
    larger = realloc(input->data, capacity);
    if (larger == NULL) {
        complain("no memory");
        return -EIO;
    }
    input->data = larger;
    input->capacity = capacity;
    return 0;
}

/* Reads what there is; sets `ended` at the end. What was printed so far is shown before a wait. */
static int read_piece(struct input *input)
{
    ssize_t size;

    if (input->wrong)
        return refuse_hex(input);
    if (make_room(input) < 0)
        return -EIO;
    output_flush(input->output);
    do {
        size = read(input->descriptor, input->data + input->end, PIECE);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        complain("%s: %s", input->name, strerror(errno));
        return -EIO;
    }
    input->ended = size == 0;
    if (input->ended && input->digit != 0)
        return refuse_hex(input);
    input->end += input->hex ? read_hex(input, input->data + input->end, (size_t)size)
                             : (size_t)size;
    return 0;
}

/* ---- Items ----------------------------------------------------------------------------------- */

static int error_of(enum valve_scan verdict)
{
    if (verdict == VALVE_SCAN_TOO_LARGE)
        return -EMSGSIZE;
    return verdict == VALVE_SCAN_TOO_DEEP ? -ELOOP : -EBADMSG;
}

int input_next(struct input *input, struct valve_bytes *ret_item)
{
    enum valve_scan verdict = VALVE_SCAN_MORE;
    size_t taken;

    input->start += input->item;
    input->offset += input->item;
    input->item = 0;
    valve_scanner_init(input->scanner, &input->scanner->limits);
    while (verdict == VALVE_SCAN_MORE && !input->ended) {
        const uint8_t *next = input->data + input->start + input->item;

        verdict = valve_scanner_feed(input->scanner, next, input->end - input->start - input->item,
                                     &taken);
        input->item += taken;
        if (verdict == VALVE_SCAN_MORE && read_piece(input) < 0)
            return -EIO;
    }
    *ret_item = (struct valve_bytes){input->data + input->start, input->item};
    if (verdict == VALVE_SCAN_DONE)
        return 1;
    if (verdict != VALVE_SCAN_MORE)
        return error_of(verdict);
    return input->item == 0 ? 0 : -EAGAIN;
}
