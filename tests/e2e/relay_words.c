#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "e2e/relay.h"

static bool is_one_of(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcasecmp(word, list[i]))
            return true;
    return false;
}

/* "CLUSTER MEET", "CLUSTER SETSLOT NODE" (whose slot is no part of the name), "MIGRATE". */
void relay_name(int argc, char *const *argv, char name[RELAY_NAME])
{
    static const char *const families[] = { "CLUSTER", "CONFIG", "ACL", "FUNCTION", "MEMORY", "CLIENT", "SCRIPT" };
    static const char *const deeper[] = { "FAILOVER", "MIGRATION" };

    snprintf(name, RELAY_NAME, "%.16s", argc ? argv[0] : "");
    if (argc < 2 || !is_one_of(argv[0], families, COUNT(families)))
        return;
    snprintf(name, RELAY_NAME, "%.16s %.20s", argv[0], argv[1]);
    if (argc > 3 && !strcasecmp(argv[1], "SETSLOT"))
        snprintf(name, RELAY_NAME, "CLUSTER SETSLOT %.12s", argv[3]);
    else if (argc > 2 && is_one_of(argv[1], deeper, COUNT(deeper)))
        snprintf(name, RELAY_NAME, "%.12s %.12s %.12s", argv[0], argv[1], argv[2]);
}

bool relay_changes(const char *name)
{
    static const char *const reads[] = {
        "AUTH", "HELLO", "PING", "INFO", "ASKING", "ROLE", "DUMP", "DBSIZE", "LASTSAVE", "COMMAND", "EXISTS", "TYPE",
        "CLUSTER MYID", "CLUSTER MYSHARDID", "CLUSTER INFO", "CLUSTER NODES", "CLUSTER SLOTS", "CLUSTER SHARDS",
        "CLUSTER LINKS", "CLUSTER COUNTKEYSINSLOT", "CLUSTER GETKEYSINSLOT", "CLUSTER GETSLOTMIGRATIONS",
        "CLUSTER SLOT-STATS", "CLUSTER MIGRATION STATUS", "CONFIG GET", "ACL WHOAMI", "ACL LIST", "ACL GETUSER",
        "ACL DRYRUN", "ACL USERS", "FUNCTION DUMP", "FUNCTION LIST", "MEMORY USAGE", "CLIENT LIST", "CLIENT INFO",
        "CLIENT SETNAME", "CLIENT SETINFO", "SCRIPT EXISTS", "MEMORY STATS",
    };

    return !is_one_of(name, reads, COUNT(reads));
}
