/*
 * app/changes.h - what a plan would change, as a report: a value that is printed as text or as JSON.
 *
 *   { namespace, name, reason, rule, message, notes: [text],
 *     changes: [{ change: "create" | "update" | "delete" | "leave" | "act", kind, name, why,
 *                 fields: [{ path, change: "add" | "remove" | "replace" | "own" | "secret", live, wanted }] }] }
 */
#ifndef APP_CHANGES_H
#define APP_CHANGES_H

#include "look.h"

/* What the plan would do, taken from it: the report without its fields, and what each child should be. */
struct changes {
    char *key, *uid;
    cJSON *report;           /* owned */
    bool absent, trouble;    /* there is no such resource; something could not be read */
    struct change {
        enum child child;
        const char *change, *why; /* static */
        cJSON *body;              /* owned; NULL: it is deleted */
        bool hand_over;
    } list[N_CHILDREN + 1];
    size_t n;
};

/* For look_at: arg is a struct changes. */
void changes_take(void *arg, const struct observed *o, const struct plan *p);
/* Reads what is there, and compares: the report is complete. */
void changes_compare(struct look *l, struct changes *c);
void changes_done(struct changes *c);

void changes_print(const cJSON *report);

#endif
