#include "cache/pack.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

/* What compact JSON of a resource is made of, members in the order in which servers and we write them. Each begins
 * with one of the three characters that can_begin knows. The first N_SHORT take one character instead of two. */
static const char *const phrases[] = {
    "\"},{\"lastTransitionTime\":\"20",
    "\",\"message\":\"",
    "\",\"observedGeneration\":",
    ",\"reason\":\"",
    "\",\"status\":\"True\",\"type\":\"",
    "\",\"status\":\"False\",\"type\":\"",
    "\",\"status\":\"Unknown\",\"type\":\"",
    "\"},{\"message\":\"",
    "\",\"reason\":\"",
    "\",\"rule\":\"",
    "\",\"time\":\"20",
    "\",\"writes\":\"",
    "\"},{\"count\":",
    ",\"message\":\"",
    "\",\"reason\":\"Ready\",\"time\":\"20",
    ",\"reason\":\"Ready\",\"status\":\"False\",\"type\":\"Reconciling\"},{\"lastTransitionTime\":\"20",
    "\"resources\":{",
    "\"requests\":{",
    "\"limits\":{",
    "\"cpu\":\"",
    "\"memory\":\"",
    "\"name\":\"",
    "\"value\":\"",
    "\"image\":\"",
    ",{\"name\":\"",
    ",\"ready\":",
    /* from here on two characters: of any server */
    "{\"metadata\":{\"name\":\"",
    "\",\"namespace\":\"",
    "\",\"uid\":\"",
    "\",\"generation\":",
    ",\"creationTimestamp\":\"20",
    ",\"labels\":{",
    ",\"annotations\":{",
    ",\"apiVersion\":\"serving.everserve.dev/v1alpha1\",\"kind\":\"InferenceService\",\"spec\":{",
    "\"managementPolicy\":\"Managed\"",
    "\"predictor\":{",
    "\"containers\":[{\"image\":\"",
    "\",\"name\":\"model\"",
    "\"minReplicas\":",
    ",\"maxReplicas\":",
    "\"readinessProbe\":{",
    "\"httpGet\":{\"path\":\"",
    ",\"periodSeconds\":",
    ",\"rollout\":{\"autoRollback\":\"Enabled\",\"progressDeadlineSeconds\":",
    ",\"scaling\":{\"gate\":{\"maxHoldSeconds\":60,\"scaleDown\":\"Hold\",\"scaleUp\":\"Hold\"}}",
    "\",\"writes\":\"apply[Deployment: is missing], apply[Service: is missing], apply[PodDisruptionBudget: is missing]\"},{\"",
    "\",\"writes\":\"apply[Deployment: differs]",
    "\",\"writes\":\"keep-revision[",
    ",\"observedGeneration\":",
    ",\"lastGoodRevision\":\"",
    "\",\"ready\":",
    "\",\"revision\":\"",
    "\",\"updated\":",
    ",\"readyReplicas\":",
    ",\"replicas\":",
    "\"selector\":\"app.kubernetes.io/name=inferenceservice,app.kubernetes.io/instance=",
    ",app.kubernetes.io/component=predictor\"",
    ",\"survives\":{\"node\":\"",
    "\",\"zone\":\"",
    "\"url\":\"http://",
    /* members by name: Kubernetes */
    ",\"status\":{\"address\":{\"url\":\"http://",
    "\"conditions\":[{\"lastTransitionTime\":\"20",
    "\",\"message\":\"everything is as it should be\",\"observedGeneration\":",
    "\",\"message\":\"nothing is under way\",\"observedGeneration\":",
    "\",\"message\":\"nothing waits for a person\",\"observedGeneration\":",
    "\",\"message\":\"no template has failed\",\"observedGeneration\":",
    "\",\"message\":\"slot health holds nothing\",\"observedGeneration\":",
    ",\"reason\":\"Ready\",\"status\":\"True\",\"type\":\"Ready\"},{\"lastTransitionTime\":\"20",
    ",\"reason\":\"NotStalled\",\"status\":\"False\",\"type\":\"Stalled\"},{\"lastTransitionTime\":\"20",
    ",\"reason\":\"ReplicasReady\",\"status\":\"True\",\"type\":\"PredictorReady\"},{\"lastTransitionTime\":\"20",
    ",\"reason\":\"NotRolledBack\",\"status\":\"False\",\"type\":\"RolledBack\"},{\"lastTransitionTime\":\"20",
    ",\"reason\":\"NotHeld\",\"status\":\"False\",\"type\":\"ScalingHeld\"}",
    ",\"reason\":\"Survives\",\"status\":\"True\",\"type\":\"Survivable\"}",
    "\"decisions\":[{\"message\":\"the Deployment is not there yet\",\"reason\":\"PredictorNotReady\",\"rule\":\"predictor\",\"time\":\"20",
    "\",\"reason\":\"PredictorNotReady\",\"rule\":\"predictor\",\"time\":\"20",
    "\",\"reason\":\"PredictorUpdating\",\"rule\":\"predictor\",\"time\":\"20",
    "\"},{\"message\":\"everything is as it should be\",\"reason\":\"Ready\",\"time\":\"20",
    ",\"scaling\":{\"heldDown\":false,\"heldUp\":false},",
    /* members as we write them: servers that keep the order */
    ",\"conditions\":[{\"type\":\"Ready\",\"status\":\"",
    "\"},{\"type\":\"",
    "\",\"status\":\"True\",\"observedGeneration\":",
    "\",\"status\":\"False\",\"observedGeneration\":",
    "\",\"status\":\"Unknown\",\"observedGeneration\":",
    ",\"lastTransitionTime\":\"20",
    "\",\"reason\":\"Ready\",\"message\":\"everything is as it should be\"},{\"type\":\"Reconciling",
    "\",\"reason\":\"NotStalled\",\"message\":\"nothing waits for a person\"},{\"type\":\"PredictorReady",
    "\",\"reason\":\"ReplicasReady\",\"message\":\"",
    "\",\"reason\":\"NotRolledBack\",\"message\":\"no template has failed\"},{\"type\":\"",
    "\",\"reason\":\"NotHeld\",\"message\":\"slot health holds nothing\"},{\"type\":\"Survivable",
    ",\"scaling\":{\"heldUp\":false,\"heldDown\":false},",
    "\",\"address\":{\"url\":\"http://",
    "\"decisions\":[{\"time\":\"20",
    "\"},{\"time\":\"20",
    "\",\"rule\":\"predictor\",\"reason\":\"PredictorNotReady\",\"message\":\"",
    "\",\"reason\":\"Ready\",\"message\":\"everything is as it should be",
};

enum { N_PHRASES = COUNT(phrases), N_SHORT = 26, MORE = 0x1e, AS_IT_IS = 0x1f, FIRST_OF_MORE = 0x20 };

_Static_assert(N_SHORT < MORE, "one character each");
_Static_assert(N_PHRASES - N_SHORT <= 0x7f - FIRST_OF_MORE, "two characters each");

static bool can_begin(char c)
{
    return c == '"' || c == ',' || c == '{';
}

/* The longest one that stands here; -1: none. */
static int find(const char *text, size_t *len)
{
    int found = -1;

    *len = 1;
    for (int i = 0; can_begin(*text) && i < N_PHRASES; i++) {
        const char *p = phrases[i];
        size_t n;

        if (p[0] != text[0] || p[1] != text[1] || (n = strlen(p)) <= *len || strncmp(text, p, n) != 0)
            continue;
        found = i;
        *len = n;
    }
    return found;
}

char *pack_text(const char *text)
{
    AUTO_FREE char *out = xcalloc(2, strlen(text) + 1);
    size_t n = 0, len;

    for (; *text; text += len) {
        int i = find(text, &len);

        if (i < 0 && (unsigned char)*text >= FIRST_OF_MORE) {
            out[n++] = *text;
        } else if (i < 0) {
            out[n++] = AS_IT_IS;
            out[n++] = *text;
        } else if (i < N_SHORT) {
            out[n++] = (char)(1 + i);
        } else {
            out[n++] = MORE;
            out[n++] = (char)(FIRST_OF_MORE + i - N_SHORT);
        }
    }
    return xstrdup(out); /* as long as it is */
}

/* What stands at *packed, and its length; *packed moves past it. Characters that stand for themselves come in a run. */
static const char *next_piece(const char **packed, size_t *len)
{
    const char *from = *packed, *phrase;
    unsigned char c = (unsigned char)*from;

    if (c > AS_IT_IS) {
        while ((unsigned char)**packed > AS_IT_IS)
            ++*packed;
        *len = (size_t)(*packed - from);
        return from;
    }
    *packed += c <= N_SHORT ? 1 : 2;
    if (c == AS_IT_IS) {
        *len = 1;
        return from + 1;
    }
    phrase = phrases[c <= N_SHORT ? c - 1 : N_SHORT + from[1] - FIRST_OF_MORE];
    *len = strlen(phrase);
    return phrase;
}

char *unpack_text(const char *packed)
{
    size_t n = 0, at = 0, len;
    char *out;

    for (const char *p = packed; *p; n += len)
        (void)next_piece(&p, &len);
    out = xcalloc(n + 1, 1);
    for (const char *p = packed; *p; at += len) {
        const char *piece = next_piece(&p, &len);

        memcpy(out + at, piece, len);
    }
    return out;
}
