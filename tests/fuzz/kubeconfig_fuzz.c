/* A kubeconfig file: a choice of cluster and user, or an error that names file and field. */
#include <assert.h>
#include <stdlib.h>

#include "fuzz.h"
#include "kube/kubeconfig.h"

static void read_entry(const cJSON *entry)
{
    static const char *const files[] = { "certificate-authority", "client-certificate", "tokenFile" };
    static const char *const blobs[] = { "certificate-authority-data", "client-key-data" };
    const char *text = NULL;
    char *mine = NULL;
    bool yes = false;
    struct err e = { 0 };

    (void)!kubeconfig_text(entry, "server", &text, &e);
    (void)!kubeconfig_bool(entry, "insecure-skip-tls-verify", &yes, &e);
    for (size_t i = 0; i < COUNT(files); i++) {
        mine = NULL;
        if (kubeconfig_file(entry, files[i], &mine, &e) == 0)
            free(mine);
    }
    for (size_t i = 0; i < COUNT(blobs); i++) {
        mine = NULL;
        if (kubeconfig_data(entry, blobs[i], &mine, &e) == 0)
            free(mine);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kubeconfig k;
    struct kubeconfig_choice choice = { 0 };
    struct err e = { 0 };

    kubeconfig_init(&k);
    if (kubeconfig_add(&k, "/etc/fuzz/config", (const char *)data, size, &e) < 0 ||
        kubeconfig_choose(&k, NULL, &choice, &e) < 0) {
        assert(e.msg[0]);
    } else {
        read_entry(choice.cluster);
        if (choice.user)
            read_entry(choice.user);
    }
    kubeconfig_done(&k);
    return 0;
}
