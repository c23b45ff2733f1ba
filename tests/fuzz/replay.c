/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target without a fuzzer: gives it each file of the folders it is called with, in any build
 * and under any tool, and says how many they were.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "fuzz.h"

#define LONGEST 65536

static void give_up(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

/* In memory of exactly its size, so that a sanitizer sees any read beyond it. */
static void replay_file(const char *path)
{
    static uint8_t buffer[LONGEST];
    FILE *stream = fopen(path, "re");
    size_t size;
    uint8_t *data;

    if (stream == NULL)
        give_up(path);
    size = fread(buffer, 1, sizeof(buffer), stream);
    if (ferror(stream) || fclose(stream) != 0)
        give_up(path);
    data = malloc(size);
    if (data == NULL && size > 0)
        give_up(path);
    if (size > 0)
        memcpy(data, buffer, size);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
}

static unsigned replay_folder(const char *folder)
{
    DIR *entries = opendir(folder);
    unsigned count = 0;

    if (entries == NULL)
        give_up(folder);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char path[1024];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        replay_file(path);
        count++;
    }
    closedir(entries);
    return count;
}

int main(int argc, char **argv)
{
    unsigned count = 0;

    for (int i = 1; i < argc; i++)
        count += replay_folder(argv[i]);
    printf("%u inputs\n", count);
    return EXIT_SUCCESS;
}
