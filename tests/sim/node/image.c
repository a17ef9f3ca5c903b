#include "sim/node/image.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static bool has(const char *name, size_t len, const char *word)
{
    return memmem(name, len, word, strlen(word)) != NULL;
}

static enum image_kind kind_of(const char *name, size_t len)
{
    static const char *const shells[] = { "busybox", "alpine", "debian", "ubuntu", "bash" };

    if (len >= 7 && memcmp(name, "missing", 7) == 0)
        return IMAGE_MISSING;
    if (len == 9 && memcmp(name, "everserve", 9) == 0)
        return IMAGE_OWN;
    if (has(name, len, "valkey"))
        return IMAGE_VALKEY;
    if (has(name, len, "redis"))
        return IMAGE_REDIS;
    for (size_t i = 0; i < COUNT(shells); i++)
        if (len == strlen(shells[i]) && memcmp(name, shells[i], len) == 0)
            return IMAGE_SHELL;
    return IMAGE_MODEL;
}

struct image image_parse(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    size_t len = strcspn(base, "@:"), tag_len = 0;
    struct image img = { .tag = "latest" };

    if (base[len] == ':')
        tag_len = strcspn(base + len + 1, "@");
    if (tag_len)
        snprintf(img.tag, sizeof(img.tag), "%.*s", (int)tag_len, base + len + 1);
    img.kind = str_eq(img.tag, "missing") || len == 0 ? IMAGE_MISSING : kind_of(base, len);
    return img;
}

const char *image_program(enum image_kind kind)
{
    static const char *const programs[] = { [IMAGE_REDIS] = "redis-server", [IMAGE_VALKEY] = "valkey-server",
                                            [IMAGE_SHELL] = "sh", [IMAGE_OWN] = NULL, [IMAGE_MODEL] = NULL };

    return programs[kind];
}

void image_release(const struct image *img, char out[32])
{
    size_t digits = strspn(img->tag, "0123456789");
    const char *dot = img->tag + digits;

    out[0] = 0;
    if (digits == 0 || digits > 3 || (img->kind != IMAGE_REDIS && img->kind != IMAGE_VALKEY))
        return;
    if (*dot == '.' && isdigit((unsigned char)dot[1]))
        digits += 1 + strspn(dot + 1, "0123456789");
    if (digits < 8)
        snprintf(out, 32, "%s-%.*s", img->kind == IMAGE_REDIS ? "redis" : "valkey", (int)digits, img->tag);
}
