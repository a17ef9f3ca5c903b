/* INFO, CLUSTER INFO and ids: read into a view, or an error. */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "slots/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    char id[NODE_ID_LEN + 1] = "";
    struct node_view v;
    struct err e = { 0 };

    view_init(&v);
    if (view_parse_info(text, size, &v, &e) == 0)
        assert(v.n_links <= VIEW_LINKS_MAX);
    (void)!view_parse_cluster_info(text, size, &v, &e);
    if (view_parse_id(text, size, id, &e) == 0)
        assert(strlen(id) <= NODE_ID_LEN);
    view_done(&v);
    return 0;
}
