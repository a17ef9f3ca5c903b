#include "options.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "data.h"

enum { PASSWORD_BYTES_MAX = 4096 };

bool options_take(struct options *o, int opt, const char *value)
{
    switch (opt) {
    case 'C':
        o->how.cli = value;
        return true;
    case 'U':
        o->how.user = value;
        return true;
    case 'P':
        o->password_file = value;
        return true;
    case 'T':
        o->how.tls_dir = value;
        return true;
    default:
        return false;
    }
}

bool options_ready(const struct options *o)
{
    AUTO_FREE char *text = NULL;
    struct err e = { 0 };
    size_t len = 0;

    if (!o->password_file)
        return true;
    if (data_read_file(o->password_file, PASSWORD_BYTES_MAX, &text, &len, &e) < 0) {
        log_error("cannot read the password", F("error", (const char *)e.msg));
        return false;
    }
    text[strcspn(text, "\r\n")] = '\0';
    setenv("REDISCLI_AUTH", text, 1);
    explicit_bzero(text, len);
    return true;
}

void options_last_word(const char *why)
{
    int fd = open("/dev/termination-log", O_WRONLY | O_TRUNC | O_CLOEXEC);

    log_error("refused", F("because", why));
    if (fd >= 0 && write(fd, why, strlen(why)) < 0)
        log_debug("no termination message");
    if (fd >= 0)
        close(fd);
}
