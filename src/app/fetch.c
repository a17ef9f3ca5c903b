#include "app/fetch.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "fetch/fetch.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 64 };

#define TERMINATION_LOG "/dev/termination-log"

static const char usage[] =
    "usage: everserve fetch --to DIR [OPTIONS] [URI]\n"
    "\n"
    "Downloads one file into DIR, resumes what was interrupted, checks it, and gives it its name only then. Where DIR\n"
    "is shared, one process downloads and the others wait. URI: https://, http://, s3://BUCKET/KEY,\n"
    "hf://OWNER/REPO[@REVISION]/FILE, file:///PATH; default $MODEL_URI.\n"
    "\n"
    "  -t, --to DIR          the folder; made when its parent is there\n"
    "  -n, --name NAME       of the file; default: the last part of the URI's path\n"
    "  -s, --sha256 HEX      of the file; another one is thrown away\n"
    "  -e, --endpoint URL    of s3 (needed) or instead of Hugging Face\n"
    "  -m, --max-bytes N     a larger file is refused; default 4 TiB\n"
    "  -h, --help            this text\n"
    "\n"
    "Credentials come from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION;\n"
    "HF_TOKEN; MODEL_TOKEN, a bearer token for https; MODEL_CA, authorities as PEM instead of the system's.\n"
    "\n"
    "Exit status: 0, 1 when it failed (the reason also goes to " TERMINATION_LOG "), 64 on wrong usage.\n";

static const struct option long_options[] = {
    { "to", required_argument, NULL, 't' },       { "name", required_argument, NULL, 'n' },
    { "sha256", required_argument, NULL, 's' },   { "endpoint", required_argument, NULL, 'e' },
    { "max-bytes", required_argument, NULL, 'm' }, { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static struct fetch_credentials credentials_of_environment(void)
{
    return (struct fetch_credentials){
        .s3_key_id = getenv("AWS_ACCESS_KEY_ID"),
        .s3_secret = getenv("AWS_SECRET_ACCESS_KEY"),
        .s3_session = getenv("AWS_SESSION_TOKEN"),
        .s3_region = getenv("AWS_REGION"),
        .hub_token = getenv("HF_TOKEN"),
        .token = getenv("MODEL_TOKEN"),
        .ca_pem = getenv("MODEL_CA"),
    };
}

/* -1: go on; else the exit status */
static int parse_options(int argc, char **argv, struct fetch_options *o)
{
    int c;

    optind = 1;
    while ((c = getopt_long(argc, argv, "t:n:s:e:m:h", long_options, NULL)) != -1) {
        switch (c) {
        case 't': o->dir = optarg; break;
        case 'n': o->name = optarg; break;
        case 's': o->sha256 = optarg; break;
        case 'e': o->endpoint = optarg; break;
        case 'm':
            if (!str_to_int(optarg, 1, INT64_C(1) << 60, &o->max_bytes))
                return fputs("everserve fetch: --max-bytes is not a number above zero\n", stderr), EXIT_USAGE;
            break;
        case 'h': return fputs(usage, stdout), 0;
        default: return EXIT_USAGE;
        }
    }
    o->uri = optind < argc ? argv[optind++] : getenv("MODEL_URI");
    if (!o->dir || str_empty(o->uri) || optind < argc)
        return fputs(usage, stderr), EXIT_USAGE;
    return -1;
}

static void on_progress(void *arg, const char *what, int64_t bytes, int64_t total)
{
    (void)arg;
    log_info("model", F("what", what), F("bytes", bytes), F("of", total));
}

/* Kubernetes shows it as the container's last word, and so does the service's condition. */
static void leave_word(const char *text)
{
    int fd = open(TERMINATION_LOG, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    (void)!write(fd, text, strlen(text));
    close(fd);
}

int app_fetch(int argc, char **argv)
{
    struct fetch_options o = fetch_defaults();
    struct err e = { 0 };
    int rc;

    o.credentials = credentials_of_environment();
    o.on_progress = on_progress;
    log_setup(LOG_INFO, LOG_LOGFMT);
    rc = parse_options(argc, argv, &o);
    if (rc >= 0)
        return rc;
    rc = fetch_run(&o, &e);
    if (rc < 0) {
        AUTO_FREE char *word = xasprintf("model: %s", e.msg);

        log_error("model is not there", F("error", (const char *)e.msg));
        leave_word(word);
        return EXIT_FAILED;
    }
    log_info("model is there", F("how", rc == FETCH_WAS_THERE ? "was there already" : "downloaded"));
    return 0;
}
