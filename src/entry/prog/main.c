/* The program build/everserve-entry; a file of its own because the room's archive is linked into others. */
#include "entry/entry.h"

int main(int argc, char **argv)
{
    return entry_main(argc, argv);
}
