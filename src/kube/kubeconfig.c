#include "kubeconfig.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "json/yaml.h"

static const char SOURCE[] = ".source";

void kubeconfig_init(struct kubeconfig *k)
{
    k->merged = json_new_obj();
}

void kubeconfig_done(struct kubeconfig *k)
{
    cJSON_Delete(k->merged);
    k->merged = NULL;
}

static const char *source_of(const cJSON *entry)
{
    const char *s = cJSON_GetStringValue(json_member(entry, SOURCE));

    return s ? s : "kubeconfig";
}

/* One item of clusters, users or contexts: { name: x, cluster: {...} }. */
static int add_item(cJSON *into, const cJSON *item, const char *kind, const char *source, struct err *e)
{
    const char *name = cJSON_GetStringValue(json_member(item, "name"));
    const cJSON *value = json_member(item, kind);
    cJSON *copy;

    if (str_empty(name))
        return err_set(e, ERR_INVALID, "%s: %ss: an item without a name", source, kind);
    if (value && !cJSON_IsObject(value) && !cJSON_IsNull(value))
        return err_set(e, ERR_INVALID, "%s: %ss[%s].%s: expected an object", source, kind, name, kind);
    if (json_member(into, name))
        return 0;
    copy = cJSON_IsObject(value) ? json_dup(value) : json_new_obj();
    json_str(copy, SOURCE, source);
    json_put(into, name, copy);
    return 0;
}

static int add_list(struct kubeconfig *k, const cJSON *doc, const char *kind, const char *source, struct err *e)
{
    AUTO_FREE char *plural = xasprintf("%ss", kind);
    const cJSON *list = json_member(doc, plural), *item;
    cJSON *into = json_obj(k->merged, plural);

    if (!list || cJSON_IsNull(list))
        return 0;
    if (!cJSON_IsArray(list))
        return err_set(e, ERR_INVALID, "%s: %s: expected a list", source, plural);
    cJSON_ArrayForEach(item, list)
        if (add_item(into, item, kind, source, e) < 0)
            return -(int)ERR_INVALID;
    return 0;
}

static int add_doc(struct kubeconfig *k, const cJSON *doc, const char *source, struct err *e)
{
    const char *kind = json_get_str(doc, "kind"), *current = NULL;
    int rc;

    if (!cJSON_IsObject(doc))
        return err_set(e, ERR_INVALID, "%s: expected an object", source);
    if (kind && !str_eq(kind, "Config"))
        return err_set(e, ERR_INVALID, "%s: kind: expected Config, found %.40s", source, kind);
    if ((rc = add_list(k, doc, "cluster", source, e)) < 0 || (rc = add_list(k, doc, "user", source, e)) < 0 ||
        (rc = add_list(k, doc, "context", source, e)) < 0)
        return rc;
    current = json_get_str(doc, "current-context");
    if (!str_empty(current) && !json_has(k->merged, "current"))
        json_str(k->merged, "current", current);
    return 0;
}

int kubeconfig_add(struct kubeconfig *k, const char *source, const char *text, size_t len, struct err *e)
{
    AUTO_JSON cJSON *docs = NULL;
    const cJSON *doc;

    if (len > KUBECONFIG_MAX_BYTES)
        return err_set(e, ERR_INVALID, "%s: larger than %d bytes", source, KUBECONFIG_MAX_BYTES);
    if (yaml_parse(text, len, &docs, e) < 0)
        return err_wrap(e, "%s", source);
    cJSON_ArrayForEach(doc, docs)
        if (add_doc(k, doc, source, e) < 0)
            return -(int)ERR_INVALID;
    return 0;
}

int kubeconfig_text(const cJSON *entry, const char *key, const char **out, struct err *e)
{
    const cJSON *v = json_member(entry, key);

    if (v && !cJSON_IsString(v) && !cJSON_IsNull(v))
        return err_set(e, ERR_INVALID, "%s: %s: expected text", source_of(entry), key);
    *out = cJSON_IsString(v) && *v->valuestring ? v->valuestring : NULL;
    return 0;
}

int kubeconfig_bool(const cJSON *entry, const char *key, bool *out, struct err *e)
{
    const cJSON *v = json_member(entry, key);

    if (v && !cJSON_IsBool(v) && !cJSON_IsNull(v))
        return err_set(e, ERR_INVALID, "%s: %s: expected true or false", source_of(entry), key);
    *out = cJSON_IsTrue(v);
    return 0;
}

int kubeconfig_file(const cJSON *entry, const char *key, char **out, struct err *e)
{
    const char *name, *source = source_of(entry), *slash = strrchr(source, '/');

    if (kubeconfig_text(entry, key, &name, e) < 0)
        return -(int)ERR_INVALID;
    if (!name)
        *out = NULL;
    else if (*name == '/' || !slash)
        *out = xstrdup(name);
    else
        *out = xasprintf("%.*s/%s", (int)(slash - source), source, name);
    return 0;
}

/* base64 without the white space that YAML and people put into it. */
static char *squeeze(const char *text)
{
    char *s = xstrdup(text), *to = s;

    for (const char *from = text; *from; from++)
        if (!strchr(" \t\r\n", *from))
            *to++ = *from;
    *to = '\0';
    return s;
}

int kubeconfig_data(const cJSON *entry, const char *key, char **out, struct err *e)
{
    AUTO_FREE char *b64 = NULL, *bytes = NULL;
    const char *text;
    size_t len;
    int n;

    if (kubeconfig_text(entry, key, &text, e) < 0)
        return -(int)ERR_INVALID;
    if (!text) {
        *out = NULL;
        return 0;
    }
    b64 = squeeze(text);
    len = strlen(b64);
    bytes = xcalloc(1, len + 4);
    n = EVP_DecodeBlock((unsigned char *)bytes, (const unsigned char *)b64, (int)len);
    if (len == 0 || n < 0 || memchr(bytes, '\0', (size_t)(n > 3 ? n - 2 : n)))
        return err_set(e, ERR_INVALID, "%s: %s: not base64 of text", source_of(entry), key);
    bytes[n] = '\0';
    *out = TAKE(bytes);
    return 0;
}

static int find(const struct kubeconfig *k, const char *kind, const char *name, const cJSON **out, struct err *e)
{
    *out = json_member(json_member(k->merged, kind), name);
    if (!*out)
        return err_set(e, ERR_INVALID, "kubeconfig: no \"%.100s\" in %s", name, kind);
    return 0;
}

/* Without contexts at all, one cluster and at most one user still say everything. */
static int choose_lonely(const struct kubeconfig *k, struct kubeconfig_choice *out, struct err *e)
{
    const cJSON *clusters = json_member(k->merged, "clusters"), *users = json_member(k->merged, "users");

    if (json_count(clusters) != 1 || json_count(users) > 1)
        return err_set(e, ERR_INVALID, "kubeconfig: current-context is not set, and no context was asked for");
    *out = (struct kubeconfig_choice){ .context = "", .cluster = clusters->child, .user = users ? users->child : NULL };
    return 0;
}

int kubeconfig_choose(const struct kubeconfig *k, const char *context, struct kubeconfig_choice *out, struct err *e)
{
    const char *name = context ? context : json_get_str(k->merged, "current"), *cluster, *user;
    struct kubeconfig_choice c = { .context = name };
    const cJSON *ctx;

    if (!name)
        return choose_lonely(k, out, e);
    if (find(k, "contexts", name, &ctx, e) < 0 || kubeconfig_text(ctx, "cluster", &cluster, e) < 0 ||
        kubeconfig_text(ctx, "user", &user, e) < 0 || kubeconfig_text(ctx, "namespace", &c.ns, e) < 0)
        return -(int)ERR_INVALID;
    if (!cluster)
        return err_set(e, ERR_INVALID, "%s: contexts[%.60s].cluster: not set", source_of(ctx), name);
    if (find(k, "clusters", cluster, &c.cluster, e) < 0 || (user && find(k, "users", user, &c.user, e) < 0))
        return -(int)ERR_INVALID;
    *out = c;
    return 0;
}
