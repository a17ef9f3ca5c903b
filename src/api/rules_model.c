/*
 * What spec.predictor.accelerator and .model say together.
 */
#include "base/str.h"
#include "rules.h"

static bool has(const cJSON *self, const char *key)
{
    return json_member(self, key) != NULL;
}

static bool is_shared(const cJSON *self)
{
    return str_eq(json_get_str(self, "sharing"), "Shared");
}

static bool is_nvidia(const cJSON *self)
{
    return !has(self, "vendor") || str_eq(json_get_str(self, "vendor"), "nvidia");
}

static bool profile_is_not_shared(const cJSON *self)
{
    return !has(self, "profile") || !is_shared(self);
}

static bool profile_names_the_resource(const cJSON *self)
{
    return !has(self, "profile") || !has(self, "resourceName");
}

static bool profile_is_of_nvidia(const cJSON *self)
{
    return !has(self, "profile") || is_nvidia(self);
}

static bool shared_is_of_nvidia(const cJSON *self)
{
    return !is_shared(self) || is_nvidia(self);
}

static bool claim_stands_alone(const cJSON *self)
{
    return !has(self, "claim") ||
           !(has(self, "profile") || has(self, "resourceName") || has(self, "product") || is_shared(self));
}

const struct rule rules_accelerator[] = {
    { "!has(self.profile) || self.sharing != 'Shared'", "a MIG slice cannot be shared in time: drop profile or sharing",
      ".profile", profile_is_not_shared },
    { "!has(self.profile) || !has(self.resourceName)", "profile already names the resource: drop resourceName or profile",
      ".resourceName", profile_names_the_resource },
    { "!has(self.profile) || !has(self.vendor) || self.vendor == 'nvidia'",
      "MIG slices are nvidia's: name the partition's resource in resourceName", ".profile", profile_is_of_nvidia },
    { "self.sharing != 'Shared' || !has(self.vendor) || self.vendor == 'nvidia'",
      "only nvidia's device plugin has a resource of its own for sharing in time: leave it out", ".sharing", shared_is_of_nvidia },
    { "!has(self.claim) || !(has(self.profile) || has(self.resourceName) || has(self.product) || self.sharing == 'Shared')",
      "says all about the devices: leave out profile, resourceName, product and sharing, and select in the claim", ".claim",
      claim_stands_alone },
    { NULL, NULL, NULL, NULL },
};

static bool one_template(const cJSON *self)
{
    return has(self, "deviceClassName") != has(self, "resourceClaimTemplateName");
}

static bool devices_are_ours(const cJSON *self)
{
    return has(self, "deviceClassName") || !(has(self, "selectors") || has(self, "count"));
}

/* The server never lets a template change, and pods may have been made from it. */
const struct rule rules_claim[] = {
    { "has(self.deviceClassName) != has(self.resourceClaimTemplateName)", "give deviceClassName or resourceClaimTemplateName",
      NULL, one_template },
    { "has(self.deviceClassName) || !(has(self.selectors) || has(self.count))",
      "is needed for count and selectors: a template that is there has its own", ".deviceClassName", devices_are_ours },
    { "!has(self.deviceClassName) || !has(oldSelf.deviceClassName) || self == oldSelf",
      "cannot be changed: make a ResourceClaimTemplate and name it in resourceClaimTemplateName", NULL, NULL },
    { NULL, NULL, NULL, NULL },
};

static bool is_downloaded(const cJSON *self)
{
    return has(self, "uri") || has(self, "storageUri");
}

static bool is_somewhere(const cJSON *self)
{
    return is_downloaded(self) || has(self, "claimName") || has(self, "storage") || has(self, "image");
}

static bool uri_has_one_name(const cJSON *self)
{
    return !(has(self, "uri") && has(self, "storageUri"));
}

static bool one_claim(const cJSON *self)
{
    return !(has(self, "claimName") && has(self, "storage"));
}

static bool image_stands_alone(const cJSON *self)
{
    return !has(self, "image") || !(is_downloaded(self) || has(self, "claimName") || has(self, "storage"));
}

static bool image_is_read_only(const cJSON *self)
{
    return !has(self, "image") || json_get_bool(self, "readOnly", true);
}

static bool details_have_a_uri(const cJSON *self)
{
    return is_downloaded(self) || !(has(self, "sha256") || has(self, "fileName") || has(self, "sizeLimit") ||
                                    has(self, "secretName") || has(self, "endpoint"));
}

static bool claim_can_be_written(const cJSON *self)
{
    return !is_downloaded(self) || !str_eq(json_get_str(self, "storage.accessMode"), "ReadOnlyMany");
}

static bool is_s3(const cJSON *self, const char *key)
{
    const char *uri = json_get_str(self, key);

    return uri && str_has_prefix(uri, "s3://");
}

static bool store_is_named(const cJSON *self)
{
    return has(self, "endpoint") || !(is_s3(self, "uri") || is_s3(self, "storageUri"));
}

#define DOWNLOADED "(has(self.uri) || has(self.storageUri))"

const struct rule rules_model[] = {
    { DOWNLOADED " || has(self.claimName) || has(self.storage) || has(self.image)", "give uri, claimName, storage or image",
      NULL, is_somewhere },
    { "!(has(self.uri) && has(self.storageUri))", "is another name of uri: give one of them", ".storageUri", uri_has_one_name },
    { "!(has(self.claimName) && has(self.storage))", "give claimName or storage", ".storage", one_claim },
    { "!has(self.image) || !(" DOWNLOADED " || has(self.claimName) || has(self.storage))",
      "holds the model: leave out uri, claimName and storage", ".image", image_stands_alone },
    { "!has(self.image) || self.readOnly", "an image cannot be written to", ".readOnly", image_is_read_only },
    { DOWNLOADED " || !(has(self.sha256) || has(self.fileName) || has(self.sizeLimit) || has(self.secretName) || "
      "has(self.endpoint))",
      "is needed for sha256, fileName, sizeLimit, secretName and endpoint", ".uri", details_have_a_uri },
    { "has(self.endpoint) || !((has(self.uri) && self.uri.startsWith('s3://')) || "
      "(has(self.storageUri) && self.storageUri.startsWith('s3://')))",
      "is needed for s3: https://HOST of the store", ".endpoint", store_is_named },
    { "!" DOWNLOADED " || !has(self.storage) || self.storage.accessMode != 'ReadOnlyMany'",
      "the download has to write: ReadWriteMany, or ReadWriteOnce", ".storage.accessMode", claim_can_be_written },
    { NULL, NULL, NULL, NULL },
};

/* A size is not compared: one that the storage refused must be possible to set back. */
const struct rule rules_model_storage[] = {
    { "has(self.storageClassName) == has(oldSelf.storageClassName) && "
      "(!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",
      "cannot be changed: make another claim and name it in claimName", ".storageClassName", NULL },
    { "self.accessMode == oldSelf.accessMode", "cannot be changed: make another claim and name it in claimName",
      ".accessMode", NULL },
    { NULL, NULL, NULL, NULL },
};
