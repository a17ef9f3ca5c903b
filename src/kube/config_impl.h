/*
 * kube/config_impl.h - what a kube_config holds, for the files of this room.
 *
 * Not pure. Owns every text. A file_text with a file is read again by
 * kube_config_refresh; what is empty or unreadable then keeps the old text.
 */
#ifndef KUBE_CONFIG_IMPL_H
#define KUBE_CONFIG_IMPL_H

#include <stdbool.h>
#include <stddef.h>

#include "http/http.h"
#include "kube/config.h"

struct exec_plugin;
struct kubeconfig;

struct file_text {
    char *file; /* NULL: the text never changes */
    char *text; /* NULL: none */
};

struct kube_config {
    char *server; /* without a '/' at the end */
    char *ns, *proxy, *server_name;
    bool insecure;
    struct file_text ca, cert, key, token;
    struct exec_plugin *exec; /* NULL: none */
};

enum { CONFIG_FILE_MAX_BYTES = 1024 * 1024 };

/* From a merged kubeconfig; reads the files it names. */
int kube_config_from(const struct kubeconfig *k, const char *context, struct kube_config **out, struct err *e) MUST_USE;

/* dir: of the service account's files; host, port: of the API server. */
int kube_config_in_cluster(const char *dir, const char *host, const char *port, struct kube_config **out,
                           struct err *e) MUST_USE;

/* Reads the files again; true when any text is another one now. */
bool kube_config_refresh(struct kube_config *c);

void kube_config_tls(const struct kube_config *c, struct http_tls *out); /* lends */

/* The file's text, trimmed at the end; ERR_INVALID when unreadable, empty, or longer than max. Caller frees. */
int kube_read_file(const char *path, size_t max_bytes, char **out, struct err *e) MUST_USE;

#endif
