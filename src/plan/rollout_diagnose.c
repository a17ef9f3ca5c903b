#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "plan/rollout.h"

/* What a container waits for, and what to make of it. */
static const struct wait {
    const char *waiting;
    enum rollout_grace grace;
    const char *reason;
} waits[] = {
    { "InvalidImageName", GRACE_OVER, "ImagePull" },
    { "ErrImageNeverPull", GRACE_OVER, "ImagePull" },
    { "ErrImagePull", GRACE_SHORT, "ImagePull" },
    { "ImagePullBackOff", GRACE_SHORT, "ImagePull" },
    { "ImageInspectError", GRACE_SHORT, "ImagePull" },
    { "RegistryUnavailable", GRACE_SHORT, "ImagePull" },
    { "SignatureValidationFailed", GRACE_SHORT, "ImagePull" },
    { "CreateContainerConfigError", GRACE_SHORT, "ContainerConfig" },
    { "CreateContainerError", GRACE_SHORT, "ContainerConfig" },
    { "RunContainerError", GRACE_SHORT, "ContainerConfig" },
    { "PostStartHookError", GRACE_SHORT, "ContainerConfig" },
    /* a node that has room may be on its way */
    { "Unschedulable", GRACE_DEADLINE, "Unschedulable" },
};

static const struct wait *find_wait(const char *waiting)
{
    for (size_t i = 0; i < COUNT(waits); i++)
        if (str_eq(waits[i].waiting, waiting))
            return &waits[i];
    return NULL;
}

static bool crash_loops(const struct pod *p)
{
    return p->restarts >= ROLLOUT_RESTARTS && (p->exit_code || str_eq(p->waiting, "CrashLoopBackOff"));
}

static void say_crash(const struct pod *p, char *out, size_t size)
{
    snprintf(out, size, "a pod was restarted %d times, exit code %d%s%.19s%s%s%.110s", p->restarts, p->exit_code,
             p->ended[0] ? " (" : "", p->ended, p->ended[0] ? ")" : "", p->message[0] ? ": " : "", p->message);
}

static void say_waiting(const struct pod *p, char *out, size_t size)
{
    snprintf(out, size, "a pod is %.31s%s%.140s", p->waiting[0] ? p->waiting : "not ready", p->detail ? ": " : "",
             p->detail ? p->detail : "");
}

static void diagnose_pod(const struct pod *p, bool crashes_count, struct diagnosis *out)
{
    const struct wait *w = find_wait(p->waiting);

    *out = (struct diagnosis){ .grace = GRACE_DEADLINE, .reason = "NotReady" };
    if (crash_loops(p)) {
        out->grace = crashes_count ? GRACE_OVER : GRACE_DEADLINE;
        out->reason = "CrashLoop";
        say_crash(p, out->text, sizeof(out->text));
        return;
    }
    if (w) {
        out->grace = w->grace;
        out->reason = w->reason;
    }
    if (!w && p->exit_code)
        say_crash(p, out->text, sizeof(out->text));
    else
        say_waiting(p, out->text, sizeof(out->text));
}

/* Of two that are as bad the one that says more than "not ready". */
static bool is_worse(const struct diagnosis *a, const struct diagnosis *b)
{
    return a->grace > b->grace || (a->grace == b->grace && str_eq(b->reason, "NotReady") && !str_eq(a->reason, "NotReady"));
}

void rollout_diagnose(const struct pod *pods, size_t n, const char *template_hash, bool crashes_count, struct diagnosis *out)
{
    struct diagnosis one;
    bool one_is_ready = false;

    *out = (struct diagnosis){ .grace = GRACE_NONE };
    for (size_t i = 0; i < n; i++) {
        if (!pods[i].serves || pods[i].deleting || (template_hash && !str_eq(pods[i].revision, template_hash)))
            continue;
        one_is_ready |= pods[i].ready;
        if (pods[i].ready)
            continue;
        diagnose_pod(&pods[i], crashes_count, &one);
        if (is_worse(&one, out))
            *out = one;
    }
    str_utf8_fix(out->text);
    if (one_is_ready && out->grace > GRACE_DEADLINE)
        out->grace = GRACE_DEADLINE;
}
