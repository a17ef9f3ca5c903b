#include "fetch/uri.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define HUB "https://huggingface.co"
#define SAFE "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

bool model_name_is_fine(const char *name)
{
    size_t n = strlen(name);

    return n > 0 && n <= MODEL_NAME_MAX && name[0] != '.' && name[0] != '-' && strspn(name, SAFE) == n;
}

static bool is_printable(const char *s)
{
    for (; *s; s++)
        if (*s <= ' ' || *s > '~')
            return false;
    return true;
}

/* Nothing that a server, a signature or a path could read in two ways. */
static bool is_plain_path(const char *path)
{
    size_t n = strlen(path);

    if (n == 0 || strspn(path, SAFE "/") != n || path[n - 1] == '/')
        return false;
    for (const char *part = path; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        size_t len = strcspn(part, "/");

        if (len == 0 || (len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.'))
            return false;
    }
    return true;
}

/* path: without query */
static char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && model_name_is_fine(slash + 1) ? xstrdup(slash + 1) : NULL;
}

static int parse_http(const char *uri, enum model_scheme scheme, struct model_uri *out, struct err *e)
{
    const char *host = strstr(uri, "://") + 3;
    size_t len = strcspn(host, "/?#");
    AUTO_FREE char *bare = NULL;

    if (len == 0 || host[0] == ':')
        return err_set(e, ERR_INVALID, "uri names no host");
    if (memchr(host, '@', len))
        return err_set(e, ERR_INVALID, "uri holds credentials: put them into a Secret and name it in secretName");
    bare = xstrndup(host, strcspn(host, "?#"));
    out->scheme = scheme;
    out->encrypted = scheme == MODEL_HTTPS;
    out->url = xstrndup(uri, strcspn(uri, "#"));
    out->shown = xstrndup(uri, strcspn(uri, "?#"));
    out->name = last_part(bare);
    return 0;
}

static void point_at(const char *endpoint, char *path, struct model_uri *out)
{
    size_t n = strlen(endpoint);

    while (n && endpoint[n - 1] == '/')
        n--;
    out->url = xasprintf("%.*s/%s", (int)n, endpoint, path);
    out->encrypted = str_has_prefix(endpoint, "https://");
    out->name = last_part(out->url);
}

static int parse_s3(const char *uri, const char *endpoint, struct model_uri *out, struct err *e)
{
    AUTO_FREE char *path = xstrdup(uri + strlen("s3://"));

    if (str_empty(endpoint))
        return err_set(e, ERR_INVALID, "s3 needs an endpoint: https://HOST of the store");
    if (!strchr(path, '/') || !is_plain_path(path))
        return err_set(e, ERR_INVALID, "uri is not s3://BUCKET/KEY with letters, digits and . _ - / in the key");
    out->scheme = MODEL_S3;
    out->shown = xstrdup(uri);
    point_at(endpoint, path, out);
    return 0;
}

static int parse_hf(const char *uri, const char *endpoint, struct model_uri *out, struct err *e)
{
    AUTO_FREE char *text = xstrdup(uri + strlen("hf://"));
    char *repo = strchr(text, '/'), *file = repo ? strchr(repo + 1, '/') : NULL, *at;
    AUTO_FREE char *path = NULL;

    if (!file || !file[1])
        return err_set(e, ERR_INVALID, "uri names a repository: name one file of it, hf://OWNER/REPO[@REVISION]/FILE");
    *file++ = '\0';
    at = strchr(repo + 1, '@');
    if (at)
        *at++ = '\0';
    path = xasprintf("%s/resolve/%s/%s", text, at ? at : "main", file);
    if (!is_plain_path(path))
        return err_set(e, ERR_INVALID, "uri is not hf://OWNER/REPO[@REVISION]/FILE with letters, digits and . _ - /");
    out->scheme = MODEL_HF;
    out->shown = xstrdup(uri);
    point_at(str_empty(endpoint) ? HUB : endpoint, path, out);
    return 0;
}

static int parse_file(const char *uri, struct model_uri *out, struct err *e)
{
    const char *path = uri + strlen("file://");

    if (path[0] != '/' || !is_plain_path(path + 1))
        return err_set(e, ERR_INVALID, "uri is not file:///PATH with letters, digits and . _ - /");
    out->scheme = MODEL_FILE;
    out->url = xstrdup(uri);
    out->shown = xstrdup(uri);
    out->name = last_part(path);
    out->encrypted = true; /* it does not leave the machine */
    return 0;
}

static bool is_endpoint(const char *endpoint)
{
    const char *host = str_has_prefix(endpoint, "https://") ? endpoint + 8 : str_has_prefix(endpoint, "http://") ? endpoint + 7 : NULL;

    return host && *host && *host != ':' && *host != '/' && !strpbrk(host, "@?#") && is_printable(host) &&
           strlen(endpoint) <= MODEL_URI_MAX;
}

int model_uri_parse(const char *uri, const char *endpoint, struct model_uri *out, struct err *e)
{
    struct model_uri u = { .url = NULL };
    int rc;

    if (strlen(uri) > MODEL_URI_MAX || !is_printable(uri))
        return err_set(e, ERR_INVALID, "uri is too long, or holds spaces or characters that are not ASCII");
    if (!str_empty(endpoint) && !is_endpoint(endpoint))
        return err_set(e, ERR_INVALID, "endpoint is not https://HOST or http://HOST");
    if (str_has_prefix(uri, "https://"))
        rc = parse_http(uri, MODEL_HTTPS, &u, e);
    else if (str_has_prefix(uri, "http://"))
        rc = parse_http(uri, MODEL_HTTP, &u, e);
    else if (str_has_prefix(uri, "s3://"))
        rc = parse_s3(uri, endpoint, &u, e);
    else if (str_has_prefix(uri, "hf://"))
        rc = parse_hf(uri, endpoint, &u, e);
    else if (str_has_prefix(uri, "file://"))
        rc = parse_file(uri, &u, e);
    else
        rc = err_set(e, ERR_INVALID, "uri is none of https://, http://, s3://, hf://");
    if (rc == 0)
        *out = u;
    return rc;
}

void model_uri_done(struct model_uri *u)
{
    free(u->url);
    free(u->shown);
    free(u->name);
    *u = (struct model_uri){ .url = NULL };
}
