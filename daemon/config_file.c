/* SPDX-License-Identifier: MIT */
/*
 * Reading valve.ini, a line at a time.
 *
 * inih splits keys from values. It leaves much else to chance: a line longer than its buffer goes
 * on as a new key, an indented one repeats the last key, long names are cut, a header that it
 * cannot read leaves the section before in force, and it tells no line number. So the reader that
 * feeds it takes one physical line at a time, keeps the count, reports whatever inih would misread,
 * and gives it a blank line instead. Which section is open is the reader's to say, never inih's.
 */
#include <config.h>

#include "daemon/config_internal.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS "\t "

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* Whether a line may come to inih in pieces, because its buffer grows. */
#define INIH_GROWS                                                                                 \
    (HAVE_DECL_INI_USE_STACK && HAVE_DECL_INI_ALLOW_REALLOC && HAVE_DECL_INI_MAX_LINE)

struct reader {
    struct config *config;
    struct config_errors *errors;
    FILE *stream;
    unsigned line;    /* number of the line in `text`, from 1 */
    size_t total;     /* bytes read */
    bool awaits_key;  /* the line was given to inih, which has not found a key in it so far */
    const char *rest; /* what inih has still to take of `text`; NULL: nothing */
    bool in_section;  /* a header has been seen */
    bool skips;       /* the last header was wrong: what its keys mean cannot be known */
    enum config_section section;
    size_t index; /* of the section among those of its kind, if it has a name */
    unsigned headers[CONFIG_SECTION_COUNT]; /* lines of the headers, 0: none so far */
    char text[CONFIG_LINE_MAX + 2];         /* the line, with a newline when inih gets it */
};

#define FAIL(reader, ...)                                                                          \
    config_errors_add((reader)->errors, (reader)->config->path, (reader)->line, __VA_ARGS__)

/* ---- keys ---- */

/* The keys of a section. */
struct keys {
    const struct config_key *list;
    size_t count;
};

static struct keys keys_of(enum config_section section)
{
    if (section == CONFIG_LISTEN)
        return (struct keys){config_listener_keys, CONFIG_LISTEN_KEY_COUNT};
    if (section == CONFIG_ACCESS)
        return (struct keys){config_access_keys, CONFIG_ACCESS_KEY_COUNT};
    return (struct keys){config_keys, CONFIG_KEY_COUNT};
}

/* The key of that name in a section, and its index; NULL if there is none. */
static const struct config_key *find_key(enum config_section section, const char *name,
                                         size_t *ret_index)
{
    struct keys keys = keys_of(section);

    for (size_t i = 0; i < keys.count; i++) {
        if (keys.list[i].section == section && strcmp(keys.list[i].name, name) == 0) {
            *ret_index = i;
            return &keys.list[i];
        }
    }
    return NULL;
}

static bool is_named(enum config_section section)
{
    return section == CONFIG_LISTEN || section == CONFIG_ACCESS;
}

/* Says in which section a key belongs that stands in another: listeners first. */
static void refuse_unknown(struct reader *reader, const char *name)
{
    const char *here = config_section_names[reader->section];
    size_t index;

    for (unsigned i = CONFIG_SECTION_COUNT; i-- > 0;) {
        if (find_key((enum config_section)i, name, &index) != NULL) {
            FAIL(reader, "unknown key '%s' in [%s]; it belongs in [%s%s]", name, here,
                 config_section_names[i], is_named((enum config_section)i) ? " NAME" : "");
            return;
        }
    }
    FAIL(reader, "unknown key '%.60s' in [%s]", name, here);
}

/* Where the keys of the open section are set, and where it is noted by what. */
static void *target_of(struct reader *reader, struct config_origin **ret_origins)
{
    struct config *config = reader->config;

    if (reader->section == CONFIG_LISTEN) {
        *ret_origins = config->listeners[reader->index].origins;
        return &config->listeners[reader->index];
    }
    if (reader->section == CONFIG_ACCESS) {
        *ret_origins = config->rules[reader->index].origins;
        return &config->rules[reader->index];
    }
    *ret_origins = config->origins;
    return config;
}

static void set_key(struct reader *reader, const char *name, const char *value)
{
    struct config_origin from = {.source = CONFIG_FROM_FILE, .line = reader->line};
    struct config_origin *origins;
    struct config_problem problem;
    const struct config_key *key;
    void *target;
    size_t index;
    int r;

    key = find_key(reader->section, name, &index);
    if (key == NULL) {
        refuse_unknown(reader, name);
        return;
    }
    target = target_of(reader, &origins);
    if (origins[index].source == CONFIG_FROM_FILE) {
        FAIL(reader, "%s is repeated; the first is on line %u", name, origins[index].line);
        return;
    }
    r = config_set(key, target, &origins[index], from, value, &problem);
    if (r == -ENOMEM)
        config_errors_lose(reader->errors);
    else if (r < 0)
        FAIL(reader, "%s: %s", name, problem.text);
}

/* Called by inih. The section it names is the one before, after a header that was wrong. */
static int take_key(void *user, const char *section, const char *name, const char *value)
{
    struct reader *reader = user;

    (void)section;
    if (value == NULL)
        return 1;
    reader->awaits_key = false;
    if (name[0] == '\0')
        FAIL(reader, "a value without a key");
    else if (!reader->in_section)
        FAIL(reader, "key '%.60s' stands before the first section", name);
    else if (!reader->skips)
        set_key(reader, name, value);
    return 1;
}

/* ---- section headers ---- */

/* The nth section of the kind that is open; NULL: there are not so many. */
static const struct config_name *named(const struct reader *reader, size_t index)
{
    const struct config *config = reader->config;

    if (reader->section == CONFIG_LISTEN)
        return index < config->listener_count ? &config->listeners[index].name : NULL;
    return index < config->rule_count ? &config->rules[index].name : NULL;
}

/* Opens a section of which there can be many. */
static void open_named(struct reader *reader, const char *name)
{
    const char *kind = config_section_names[reader->section];
    const struct config_name *other;
    size_t length = strlen(name);
    int r;

    if (length == 0 || length > CONFIG_NAME_MAX || strspn(name, NAME_CHARACTERS) != length) {
        FAIL(reader, "[%s NAME] needs a name of 1 to %d letters, digits, '.', '_' and '-'", kind,
             CONFIG_NAME_MAX);
        return;
    }
    for (reader->index = 0; (other = named(reader, reader->index)) != NULL; reader->index++) {
        if (strcmp(other->text, name) == 0) {
            FAIL(reader, "[%s %s] is repeated; the first is on line %u", kind, name, other->line);
            reader->skips = false;
            return;
        }
    }
    r = reader->section == CONFIG_LISTEN ? config_listener_add(reader->config, name, reader->line)
                                         : config_rule_add(reader->config, name, reader->line);
    if (r < 0) {
        config_errors_lose(reader->errors);
        return;
    }
    reader->skips = false;
}

/* The keys below a repeated header are still read, so that their errors are found too. */
static void open_section(struct reader *reader, const char *name)
{
    size_t kind_length = strcspn(name, BLANKS);
    const char *rest = name + kind_length + strspn(name + kind_length, BLANKS);
    enum config_section section;

    for (section = 0; section < CONFIG_SECTION_COUNT; section++) {
        if (strlen(config_section_names[section]) == kind_length &&
            memcmp(config_section_names[section], name, kind_length) == 0)
            break;
    }
    reader->section = section;
    if (is_named(section)) {
        open_named(reader, rest);
        return;
    }
    if (section == CONFIG_SECTION_COUNT || name[kind_length] != '\0') {
        FAIL(reader, "unknown section [%.60s]", name);
        return;
    }
    if (reader->headers[section] != 0)
        FAIL(reader, "[%s] is repeated; the first is on line %u", name, reader->headers[section]);
    else
        reader->headers[section] = reader->line;
    reader->skips = false;
}

/* After a header that is wrong: the keys below it are not those of the section before. */
static void skip_section(struct reader *reader)
{
    reader->in_section = true;
    reader->skips = true;
}

/* Reads a header, whose line ends without blanks. False, and reported, if it is malformed. */
static bool read_header(struct reader *reader)
{
    char *end = strchr(reader->text, ']');

    skip_section(reader);
    if (end == NULL) {
        FAIL(reader, "malformed section header: no ']'");
        return false;
    }
    if (end[1] != '\0') {
        FAIL(reader, "malformed section header: text after ']'");
        return false;
    }
    *end = '\0';
    open_section(reader, reader->text + 1);
    *end = ']';
    return true;
}

/* ---- lines ---- */

/*
 * Reads a physical line, without its end, into reader->text. Its length, which can be more than is
 * kept, goes to *ret_length. False at the end of what is read.
 */
static bool read_line(struct reader *reader, size_t *ret_length)
{
    size_t length = 0;
    int last = 0;
    int c;

    for (; (c = getc(reader->stream)) != EOF && c != '\n'; length++) {
        if (reader->total + length == CONFIG_FILE_MAX) {
            FAIL(reader, "what follows is not read: the file is longer than %d bytes",
                 CONFIG_FILE_MAX);
            return false;
        }
        if (length <= CONFIG_LINE_MAX)
            reader->text[length] = (char)c;
        last = c;
    }
    if (c == EOF && ferror(reader->stream) != 0)
        config_errors_add(reader->errors, reader->config->path, 0, "%s", strerror(errno));
    if (c == EOF && length == 0)
        return false;
    reader->total += length + 1;
    reader->line++;
    *ret_length = last == '\r' ? length - 1 : length;
    return true;
}

/* Whether the line is made of printable bytes and tabs, and not too long; reported if not. */
static bool check_bytes(struct reader *reader, size_t length)
{
    if (length > CONFIG_LINE_MAX) {
        FAIL(reader, "a line of %zu bytes is too long: the most is %d", length, CONFIG_LINE_MAX);
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)reader->text[i];

        if ((c < ' ' && c != '\t') || c == 0x7f) {
            FAIL(reader, "control character 0x%02x in column %zu", c, i + 1);
            return false;
        }
    }
    return true;
}

/* Cuts off a comment, which begins with a ';' after a blank, and the blanks at the end. */
static void cut_comment(char *text)
{
    size_t length = 0;

    while (text[length] != '\0' &&
           !(text[length] == ';' && length > 0 && strchr(BLANKS, text[length - 1]) != NULL))
        length++;
    while (length > 0 && strchr(BLANKS, text[length - 1]) != NULL)
        length--;
    text[length] = '\0';
}

/* Whether inih shall see the line in reader->text, which has been read and found sound. */
static bool is_for_inih(struct reader *reader)
{
    size_t indent = strspn(reader->text, BLANKS);

    if (reader->text[indent] == '\0' || strchr(";#", reader->text[indent]) != NULL)
        return false;
    if (indent > 0) {
        FAIL(reader, "an indented line: values do not go on in the next line, and keys and "
                     "sections begin in the first column");
        if (reader->text[indent] == '[')
            skip_section(reader);
        return false;
    }
    cut_comment(reader->text);
    if (reader->text[0] == '[')
        return read_header(reader);
    reader->awaits_key = true;
    return true;
}

static void report_missing_key(struct reader *reader)
{
    if (reader->awaits_key)
        FAIL(reader, "neither KEY = VALUE nor a [section] nor a comment");
    reader->awaits_key = false;
}

/* Readies the next line in reader->text, blank if inih has no business with it. */
static bool next_line(struct reader *reader)
{
    size_t length;

    report_missing_key(reader);
    if (!read_line(reader, &length))
        return false;
    if (!check_bytes(reader, length)) {
        if (reader->text[0] == '[')
            skip_section(reader);
        length = 0;
    }
    reader->text[length] = '\0';
    if (reader->line == 1 && strncmp(reader->text, BYTE_ORDER_MARK, 3) == 0)
        memmove(reader->text, reader->text + 3, length - 3 + 1);
    if (!is_for_inih(reader))
        reader->text[0] = '\0';
    length = strlen(reader->text);
    memcpy(reader->text + length, "\n", 2);
    reader->rest = reader->text;
    return true;
}

/*
 * What inih calls as it would fgets(): up to size - 1 bytes of one line. If its buffer grows it
 * asks for the rest of a line before it looks at it. If not, a line has to fit.
 */
static char *feed_inih(char *buffer, int size, void *stream)
{
    struct reader *reader = stream;
    size_t room = (size_t)size - 1;
    size_t length;

    if (reader->rest == NULL && !next_line(reader))
        return NULL;
    length = strlen(reader->rest);
    if (length > room && !INIH_GROWS) {
        FAIL(reader, "a line of %zu bytes is too long: the inih library here takes %zu", length - 1,
             room - 1);
        reader->awaits_key = false;
        reader->rest = "\n";
        length = 1;
    }
    if (length > room)
        length = room;
    memcpy(buffer, reader->rest, length);
    buffer[length] = '\0';
    reader->rest = reader->rest[length] == '\0' ? NULL : reader->rest + length;
    return buffer;
}

/* Where inih's limits are variables, lift them; where they were compiled in, feed_inih() copes. */
static void prepare_inih(void)
{
#if HAVE_DECL_INI_USE_STACK
    ini_use_stack = false;
#endif
#if HAVE_DECL_INI_ALLOW_REALLOC
    ini_allow_realloc = true;
#endif
#if HAVE_DECL_INI_MAX_LINE
    ini_max_line = CONFIG_LINE_MAX + 3;
#endif
#if HAVE_DECL_INI_ALLOW_MULTILINE
    ini_allow_multiline = false;
#endif
#if HAVE_DECL_INI_ALLOW_INLINE_COMMENTS
    ini_allow_inline_comments = true;
#endif
}

void config_read(struct config *config, FILE *stream, struct config_errors *errors)
{
    struct reader *reader = calloc(1, sizeof *reader);

    if (reader == NULL) {
        config_errors_lose(errors);
        return;
    }
    reader->config = config;
    reader->errors = errors;
    reader->stream = stream;
    prepare_inih();
    /* Of its results only -2, no memory, is news: the rest has been reported line by line. */
    if (ini_parse_stream(feed_inih, reader, take_key, reader) == -2)
        config_errors_lose(errors);
    free(reader);
}
