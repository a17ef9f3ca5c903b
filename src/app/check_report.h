/*
 * app/check_report.h - prints what everserve check found, to standard output.
 */
#ifndef APP_CHECK_REPORT_H
#define APP_CHECK_REPORT_H

#include "slots/verdict.h"

/* settled: whether P14 was asked for; otherwise it is shown as not asked. */
void check_report(const struct verdict *v, const struct node_view *views, size_t n, bool settled, bool as_json);

#endif
