#include "sim/up/part.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#define TAIL_BYTES 2000
#define REST_ROUNDS 100 /* of 20 ms */

static void on_end(void *arg, int status)
{
    struct part *p = arg;

    p->pid = 0;
    p->status = status;
    p->on_end(p->arg, p);
}

static _Noreturn void child_run(const char *program, char *const *argv, const char *log_path, int parent)
{
    sigset_t none;
    int in = -1, out = -1;

    for (int s = 1; s < NSIG; s++)
        if (s != SIGKILL && s != SIGSTOP)
            signal(s, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, log_path ? SIGKILL : SIGTERM, 0, 0, 0);
    if (getppid() != parent)
        _exit(1);
    if (log_path) {
        setsid(); /* Ctrl-C is for us to pass on, in order */
        in = open("/dev/null", O_RDONLY | O_CLOEXEC);
        out = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
            _exit(126);
    }
    if (program)
        execv(program, argv);
    else
        execvp(argv[0], argv);
    dprintf(2, "%s: %s\n", argv[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

int part_start(struct part *p, struct reap *r, const char *program, char *const *argv, const char *log_path, struct err *e)
{
    int parent = getpid();
    pid_t pid = fork();

    if (pid == 0)
        child_run(program, argv, log_path, parent);
    if (pid < 0)
        return err_set(e, ERR_RETRY, "start %s: %s", p->name, strerror(errno));
    p->pid = pid;
    reap_add(r, pid, on_end, p);
    return 0;
}

void part_signal(const struct part *p, int signo)
{
    if (p->pid)
        kill(p->pid, signo);
}

void part_log_tail(const char *log_path)
{
    char text[TAIL_BYTES + 1];
    FILE *f = fopen(log_path, "r");

    if (!f)
        return;
    if (fseek(f, -TAIL_BYTES, SEEK_END) < 0)
        rewind(f);
    text[fread(text, 1, TAIL_BYTES, f)] = 0;
    fclose(f);
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        fprintf(stderr, "    %s\n", line);
}

void part_adopt(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/* The parent of a process, from /proc/PID/stat: "pid (name) state ppid ..."; the name may hold anything. */
static pid_t parent_of(const char *pid)
{
    AUTO_FREE char *path = xasprintf("/proc/%s/stat", pid);
    char text[512];
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

    if (f)
        fclose(f);
    text[n] = 0;
    const char *end = strrchr(text, ')');
    return end && strlen(end) > 4 ? (pid_t)strtol(end + 4, NULL, 10) : 0;
}

static size_t kill_children(void)
{
    DIR *d = opendir("/proc");
    struct dirent *entry;
    size_t n = 0;
    int64_t pid;

    while (d && (entry = readdir(d)))
        if (str_to_int(entry->d_name, 1, INT32_MAX, &pid) && parent_of(entry->d_name) == getpid()) {
            kill((pid_t)pid, SIGKILL);
            n++;
        }
    if (d)
        closedir(d);
    return n;
}

void part_end_rest(void)
{
    for (int i = 0; i < REST_ROUNDS && kill_children() > 0; i++) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
        usleep(20000);
    }
}
