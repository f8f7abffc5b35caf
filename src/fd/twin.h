/* The duplicate of a file's descriptor that jobs work on, so that a handle can be closed, and its
 * number be used again, while one that was let go still hangs in the file.
 *
 * Made at the first need and kept as long as the handle: closing any descriptor of a file takes all
 * POSIX locks from it that the process has there (fcntl F_SETLK), so it is closed after the handle's
 * own, or as that is given back, never before. If a job is still in it then, by that job: locks of this
 * kind that were taken meanwhile through other descriptors go with it. Those of lapse_lock and
 * lapse_flock do not. */
#ifndef LP_TWIN_H
#define LP_TWIN_H

#include "fd/slot.h"

struct lp_twin;

/* The one of a pinned slot, for a job: until lp_twin_leave. 0 or -errno. */
int lp_twin_use(struct lp_slot *slot, struct lp_twin **twin);
int lp_twin_sysfd(const struct lp_twin *twin);

/* From the slot to its closer, who is alone in it and leaves it once the handle's own number is
 * closed or about to be given back. NULL: it has none. */
struct lp_twin *lp_twin_take(struct lp_slot *slot);

/* The last one closes it. Nothing for NULL. */
void lp_twin_leave(struct lp_twin *twin);

#endif
