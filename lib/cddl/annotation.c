/* SPDX-License-Identifier: MIT */
/*
 * Annotations: comments behind rules that say more of them than CDDL can.
 */
#include <string.h>

#include "cddl/syntax.h"

/* ;@index TABLE */
static void annotate(struct cddl_source *source, const struct cddl_annotation *annotation,
                     struct cddl_rule *rule)
{
    static const char index[] = "@index";
    const struct cddl_span *word = &annotation->word, *table = &annotation->argument;

    if (word->size != sizeof(index) - 1 ||
        memcmp(source->text + word->offset, index, word->size) != 0) {
        cddl_problem(source, *word,
                     "a comment that begins with @ is an annotation: ;@index TABLE is the one "
                     "there is");
    } else if (table->size == 0 || !annotation->whole) {
        cddl_problem(source, annotation->span, "@index names one table: ;@index TABLE");
    } else {
        rule->table = cddl_pool_copy(source->pool, source->text + table->offset, table->size);
        rule->table_span = *table;
    }
}

void cddl_annotate(struct cddl_lexer *lexer, struct cddl_rule *rule, size_t end, size_t next)
{
    struct cddl_source *source = lexer->source;
    struct cddl_annotation *annotation;

    while ((annotation = lexer->annotations) != NULL && annotation->span.offset < next) {
        size_t offset = annotation->span.offset;

        lexer->annotations = annotation->next;
        if (rule == NULL)
            continue;
        if (offset < end || memchr(source->text + end, '\n', offset - end) != NULL)
            cddl_problem(source, annotation->span,
                         "an annotation stands behind a rule, in the line where the rule ends");
        else
            annotate(source, annotation, rule);
    }
}
