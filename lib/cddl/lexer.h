/* SPDX-License-Identifier: MIT */
/*
 * The lexer cuts a schema into the words of the CDDL subset and refuses all other signs by name.
 */
#ifndef VALVE_CDDL_LEXER_H
#define VALVE_CDDL_LEXER_H

#include <stdbool.h>
#include <stdint.h>

#include "cddl/source.h"

enum cddl_word {
    CDDL_WORD_END,
    CDDL_WORD_BAD, /* a problem was noted */
    CDDL_WORD_NAME,
    CDDL_WORD_TEXT,
    CDDL_WORD_NUMBER,
    CDDL_WORD_SIZE,      /* .size */
    CDDL_WORD_RANGE,     /* .. */
    CDDL_WORD_RANGE_TO,  /* ... */
    CDDL_WORD_ASSIGN,    /* = */
    CDDL_WORD_ARROW,     /* => */
    CDDL_WORD_COLON,     /* : */
    CDDL_WORD_COMMA,     /* , */
    CDDL_WORD_SLASH,     /* / */
    CDDL_WORD_OPTIONAL,  /* ? */
    CDDL_WORD_STAR,      /* * */
    CDDL_WORD_PLUS,      /* + */
    CDDL_WORD_MAP,       /* { */
    CDDL_WORD_MAP_END,   /* } */
    CDDL_WORD_ARRAY,     /* [ */
    CDDL_WORD_ARRAY_END, /* ] */
    CDDL_WORD_GROUP,     /* ( */
    CDDL_WORD_GROUP_END, /* ) */
};

struct cddl_number {
    bool negative; /* never with 0 */
    uint64_t magnitude;
};

struct cddl_token {
    enum cddl_word word;
    struct cddl_span span;
    struct cddl_number number;
};

/* A comment for the compiler, which other tools of CDDL pass over: ;@WORD ARGUMENT */
struct cddl_annotation {
    struct cddl_span span;     /* from the @ to the end of its line */
    struct cddl_span word;     /* with the @ */
    struct cddl_span argument; /* a name; of size 0 if there is none */
    bool whole;                /* nothing stands behind the argument */
    struct cddl_annotation *next;
};

struct cddl_lexer {
    struct cddl_source *source;
    size_t next; /* offset of the first byte not yet read */
    struct cddl_annotation *annotations, *last_annotation; /* met so far; the reader takes them */
};

struct cddl_token cddl_lexer_next(struct cddl_lexer *lexer);

#endif
