#include "app/render.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "api/isvc.h"
#include "base/str.h"
#include "base/version.h"
#include "desired/desired.h"
#include "file.h"
#include "json/yaml.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 64 };

struct options {
    const char *file;
    const char *ns;
    const char *image;
    bool json;
};

static const char usage[] =
    "usage: everserve render [-o yaml|json] [-n NAMESPACE] [-i IMAGE] FILE|-\n"
    "\n"
    "Prints the manifests that the operator would apply for each InferenceService in FILE\n"
    "(YAML or JSON, one or more documents; other kinds are skipped). Nothing is sent anywhere.\n"
    "The Redis password is a placeholder.\n"
    "\n"
    "  -o, --output yaml|json   one document after another; default yaml\n"
    "  -n, --namespace NAME     for resources that name none; default \"default\"\n"
    "  -i, --image NAME         the operator's own, in the pods; default $EVERSERVE_IMAGE,\n"
    "                           or " EVERSERVE_IMAGE "\n"
    "  -h, --help               this text\n"
    "\n"
    "Exit status: 0, 1 when something was refused, 64 on wrong usage.\n";

static void print_manifest(const cJSON *manifest, bool json)
{
    AUTO_FREE char *text = json ? json_print_pretty(manifest) : yaml_print(manifest);

    printf("%s%s%s", json ? "" : "---\n", text, json ? "\n" : "");
}

static void print_children(const struct isvc *s, const struct options *o)
{
    struct desired_input in = desired_input_default(s);

    if (!str_empty(o->image))
        in.redis_entrypoint = in.model_fetcher = in.headroom_image = o->image;
    for (int c = 0; c < N_CHILDREN; c++) {
        AUTO_JSON cJSON *manifest = desired_child((enum child)c, s, &in);

        if (manifest)
            print_manifest(manifest, o->json);
    }
}

static int render_service(const struct options *o, cJSON *doc)
{
    cJSON *meta = json_member(doc, "metadata");
    struct isvc s;
    struct err e;

    if (cJSON_IsObject(meta) && !json_has(meta, "namespace"))
        json_str(meta, "namespace", o->ns);
    if (isvc_decode(doc, &s, &e) < 0) {
        const char *name = json_get_str(meta, "name");

        fprintf(stderr, "everserve: %s: InferenceService %s: %s\n", o->file, name ? name : "without a name", e.msg);
        return EXIT_REFUSED;
    }
    print_children(&s, o);
    isvc_done(&s);
    return 0;
}

static int render_doc(const struct options *o, cJSON *doc, int *n_services)
{
    const char *kind = json_get_str(doc, "kind");
    int worst = 0;
    cJSON *item;

    if (kind && str_has_suffix(kind, "List")) {
        cJSON_ArrayForEach(item, json_member(doc, "items"))
            if (render_doc(o, item, n_services))
                worst = EXIT_REFUSED;
        return worst;
    }
    if (kind && !str_eq(kind, API_KIND)) {
        fprintf(stderr, "everserve: %s: %s skipped\n", o->file, kind);
        return 0;
    }
    ++*n_services;
    return render_service(o, doc);
}

static int render(const struct options *o)
{
    AUTO_JSON cJSON *docs = NULL;
    AUTO_BUF struct buf text;
    struct err e;
    int worst = 0, n_services = 0;
    cJSON *doc;

    buf_init(&text, FILE_BYTES_MAX);
    if (file_read(o->file, &text, &e) < 0 || yaml_parse(buf_text(&text), text.len, &docs, &e) < 0) {
        fprintf(stderr, "everserve: %s: %s\n", o->file, e.msg);
        return EXIT_REFUSED;
    }
    cJSON_ArrayForEach(doc, docs)
        if (render_doc(o, doc, &n_services))
            worst = EXIT_REFUSED;
    if (n_services)
        return worst;
    fprintf(stderr, "everserve: %s: holds no InferenceService\n", o->file);
    return EXIT_REFUSED;
}

static int wrong_usage(void)
{
    fputs(usage, stderr);
    return EXIT_USAGE;
}

int app_render(int argc, char **argv)
{
    static const struct option longs[] = {
        { "output", required_argument, NULL, 'o' },
        { "namespace", required_argument, NULL, 'n' },
        { "image", required_argument, NULL, 'i' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    struct options o = { .ns = "default", .image = getenv("EVERSERVE_IMAGE") };
    int c;

    optind = 1;
    while ((c = getopt_long(argc, argv, "o:n:i:h", longs, NULL)) != -1) {
        if (c == 'h')
            return fputs(usage, stdout) < 0;
        else if (c == 'n')
            o.ns = optarg;
        else if (c == 'i')
            o.image = optarg;
        else if (c == 'o' && (str_eq(optarg, "json") || str_eq(optarg, "yaml")))
            o.json = str_eq(optarg, "json");
        else
            return wrong_usage();
    }
    if (optind + 1 != argc)
        return wrong_usage();
    o.file = argv[optind];
    return render(&o);
}
