/*
 * entry/entry.h - the program that starts, saves and fills Redis servers from inside their pods.
 *
 * Not pure. Linked statically, because it runs in images that are not ours: an init container of our image
 * copies it into an emptyDir, and the Redis container starts through it. It asks no name service, and speaks
 * to Redis through the image's own redis-cli (entry/ask.h says why).
 *
 *   everserve-entry install DIR            copies itself to DIR/entry
 *   everserve-entry fence OPTIONS -- CMD   becomes CMD when that cannot cost a key
 *   everserve-entry backup OPTIONS         saves every shard of a cluster into a folder
 *   everserve-entry restore OPTIONS        puts one shard of a backup where a new server starts with it
 *
 * Exit status: 0, 1 when something was refused or failed, 64 on wrong usage. All it says goes to stderr, the
 * last reason also to /dev/termination-log, where Kubernetes shows it in the pod's status.
 */
#ifndef ENTRY_ENTRY_H
#define ENTRY_ENTRY_H

int entry_main(int argc, char **argv);

/* The subcommands; argv[0] is the subcommand's name. */
int entry_install(int argc, char **argv); /* install.c */
int entry_fence(int argc, char **argv);   /* fence_run.c */

int entry_backup(int argc, char **argv);  /* backup_run.c */
int entry_restore(int argc, char **argv); /* restore_run.c */

#endif
