/* SPDX-License-Identifier: MIT */
/*
 * valve-cddl: compiles a schema to C, or says what is wrong with it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "cddl/compile.h"
#include "config.h"

struct options {
    const char *directory; /* NULL: only check */
    const char *schema;
};

static const char usage[] = "usage: valve-cddl -o DIR SCHEMA.cddl\n"
                            "       valve-cddl --check SCHEMA.cddl\n";

static int refuse_usage(const char *why)
{
    fprintf(stderr, "valve-cddl: %s\n%s", why, usage);
    return EX_USAGE;
}

/* -1: go on; else the status to exit with. */
static int read_options(int argc, char **argv, struct options *ret_options)
{
    static const struct option names[] = {
        {"output", required_argument, NULL, 'o'},
        {"check", no_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {0};
    bool check = false;

    for (int letter; (letter = getopt_long(argc, argv, "o:hV", names, NULL)) != -1;) {
        if (letter == 'o')
            options.directory = optarg;
        else if (letter == 'c')
            check = true;
        else if (letter == 'h')
            return fputs(usage, stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        else if (letter == 'V')
            return puts("valve-cddl " PACKAGE_VERSION) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        else
            return fputs(usage, stderr) < 0 ? EXIT_FAILURE : EX_USAGE;
    }
    if (optind + 1 != argc)
        return refuse_usage("one schema is compiled at a time");
    if (check == (options.directory != NULL))
        return refuse_usage("either -o DIR or --check says what to do");
    options.schema = argv[optind];
    *ret_options = options;
    return -1;
}

static void complain(const char *what)
{
    fprintf(stderr, "valve-cddl: %s: %s\n", what, strerror(errno));
}

/* Reads a file, at most one byte more than a schema may have. */
static int read_schema(struct cddl_pool *pool, const char *path, char **ret_text, size_t *ret_size)
{
    FILE *stream = fopen(path, "re");
    char *text;
    size_t size;

    if (stream == NULL) {
        complain(path);
        return -1;
    }
    text = cddl_pool_alloc(pool, CDDL_MAX_SOURCE + 1, 1);
    size = fread(text, 1, CDDL_MAX_SOURCE + 1, stream);
    if (ferror(stream)) {
        complain(path);
        fclose(stream);
        return -1;
    }
    fclose(stream);
    *ret_text = text;
    *ret_size = size;
    return 0;
}

/* ---- Output ---- */

/* A file that stands beside its place until it is whole. */
struct draft {
    const char *path;
    char *temporary;
};

static int write_draft(struct cddl_pool *pool, struct draft *draft,
                       const struct cddl_output *output)
{
    char *temporary = cddl_pool_print(pool, "%s.XXXXXX", draft->path);
    int descriptor = mkstemp(temporary);
    mode_t mask = umask(0);
    FILE *stream;
    bool whole;

    umask(mask);
    if (descriptor < 0) {
        complain(draft->path);
        return -1;
    }
    draft->temporary = temporary;
    stream = fdopen(descriptor, "w");
    if (stream == NULL) {
        complain(temporary);
        close(descriptor);
        return -1;
    }
    whole = fwrite(output->text, 1, output->size, stream) == output->size;
    whole = fchmod(descriptor, 0666 & ~mask) == 0 && whole;
    if (fclose(stream) != 0 || !whole) {
        complain(temporary);
        return -1;
    }
    return 0;
}

static int publish_draft(struct draft *draft)
{
    if (rename(draft->temporary, draft->path) != 0) {
        complain(draft->path);
        return -1;
    }
    draft->temporary = NULL;
    return 0;
}

static void discard_draft(struct draft *draft)
{
    if (draft->temporary != NULL)
        unlink(draft->temporary);
}

static int write_files(struct cddl_pool *pool, struct cddl_schema *schema, const char *source_name,
                       const char *directory, const char *name)
{
    struct draft header = {cddl_pool_print(pool, "%s/%s.h", directory, name), NULL};
    struct draft tables = {cddl_pool_print(pool, "%s/%s.c", directory, name), NULL};
    struct cddl_output header_text, tables_text;
    int result = -1;

    cddl_generate(schema, source_name, cddl_pool_print(pool, "%s.h", name), &header_text,
                  &tables_text);
    if (write_draft(pool, &header, &header_text) == 0 &&
        write_draft(pool, &tables, &tables_text) == 0 && publish_draft(&header) == 0 &&
        publish_draft(&tables) == 0)
        result = 0;
    discard_draft(&header);
    discard_draft(&tables);
    return result;
}

/* ---- The run ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* The name that the service must have: the file's without .cddl; NULL if that is missing. */
static const char *service_name(struct cddl_pool *pool, const char *path)
{
    const char *base = base_name(path), *dot = strrchr(base, '.');

    if (dot == NULL || dot == base || strcmp(dot, ".cddl") != 0)
        return NULL;
    return cddl_pool_copy(pool, base, (size_t)(dot - base));
}

static int compile(struct cddl_pool *pool, const struct options *options)
{
    const char *name = service_name(pool, options->schema);
    struct cddl_source *source = cddl_pool_alloc(pool, 1, sizeof(*source));
    struct cddl_schema schema;
    char *text;
    size_t size;

    if (name == NULL)
        return refuse_usage("the name of a schema is SERVICE.cddl");
    if (read_schema(pool, options->schema, &text, &size) < 0)
        return EXIT_FAILURE;
    cddl_source_init(source, pool, options->schema, text, size);
    if (!cddl_compile(source, name, &schema)) {
        cddl_source_report(source, stderr);
        return EXIT_FAILURE;
    }
    if (options->directory != NULL &&
        write_files(pool, &schema, base_name(options->schema), options->directory, name) < 0)
        return EXIT_FAILURE;
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct options options;
    struct cddl_pool pool = {0};
    int status = read_options(argc, argv, &options);

    if (status < 0)
        status = compile(&pool, &options);
    cddl_pool_free(&pool);
    return status;
}
