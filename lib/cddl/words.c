/* SPDX-License-Identifier: MIT */
/*
 * From names of a schema to words that C names are made of.
 */
#include <stdlib.h>
#include <string.h>

#include "cddl/schema.h"

/* Keywords of C and C++, and macros that a header may have defined; sorted. */
static const char *const reserved[] = {
    "alignas",      "alignof",      "and",           "and_eq",      "asm",
    "assert",       "auto",         "bitand",        "bitor",       "bool",
    "break",        "case",         "catch",         "char",        "char16_t",
    "char32_t",     "char8_t",      "class",         "co_await",    "co_return",
    "co_yield",     "compl",        "complex",       "concept",     "const",
    "const_cast",   "consteval",    "constexpr",     "constinit",   "continue",
    "decltype",     "default",      "delete",        "do",          "double",
    "dynamic_cast", "else",         "enum",          "errno",       "explicit",
    "export",       "extern",       "false",         "float",       "for",
    "friend",       "goto",         "i386",          "if",          "imaginary",
    "inline",       "int",          "linux",         "long",        "mutable",
    "namespace",    "new",          "noexcept",      "not",         "not_eq",
    "nullptr",      "offsetof",     "operator",      "or",          "or_eq",
    "private",      "protected",    "public",        "register",    "reinterpret_cast",
    "requires",     "restrict",     "return",        "short",       "signed",
    "sizeof",       "static",       "static_assert", "static_cast", "stderr",
    "stdin",        "stdout",       "struct",        "switch",      "template",
    "this",         "thread_local", "throw",         "true",        "try",
    "typedef",      "typeid",       "typename",      "typeof",      "typeof_unqual",
    "union",        "unix",         "unsigned",      "using",       "virtual",
    "void",         "volatile",     "wchar_t",       "while",       "xor",
    "xor_eq",
};

static bool is_capital(char byte)
{
    return byte >= 'A' && byte <= 'Z';
}

static bool is_small(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
}

/* A capital begins a word behind a small letter, and as the last of several capitals. */
static bool begins_word(const char *name, size_t at)
{
    if (at == 0 || !is_capital(name[at]))
        return false;
    return is_small(name[at - 1]) || (is_capital(name[at - 1]) && is_small(name[at + 1]) &&
                                      !(name[at + 1] >= '0' && name[at + 1] <= '9'));
}

const char *cddl_snake(struct cddl_source *source, struct cddl_span span, const char *name)
{
    size_t length = strlen(name), size = 0;
    char *word = cddl_pool_alloc(source->pool, 2 * length + 2, 1);

    if (name[0] >= '0' && name[0] <= '9')
        word[size++] = '_';
    for (size_t i = 0; i < length; i++) {
        bool blank = strchr("-_. @", name[i]) != NULL;

        if (!blank && !is_small(name[i]) && !is_capital(name[i])) {
            cddl_problem(source, span,
                         "no C name can be made of \"%.40s\": letters A to Z, digits and - _ . are "
                         "what it may have",
                         name);
            return "broken";
        }
        if ((blank || begins_word(name, i)) && size > 0 && word[size - 1] != '_')
            word[size++] = '_';
        if (!blank)
            word[size++] = is_capital(name[i]) ? (char)(name[i] - 'A' + 'a') : name[i];
    }
    while (size > 0 && word[size - 1] == '_')
        word[--size] = '\0';
    if (size == 0) {
        cddl_problem(source, span, "no C name can be made of \"%.40s\": it has no letter", name);
        return "broken";
    }
    return word;
}

const char *cddl_upper(struct cddl_source *source, const char *word)
{
    char *upper = cddl_pool_copy(source->pool, word, strlen(word));

    for (char *byte = upper; *byte != '\0'; byte++)
        if (*byte >= 'a' && *byte <= 'z')
            *byte = (char)(*byte - 'a' + 'A');
    return upper;
}

static int by_word(const void *word, const void *entry)
{
    return strcmp(word, *(const char *const *)entry);
}

const char *cddl_escape(struct cddl_source *source, const char *word)
{
    if (bsearch(word, reserved, sizeof(reserved) / sizeof(reserved[0]), sizeof(reserved[0]),
                by_word) == NULL)
        return word;
    return cddl_pool_print(source->pool, "%s_", word);
}

void cddl_name_member(struct cddl_source *source, struct cddl_member *member)
{
    member->word = cddl_snake(source, member->span, member->name);
    member->field = cddl_escape(source, member->word);
    member->upper = cddl_upper(source, member->word);
}

/* Never begins or ends a comment of C. */
static void put_character(char *words, size_t *size, char byte)
{
    char last = *size > 0 ? words[*size - 1] : '\0';

    if ((last == '*' && byte == '/') || (last == '/' && byte == '*'))
        words[(*size)++] = ' ';
    words[(*size)++] = byte;
}

const char *cddl_words(struct cddl_source *source, struct cddl_span span)
{
    char *words = cddl_pool_alloc(source->pool, 2 * span.size + 1, 1);
    size_t size = 0, end = span.offset + span.size;
    bool quoted = false;

    for (size_t i = span.offset; i < end; i++) {
        char byte = source->text[i];

        quoted ^= byte == '"';
        if (!quoted && byte == ';')
            while (i + 1 < end && source->text[i + 1] != '\n')
                i++;
        else if (quoted || !(byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'))
            put_character(words, &size, byte);
        else if (size > 0 && words[size - 1] != ' ')
            words[size++] = ' ';
    }
    return words;
}
