/* Downloads from a server of ours, with each trouble that a network, a server and a volume can make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "fetch/fetch.h"
#include "origin.h"

enum { BODY = 300000, POLLS_MAX = 1000 };

static char body[BODY], other[BODY], body_sum[65], other_sum[65];
static struct origin plain;
static char dir[64];

static void sum_of(const char *data, size_t len, char out[65])
{
    unsigned char sum[32];

    EVP_Digest(data, len, sum, NULL, EVP_sha256(), NULL);
    hex_of(sum, out);
}

static char *path_of(const char *name)
{
    return xasprintf("%s/%s", dir, name);
}

static int64_t size_of(const char *name)
{
    AUTO_FREE char *path = path_of(name);
    struct stat st;

    return stat(path, &st) < 0 ? -1 : (int64_t)st.st_size;
}

static bool holds(const char *name, const char *want)
{
    AUTO_FREE char *path = path_of(name);
    AUTO_FREE char *have = xcalloc(1, BODY + 1);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(have, 1, BODY + 1, f) : 0;

    if (f)
        fclose(f);
    return n == BODY && memcmp(have, want, BODY) == 0;
}

static void remove_all(void)
{
    AUTO_FREE char *command = xasprintf("rm -rf %s", dir);

    assert_int_equal(system(command), 0);
}

static int begin(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/everserve-fetch.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    plain = (struct origin){ .body = body, .len = BODY, .tag = "\"v1\"" };
    return origin_start(&plain) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    origin_stop(&plain);
    umount(dir);
    remove_all();
    return 0;
}

static struct fetch_options options(const char *uri)
{
    struct fetch_options o = fetch_defaults();

    o.uri = uri;
    o.dir = dir;
    o.tries = 3;
    o.backoff_ms = o.backoff_max_ms = 1;
    o.slow_s = 1;
    o.beat_ms = 20;
    o.stale_ms = 400;
    o.poll_ms = 10;
    return o;
}

/* ---- one run against one manner */

static const struct row {
    const char *name;
    const char *path;
    int trouble;
    const char *sha256; /* "body", "other", NULL */
    bool no_tag;
    int64_t max_bytes;
    int want;           /* fetch_result, or -kind */
    const char *says;   /* part of the message */
} rows[] = {
    { "a file, whole", "/ok/m.bin", .want = FETCH_DOWNLOADED },
    { "its checksum", "/ok/m.bin", .sha256 = "body", .want = FETCH_DOWNLOADED },
    { "another checksum is refused", "/ok/m.bin", .sha256 = "other", .want = -ERR_INVALID, .says = "sha256 is" },
    { "a query is not part of the name", "/ok/m.bin?sig=secret", .want = FETCH_DOWNLOADED },
    { "cut connections are resumed", "/cut/m.bin", .trouble = 2, .sha256 = "body", .want = FETCH_DOWNLOADED },
    { "resumed by checksum alone", "/cut/m.bin", .trouble = 1, .sha256 = "body", .no_tag = true, .want = FETCH_DOWNLOADED },
    { "without tag and checksum from the start", "/cut/m.bin", .trouble = 1, .no_tag = true, .want = FETCH_DOWNLOADED },
    { "cut each time", "/cut/m.bin", .trouble = 99, .no_tag = true, .want = -ERR_RETRY, .says = "3 tries failed" },
    { "busy, then not", "/busy/m.bin", .trouble = 2, .want = FETCH_DOWNLOADED },
    { "busy for ever", "/busy/m.bin", .trouble = 99, .want = -ERR_RETRY, .says = "HTTP 503" },
    { "not there", "/gone/m.bin", .want = -ERR_ABSENT, .says = "HTTP 404" },
    { "not allowed", "/closed/m.bin?sig=secret", .want = -ERR_DENIED, .says = "HTTP 403" },
    { "a redirect", "/away/m.bin", .want = FETCH_DOWNLOADED },
    { "redirects in a circle", "/round/m.bin", .want = -ERR_INVALID, .says = "redirects" },
    { "chunks", "/chunks/m.bin", .want = FETCH_DOWNLOADED },
    { "no length, but a checksum", "/endless/m.bin", .sha256 = "body", .want = FETCH_DOWNLOADED },
    { "neither length nor checksum", "/endless/m.bin", .want = -ERR_INVALID, .says = "give its sha256" },
    { "too large by its length", "/ok/m.bin", .max_bytes = BODY - 1, .want = -ERR_INVALID, .says = "are allowed" },
    { "too large as it comes", "/chunks/m.bin", .max_bytes = BODY - 1, .want = -ERR_INVALID, .says = "are allowed" },
    { "as large as allowed", "/ok/m.bin", .max_bytes = BODY, .want = FETCH_DOWNLOADED },
    { "a server that stalls is left and asked again", "/hold/m.bin", .trouble = 1, .want = FETCH_DOWNLOADED },
    { "a token never goes in clear text", "/token/m.bin", .want = -ERR_INVALID, .says = "clear text" },
    { "a name that is none", "/ok/", .want = -ERR_INVALID, .says = "fileName" },
};

static const char *sum_named(const char *name)
{
    return !name ? NULL : str_eq(name, "body") ? body_sum : other_sum;
}

static void check_row(void **state)
{
    const struct row *r = *state;
    AUTO_FREE char *uri = xasprintf("http://127.0.0.1:%d%s", plain.port, r->path);
    struct fetch_options o = options(uri);
    struct err e = { 0 };
    int rc;

    plain.trouble = r->trouble;
    if (r->no_tag)
        plain.tag = NULL;
    o.sha256 = sum_named(r->sha256);
    if (r->max_bytes)
        o.max_bytes = r->max_bytes;
    if (strstr(r->path, "/hold/"))
        o.slow_bytes_per_s = 1 << 30; /* what arrived at first counts for some seconds */
    if (strstr(r->path, "/token/"))
        o.credentials.token = "t0ken";
    rc = fetch_run(&o, &e);
    if (rc != r->want)
        fail_msg("%d: %s", rc, e.msg);
    assert_true(holds("m.bin", body) == (rc >= 0));
    assert_int_equal(size_of(".m.bin.lock"), -1);
    if (r->says && !strstr(e.msg, r->says))
        fail_msg("%s", e.msg);
    assert_null(strstr(e.msg, "secret"));
    if (rc >= 0)
        assert_int_equal(fetch_run(&o, &e), FETCH_WAS_THERE);
}

static int begin_row(void **state)
{
    return begin(state);
}

/* ---- more than one run */

static char *uri_of(const char *path)
{
    return xasprintf("http://127.0.0.1:%d%s", plain.port, path);
}

static void what_is_there_is_not_asked_for(void **state)
{
    AUTO_FREE char *uri = uri_of("/ok/m.bin"), *path = path_of("m.bin");
    struct fetch_options o = options(uri);
    struct err e = { 0 };
    (void)state;

    assert_int_equal(fetch_run(&o, &e), FETCH_DOWNLOADED);
    o.sha256 = body_sum;
    assert_int_equal(fetch_run(&o, &e), FETCH_WAS_THERE);
    assert_int_equal(plain.asked, 1);
    assert_int_equal(truncate(path, 7), 0); /* somebody touched it */
    assert_int_equal(fetch_run(&o, &e), FETCH_DOWNLOADED);
    assert_true(holds("m.bin", body));
}

static void another_version_replaces_it(void **state)
{
    AUTO_FREE char *uri = uri_of("/ok/m.bin");
    struct fetch_options o = options(uri);
    struct err e = { 0 };
    (void)state;

    o.sha256 = body_sum;
    assert_int_equal(fetch_run(&o, &e), FETCH_DOWNLOADED);
    plain.body = other;
    plain.tag = "\"v2\"";
    o.sha256 = other_sum;
    assert_int_equal(fetch_run(&o, &e), FETCH_DOWNLOADED);
    assert_true(holds("m.bin", other));
}

/* What is there stays until the next one is proven. */
static void a_wrong_one_does_not_replace_it(void **state)
{
    AUTO_FREE char *uri = uri_of("/ok/m.bin");
    struct fetch_options o = options(uri);
    struct err e = { 0 };
    (void)state;

    assert_int_equal(fetch_run(&o, &e), FETCH_DOWNLOADED);
    o.sha256 = other_sum;
    assert_int_equal(fetch_run(&o, &e), -ERR_INVALID);
    assert_true(holds("m.bin", body));
    assert_int_equal(size_of(".m.bin.part"), -1);
}

static void half_of_another_version_is_thrown_away(void **state)
{
    AUTO_FREE char *uri = uri_of("/cut/m.bin");
    struct fetch_options o = options(uri);
    struct err e = { 0 };
    (void)state;

    o.tries = 1;
    plain.trouble = 1;
    assert_int_equal(fetch_run(&o, &e), -ERR_RETRY);
    assert_int_equal(size_of(".m.bin.part"), BODY / 2);
    plain.body = other;
    plain.tag = "\"v2\"";
    assert_int_equal(fetch_run(&o, &e), FETCH_DOWNLOADED);
    assert_true(holds("m.bin", other));
}

/* No tag told the versions apart; the checksum does, and the second round starts anew. */
static void half_of_another_version_without_a_tag(void **state)
{
    AUTO_FREE char *uri = uri_of("/cut/m.bin");
    struct fetch_options o = options(uri);
    struct err e = { 0 };
    (void)state;

    plain.tag = NULL;
    o.tries = 1;
    plain.trouble = 1;
    o.sha256 = other_sum;
    assert_int_equal(fetch_run(&o, &e), -ERR_RETRY);
    plain.body = other;
    assert_int_equal(fetch_run(&o, &e), FETCH_DOWNLOADED);
    assert_true(holds("m.bin", other));
}

/* ---- processes */

static pid_t fetch_apart(const struct fetch_options *o)
{
    struct err e = { 0 };
    pid_t pid = fork();

    if (pid == 0)
        _exit(fetch_run(o, &e) + 100);
    return pid;
}

static int result_of(pid_t pid)
{
    int status = 0;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) - 100 : -1000;
}

static void wait_for_half(void)
{
    for (int i = 0; i < POLLS_MAX && size_of(".m.bin.part") != BODY / 2; i++)
        usleep(10000);
    assert_int_equal(size_of(".m.bin.part"), BODY / 2);
}

static void killed_in_the_middle(void **state)
{
    AUTO_FREE char *uri = uri_of("/hold/m.bin");
    struct fetch_options o = options(uri);
    struct err e = { 0 };
    pid_t pid;
    (void)state;

    o.slow_s = 60;
    plain.trouble = 1;
    pid = fetch_apart(&o);
    wait_for_half();
    kill(pid, SIGKILL);
    assert_int_equal(result_of(pid), -1000);
    assert_true(size_of(".m.bin.lock") > 0);
    assert_int_equal(fetch_run(&o, &e), FETCH_DOWNLOADED);
    assert_true(holds("m.bin", body));
    assert_int_equal(plain.whole, 1);
    assert_int_equal(plain.first, BODY / 2);
}

static void three_at_once_download_once(void **state)
{
    AUTO_FREE char *uri = uri_of("/ok/m.bin");
    struct fetch_options o = options(uri);
    int downloaded = 0;
    pid_t pids[3];
    (void)state;

    for (int i = 0; i < 3; i++)
        pids[i] = fetch_apart(&o);
    for (int i = 0; i < 3; i++) {
        int rc = result_of(pids[i]);

        assert_true(rc >= 0);
        downloaded += rc == FETCH_DOWNLOADED;
    }
    assert_int_equal(downloaded, 1);
    assert_int_equal(plain.asked, 1);
}

/* The one that sleeps must not think, when it wakes, that the file is still its own. */
static void a_sleeper_is_taken_over(void **state)
{
    AUTO_FREE char *uri = uri_of("/hold/m.bin");
    struct fetch_options o = options(uri);
    struct err e = { 0 };
    pid_t pid;
    (void)state;

    o.slow_s = 60;
    plain.trouble = 1;
    pid = fetch_apart(&o);
    wait_for_half();
    kill(pid, SIGSTOP);
    assert_int_equal(fetch_run(&o, &e), FETCH_DOWNLOADED);
    kill(pid, SIGCONT);
    assert_int_equal(result_of(pid), FETCH_WAS_THERE);
    assert_true(holds("m.bin", body));
    assert_int_equal(size_of(".m.bin.lock"), -1);
}

/* ---- volumes */

static void mount_small(void)
{
    if (mount("tmpfs", dir, "tmpfs", 0, "size=128k") < 0)
        skip();
}

static void a_volume_that_is_too_small(void **state)
{
    AUTO_FREE char *uri = uri_of("/ok/m.bin");
    struct fetch_options o = options(uri);
    struct err e = { 0 };
    (void)state;

    mount_small();
    assert_int_equal(fetch_run(&o, &e), -ERR_INVALID);
    assert_non_null(strstr(e.msg, "too small"));
}

static void a_volume_that_fills_up(void **state)
{
    AUTO_FREE char *uri = uri_of("/chunks/m.bin");
    struct fetch_options o = options(uri);
    struct err e = { 0 };
    (void)state;

    mount_small();
    assert_int_equal(fetch_run(&o, &e), -ERR_INVALID);
    assert_non_null(strstr(e.msg, "volume is full"));
}

static void a_folder_of_a_folder_that_is_not_there(void **state)
{
    AUTO_FREE char *uri = uri_of("/ok/m.bin"), *deep = path_of("a/b");
    struct fetch_options o = options(uri);
    struct err e = { 0 };
    (void)state;

    o.dir = deep;
    assert_true(fetch_run(&o, &e) < 0);
    assert_non_null(strstr(e.msg, "cannot make a folder"));
}

static void a_file_of_the_machine(void **state)
{
    AUTO_FREE char *from = path_of("from.bin"), *uri = xasprintf("file://%s", from);
    struct fetch_options o = options(uri);
    struct err e = { 0 };
    FILE *f = fopen(from, "we");
    (void)state;

    assert_int_equal(fwrite(body, 1, BODY, f), BODY);
    fclose(f);
    o.name = "m.bin";
    o.sha256 = body_sum;
    assert_int_equal(fetch_run(&o, &e), FETCH_DOWNLOADED);
    assert_true(holds("m.bin", body));
    o.name = "n.bin";
    o.uri = "file:///nowhere/at/all";
    assert_int_equal(fetch_run(&o, &e), -ERR_ABSENT);
}

/* ---- S3 */

static void an_object_is_asked_for_with_a_signature(void **state)
{
    AUTO_FREE char *endpoint = uri_of("");
    struct fetch_options o = options("s3://bucket/models/m.bin");
    struct err e = { 0 };
    (void)state;

    o.endpoint = endpoint;
    o.tries = 1;
    assert_int_equal(fetch_run(&o, &e), -ERR_DENIED);
    o.credentials = (struct fetch_credentials){ .s3_key_id = S3_KEY, .s3_secret = S3_SECRET, .s3_region = "eu-west-9" };
    if (fetch_run(&o, &e) != FETCH_DOWNLOADED)
        fail_msg("%s", e.msg);
    assert_true(holds("m.bin", body));
    o.name = "n.bin";
    o.credentials.s3_session = "session";
    assert_int_equal(fetch_run(&o, &e), FETCH_DOWNLOADED);
    o.name = "o.bin";
    o.credentials.s3_secret = "another";
    assert_int_equal(fetch_run(&o, &e), -ERR_DENIED);
    assert_null(strstr(e.msg, "another"));
}

/* ---- TLS */

static SSL_CTX *tls;
static char *authority; /* PEM: the server's own certificate */

static void certify(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    BIO *b = BIO_new(BIO_s_mem());
    char *data;
    long n;

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"store", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    X509_add_ext(cert, san, -1);
    X509_EXTENSION_free(san);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    PEM_write_bio_X509(b, cert);
    n = BIO_get_mem_data(b, &data);
    authority = xstrndup(data, (size_t)n);
    BIO_free(b);
    tls = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(tls, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(tls, key), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static int begin_tls(void **state)
{
    certify();
    if (begin(state) < 0)
        return -1;
    plain.tls = tls; /* nobody has connected yet */
    return 0;
}

static int end_tls(void **state)
{
    int rc = end(state);

    SSL_CTX_free(tls);
    free(authority);
    return rc;
}

static const struct tls_row {
    const char *name, *path;
    bool trusted;
    const char *token;
    int want;
    const char *says;
} tls_rows[] = {
    { "a server that is trusted", "/ok/m.bin", true, NULL, FETCH_DOWNLOADED, NULL },
    { "a server that nobody vouches for", "/ok/m.bin", false, NULL, -ERR_INVALID, "certificate" },
    { "a token", "/token/m.bin", true, "t0ken", FETCH_DOWNLOADED, NULL },
    { "a wrong token", "/token/m.bin", true, "other", -ERR_DENIED, "HTTP 401" },
    { "a redirect out of https", "/clear/m.bin", true, NULL, -ERR_INVALID, "redirect" },
};

static void check_tls(void **state)
{
    const struct tls_row *r = *state;
    AUTO_FREE char *uri = xasprintf("https://127.0.0.1:%d%s", plain.port, r->path);
    struct fetch_options o = options(uri);
    struct err e = { 0 };
    int rc;

    o.credentials.ca_pem = r->trusted ? authority : NULL;
    o.credentials.token = r->token;
    rc = fetch_run(&o, &e);
    if (rc != r->want || (r->says && !strstr(e.msg, r->says)))
        fail_msg("%d: %s", rc, e.msg);
    assert_true(holds("m.bin", body) == (rc >= 0));
    assert_true(!r->token || !strstr(e.msg, r->token));
}

static int before_all(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < BODY; i++) {
        body[i] = (char)(i * 2654435761u >> 13);
        other[i] = (char)(body[i] + 1);
    }
    sum_of(body, BODY, body_sum);
    sum_of(other, BODY, other_sum);
    return 0;
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, begin, end)
    static const struct CMUnitTest more[] = {
        ROW(what_is_there_is_not_asked_for),
        ROW(another_version_replaces_it),
        ROW(a_wrong_one_does_not_replace_it),
        ROW(half_of_another_version_is_thrown_away),
        ROW(half_of_another_version_without_a_tag),
        ROW(killed_in_the_middle),
        ROW(three_at_once_download_once),
        ROW(a_sleeper_is_taken_over),
        ROW(a_volume_that_is_too_small),
        ROW(a_volume_that_fills_up),
        ROW(a_folder_of_a_folder_that_is_not_there),
        ROW(a_file_of_the_machine),
        ROW(an_object_is_asked_for_with_a_signature),
    };
    static struct CMUnitTest tests[COUNT(rows) + COUNT(tls_rows) + COUNT(more)];
    size_t n = COUNT(rows);

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check_row, begin_row, end, (void *)&rows[i] };
    for (size_t i = 0; i < COUNT(tls_rows); i++)
        tests[n++] = (struct CMUnitTest){ tls_rows[i].name, check_tls, begin_tls, end_tls, (void *)(uintptr_t)&tls_rows[i] };
    memcpy(tests + n, more, sizeof(more));
    return _cmocka_run_group_tests("fetch", tests, COUNT(tests), before_all, NULL);
}
