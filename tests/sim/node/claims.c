#include "sim/node/claims.h"

#include <dirent.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "sim/node/files.h"
#include "sim/node/pod.h"
#include "sim/node/volume.h"

static void known_add(void *arg, const cJSON *claim)
{
    AUTO_FREE char *name = volume_claim_name(claim);

    map_put(arg, name, arg); /* any value but NULL */
}

/* folder: NAMESPACE_NAME_UID; neither part may hold a '_'. */
static bool is_named(const struct pod *p, const char *folder)
{
    const cJSON *i;

    cJSON_ArrayForEach(i, json_member(p->spec, "volumes")) {
        const char *claim = json_get_str(i, "persistentVolumeClaim.claimName");
        AUTO_FREE char *prefix = xasprintf("%s_%s_", p->ns, claim ? claim : "");
        if (claim && str_has_prefix(folder, prefix))
            return true;
    }
    return false;
}

static bool is_in_use(const struct world *w, const char *folder)
{
    for (struct map_iter i = map_first(w->pods); i.key; map_next(&i))
        if (is_named(i.value, folder))
            return true;
    return false;
}

void claims_sweep(struct world *w)
{
    DIR *d = opendir(w->claims_dir);
    struct map *known = map_new();
    struct dirent *entry;

    objects_each_claim(w->objects, known_add, known);
    while (d && objects_is_synced(w->objects) && (entry = readdir(d))) {
        AUTO_FREE char *path = xasprintf("%s/%s", w->claims_dir, entry->d_name);

        if (entry->d_name[0] == '.' || map_get(known, entry->d_name) || is_in_use(w, entry->d_name))
            continue;
        log_info("claim's folder removed", F("claim", entry->d_name));
        files_remove(path);
    }
    if (d)
        closedir(d);
    map_free(known, NULL);
}

const char *claims_address(const struct pod *p)
{
    const cJSON *i;

    cJSON_ArrayForEach(i, json_member(p->spec, "volumes")) {
        const char *claim = json_get_str(i, "persistentVolumeClaim.claimName");
        const cJSON *obj = claim ? objects_get(p->node->w->objects, "persistentvolumeclaims", p->ns, claim) : NULL;
        const char *address = cJSON_GetStringValue(json_member(json_at(obj, "metadata.annotations"), ADDRESS_ANNOTATION));
        if (address)
            return address;
    }
    return NULL;
}
