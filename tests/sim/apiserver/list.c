#include "sim/apiserver/list.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "sim/apiserver/select.h"
#include "sim/apiserver/table.h"
#include "sim/apiserver/view.h"

enum { LIST_MAX = 512 << 20 };

struct page {
    int64_t limit;      /* 0: all */
    uint64_t rv;        /* of the first page */
    char *start;        /* first key of this page; NULL: the beginning */
    char *next;         /* out: first key of the next page */
    int64_t remaining;  /* out; -1: unknown (selectors) */
    struct selector *sel;
};

/* ---- continue tokens: base64 of "rv key" ---- */

static char *token_make(uint64_t rv, const char *key)
{
    AUTO_FREE char *plain = xasprintf("%llu %s", (unsigned long long)rv, key);
    size_t n = strlen(plain);
    char *out = xcalloc(1, n * 4 / 3 + 8);

    EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)plain, (int)n);
    return out;
}

static bool token_read(const char *token, struct page *p)
{
    size_t n = strlen(token);
    AUTO_FREE char *plain = xcalloc(1, n + 4);
    unsigned long long rv;
    int key_at = 0;

    if (n == 0 || n % 4 || EVP_DecodeBlock((unsigned char *)plain, (const unsigned char *)token, (int)n) < 0)
        return false;
    if (sscanf(plain, "%llu %n", &rv, &key_at) != 1 || key_at == 0)
        return false;
    p->rv = rv;
    p->start = xstrdup(plain + key_at);
    return true;
}

/* ---- options ---- */

static int refuse_future(const struct request *q, int64_t rv, struct refusal *r)
{
    refuse(r, 504, "Timeout", "Timeout: Too large resource version: %lld, current: %llu", (long long)rv,
           (unsigned long long)store_rv(q->s->store));
    refusal_cause(r, "ResourceVersionTooLarge", "", "Too large resource version");
    r->retry_after_s = 1;
    return -1;
}

static int check_rv(const struct request *q, struct refusal *r)
{
    const char *text = request_query(q, "resourceVersion"), *match = request_query(q, "resourceVersionMatch");
    int64_t rv = 0;

    if (!str_empty(text) && !str_to_int(text, 0, INT64_MAX, &rv))
        return refuse(r, 400, "BadRequest", "invalid resource version: resourceVersion: Invalid value: \"%s\": strconv.ParseUint: parsing \"%s\": "
                      "invalid syntax", text, text);
    if (!str_empty(match) && str_empty(text)) {
        refusal_cause(r, "FieldValueForbidden", "resourceVersionMatch",
                      "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided");
        return refusal_invalid(r, "meta.k8s.io", "ListOptions", "");
    }
    if (rv > (int64_t)store_rv(q->s->store))
        return refuse_future(q, rv, r);
    if (str_eq(match, "Exact") && rv > 0 && (uint64_t)rv < q->res->items->compacted_rv)
        return refuse(r, 410, "Expired", "The resourceVersion for the provided list is too old.");
    return 0;
}

static int read_options(const struct request *q, struct page *p, struct refusal *r)
{
    const char *limit = request_query(q, "limit"), *token = request_query(q, "continue");
    const char *labels = request_query(q, "labelSelector"), *fields = request_query(q, "fieldSelector");

    if (!str_empty(limit) && !str_to_int(limit, 0, INT32_MAX, &p->limit))
        return refuse(r, 400, "BadRequest", "Invalid value: \"%s\": limit must be a number", limit);
    if (check_rv(q, r) < 0 || selector_parse(labels, fields, q->res, &p->sel, r) < 0)
        return -1;
    p->rv = store_rv(q->s->store);
    if (str_empty(token))
        return 0;
    if (!token_read(token, p))
        return refuse(r, 400, "BadRequest", "continue key is not valid: %s", token);
    if (p->rv < q->res->items->compacted_rv && q->res->items->compacted_rv > STORE_FIRST_RV)
        return refuse(r, 410, "Expired", "The provided continue parameter is too old to display a consistent list result. "
                      "You can start a new list without the continue parameter.");
    return 0;
}

/* ---- the items ---- */

static void write_item(const struct request *q, struct object *o, struct buf *out)
{
    object_text(o);
    if (!view_is_stored(q->res, o)) {
        AUTO_JSON cJSON *tree = view_tree(q->res, o);
        AUTO_FREE char *text = json_print(tree);

        buf_str(out, text);
    } else if (q->res->ops) { /* typed lists leave out what each item is */
        buf_str(out, "{");
        if (!buf_add(out, o->text + o->skip, o->text_len - o->skip))
            abort();
    } else if (!buf_add(out, o->text, o->text_len)) {
        abort();
    }
}

static void write_items(const struct request *q, struct page *p, struct buf *out)
{
    const struct collection *c = q->res->items;
    size_t first, n = collection_range(c, q->ns, &first), end = first + n, i = first, written = 0;

    if (p->start) {
        size_t from = collection_from(c, p->start);

        i = from > first ? from : first;
    }
    for (; i < end; i++) {
        if (!selector_fits(p->sel, c->items[i]->tree))
            continue;
        if (p->limit && written == (size_t)p->limit) {
            p->next = xstrdup(c->items[i]->key);
            p->remaining = p->sel ? -1 : (int64_t)(end - i);
            return;
        }
        if (written++)
            buf_str(out, ",");
        write_item(q, c->items[i], out);
    }
}

static void write_head(const struct request *q, const struct page *p, struct buf *out)
{
    AUTO_FREE char *api_version = resource_api_version(q->res);
    AUTO_FREE char *token = p->next ? token_make(p->rv, p->next) : NULL;

    buf_fmt(out, "{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":{\"resourceVersion\":\"%llu\"", q->res->list_kind,
            api_version, (unsigned long long)p->rv);
    if (token)
        buf_fmt(out, ",\"continue\":\"%s\"", token);
    if (token && p->remaining >= 0)
        buf_fmt(out, ",\"remainingItemCount\":%lld", (long long)p->remaining);
    buf_str(out, "},\"items\":[");
}

static void answer(struct request *q, struct page *p)
{
    struct buf items CLEANUP(buf_done) = { 0 }, all CLEANUP(buf_done) = { 0 };
    cJSON *tree = NULL;

    buf_init(&items, LIST_MAX);
    buf_init(&all, LIST_MAX);
    write_items(q, p, &items);
    write_head(q, p, &all);
    if (!buf_add(&all, buf_text(&items), items.len))
        abort();
    buf_str(&all, "]}");
    if (q->form == FORM_PLAIN) {
        reply_text(q, 200, "application/json", all.data, all.len);
        return;
    }
    if (json_parse(all.data, all.len, &tree, &(struct err){ 0 }) < 0)
        abort();
    tree = table_list(q->res, tree, q->form);
    reply_json(q, 200, tree);
}

void list_serve(struct request *q)
{
    struct page p = { 0 };
    struct refusal r AUTO_REFUSAL = { 0 };

    if (read_options(q, &p, &r) < 0)
        reply_refusal(q, &r);
    else
        answer(q, &p);
    selector_free(p.sel);
    free(p.start);
    free(p.next);
}
