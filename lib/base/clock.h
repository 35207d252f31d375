/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The monotonic clock in microseconds, and deadlines on it. */
#ifndef QIOP_BASE_CLOCK_H
#define QIOP_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define QIOP_NEVER INT64_MAX

int64_t qiop_now_us(void);
/* timeout_ms < 0: never. Saturates. */
int64_t qiop_deadline(int timeout_ms);
bool qiop_deadline_passed(int64_t deadline);
/* What is left, for functions taking milliseconds: -1 for never, 0 when
 * passed, rounded up, at most INT_MAX. */
int qiop_deadline_left_ms(int64_t deadline);
/* For ppoll(): fills *ts and returns it, NULL for never. */
const struct timespec *qiop_deadline_timespec(int64_t deadline,
                                              struct timespec *ts);

#endif
