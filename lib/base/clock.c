/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The monotonic clock in microseconds, and deadlines on it. */
#include <config.h>
#include "base/clock.h"

#include <limits.h>
#include "base/hot.h"

#define US_PER_S 1000000
#define US_PER_MS 1000

int64_t qiop_now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

QIOP_HOT int64_t qiop_deadline(int timeout_ms)
{
    int64_t now;

    if (timeout_ms < 0) {
        return QIOP_NEVER;
    }
    now = qiop_now_us();
    if (now > QIOP_NEVER - (int64_t)timeout_ms * US_PER_MS) {
        return QIOP_NEVER;
    }
    return now + (int64_t)timeout_ms * US_PER_MS;
}

static int64_t left_us(int64_t deadline)
{
    int64_t now = qiop_now_us();

    if (deadline <= now) {
        return 0;
    }
    return deadline - now;
}

QIOP_HOT bool qiop_deadline_passed(int64_t deadline)
{
    return deadline != QIOP_NEVER && left_us(deadline) == 0;
}

int qiop_deadline_left_ms(int64_t deadline)
{
    int64_t us, ms;

    if (deadline == QIOP_NEVER) {
        return -1;
    }
    us = left_us(deadline);
    ms = us / US_PER_MS + (us % US_PER_MS != 0);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

const struct timespec *qiop_deadline_timespec(int64_t deadline,
                                              struct timespec *ts)
{
    int64_t us;

    if (deadline == QIOP_NEVER) {
        return NULL;
    }
    us = left_us(deadline);
    ts->tv_sec = (time_t)(us / US_PER_S);
    ts->tv_nsec = (long)(us % US_PER_S) * 1000;
    return ts;
}
