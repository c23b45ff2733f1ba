/* SPDX-License-Identifier: MIT */
/*
 * Problems of a schema: collected while it is read, printed with the line they are about.
 */
#include "cddl/source.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { EXCERPT = 100 }; /* most bytes of a line that are shown */

void cddl_source_init(struct cddl_source *source, struct cddl_pool *pool, const char *name,
                      const char *text, size_t size)
{
    memset(source, 0, sizeof(*source));
    source->pool = pool;
    source->name = name;
    source->text = text;
    source->size = size;
}

int cddl_source_read(struct cddl_source *source, struct cddl_pool *pool, const char *path)
{
    FILE *stream = fopen(path, "re");
    int error = errno;
    char *text;
    size_t size;

    if (stream == NULL)
        return -error;
    text = cddl_pool_alloc(pool, CDDL_MAX_SOURCE + 1, 1);
    size = fread(text, 1, CDDL_MAX_SOURCE + 1, stream); /* enough to see that it is too long */
    error = ferror(stream) ? errno : 0;
    fclose(stream);
    if (error == 0)
        cddl_source_init(source, pool, path, text, size);
    return -error;
}

struct cddl_span cddl_span_join(struct cddl_span first, struct cddl_span last)
{
    return (struct cddl_span){first.offset, last.offset + last.size - first.offset};
}

void cddl_problem(struct cddl_source *source, struct cddl_span span, const char *format, ...)
{
    char text[512];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    for (unsigned i = 0; i < source->problem_count; i++) {
        const struct cddl_problem *known = &source->problems[i];

        if (known->span.offset == span.offset && strcmp(known->text, text) == 0)
            return;
    }
    if (source->problem_count == CDDL_MAX_PROBLEMS) {
        source->unshown++;
        return;
    }
    source->problems[source->problem_count++] = (struct cddl_problem){
        span, cddl_pool_copy(source->pool, text, strlen(text))};
}

bool cddl_source_sound(const struct cddl_source *source)
{
    return source->problem_count == 0;
}

size_t cddl_source_line(const struct cddl_source *source, size_t offset)
{
    size_t end = offset < source->size ? offset : source->size, line = 1;
    const char *next = source->text;

    while ((next = memchr(next, '\n', end - (size_t)(next - source->text))) != NULL) {
        next++;
        line++;
    }
    return line;
}

static bool continues_character(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

static size_t line_start(const struct cddl_source *source, size_t offset)
{
    while (offset > 0 && source->text[offset - 1] != '\n')
        offset--;
    return offset;
}

size_t cddl_source_column(const struct cddl_source *source, size_t offset)
{
    size_t column = 1;

    for (size_t i = line_start(source, offset); i < offset; i++)
        column += !continues_character(source->text[i]);
    return column;
}

static void print_line(const char *text, size_t size, FILE *stream)
{
    fputs("    ", stream);
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];

        putc((byte < 0x20 && byte != '\t') || byte == 0x7f ? '?' : byte, stream);
    }
    putc('\n', stream);
}

/* Blanks as wide as the text before the place (tabs stay tabs), then ^~~~. */
static void print_caret(const char *text, size_t before, size_t size, FILE *stream)
{
    fputs("    ", stream);
    for (size_t i = 0; i < before; i++)
        if (!continues_character(text[i]))
            putc(text[i] == '\t' ? '\t' : ' ', stream);
    putc('^', stream);
    for (size_t i = before + 1; i < before + size; i++)
        if (!continues_character(text[i]))
            putc('~', stream);
    putc('\n', stream);
}

static void print_problem(const struct cddl_source *source, const struct cddl_problem *problem,
                          FILE *stream)
{
    size_t offset = problem->span.offset, size = problem->span.size;
    size_t start = line_start(source, offset), end = offset;

    while (end < source->size && source->text[end] != '\n')
        end++;
    if (end > offset && source->text[end - 1] == '\r')
        end--;
    fprintf(stream, "%s:%zu:%zu: %s\n", source->name, cddl_source_line(source, offset),
            cddl_source_column(source, offset), problem->text);
    if (offset - start > EXCERPT / 2)
        start = offset - EXCERPT / 2;
    if (end - start > EXCERPT)
        end = start + EXCERPT;
    while (start < offset && continues_character(source->text[start]))
        start++;
    while (end > offset && end < source->size && continues_character(source->text[end]))
        end--;
    if (size > end - offset)
        size = end - offset;
    print_line(source->text + start, end - start, stream);
    print_caret(source->text + start, offset - start, size, stream);
}

static int by_offset(const void *left, const void *right)
{
    const struct cddl_problem *a = left, *b = right;

    if (a->span.offset != b->span.offset)
        return a->span.offset < b->span.offset ? -1 : 1;
    return strcmp(a->text, b->text);
}

void cddl_source_report(struct cddl_source *source, FILE *stream)
{
    qsort(source->problems, source->problem_count, sizeof(source->problems[0]), by_offset);
    for (unsigned i = 0; i < source->problem_count; i++)
        print_problem(source, &source->problems[i], stream);
    if (source->unshown > 0)
        fprintf(stream, "%s: %u more problems are not shown\n", source->name, source->unshown);
}
