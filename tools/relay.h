/* Standard input to a socket and the socket to standard output, at once. Owns nothing of the
 * caller's but the socket, until the process ends. */
#ifndef LAPSE_TOOLS_RELAY_H
#define LAPSE_TOOLS_RELAY_H

#include "cli.h"

/* in, out: standard input and output. Returns an exit status, everything has been said. */
int relay_run(const struct options *options, lapse_fd socket, lapse_fd in, lapse_fd out);

#endif
