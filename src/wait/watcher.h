/* The thread that alarms calls which a signal has to break off. Owns it; knows of a call only what its
 * parker says. */
#ifndef LP_WATCHER_H
#define LP_WATCHER_H

#include "park/parker.h"

/* Before a call in which the calling thread will sleep by this parker: it can be interrupted from here
 * on. 0 or -errno (EAGAIN: no thread, ENOMEM). */
int lp_watch_start(struct lp_parker *p, enum os_break (*look)(void), void (*missed)(void));

/* In a call, once its parker is LP_ASLEEP_CALL: it has to be alarmed at that instant. 0 or -errno. */
int lp_watch_begun(lapse_time when);

/* The same further on in a call, also in a signal handler; LP_NOBODY: it has to be looked at now. */
void lp_watch(lapse_time when);

#endif
