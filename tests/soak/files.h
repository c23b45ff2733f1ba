/* SPDX-License-Identifier: MIT */
/*
 * The files of a soak: their names follow from a number, their size, time and content from the
 * seed, that number and a version. Nothing has to be remembered to know what a file must hold.
 */
#ifndef VALVE_TESTS_SOAK_FILES_H
#define VALVE_TESTS_SOAK_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_ROOM 320 /* for any name, terminated */
#define ABSENT    0   /* the version of a file that is not there */
#define NO_FILE   UINT32_MAX

/* Versions count from 1. */
struct body {
    uint64_t key;
    uint64_t size;
    int64_t mtime; /* ns; as good as no two bodies have the same */
};

void files_init(uint64_t seed, uint32_t count);
uint32_t files_count(void);

struct body files_body(uint32_t file, uint32_t version);

/* Files of one directory follow each other: those of the root, then those of directory 1, ... */
#define FILES_A_DIRECTORY 40
uint32_t files_directories(void);
bool files_is_leaf(uint32_t directory);
void files_directory_name(uint32_t directory, char name[NAME_ROOM]);

/* The path beneath the root, terminated; its length. Some are no UTF-8. */
size_t files_name(uint32_t file, char name[NAME_ROOM]);

/* The number of the file of that name, or NO_FILE. */
uint32_t files_find(const void *name, size_t size);

/* Names that are there, and that the service must not see; NULL at the end. */
extern const char *const files_unserved[];

/* The bytes of a body from `offset` on. */
void body_fill(const struct body *body, uint64_t offset, uint8_t *bytes, size_t size);
bool body_matches(const struct body *body, uint64_t offset, const uint8_t *bytes, size_t size);

#endif
