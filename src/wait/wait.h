/* The ways to wait for a descriptor: each a way to park (park/parker.h) that also ends when the
 * descriptor has something to say. A file for each. */
#ifndef LP_WAIT_H
#define LP_WAIT_H

#include "os/os.h"
#include "park/parker.h"

/* ready, for a thread: ppoll. count is of the caller's; fds[count], one more, is for the parker's eventfd:
 * behind the first that is ready the kernel prepares to wait for none, which it takes long for. The
 * parker must be pollable. Returns > 0 when one of the caller's is ready. */
struct lp_ready {
	struct pollfd *fds;
	size_t count;
};
int lp_ready_park(struct lp_parker *p, lapse_time until, void *ready);

#endif
