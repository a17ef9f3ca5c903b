#include "transfer.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/version.h"

enum { REDIRECTS_MAX = 10, TELL_MS = 10000, RECEIVE_BYTES = 256 << 10 };

static bool is_http(const struct transfer *t)
{
    return t->uri->scheme != MODEL_FILE;
}

/* ---- what the server says before the body */

static void read_range(struct transfer *t, const char *value)
{
    char *end;

    if (!str_has_prefix(value, "bytes "))
        return;
    t->from = strtoll(value + 6, &end, 10);
    if (value[6] == '*')
        t->from = -1;
    end = strchr(value, '/');
    if (end && end[1] != '*')
        t->total = strtoll(end + 1, NULL, 10);
}

/* A weak tag says that two versions are as good, not that they are the same bytes. */
static void read_tag(struct transfer *t, const char *value)
{
    if (value[0] != '"' || !str_copy(t->tag, sizeof(t->tag), value))
        t->tag[0] = '\0';
}

static void begin_answer(struct transfer *t)
{
    t->tag[0] = '\0';
    t->total = t->from = -1;
    t->ends_by_itself = false;
}

void transfer_hear(struct transfer *t, const char *data, size_t len)
{
    char line[1024];
    char *value;

    if (len >= sizeof(line))
        return;
    memcpy(line, data, len);
    line[len] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    if (strncmp(line, "HTTP/", 5) == 0) {
        begin_answer(t); /* also that of each redirect */
        t->ends_by_itself = line[5] >= '2';
    }
    value = strchr(line, ':');
    if (!value)
        return;
    *value++ = '\0';
    value += strspn(value, " \t");
    if (strcasecmp(line, "etag") == 0)
        read_tag(t, value);
    else if (strcasecmp(line, "content-range") == 0)
        read_range(t, value);
    else if (strcasecmp(line, "content-length") == 0 || (strcasecmp(line, "transfer-encoding") == 0 && strstr(value, "chunked")))
        t->ends_by_itself = true;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
    transfer_hear(arg, data, size * n);
    return size * n;
}

/* ---- the body */

/* More than is allowed, or than there is room for, is refused before it is written. */
static int check_size(struct transfer *t)
{
    int64_t room, left = t->total - t->part->bytes;

    if (t->total > t->o->max_bytes)
        return err_set(&t->err, ERR_INVALID, "it has %lld bytes, %lld are allowed", (long long)t->total, (long long)t->o->max_bytes);
    room = part_room(t->part);
    if (t->total >= 0 && left > room)
        return err_set(&t->err, ERR_INVALID, "the volume is too small: %lld bytes are missing, %lld are free", (long long)left,
                       (long long)room);
    return 0;
}

static int begin_body(struct transfer *t)
{
    curl_off_t length = -1;

    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    t->begun = true;
    if (!is_http(t)) {
        t->status = 200;
        t->ends_by_itself = true;
    }
    if (t->status == 206 && t->from != t->part->bytes)
        return err_set(&t->err, ERR_RETRY, "the server sent another range than was asked for");
    if (t->status != 200 && t->status != 206)
        return 0;
    if (t->status == 200) {
        t->total = length;
        if (part_restart(t->part, &t->err) < 0)
            return -t->err.kind;
    }
    if (!t->ends_by_itself && !t->o->sha256)
        return err_set(&t->err, ERR_INVALID, "the server does not say how long it is: give its sha256");
    if (part_set_tag(t->part, t->tag, &t->err) < 0)
        return -t->err.kind;
    return check_size(t);
}

static void tell(struct transfer *t)
{
    int64_t now_ms = lock_now_ms();

    if (now_ms - t->told_ms < TELL_MS || !t->o->on_progress)
        return;
    if (t->told_ms)
        t->o->on_progress(t->o->arg, "downloading", t->part->bytes, t->total);
    t->told_ms = now_ms;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * n;

    if (!t->begun && begin_body(t) < 0)
        return 0;
    if (t->status != 200 && t->status != 206)
        return len; /* a page about the error */
    if (t->part->bytes + (int64_t)len > t->o->max_bytes) {
        err_set(&t->err, ERR_INVALID, "it has more than the %lld bytes that are allowed", (long long)t->o->max_bytes);
        return 0;
    }
    if (part_add(t->part, data, len, &t->err) < 0)
        return 0;
    tell(t);
    return len;
}

/* Called about once a second, also while nothing arrives. */
static int on_time(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct transfer *t = arg;

    (void)a, (void)b, (void)c, (void)d;
    return lock_beat(t->part->lock, &t->err) < 0;
}

/* ---- the request */

static void add_header(struct transfer *t, const char *name, const char *value)
{
    AUTO_FREE char *line = xasprintf("%s: %s", name, value);

    t->headers = curl_slist_append(t->headers, line);
}

static void sign(struct transfer *t)
{
    const struct fetch_credentials *c = &t->o->credentials;
    AUTO_FREE char *scope = xasprintf("aws:amz:%s:s3", str_empty(c->s3_region) ? "us-east-1" : c->s3_region);

    if (str_empty(c->s3_key_id) || str_empty(c->s3_secret))
        return; /* a bucket may be public */
    curl_easy_setopt(t->easy, CURLOPT_AWS_SIGV4, scope);
    curl_easy_setopt(t->easy, CURLOPT_USERNAME, c->s3_key_id);
    curl_easy_setopt(t->easy, CURLOPT_PASSWORD, c->s3_secret);
    add_header(t, "x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    if (!str_empty(c->s3_session))
        add_header(t, "x-amz-security-token", c->s3_session);
}

static int authorize(struct transfer *t, struct err *e)
{
    const struct fetch_credentials *c = &t->o->credentials;
    const char *token = t->uri->scheme == MODEL_HF ? c->hub_token : c->token;

    if (t->uri->scheme == MODEL_S3)
        sign(t);
    else if (is_http(t) && !str_empty(token)) {
        if (!t->uri->encrypted)
            return err_set(e, ERR_INVALID, "a token would be sent in clear text: use https");
        curl_easy_setopt(t->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl_easy_setopt(t->easy, CURLOPT_XOAUTH2_BEARER, token);
    }
    return 0;
}

static void set_bounds(struct transfer *t)
{
    curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, is_http(t) ? "http,https" : "file");
    curl_easy_setopt(t->easy, CURLOPT_REDIR_PROTOCOLS_STR, t->uri->encrypted ? "https" : "http,https");
    /* headers of ours that are signed would go along */
    curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, t->uri->scheme == MODEL_S3 ? 0L : 1L);
    curl_easy_setopt(t->easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)t->o->connect_ms);
    curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_LIMIT, (long)t->o->slow_bytes_per_s);
    curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME, (long)t->o->slow_s);
    curl_easy_setopt(t->easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
}

static void set_callbacks(struct transfer *t)
{
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(t->easy, CURLOPT_XFERINFOFUNCTION, on_time);
    curl_easy_setopt(t->easy, CURLOPT_XFERINFODATA, t);
}

int transfer_init(struct transfer *t, const struct fetch_options *o, const struct model_uri *uri, struct part *part,
                  struct err *e)
{
    const char *ca = o->credentials.ca_pem;

    *t = (struct transfer){ .o = o, .uri = uri, .part = part, .easy = curl_easy_init() };
    curl_easy_setopt(t->easy, CURLOPT_URL, uri->url);
    curl_easy_setopt(t->easy, CURLOPT_USERAGENT, "everserve/" EVERSERVE_VERSION);
    set_bounds(t);
    set_callbacks(t);
    if (!str_empty(ca)) {
        struct curl_blob blob = { (void *)ca, strlen(ca), CURL_BLOB_COPY };

        curl_easy_setopt(t->easy, CURLOPT_CAINFO_BLOB, &blob);
        curl_easy_setopt(t->easy, CURLOPT_CAPATH, NULL);
    }
    return authorize(t, e);
}

void transfer_done(struct transfer *t)
{
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    *t = (struct transfer){ .easy = NULL };
}

/* Without a tag nobody can say whether the rest belongs to what is there, but the checksum will. */
static int ask_for_the_rest(struct transfer *t, struct curl_slist **headers, struct err *e)
{
    struct part *p = t->part;

    if (p->bytes && ((!p->tag[0] && !t->o->sha256) || !is_http(t)) && part_restart(p, e) < 0)
        return -e->kind;
    curl_easy_setopt(t->easy, CURLOPT_RANGE, NULL);
    for (const struct curl_slist *h = t->headers; h; h = h->next)
        *headers = curl_slist_append(*headers, h->data);
    if (p->bytes) {
        AUTO_FREE char *range = xasprintf("%lld-", (long long)p->bytes);

        curl_easy_setopt(t->easy, CURLOPT_RANGE, range);
        if (p->tag[0]) {
            AUTO_FREE char *line = xasprintf("If-Range: %s", p->tag);

            *headers = curl_slist_append(*headers, line);
        }
    }
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, *headers);
    return 0;
}

static int judge_status(struct transfer *t, struct err *e)
{
    long s = t->status;

    if (s == 200 || s == 206)
        return 0;
    if (s == 416 && t->part->bytes) { /* complete already, or longer than what is there now */
        if (t->total == t->part->bytes)
            return 0;
        if (part_restart(t->part, e) < 0)
            return -e->kind;
        return err_set(e, ERR_RETRY, "HTTP 416");
    }
    if (s == 408 || s == 425 || s == 429 || s >= 500)
        return err_set(e, ERR_RETRY, "HTTP %ld", s);
    if (s == 401 || s == 403)
        return err_set(e, ERR_DENIED, "HTTP %ld: the credentials are missing or not enough", s);
    return err_set(e, s == 404 || s == 410 ? ERR_ABSENT : ERR_INVALID, "HTTP %ld", s);
}

static int judge(struct transfer *t, CURLcode rc, const char *why, struct err *e)
{
    if (t->err.kind != ERR_NONE)
        return *e = t->err, -e->kind;
    if (rc == CURLE_TOO_MANY_REDIRECTS)
        return err_set(e, ERR_INVALID, "more than %d redirects", REDIRECTS_MAX);
    if (rc == CURLE_UNSUPPORTED_PROTOCOL)
        return err_set(e, ERR_INVALID, "a redirect to where this may not go (out of https, or to another protocol)");
    if (rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CACERT_BADFILE)
        return err_set(e, ERR_INVALID, "the server's certificate: %s", why);
    if (rc == CURLE_FILE_COULDNT_READ_FILE)
        return err_set(e, ERR_ABSENT, "no such file");
    if (rc != CURLE_OK)
        return err_set(e, ERR_RETRY, "%s", why);
    if (!t->begun && begin_body(t) < 0) /* an empty one */
        return *e = t->err, -e->kind;
    return judge_status(t, e);
}

int transfer_run(struct transfer *t, struct err *e)
{
    struct curl_slist *headers = NULL;
    char why[CURL_ERROR_SIZE] = "";
    CURLcode rc;
    int r;

    t->err = (struct err){ 0 };
    t->begun = false;
    t->status = 0;
    begin_answer(t);
    if (ask_for_the_rest(t, &headers, e) < 0)
        return curl_slist_free_all(headers), -e->kind;
    curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, why);
    rc = curl_easy_perform(t->easy);
    r = judge(t, rc, why[0] ? why : curl_easy_strerror(rc), e);
    curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    return r;
}
