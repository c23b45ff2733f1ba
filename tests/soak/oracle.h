/* SPDX-License-Identifier: MIT */
/*
 * The oracle: what each file may have been at any time, given all that was done and answered.
 *
 * It keeps, for each file, every history that agrees with the answers so far (a world). A change
 * made here happens in all worlds at its time. A Del that was sent and not answered may have
 * happened at any time since, once, or not yet: the worlds branch. An answer rules out those in
 * which it was true at no time between its request and itself; when none is left, it was wrong.
 * So what is checked is that the answers about a file are linearizable (Herlihy and Wing, 1990),
 * as they come (Lowe, 2017). Times are counts of events.
 */
#ifndef VALVE_TESTS_SOAK_ORACLE_H
#define VALVE_TESTS_SOAK_ORACLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define MOST_DELS 3 /* of one file, unanswered at the same time */
#define NO_SLOT   UINT8_MAX

enum del_end {
    DEL_REMOVED,
    DEL_FOUND_NOTHING,
    DEL_REFUSED, /* it had no effect, and never will */
};

struct oracle;

/* What an answer says of the version that it saw. */
typedef bool oracle_fits(uint32_t version, const void *answer);

/* All files are absent. Ends the program when there is no memory. */
struct oracle *oracle_new(uint32_t files);
void oracle_free(struct oracle *oracle);

/* The time of the next event. */
uint64_t oracle_tick(struct oracle *oracle);

/* Nothing will be asked of times before this. */
void oracle_forget_before(struct oracle *oracle, uint64_t time);

/* Whether so much is unclear about a file that nothing should be added. */
bool oracle_is_unclear(struct oracle *oracle, uint32_t file);

/* The newest version that was ever written. */
uint32_t oracle_newest(const struct oracle *oracle, uint32_t file);

/* Whether it may be there now, and whether it may be absent. */
bool oracle_may_be(const struct oracle *oracle, uint32_t file, bool present);

/* A new version was put in its place. Its number. */
uint32_t oracle_written(struct oracle *oracle, uint32_t file);

/* It was removed here; or, if it did not exist, was not. False: that cannot be. */
bool oracle_unlinked(struct oracle *oracle, uint32_t file, bool existed);

/* Its directory was moved away, with all that is in it; or back to its place. */
void oracle_moved_away(struct oracle *oracle, uint32_t file);
void oracle_moved_back(struct oracle *oracle, uint32_t file);

/* A Del is sent. NO_SLOT: there are too many. */
uint8_t oracle_del_begin(struct oracle *oracle, uint32_t file);

/* It was answered. False: that cannot be. A Del that has no answer goes on. */
bool oracle_del_end(struct oracle *oracle, uint32_t file, uint8_t slot, enum del_end end);

/* An answer saw a version that `fits`, at some time since. False: there was none. */
bool oracle_saw(struct oracle *oracle, uint32_t file, uint64_t since, oracle_fits *fits,
                const void *answer);

/* Whether there was a version that `fits`, at some time since. Rules out nothing. */
bool oracle_could_see(struct oracle *oracle, uint32_t file, uint64_t since, oracle_fits *fits,
                      const void *answer);

/* All Dels of it are over, answered or not, and this is what is there. False: that cannot be. */
bool oracle_settled(struct oracle *oracle, uint32_t file, oracle_fits *fits, const void *found);

/* Writes all histories that are left of a file. */
void oracle_print(const struct oracle *oracle, uint32_t file, FILE *stream);

#endif
