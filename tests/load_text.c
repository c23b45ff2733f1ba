/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.1 with kept connections, and memcached's text protocol: GET, and the heads of answers.
 */
#include "load_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- Requests -------------------------------------------------------------------------------- */

static void prepare(struct load_text *text, size_t count)
{
    *text = (struct load_text){
        .requests = calloc(count, sizeof *text->requests),
        .sizes = calloc(count, sizeof *text->sizes),
    };
    if (text->requests == NULL || text->sizes == NULL)
        abort();
}

/* One more; `size` is what asprintf() returned. */
static void add(struct load_text *text, char *request, int size)
{
    if (size < 0)
        abort();
    text->requests[text->count] = request;
    text->sizes[text->count++] = (size_t)size;
    if ((size_t)size > text->longest)
        text->longest = (size_t)size;
}

void load_text_fini(struct load_text *text)
{
    for (size_t i = 0; i < text->count; i++)
        free(text->requests[i]);
    free(text->requests);
    free(text->sizes);
}

static size_t write_request(void *context, uint32_t slot, uint8_t *ret_kind, uint8_t *data)
{
    struct load_text *text = context;
    size_t size = text->sizes[text->next];

    (void)slot;
    memcpy(data, text->requests[text->next], size);
    *ret_kind = 0;
    if (++text->next == text->count)
        text->next = 0;
    return size;
}

/* A number of decimal digits, which must end before `end`. Returns behind it; NULL: there is none. */
static const char *read_number(const char *next, const char *end, uint64_t *ret_number)
{
    const char *begin = next;
    uint64_t number = 0;

    for (; next < end && *next >= '0' && *next <= '9'; next++)
        number = number * 10 + (uint64_t)(*next - '0');
    *ret_number = number;
    return next == begin || next == end || next - begin > 18 ? NULL : next;
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

#define STATUS_AT 9 /* in "HTTP/1.1 200 OK" */

static const char *http_error_name(unsigned error)
{
    static const char *const names[] = {"1xx", "2xx", "3xx", "4xx", "5xx", "other"};

    return names[error - LOAD_ERROR_FIRST];
}

static uint8_t http_error(uint64_t status)
{
    if (status == 200)
        return 0;
    return (uint8_t)(LOAD_ERROR_FIRST + (status >= 100 && status < 600 ? status / 100 - 1 : 5));
}

/* The length of the body, from a head that ends at `end`. -EPROTO: it does not say. */
static int http_body(const char *line, const char *end, uint64_t *ret_body)
{
    static const char name[] = "\ncontent-length:";

    for (; line < end && (line = memchr(line, '\n', (size_t)(end - line))) != NULL; line++) {
        if ((line[1] | 0x20) != 'c' || strncasecmp(line, name, sizeof name - 1) != 0)
            continue;
        for (line += sizeof name - 1; *line == ' '; line++)
            ;
        return read_number(line, end, ret_body) == NULL ? -EPROTO : 0;
    }
    return -EPROTO;
}

static ssize_t http_read(void *context, const uint8_t *data, size_t size,
                         struct load_answer *ret_answer, const char **ret_problem)
{
    const char *head = (const char *)data;
    const char *end = memmem(head, size, "\r\n\r\n", 4);
    struct load_answer answer = {0};
    uint64_t status = 0;

    (void)context;
    if (end == NULL)
        return 0;
    end += 4;
    if (strncmp(head, "HTTP/1.1 ", STATUS_AT) != 0 ||
        read_number(head + STATUS_AT, end, &status) == NULL ||
        http_body(head, end, &answer.body) < 0) {
        *ret_problem = "no answer of HTTP/1.1 with a length";
        return -EPROTO;
    }
    answer.error = http_error(status);
    *ret_answer = answer;
    return end - head;
}

struct load_protocol load_http(struct load_text *text, const char *host, char **names, size_t count)
{
    prepare(text, count);
    for (size_t i = 0; i < count; i++) {
        char *request = NULL;
        int size = asprintf(&request, "GET /%s HTTP/1.1\r\nHost: %s\r\n\r\n", names[i],
                            strncmp(host, "unix:", 5) == 0 ? "localhost" : host);

        add(text, request, size);
    }
    return (struct load_protocol){.context = text,
                                  .in_order = true,
                                  .request_room = text->longest,
                                  .write = write_request,
                                  .read = http_read,
                                  .error_name = http_error_name};
}

/* ---- memcached ------------------------------------------------------------------------------- */

static const char *memcached_error_name(unsigned error)
{
    return error == LOAD_ERROR_FIRST ? "miss" : "error";
}

/* VALUE KEY FLAGS BYTES: the data, a line end, and END stand behind it. */
static int memcached_body(const char *line, const char *end, uint64_t *ret_body)
{
    const char *space = memrchr(line, ' ', (size_t)(end - line));
    static const char tail[] = "\r\nEND\r\n";

    if (space == NULL || read_number(space + 1, end, ret_body) == NULL)
        return -EPROTO;
    *ret_body += sizeof tail - 1;
    return 0;
}

static ssize_t memcached_read(void *context, const uint8_t *data, size_t size,
                              struct load_answer *ret_answer, const char **ret_problem)
{
    const char *line = (const char *)data;
    const char *end = memchr(line, '\n', size);
    struct load_answer answer = {0};

    (void)context;
    if (end == NULL)
        return 0;
    if (strncmp(line, "VALUE ", 6) == 0) {
        if (memcached_body(line, end, &answer.body) < 0) {
            *ret_problem = "no answer of memcached";
            return -EPROTO;
        }
    } else {
        answer.error = strncmp(line, "END\r", 4) == 0 ? LOAD_ERROR_FIRST : LOAD_ERROR_FIRST + 1;
    }
    *ret_answer = answer;
    return end + 1 - line;
}

struct load_protocol load_memcached(struct load_text *text, char **names, size_t count)
{
    prepare(text, count);
    for (size_t i = 0; i < count; i++) {
        char *request = NULL;
        int size = asprintf(&request, "get %s\r\n", names[i]);

        add(text, request, size);
    }
    return (struct load_protocol){.context = text,
                                  .in_order = true,
                                  .request_room = text->longest,
                                  .write = write_request,
                                  .read = memcached_read,
                                  .error_name = memcached_error_name};
}
