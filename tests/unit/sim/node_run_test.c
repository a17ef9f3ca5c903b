/* Real namespaces, in one of our own: skipped where neither root nor user namespaces are to be had. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "sim/node/files.h"
#include "sim/node/net.h"
#include "sim/node/run.h"
#include "sim/up/space.h"

static struct scene {
    bool may;
    char *dir, *root, *data, *conf, *log;
    struct net net;
    struct net_pod pods[2];
} s;

static char *sub(const char *name)
{
    struct err e = { 0 };
    char *path = xasprintf("%s/%s", s.dir, name);

    return files_mkdir(path, 0777, &e) < 0 ? NULL : path;
}

static int group_setup(void **state)
{
    struct err e = { 0 };

    (void)state;
    s.dir = xstrdup("/tmp/node-run-XXXXXX");
    if (!mkdtemp(s.dir))
        return -1;
    s.root = sub("root"), s.data = sub("data"), s.conf = sub("conf"), s.log = xasprintf("%s/log", s.dir);
    s.may = space_enter(&e) == 0;
    if (!s.may)
        return 0;
    if (net_init(&s.net, "t", "10.9.0.0/16", 0, &e) < 0 || net_add_node(&s.net, 0, &e) < 0 || net_add_node(&s.net, 1, &e) < 0)
        return -1;
    return net_add_pod(&s.net, 0, NULL, &s.pods[0], &e) < 0 || net_add_pod(&s.net, 1, NULL, &s.pods[1], &e) < 0 ? -1 : 0;
}

static int group_teardown(void **state)
{
    (void)state;
    for (size_t i = 0; s.may && i < COUNT(s.pods); i++)
        net_del_pod(&s.pods[i]);
    if (s.may)
        net_done(&s.net);
    files_remove(s.dir);
    free(s.dir), free(s.root), free(s.data), free(s.conf), free(s.log);
    return 0;
}

static int setup(void **state)
{
    AUTO_FREE char *conf = xasprintf("%s/file", s.conf);
    struct err e = { 0 };

    (void)state;
    return truncate(s.log, 0) < 0 && files_write(s.log, "", 0, 0644, &e) < 0 ? -1 : files_write(conf, "conf\n", 5, 0644, &e);
}

static void shell(struct run_spec *spec, char **argv, struct run_mount *mounts, size_t n)
{
    static char *const envp[] = { (char *)"A=b", NULL };

    argv[0] = (char *)"sh";
    argv[1] = (char *)"-c";
    *spec = (struct run_spec){ .root_dir = s.root, .self = "/bin/sh", .log_path = s.log, .hostname = "the-pod", .net_ns = s.pods[0].ns,
                               .mounts = mounts, .n_mounts = n, .argv = argv, .envp = (char **)envp };
}

static int wait_code(pid_t pid)
{
    int status = 0;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void log_is(const char *want)
{
    char text[512] = "";
    int fd = open(s.log, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) >= 0);
    close(fd);
    assert_string_equal(text, want);
}

static const struct row {
    const char *name;
    const char *script;
    bool read_only_root;
    int code;
    const char *output;
} rows[] = {
    { "the exit code comes back", "exit 7", false, 7, "" },
    { "environment and host name", "echo $A $(hostname)", false, 0, "b the-pod\n" },
    { "it is process 1 of its own", "echo $$", false, 0, "1\n" },
    { "a volume can be written", "echo x >/data/f && cat /data/f", false, 0, "x\n" },
    { "a read-only volume cannot", "echo x >/etc/conf/g", false, 2, "sh: 1: cannot create /etc/conf/g: Read-only file system\n" },
    { "a volume below a folder of the host", "cat /usr/local/etc/new/conf/file; ls -d /usr/local/bin", false, 0, "conf\n/usr/local/bin\n" },
    { "a single file", "cat /one", false, 0, "conf\n" },
    { "the host's folders cannot be written", "echo x >/usr/x", false, 2, "sh: 1: cannot create /usr/x: Read-only file system\n" },
    { "the root can", "echo x >/x && cat /x", false, 0, "x\n" },
    { "a read-only root cannot, its volumes can", "echo x >/data/y; echo x >/x", true, 2, "sh: 1: cannot create /x: Read-only file system\n" },
    { "no way back to the old root", "ls -d /.old", false, 2, "ls: cannot access '/.old': No such file or directory\n" },
};

static void runs(void **state)
{
    const struct row *r = *state;
    AUTO_FREE char *file = xasprintf("%s/file", s.conf);
    struct run_mount mounts[] = { { file, (char *)"/one", true }, { s.data, (char *)"/data", false },
                                  { s.conf, (char *)"/etc/conf", true }, { s.conf, (char *)"/usr/local/etc/new/conf", true } };
    char *argv[4] = { NULL, NULL, (char *)r->script, NULL };
    struct run_spec spec;
    struct err e = { 0 };
    pid_t pid;
    void *unused;

    if (!s.may)
        skip();
    assert_int_equal(setup(&unused), 0);
    shell(&spec, argv, mounts, COUNT(mounts));
    spec.read_only_root = r->read_only_root;
    if (run_start(&spec, &pid, &e) < 0)
        fail_msg("%s", e.msg);
    assert_int_equal(wait_code(pid), r->code);
    log_is(r->output);
}

static void says_why_it_cannot_start(void **state)
{
    char *argv[4] = { NULL };
    struct run_spec spec;
    struct err e = { 0 };
    pid_t pid;

    (void)state;
    if (!s.may)
        skip();
    shell(&spec, argv, NULL, 0);
    argv[0] = (char *)"no-such-program";
    assert_int_equal(run_start(&spec, &pid, &e), -ERR_ABSENT);
    assert_string_equal(e.msg, "exec: \"no-such-program\": executable file not found in $PATH");
    waitpid(-1, NULL, 0);
}

static void joins_and_ends_with_its_first_process(void **state)
{
    char *argv[4] = { NULL, NULL, (char *)"while :; do sleep 1; done" }, *other[4] = { NULL, NULL, (char *)"hostname; exit 5" };
    struct run_spec spec, second;
    struct err e = { 0 };
    pid_t pid, joined;

    (void)state;
    if (!s.may)
        skip();
    shell(&spec, argv, NULL, 0);
    shell(&second, other, NULL, 0);
    assert_int_equal(run_start(&spec, &pid, &e), 0);
    assert_int_equal(run_exec(pid, &second, &joined, &e), 0);
    assert_int_equal(wait_code(joined), 5);
    log_is("the-pod\n");
    other[2] = (char *)"sleep 1000";
    assert_int_equal(run_exec(pid, &second, &joined, &e), 0);
    kill(pid, SIGKILL);
    assert_int_equal(wait_code(pid), 128 + SIGKILL);
    assert_true(wait_code(joined) > 0);
}

/* 0: it answers; the address of pod 1, from pod 0. */
static int ping(void)
{
    AUTO_FREE char *script = xasprintf("timeout 2 bash -c 'exec 3<>/dev/tcp/%s/7' || { echo no way; exit 1; }",
                                       s.pods[1].ip);
    char *argv[4] = { NULL, NULL, script, NULL };
    struct run_spec spec;
    struct err e = { 0 };
    pid_t pid;

    shell(&spec, argv, NULL, 0);
    argv[0] = (char *)"bash";
    assert_int_equal(run_start(&spec, &pid, &e), 0);
    return wait_code(pid);
}

/* Nobody listens on the port: a quick refusal shows that packets go through. */
static void a_cut_cable_carries_nothing(void **state)
{
    struct err e = { 0 };
    char text[512] = "";
    void *unused;

    (void)state;
    if (!s.may || access("/bin/bash", X_OK) < 0)
        skip();
    assert_int_equal(setup(&unused), 0);
    assert_int_equal(ping(), 1);
    int fd = open(s.log, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
    assert_non_null(strstr(text, "Connection refused"));
    assert_int_equal(net_set_node(&s.net, 1, false, &e), 0);
    assert_int_equal(ping(), 1);
    memset(text, 0, sizeof(text));
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    assert_null(strstr(text, "Connection refused"));
    assert_int_equal(net_set_node(&s.net, 1, true, &e), 0);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 3];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[n++] = (struct CMUnitTest){ rows[i].name, runs, NULL, NULL, (void *)&rows[i] };
    tests[n++] = (struct CMUnitTest)cmocka_unit_test_setup(says_why_it_cannot_start, setup);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test_setup(joins_and_ends_with_its_first_process, setup);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_cut_cable_carries_nothing);
    return cmocka_run_group_tests_name("node: network and containers", tests, group_setup, group_teardown);
}
