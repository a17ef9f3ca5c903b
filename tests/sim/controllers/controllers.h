/*
 * sim/controllers/controllers.h - the subcommand `controllers`.
 */
#ifndef SIM_CONTROLLERS_CONTROLLERS_H
#define SIM_CONTROLLERS_CONTROLLERS_H

int controllers_main(int argc, char **argv);

#endif
