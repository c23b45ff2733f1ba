/* SPDX-License-Identifier: MIT */
/*
 * The digest of a schema: by it two programs can tell whether they speak the same.
 */
#include <sha2.h>
#include <string.h>

#include "cddl/canon.h"

const char *cddl_digest(const struct cddl_schema *schema)
{
    const char *text = cddl_canonical_text(schema);
    char digest[SHA256_DIGEST_STRING_LENGTH];

    SHA256Data((const uint8_t *)text, strlen(text), digest);
    return cddl_pool_copy(schema->source->pool, digest, strlen(digest));
}
