#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/config_impl.h"

/* Self-signed, for a name that means nothing, valid for a century. */
static const char PEM[] = "-----BEGIN CERTIFICATE-----\n"
                          "MIIBbzCCARWgAwIBAgIUQFFKjWLGda4EaNcNXwrLBPnMuuEwCgYIKoZIzj0EAwIw\n"
                          "DDEKMAgGA1UEAwwBdDAgFw0yNjExMjIxMjA3NTdaGA8yMTI2MTAyOTEyMDc1N1ow\n"
                          "DDEKMAgGA1UEAwwBdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABDs29D2zgIjB\n"
                          "PakaTwMha5eeKyMzUseLx7/fXlRtK26KypdgU5jRcbuujBiJ8Ho9gwL9j8h3oV0R\n"
                          "Sw5l+oKRRg6jUzBRMB0GA1UdDgQWBBRk9JY9yp++VDRVrp7zafYElawrSjAfBgNV\n"
                          "HSMEGDAWgBRk9JY9yp++VDRVrp7zafYElawrSjAPBgNVHRMBAf8EBTADAQH/MAoG\n"
                          "CCqGSM49BAMCA0gAMEUCIHcCyz95fkZxIt0Dl/XwT4VBmbylTh68inOHuHf5e6CO\n"
                          "AiEAxNB2dUIwj7vlRPkrT3RelOejLLk0UDSuKBdvcjnLvp4=\n"
                          "-----END CERTIFICATE-----\n";

struct fixture {
    char dir[32];
    struct kube_config *cfg;
    struct err e;
};

static char *path_of(const struct fixture *f, const char *name)
{
    return xasprintf("%s/%s", f->dir, name);
}

static void put(const struct fixture *f, const char *name, const char *text)
{
    AUTO_FREE char *path = path_of(f, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int setup(void **state)
{
    static struct fixture f;

    f = (struct fixture){ .dir = "/tmp/kubeconfig.XXXXXX" };
    unsetenv("KUBECONFIG");
    unsetenv("KUBERNETES_SERVICE_HOST");
    *state = &f;
    return mkdtemp(f.dir) ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const names[] = { "token", "ca.crt", "namespace", "config", "two", "key", "old", "new", ".kube/config", ".kube" };
    struct fixture *f = *state;

    kube_config_free(f->cfg);
    f->cfg = NULL;
    for (size_t i = 0; i < COUNT(names); i++) {
        AUTO_FREE char *path = path_of(f, names[i]);

        remove(path);
    }
    return rmdir(f->dir);
}

static void load_in_cluster(struct fixture *f)
{
    put(f, "token", "t1\n");
    put(f, "ca.crt", PEM);
    put(f, "namespace", "prod");
    assert_int_equal(kube_config_in_cluster(f->dir, "10.0.0.1", "443", &f->cfg, &f->e), 0);
}

static void a_pod_finds_its_cluster(void **state)
{
    struct fixture *f = *state;
    struct http_tls tls;

    load_in_cluster(f);
    assert_string_equal(kube_config_server(f->cfg), "https://10.0.0.1:443");
    assert_string_equal(kube_config_namespace(f->cfg), "prod");
    assert_string_equal(f->cfg->token.text, "t1");
    kube_config_tls(f->cfg, &tls);
    assert_non_null(strstr(tls.ca_pem, "BEGIN CERTIFICATE"));
    assert_false(tls.insecure);
}

static void an_ipv6_address_gets_its_brackets(void **state)
{
    struct fixture *f = *state;

    put(f, "token", "t1");
    put(f, "ca.crt", PEM);
    assert_int_equal(kube_config_in_cluster(f->dir, "fd00::1", "6443", &f->cfg, &f->e), 0);
    assert_string_equal(kube_config_server(f->cfg), "https://[fd00::1]:6443");
    assert_string_equal(kube_config_namespace(f->cfg), "default");
}

static void a_missing_file_of_the_pod_is_named(void **state)
{
    struct fixture *f = *state;

    put(f, "ca.crt", PEM);
    assert_int_equal(kube_config_in_cluster(f->dir, "h", "1", &f->cfg, &f->e), -ERR_INVALID);
    assert_non_null(strstr(f->e.msg, "/token: No such file"));
    put(f, "token", "t1");
    put(f, "ca.crt", "junk");
    assert_int_equal(kube_config_in_cluster(f->dir, "h", "1", &f->cfg, &f->e), -ERR_INVALID);
    assert_non_null(strstr(f->e.msg, "no PEM certificate"));
    assert_null(f->cfg);
}

static void a_new_token_is_taken_over(void **state)
{
    struct fixture *f = *state;

    load_in_cluster(f);
    assert_false(kube_config_refresh(f->cfg));
    put(f, "token", "t2");
    assert_true(kube_config_refresh(f->cfg));
    assert_string_equal(f->cfg->token.text, "t2");
}

static void a_token_behind_a_symlink_is_taken_over(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *token = path_of(f, "token"), *old = path_of(f, "old"), *new = path_of(f, "new");

    load_in_cluster(f);
    put(f, "old", "t3");
    put(f, "new", "t4");
    assert_int_equal(unlink(token), 0);
    assert_int_equal(symlink(old, token), 0);
    assert_true(kube_config_refresh(f->cfg));
    assert_int_equal(unlink(token), 0);
    assert_int_equal(symlink(new, token), 0);
    assert_true(kube_config_refresh(f->cfg));
    assert_string_equal(f->cfg->token.text, "t4");
}

static void what_cannot_be_used_keeps_the_old(void **state)
{
    static const char *const bad[] = { "", "\n \n", "two\nlines", "t\x01" };
    struct fixture *f = *state;
    AUTO_FREE char *token = path_of(f, "token");

    load_in_cluster(f);
    for (size_t i = 0; i < COUNT(bad); i++) {
        put(f, "token", bad[i]);
        assert_false(kube_config_refresh(f->cfg));
    }
    assert_int_equal(unlink(token), 0);
    assert_false(kube_config_refresh(f->cfg));
    assert_int_equal(mkdir(token, 0700), 0);
    assert_false(kube_config_refresh(f->cfg));
    put(f, "ca.crt", "-----BEGIN CERTIFICATE-----\nhalf");
    assert_false(kube_config_refresh(f->cfg));
    assert_string_equal(f->cfg->token.text, "t1");
    assert_non_null(strstr(f->cfg->ca.text, "END CERTIFICATE"));
}

static void load(struct fixture *f, const char *name)
{
    AUTO_FREE char *path = path_of(f, name);

    if (kube_config_load(path, NULL, &f->cfg, &f->e) < 0)
        fail_msg("%s", f->e.msg);
}

static void a_kubeconfig_names_its_files_relative_to_itself(void **state)
{
    struct fixture *f = *state;

    put(f, "ca.crt", PEM);
    put(f, "token", "t1");
    put(f, "config", "clusters: [{name: c, cluster: {server: 'https://h:1/base/', certificate-authority: ca.crt, "
                     "tls-server-name: n, proxy-url: 'http://p:3128'}}]\n"
                     "users: [{name: u, user: {token: t0, tokenFile: token}}]\n"
                     "contexts: [{name: x, context: {cluster: c, user: u, namespace: n1}}]\n"
                     "current-context: x\n");
    load(f, "config");
    assert_string_equal(kube_config_server(f->cfg), "https://h:1/base");
    assert_string_equal(kube_config_namespace(f->cfg), "n1");
    assert_string_equal(f->cfg->proxy, "http://p:3128");
    assert_string_equal(f->cfg->server_name, "n");
    assert_string_equal(f->cfg->token.text, "t1");
    assert_string_equal(f->cfg->ca.text + strlen(f->cfg->ca.text) - 5, "-----");
}

static void without_a_path_the_environment_decides(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *both = xasprintf("%s/none:%s/config:%s/two", f->dir, f->dir, f->dir), *home_dir = path_of(f, ".kube");

    put(f, "config", "clusters: [{name: c, cluster: {server: 'http://one'}}]\n");
    put(f, "two", "contexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x\n");
    setenv("KUBECONFIG", both, 1);
    assert_int_equal(kube_config_load(NULL, NULL, &f->cfg, &f->e), 0);
    assert_string_equal(kube_config_server(f->cfg), "http://one");
    kube_config_free(f->cfg);
    f->cfg = NULL;
    unsetenv("KUBECONFIG");
    setenv("HOME", f->dir, 1);
    assert_int_equal(mkdir(home_dir, 0700), 0);
    put(f, ".kube/config", "clusters: [{name: c, cluster: {server: 'http://three'}}]\n");
    assert_int_equal(kube_config_load(NULL, NULL, &f->cfg, &f->e), 0);
    assert_string_equal(kube_config_server(f->cfg), "http://three");
}

static void a_kubeconfig_that_is_not_there_is_named(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(kube_config_load("/nowhere/config", NULL, &f->cfg, &f->e), -ERR_INVALID);
    assert_string_equal(f->e.msg, "/nowhere/config: No such file or directory");
}

static const struct row {
    const char *name, *cluster, *user, *want;
} rows[] = {
    { "no server", "", "token: t", "cluster.server: not set" },
    { "a server without a scheme", "server: 'h:6443'", "token: t", "cluster.server: not an http or https URL: h:6443" },
    { "a server with a password", "server: 'https://a:b@h'", "token: t", "cluster.server: not an http" },
    { "a server with a line break", "server: \"https://h\\nX: y\"", "token: t", "cluster.server: not an http" },
    { "an authority that is not there", "server: 'https://h', certificate-authority: none.pem", "", "none.pem: No such file" },
    { "an authority that is no certificate", "server: 'https://h', certificate-authority-data: aGVsbG8=", "",
      "cluster.certificate-authority-data: holds no PEM certificate" },
    { "a certificate without a key", "server: 'https://h'", "client-certificate: ca.crt", "need each other" },
    { "a key without a certificate", "server: 'https://h'", "client-key: ca.crt", "need each other" },
    { "a token with a line break", "server: 'https://h'", "token: \"a\\r\\nX: y\"", "user.token: holds a space" },
    { "a token file that is not there", "server: 'https://h'", "tokenFile: none", "tokenFile: " },
    { "impersonation", "server: 'https://h'", "as: root", "user.as: not supported" },
    { "a plugin of before", "server: 'https://h'", "auth-provider: {name: gcp}", "user.auth-provider: not supported" },
    { "an exec plugin of another version", "server: 'https://h'", "exec: {apiVersion: x/v9, command: c}", "user.exec.apiVersion" },
    { "an exec plugin without a command", "server: 'https://h'", "exec: {apiVersion: client.authentication.k8s.io/v1}", "user.exec.command" },
    { "an exec plugin that needs a terminal", "server: 'https://h'",
      "exec: {apiVersion: client.authentication.k8s.io/v1, command: c, interactiveMode: Always}", "interactiveMode" },
    { "arguments that are no texts", "server: 'https://h'",
      "exec: {apiVersion: client.authentication.k8s.io/v1, command: c, args: [1]}", "user.exec.args" },
    { "a variable without a value", "server: 'https://h'",
      "exec: {apiVersion: client.authentication.k8s.io/v1, command: c, env: [{name: A}]}", "user.exec.env" },
};

static void check(void **state)
{
    const struct row *r = *state;
    AUTO_FREE char *path = NULL, *text = NULL;
    struct fixture *f;

    setup(state);
    f = *state;
    path = path_of(f, "config");
    text = xasprintf("clusters: [{name: c, cluster: {%s}}]\nusers: [{name: u, user: {%s}}]\n"
                     "contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n",
                     r->cluster, r->user);
    put(f, "config", text);
    put(f, "ca.crt", PEM);
    assert_int_equal(kube_config_load(path, NULL, &f->cfg, &f->e), -ERR_INVALID);
    if (!strstr(f->e.msg, r->want))
        fail_msg("%s", f->e.msg);
    assert_non_null(strstr(f->e.msg, "context \"x\""));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest plain[] = {
        T(a_pod_finds_its_cluster),
        T(an_ipv6_address_gets_its_brackets),
        T(a_missing_file_of_the_pod_is_named),
        T(a_new_token_is_taken_over),
        T(a_token_behind_a_symlink_is_taken_over),
        T(what_cannot_be_used_keeps_the_old),
        T(a_kubeconfig_names_its_files_relative_to_itself),
        T(without_a_path_the_environment_decides),
        T(a_kubeconfig_that_is_not_there_is_named),
    };
    struct CMUnitTest tests[COUNT(plain) + COUNT(rows)];

    memcpy(tests, plain, sizeof(plain));
    for (size_t i = 0; i < COUNT(rows); i++)
        tests[COUNT(plain) + i] = (struct CMUnitTest){ rows[i].name, check, NULL, teardown, (void *)&rows[i] };
    return cmocka_run_group_tests_name("kube config", tests, NULL, NULL);
}
