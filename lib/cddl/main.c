/* SPDX-License-Identifier: MIT */
/*
 * valve-cddl: compiles a schema to C, or says what is wrong with it, or what changed in it.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cddl/canon.h"
#include "cddl/compile.h"
#include "cddl/diff.h"
#include "cddl/files.h"
#include "config.h"

struct options {
    enum task { NOTHING, COMPILE, CHECK, DIGEST, DIFF } task;
    const char *directory;
    const char *schema;
    const char *older; /* to be compared with */
};

static const char usage[] = "usage: valve-cddl -o DIR SCHEMA.cddl\n"
                            "       valve-cddl --check SCHEMA.cddl\n"
                            "       valve-cddl --digest SCHEMA.cddl\n"
                            "       valve-cddl --diff OLD.cddl NEW.cddl\n";

static int refuse_usage(const char *why)
{
    fprintf(stderr, "valve-cddl: %s\n%s", why, usage);
    return EX_USAGE;
}

/* What is left of the command line. -1: go on; else the status to exit with. */
static int read_operands(int count, char **operands, struct options *options)
{
    if (options->task == NOTHING)
        return refuse_usage("one of -o DIR, --check, --digest and --diff says what to do");
    if (options->task == DIFF && count != 2)
        return refuse_usage("two schemas are compared, the older first");
    if (options->task != DIFF && count != 1)
        return refuse_usage("one schema is compiled at a time");
    options->older = operands[0];
    options->schema = operands[count - 1];
    return -1;
}

/* -1: go on; else the status to exit with. */
static int read_options(int argc, char **argv, struct options *ret_options)
{
    static const struct option names[] = {
        {"output", required_argument, NULL, 'o'},
        {"check", no_argument, NULL, 'c'},
        {"digest", no_argument, NULL, 'd'},
        {"diff", no_argument, NULL, 'D'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    static const enum task tasks[128] = {
        ['o'] = COMPILE, ['c'] = CHECK, ['d'] = DIGEST, ['D'] = DIFF};

    for (int letter; (letter = getopt_long(argc, argv, "o:hV", names, NULL)) != -1;) {
        if (letter == 'h')
            return fputs(usage, stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        if (letter == 'V')
            return puts("valve-cddl " PACKAGE_VERSION) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        if (letter == '?')
            return fputs(usage, stderr) < 0 ? EXIT_FAILURE : EX_USAGE;
        if (ret_options->task != NOTHING && ret_options->task != tasks[letter])
            return refuse_usage("one thing is done at a time");
        ret_options->task = tasks[letter];
        if (letter == 'o')
            ret_options->directory = optarg;
    }
    return read_operands(argc - optind, argv + optind, ret_options);
}

/* ---- Schemas ---- */

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

/* `name` is what the service must be called, or NULL. Returns the status to exit with. */
static int load(struct cddl_pool *pool, const char *path, const char *name,
                struct cddl_schema *ret_schema)
{
    struct cddl_source *source = cddl_pool_alloc(pool, 1, sizeof(*source));
    int r = cddl_source_read(source, pool, path);

    if (r < 0) {
        fprintf(stderr, "valve-cddl: %s: %s\n", path, strerror(-r));
        return EX_NOINPUT;
    }
    if (cddl_compile(source, name, ret_schema))
        return EXIT_SUCCESS;
    cddl_source_report(source, stderr);
    return EX_DATAERR;
}

/* ---- Tasks: each returns the status to exit with ---- */

static int compile(struct cddl_pool *pool, const struct options *options)
{
    const char *name = service_name(pool, options->schema);
    struct cddl_output header, tables;
    struct cddl_schema schema;

    if (name == NULL)
        return refuse_usage("the name of a schema is SERVICE.cddl");
    if (load(pool, options->schema, name, &schema) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    if (options->task == CHECK)
        return EXIT_SUCCESS;
    cddl_generate(&schema, base_name(options->schema), cddl_pool_print(pool, "%s.h", name), &header,
                  &tables);
    if (cddl_write_files(pool, options->directory, name, &header, &tables) < 0)
        return EXIT_FAILURE;
    return EXIT_SUCCESS;
}

/* So that a full disk is noticed. */
static int finish_output(int status)
{
    return fflush(stdout) == 0 && !ferror(stdout) ? status : EX_IOERR;
}

static int print_digest(struct cddl_pool *pool, const struct options *options)
{
    struct cddl_schema schema;
    int status = load(pool, options->schema, NULL, &schema);

    if (status != EXIT_SUCCESS)
        return status;
    puts(cddl_digest(&schema));
    return finish_output(EXIT_SUCCESS);
}

/* Both schemas are read, so that the faults of both are seen. */
static int print_diff(struct cddl_pool *pool, const struct options *options)
{
    struct cddl_schema old, new;
    struct cddl_diff diff;
    int status = load(pool, options->older, NULL, &old);
    int other = load(pool, options->schema, NULL, &new);

    if (status != EXIT_SUCCESS || other != EXIT_SUCCESS)
        return status != EXIT_SUCCESS ? status : other;
    cddl_compare(pool, &old, &new, &diff);
    cddl_diff_print(&diff, stdout);
    return finish_output(diff.breaks_old_clients ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int run(struct cddl_pool *pool, const struct options *options)
{
    switch (options->task) {
    case COMPILE:
    case CHECK:
        return compile(pool, options);
    case DIGEST:
        return print_digest(pool, options);
    case DIFF:
        return print_diff(pool, options);
    case NOTHING:
        break;
    }
    return EX_SOFTWARE;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    struct cddl_pool pool = {0};
    int status = read_options(argc, argv, &options);

    if (status < 0)
        status = run(&pool, &options);
    cddl_pool_free(&pool);
    return status;
}
