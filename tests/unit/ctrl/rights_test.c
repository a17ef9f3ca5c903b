/*
 * May our user send what we can spell, and nothing that costs data? Asked of a real server with ACL DRYRUN, one
 * test per command.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../redis/lab.h"
#include "base/str.h"
#include "desired/keys.h"

static struct lab lab;
static bool has_redis;

static void tell(const char *words, char *answer, size_t size)
{
    AUTO_FREE char *cmd = xasprintf("redis-cli -p %u %s 2>&1", lab.members[0].port, words);
    FILE *f = popen(cmd, "re");

    answer[0] = '\0';
    if (f && fgets(answer, (int)size, f))
        answer[strcspn(answer, "\n")] = '\0';
    if (f)
        pclose(f);
}

static int setup(void **state)
{
    char answer[256];
    struct buf words;
    (void)state;

    has_redis = lab_has_redis();
    if (!has_redis)
        return 0;
    lab_open(&lab);
    lab_start(&lab, 1, 0, "");
    if (!lab_all_up(&lab))
        return -1;
    buf_init(&words, 4096);
    buf_str(&words, "acl setuser everserve on nopass");
    for (const char *const *r = redis_user_rules(USER_OPERATOR); *r; r++)
        buf_fmt(&words, " '%s'", *r);
    tell(buf_text(&words), answer, sizeof(answer));
    buf_done(&words);
    return str_eq(answer, "OK") ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    if (has_redis)
        lab_stop(&lab);
    return 0;
}

static void dry_run(const char *words, char *answer, size_t size)
{
    AUTO_FREE char *cmd = xasprintf("acl dryrun everserve %s", words);

    tell(cmd, answer, size);
}

/* A command as it would be sent, every argument quoted; texts stand for what it takes. */
static char *words_of(enum command_kind kind)
{
    struct commands list = { 0 };
    struct command *c = commands_add(&list, kind, 0);
    struct command_words w;
    struct buf out;

    snprintf(c->ip, sizeof(c->ip), "127.0.0.1");
    memset(c->id, 'a', NODE_ID_LEN);
    c->port = 6379;
    if (kind == CMD_MIGRATE || kind == CMD_MIGRATE_EQUAL)
        command_add_text(c, "KEYS");
    command_add_text(c, "one");
    if (kind == CMD_CONFIG_SET || kind == CMD_ASM_IMPORT)
        command_add_text(c, "two");
    command_spell(c, &w);
    buf_init(&out, 4096);
    for (size_t i = 0; i < w.n; i++)
        buf_fmt(&out, "'%s' ", w.argv[i]);
    commands_done(&list);
    return buf_take(&out);
}

static void allowed(void **state)
{
    enum command_kind kind = (enum command_kind)(uintptr_t)*state;
    AUTO_FREE char *words = NULL;
    char answer[256];

    if (!has_redis)
        skip();
    words = words_of(kind);
    dry_run(words, answer, sizeof(answer));
    /* a version that does not know it, or wants other arguments, says so before it looks at rights */
    if (!str_eq(answer, "OK") && !strstr(answer, "not found") && !strstr(answer, "wrong number") && !strstr(answer, "unknown"))
        fail_msg("%s: %s", words, answer);
}

static void denied(void **state)
{
    static const char *const words[] = {
        "cluster flushslots", "cluster delslots 1", "cluster bumpepoch", "debug sleep 0", "shutdown", "replicaof no one",
        "get k", "set k v", "del k", "keys a", "script flush", "config rewrite", "acl load", "module list", "monitor",
    };
    char answer[256];
    (void)state;

    if (!has_redis)
        skip();
    for (size_t i = 0; i < COUNT(words); i++) {
        dry_run(words[i], answer, sizeof(answer));
        if (!strstr(answer, "no permissions"))
            fail_msg("%s: %s", words[i], answer);
    }
}

int main(void)
{
    struct CMUnitTest tests[N_COMMAND_KINDS + 1];

    for (int k = 0; k < N_COMMAND_KINDS; k++)
        tests[k] = (struct CMUnitTest){ command_name((enum command_kind)k), allowed, NULL, NULL, (void *)(uintptr_t)k };
    tests[N_COMMAND_KINDS] = (struct CMUnitTest)cmocka_unit_test(denied);
    return cmocka_run_group_tests_name("rights", tests, setup, teardown);
}
