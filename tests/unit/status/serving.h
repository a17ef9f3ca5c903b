/*
 * Where serving pods are, for stage.h.
 *
 * nodes "a1 B2": node a in zone 1; b in zone 2, and cordoned.
 * serving "a b! b* ?*": a word per pod: its node, or "?" when none takes it; "!" not ready; "*" of the newest version.
 */
#ifndef TESTS_SERVING_H
#define TESTS_SERVING_H

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cache/host.h"

enum { SERVING_MAX = 8 };

struct serving {
    struct pod pods[SERVING_MAX];
    char names[SERVING_MAX][16];
    struct host hosts[SERVING_MAX];
    size_t n, n_hosts, n_zones;
};

static inline void serving_nodes(struct serving *s, const char *words)
{
    char zones[SERVING_MAX + 1] = "";

    s->n_hosts = s->n_zones = 0;
    for (; *words && s->n_hosts < SERVING_MAX; words += strcspn(words, " "), words += *words == ' ') {
        struct host *h = &s->hosts[s->n_hosts++];

        *h = (struct host){ .name = { (char)tolower((unsigned char)words[0]) }, .zone = { words[1] },
                            .cordoned = isupper((unsigned char)words[0]) };
        if (!strchr(zones, words[1]))
            zones[s->n_zones++] = words[1];
    }
}

static inline void serving_place(struct serving *s, size_t i, const char *word, size_t len, int64_t wall_ms)
{
    int64_t since_ms = i < s->n && s->pods[i].unschedulable_ms ? s->pods[i].unschedulable_ms : wall_ms;
    struct pod *p = &s->pods[i];

    snprintf(s->names[i], sizeof(s->names[0]), "fraud-%zu", i);
    *p = (struct pod){ .name = s->names[i], .serves = true, .ready = !memchr(word, '!', len) && word[0] != '?',
                       .created_ms = word[0] == '?' ? since_ms : 0 };
    if (word[0] != '?') {
        p->node[0] = word[0];
        return;
    }
    p->unschedulable_ms = since_ms;
    snprintf(p->waiting, sizeof(p->waiting), "Unschedulable");
    snprintf(p->message, sizeof(p->message), "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.");
}

/* The Deployment counts what there is. */
static inline void serving_pods(struct serving *s, const char *words, struct record *d, int64_t wall_ms)
{
    size_t n = 0;

    d->ready = d->updated = 0;
    for (; *words && n < SERVING_MAX; n++) {
        size_t len = strcspn(words, " ");

        serving_place(s, n, words, len, wall_ms);
        d->ready += s->pods[n].ready;
        d->updated += memchr(words, '*', len) != NULL;
        words += len + (words[len] == ' ');
    }
    s->n = n;
    d->replicas = (int32_t)n;
    d->available = d->ready;
    d->unavailable = d->replicas - d->ready;
    d->updated = d->updated ? d->updated : d->replicas;
}

#endif
