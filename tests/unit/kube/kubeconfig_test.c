#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kube/kubeconfig.h"

static const char ONE[] = "apiVersion: v1\n"
                          "kind: Config\n"
                          "current-context: a\n"
                          "clusters:\n"
                          "- name: c\n"
                          "  cluster: {server: 'https://one', certificate-authority: ca.pem, insecure-skip-tls-verify: false}\n"
                          "users:\n"
                          "- name: u\n"
                          "  user: {token: t1, client-key-data: 'aGVs\n    bG8='}\n"
                          "contexts:\n"
                          "- name: a\n"
                          "  context: {cluster: c, user: u, namespace: n1}\n";

static const char TWO[] = "current-context: b\n"
                          "clusters:\n"
                          "- {name: c, cluster: {server: 'https://two'}}\n"
                          "- {name: d, cluster: {server: 'https://three', certificate-authority: /etc/ca.pem}}\n"
                          "contexts:\n"
                          "- {name: b, context: {cluster: d}}\n"
                          "- {name: lost, context: {cluster: nowhere}}\n"
                          "- {name: bare, context: {}}\n";

static int setup(void **state)
{
    static struct kubeconfig k;

    kubeconfig_init(&k);
    *state = &k;
    return 0;
}

static int teardown(void **state)
{
    kubeconfig_done(*state);
    return 0;
}

static void add(struct kubeconfig *k, const char *source, const char *text)
{
    struct err e;

    assert_int_equal(kubeconfig_add(k, source, text, strlen(text), &e), 0);
}

static void one_file_says_everything(void **state)
{
    struct kubeconfig *k = *state;
    AUTO_FREE char *file = NULL, *data = NULL;
    struct kubeconfig_choice c;
    const char *text;
    struct err e;
    bool b = true;

    add(k, "/home/x/.kube/config", ONE);
    assert_int_equal(kubeconfig_choose(k, NULL, &c, &e), 0);
    assert_string_equal(c.context, "a");
    assert_string_equal(c.ns, "n1");
    assert_int_equal(kubeconfig_text(c.cluster, "server", &text, &e), 0);
    assert_string_equal(text, "https://one");
    assert_int_equal(kubeconfig_file(c.cluster, "certificate-authority", &file, &e), 0);
    assert_string_equal(file, "/home/x/.kube/ca.pem");
    assert_int_equal(kubeconfig_bool(c.cluster, "insecure-skip-tls-verify", &b, &e), 0);
    assert_false(b);
    assert_int_equal(kubeconfig_data(c.user, "client-key-data", &data, &e), 0);
    assert_string_equal(data, "hello");
}

static void of_several_files_the_first_to_say_something_wins(void **state)
{
    struct kubeconfig *k = *state;
    AUTO_FREE char *file = NULL;
    struct kubeconfig_choice c;
    struct err e;

    add(k, "/one/config", ONE);
    add(k, "/two/config", TWO);
    assert_int_equal(kubeconfig_choose(k, NULL, &c, &e), 0);
    assert_string_equal(json_get_str(c.cluster, "server"), "https://one");
    assert_int_equal(kubeconfig_choose(k, "b", &c, &e), 0);
    assert_string_equal(json_get_str(c.cluster, "server"), "https://three");
    assert_null(c.user);
    assert_null(c.ns);
    assert_int_equal(kubeconfig_file(c.cluster, "certificate-authority", &file, &e), 0);
    assert_string_equal(file, "/etc/ca.pem");
}

static void wrong_choices_are_named(void **state)
{
    struct kubeconfig *k = *state;
    struct kubeconfig_choice c;
    struct err e;

    add(k, "/two/config", TWO);
    assert_int_equal(kubeconfig_choose(k, "zzz", &c, &e), -ERR_INVALID);
    assert_non_null(strstr(e.msg, "zzz"));
    assert_int_equal(kubeconfig_choose(k, "lost", &c, &e), -ERR_INVALID);
    assert_non_null(strstr(e.msg, "nowhere"));
    assert_int_equal(kubeconfig_choose(k, "bare", &c, &e), -ERR_INVALID);
    assert_non_null(strstr(e.msg, "/two/config: contexts[bare].cluster"));
}

static void a_lonely_cluster_needs_no_context(void **state)
{
    struct kubeconfig *k = *state;
    struct kubeconfig_choice c;
    struct err e;

    add(k, "f", "{\"clusters\":[{\"name\":\"c\",\"cluster\":{\"server\":\"http://x\"}}]}");
    assert_int_equal(kubeconfig_choose(k, NULL, &c, &e), 0);
    assert_string_equal(json_get_str(c.cluster, "server"), "http://x");
    assert_null(c.user);
    add(k, "g", TWO);
    assert_int_equal(kubeconfig_choose(k, NULL, &c, &e), 0);
    assert_string_equal(c.context, "b");
}

static void nothing_at_all_is_said_so(void **state)
{
    struct kubeconfig *k = *state;
    struct kubeconfig_choice c;
    struct err e;

    assert_int_equal(kubeconfig_choose(k, NULL, &c, &e), -ERR_INVALID);
    assert_non_null(strstr(e.msg, "current-context"));
}

static const struct row {
    const char *name, *text, *want;
} rows[] = {
    { "not YAML", "a: [", "f: " },
    { "a list instead of an object", "[1, 2]", "f: expected an object" },
    { "another kind", "kind: Pod", "f: kind: expected Config, found Pod" },
    { "clusters that are text", "clusters: x", "f: clusters: expected a list" },
    { "a cluster without a name", "clusters: [{cluster: {}}]", "f: clusters: an item without a name" },
    { "a user that is a list", "users: [{name: u, user: [1]}]", "f: users[u].user: expected an object" },
    { "a number as a name", "contexts: [{name: 7, context: {}}]", "f: contexts: an item without a name" },
};

static void check_text(void **state)
{
    const struct row *r = *state;
    struct kubeconfig *k;
    struct err e = { 0 };

    setup(state);
    k = *state;
    assert_int_equal(kubeconfig_add(k, "f", r->text, strlen(r->text), &e), -ERR_INVALID);
    assert_non_null(strstr(e.msg, r->want));
}

static const struct row fields[] = {
    { "a server that is a number", "server: 7", "f: server: expected text" },
    { "insecure that is text", "server: x, insecure-skip-tls-verify: 'true'", "f: insecure-skip-tls-verify: expected true" },
    { "data that is no base64", "server: x, certificate-authority-data: '***'", "f: certificate-authority-data: not base64" },
    { "data that is empty after all", "server: x, certificate-authority-data: ' '", "f: certificate-authority-data: not base64" },
    { "data with a NUL in it", "server: x, certificate-authority-data: 'YQBiYWJj'", "f: certificate-authority-data: not base64" },
};

static void check_field(void **state)
{
    const struct row *r = *state;
    AUTO_FREE char *doc = xasprintf("clusters: [{name: c, cluster: {%s}}]\n", r->text);
    struct kubeconfig_choice c;
    AUTO_FREE char *data = NULL;
    const char *server;
    struct err e = { 0 };
    bool b;

    setup(state);
    add(*state, "f", doc);
    assert_int_equal(kubeconfig_choose(*state, NULL, &c, &e), 0);
    assert_true(kubeconfig_text(c.cluster, "server", &server, &e) < 0 ||
                kubeconfig_bool(c.cluster, "insecure-skip-tls-verify", &b, &e) < 0 ||
                kubeconfig_data(c.cluster, "certificate-authority-data", &data, &e) < 0);
    assert_non_null(strstr(e.msg, r->want));
}

int main(void)
{
    const struct CMUnitTest plain[] = {
        cmocka_unit_test_setup_teardown(one_file_says_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(of_several_files_the_first_to_say_something_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_choices_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lonely_cluster_needs_no_context, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_at_all_is_said_so, setup, teardown),
    };
    struct CMUnitTest tests[COUNT(plain) + COUNT(rows) + COUNT(fields)];

    memcpy(tests, plain, sizeof(plain));
    for (size_t i = 0; i < COUNT(rows); i++)
        tests[COUNT(plain) + i] = (struct CMUnitTest){ rows[i].name, check_text, NULL, teardown, (void *)&rows[i] };
    for (size_t i = 0; i < COUNT(fields); i++)
        tests[COUNT(plain) + COUNT(rows) + i] =
            (struct CMUnitTest){ fields[i].name, check_field, NULL, teardown, (void *)&fields[i] };
    return cmocka_run_group_tests_name("kubeconfig", tests, NULL, NULL);
}
