/* SPDX-License-Identifier: MIT */
/*
 * From characters to words: RFC 8610, appendix B, as far as the subset goes.
 */
#include "cddl/lexer.h"

#include <string.h>

/* The byte so many places ahead; 0 behind the end. */
static char peek(const struct cddl_lexer *lexer, size_t ahead)
{
    size_t offset = lexer->next + ahead;

    return offset < lexer->source->size ? lexer->source->text[offset] : '\0';
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool starts_name(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
           byte == '@' || byte == '$';
}

static struct cddl_token take(struct cddl_lexer *lexer, enum cddl_word word, size_t size)
{
    struct cddl_token token = {.word = word, .span = {lexer->next, size}};

    lexer->next += size;
    return token;
}

static struct cddl_token refuse(struct cddl_lexer *lexer, size_t size, const char *why)
{
    struct cddl_token token = take(lexer, CDDL_WORD_BAD, size);

    cddl_problem(lexer->source, token.span, "%s", why);
    return token;
}

/* Dots and hyphens stand inside a name, never at its end. */
static struct cddl_token take_name(struct cddl_lexer *lexer)
{
    size_t size = 1, ahead = 1;

    for (;;) {
        char byte = peek(lexer, ahead);

        if (starts_name(byte) || is_digit(byte))
            size = ahead + 1;
        else if (byte != '-' && byte != '.')
            break;
        ahead++;
    }
    if (memchr(lexer->source->text + lexer->next, '$', size) != NULL)
        return refuse(lexer, size, "sockets ($name) are not in the subset");
    return take(lexer, CDDL_WORD_NAME, size);
}

/* ---- Blanks, comments, annotations ---- */

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static void skip_blanks(struct cddl_lexer *lexer)
{
    while (is_blank(peek(lexer, 0)))
        lexer->next++;
}

/* Up to the end of a line that began with ;@ */
static void take_annotation(struct cddl_lexer *lexer, size_t end)
{
    struct cddl_annotation *new = cddl_pool_alloc(lexer->source->pool, 1, sizeof(*new));

    while (is_blank(lexer->source->text[end - 1]))
        end--;
    new->span = (struct cddl_span){lexer->next, end - lexer->next};
    new->word = take_name(lexer).span;
    skip_blanks(lexer);
    if (starts_name(peek(lexer, 0)))
        new->argument = take_name(lexer).span;
    new->whole = lexer->next >= end;
    if (lexer->annotations == NULL)
        lexer->annotations = new;
    else
        lexer->last_annotation->next = new;
    lexer->last_annotation = new;
}

static void skip_comment(struct cddl_lexer *lexer)
{
    const struct cddl_source *source = lexer->source;
    const char *start = source->text + lexer->next;
    const char *end = memchr(start, '\n', source->size - lexer->next);
    size_t size = end == NULL ? source->size - lexer->next : (size_t)(end - start);

    lexer->next++;
    skip_blanks(lexer);
    if (peek(lexer, 0) == '@')
        take_annotation(lexer, (size_t)(start - source->text) + size);
    lexer->next = (size_t)(start - source->text) + size;
}

static void skip_to_word(struct cddl_lexer *lexer)
{
    for (;;) {
        skip_blanks(lexer);
        if (peek(lexer, 0) == ';')
            skip_comment(lexer);
        else if (peek(lexer, 0) == '\n')
            lexer->next++;
        else
            return;
    }
}

/* ---- Literals ---- */

/* Bytes up to the closing quote, which is the last of them, or to the end of the line. */
static size_t quoted_size(const struct cddl_lexer *lexer, char quote, bool *ret_closed)
{
    size_t size = 1;

    while (peek(lexer, size) != quote && (unsigned char)peek(lexer, size) >= 0x20)
        size += peek(lexer, size) == '\\' && (unsigned char)peek(lexer, size + 1) >= 0x20 ? 2 : 1;
    *ret_closed = peek(lexer, size) == quote;
    return size + *ret_closed;
}

static struct cddl_token take_text(struct cddl_lexer *lexer)
{
    bool closed;
    size_t size = quoted_size(lexer, '"', &closed);

    if (!closed)
        return refuse(lexer, size, "this text does not end: a \" is missing in its line");
    if (memchr(lexer->source->text + lexer->next, '\\', size) != NULL)
        return refuse(lexer, size, "escapes in text are not in the subset");
    return take(lexer, CDDL_WORD_TEXT, size);
}

/* 'abc', h'6162' and b64'YWI', after so many bytes of prefix. */
static struct cddl_token take_bytes(struct cddl_lexer *lexer, size_t prefix)
{
    struct cddl_lexer behind = {.source = lexer->source, .next = lexer->next + prefix};
    bool closed;

    return refuse(lexer, prefix + quoted_size(&behind, '\'', &closed),
                  "literals of bytes are not in the subset");
}

static int digit_value(char byte, unsigned base)
{
    int value = -1;

    if (is_digit(byte))
        value = byte - '0';
    else if (byte >= 'a' && byte <= 'f')
        value = byte - 'a' + 10;
    else if (byte >= 'A' && byte <= 'F')
        value = byte - 'A' + 10;
    return value < (int)base ? value : -1;
}

static bool is_exponent(char byte)
{
    return byte == 'e' || byte == 'E' || byte == 'p' || byte == 'P';
}

/* Whether the digits so far are the start of a literal such as 1.5, 1e9 or 0x1.8p3. */
static bool is_float(const struct cddl_lexer *lexer, size_t size, unsigned base)
{
    char byte = peek(lexer, size);

    return (byte == '.' && digit_value(peek(lexer, size + 1), base) >= 0) || is_exponent(byte);
}

static struct cddl_token refuse_float(struct cddl_lexer *lexer, size_t size, unsigned base)
{
    for (;; size++) {
        bool sign = peek(lexer, size) == '+' || peek(lexer, size) == '-';

        if (digit_value(peek(lexer, size), base) < 0 && !is_float(lexer, size, base) &&
            !(sign && is_exponent(peek(lexer, size - 1))))
            break;
    }
    return refuse(lexer, size, "floating-point literals are not in the subset");
}

static struct cddl_token take_number(struct cddl_lexer *lexer)
{
    struct cddl_number number = {.negative = peek(lexer, 0) == '-'};
    size_t size = number.negative, first;
    unsigned base = 10;
    bool overflow = false;
    struct cddl_token token;

    if (peek(lexer, size) == '0' &&
        (peek(lexer, size + 1) == 'x' || peek(lexer, size + 1) == 'b')) {
        base = peek(lexer, size + 1) == 'x' ? 16 : 2;
        size += 2;
    }
    first = size;
    for (int digit; (digit = digit_value(peek(lexer, size), base)) >= 0; size++) {
        overflow |= __builtin_mul_overflow(number.magnitude, (uint64_t)base, &number.magnitude);
        overflow |= __builtin_add_overflow(number.magnitude, (uint64_t)digit, &number.magnitude);
    }
    if (size == first)
        return refuse(lexer, size, "digits are missing in this number");
    if (base == 10 && size - first > 1 && peek(lexer, first) == '0')
        return refuse(lexer, size, "a number does not begin with 0");
    if (overflow)
        return refuse(lexer, size, "this number does not fit into 64 bits");
    if (base != 2 && is_float(lexer, size, base))
        return refuse_float(lexer, size, base);
    if (starts_name(peek(lexer, size)) || is_digit(peek(lexer, size)))
        return refuse(lexer, size + 1, "a number ends in something that is no digit");
    number.negative = number.negative && number.magnitude != 0;
    token = take(lexer, CDDL_WORD_NUMBER, size);
    token.number = number;
    return token;
}

static struct cddl_token take_dots(struct cddl_lexer *lexer)
{
    size_t size = 1;

    if (peek(lexer, 1) == '.')
        return peek(lexer, 2) == '.' ? take(lexer, CDDL_WORD_RANGE_TO, 3)
                                     : take(lexer, CDDL_WORD_RANGE, 2);
    while (starts_name(peek(lexer, size)) || is_digit(peek(lexer, size)))
        size++;
    if (size == 5 && memcmp(lexer->source->text + lexer->next, ".size", 5) == 0)
        return take(lexer, CDDL_WORD_SIZE, size);
    return refuse(lexer, size, "of the control operators only .size is in the subset");
}

static struct cddl_token take_slash(struct cddl_lexer *lexer)
{
    if (peek(lexer, 1) == '=')
        return refuse(lexer, 2, "a rule cannot be extended (/=) in the subset: write it whole");
    if (peek(lexer, 1) == '/' && peek(lexer, 2) == '=')
        return refuse(lexer, 3, "a group cannot be extended (//=) in the subset");
    if (peek(lexer, 1) == '/')
        return refuse(lexer, 2, "group choices (//) are not in the subset: choose between types");
    return take(lexer, CDDL_WORD_SLASH, 1);
}

static struct cddl_token take_foreign(struct cddl_lexer *lexer)
{
    char byte = peek(lexer, 0);
    size_t size = 1;

    switch (byte) {
    case '<':
        while (peek(lexer, size - 1) != '>' && (unsigned char)peek(lexer, size) > ' ')
            size++;
        return refuse(lexer, size, "generic rules (<...>) are not in the subset");
    case '&':
        return refuse(lexer, 1, "enumerations of groups (&) are not in the subset");
    case '~':
        return refuse(lexer, 1, "unwrapping (~) is not in the subset");
    case '#':
        while (is_digit(peek(lexer, size)) || peek(lexer, size) == '.')
            size++;
        return refuse(lexer, size, "tags and major types (#) are not in the subset");
    case '^':
        return refuse(lexer, 1, "cuts (^) are not in the subset: keys are always cut");
    case '\'':
        return take_bytes(lexer, 0);
    default:
        break;
    }
    while ((peek(lexer, size) & 0xc0) == 0x80)
        size++;
    return refuse(lexer, size, "no word of CDDL begins with this character");
}

static struct cddl_token take_sign(struct cddl_lexer *lexer)
{
    switch (peek(lexer, 0)) {
    case '=':
        return peek(lexer, 1) == '>' ? take(lexer, CDDL_WORD_ARROW, 2)
                                     : take(lexer, CDDL_WORD_ASSIGN, 1);
    case '/':
        return take_slash(lexer);
    case '.':
        return take_dots(lexer);
    case ':':
        return take(lexer, CDDL_WORD_COLON, 1);
    case ',':
        return take(lexer, CDDL_WORD_COMMA, 1);
    case '?':
        return take(lexer, CDDL_WORD_OPTIONAL, 1);
    case '*':
        return take(lexer, CDDL_WORD_STAR, 1);
    case '+':
        return take(lexer, CDDL_WORD_PLUS, 1);
    case '{':
        return take(lexer, CDDL_WORD_MAP, 1);
    case '}':
        return take(lexer, CDDL_WORD_MAP_END, 1);
    case '[':
        return take(lexer, CDDL_WORD_ARRAY, 1);
    case ']':
        return take(lexer, CDDL_WORD_ARRAY_END, 1);
    case '(':
        return take(lexer, CDDL_WORD_GROUP, 1);
    case ')':
        return take(lexer, CDDL_WORD_GROUP_END, 1);
    default:
        return take_foreign(lexer);
    }
}

struct cddl_token cddl_lexer_next(struct cddl_lexer *lexer)
{
    char byte;

    skip_to_word(lexer);
    byte = peek(lexer, 0);
    if (lexer->next >= lexer->source->size)
        return take(lexer, CDDL_WORD_END, 0);
    if (byte == 'h' && peek(lexer, 1) == '\'')
        return take_bytes(lexer, 1);
    if (byte == 'b' && peek(lexer, 1) == '6' && peek(lexer, 2) == '4' && peek(lexer, 3) == '\'')
        return take_bytes(lexer, 3);
    if (starts_name(byte))
        return take_name(lexer);
    if (byte == '"')
        return take_text(lexer);
    if (is_digit(byte) || (byte == '-' && is_digit(peek(lexer, 1))))
        return take_number(lexer);
    return take_sign(lexer);
}
