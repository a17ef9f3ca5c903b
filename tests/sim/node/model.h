/*
 * node/model.h - the program behind every image that is not Redis: a small HTTP
 * server that stands for a model server.
 *
 *   everserve-sim model-server --port N --tag TAG [--once]
 *
 * Answers every path with 200 and a line of JSON (pod name, requests so far);
 * /slow?ms=N after N milliseconds; /metrics as Prometheus text. The tag says how
 * it misbehaves: crash* ends with 1 at once, unready* answers 503, slow* answers
 * 503 for its first 20 s. SIGTERM: no new connections, what is in flight is
 * finished, end with 0. --once: ends with 0 at once (an init container).
 */
#ifndef SIM_NODE_MODEL_H
#define SIM_NODE_MODEL_H

int model_main(int argc, char **argv); /* argv[0] is the subcommand; returns the exit code */

#endif
