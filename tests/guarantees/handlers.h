/* SPDX-License-Identifier: MIT */
/* A handler for each method of kinds.cddl, as somebody else's file would define them. */
#include "kinds.h"

struct kinds_double_answer on_double(void *, struct kinds_double_reply, int64_t);
struct kinds_square_answer on_square(void *, struct kinds_square_reply, int64_t);
struct kinds_names_answer on_names(void *, struct kinds_names_reply);
struct kinds_draw_answer on_draw(void *, struct kinds_draw_reply, const struct kinds_shape *);
struct kinds_count_answer on_count(void *, struct kinds_count_reply, uint64_t);
struct kinds_watch_answer on_watch(void *, struct kinds_watch_reply, struct valve_text);
struct kinds_follow_answer on_follow(void *, struct kinds_follow_reply, struct valve_text);
struct kinds_lines_answer on_lines(void *, struct kinds_lines_reply, uint64_t);
struct kinds_log_answer on_log(void *, struct kinds_log_reply, struct valve_text);
struct kinds_trace_answer on_trace(void *, struct kinds_trace_reply, struct valve_text);
struct kinds_reset_answer on_reset(void *, struct kinds_reset_reply);
