/*
 * sim/controllers/cron.h - schedules of CronJobs: "30 3 * * 1-5", and the words @hourly, @daily, @weekly, @monthly.
 *
 * Pure; UTC. Source: kubernetes uses robfig/cron: five fields, lists, ranges, steps; when both days are restricted
 * either one is enough. Names of months and days are not known here.
 */
#ifndef SIM_CONTROLLERS_CRON_H
#define SIM_CONTROLLERS_CRON_H

#include <stdbool.h>
#include <stdint.h>

struct cron {
    uint64_t minutes, hours, days, months, weekdays; /* a bit each */
    bool any_day, any_weekday;
};

bool cron_parse(const char *text, struct cron *out); /* false: not a schedule */
/* The first minute after this moment, in ms since 1970; -1: none within five years. */
int64_t cron_next(const struct cron *c, int64_t after_ms);

#endif
