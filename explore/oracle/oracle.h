/* The oracle: lapse's calls as scenarios make them. Each is written down with its beginning, its
 * return and what the kernel did meanwhile, and held against the promises: when it returns, whenever
 * nobody but the clock can go on, and at the end. A scenario says what happens, never what should.
 *
 * The buffers are the oracle's own: what a write sends can be told from what any other sends, and
 * each byte that a read brings is compared with the one that was sent.
 *
 * The beginning of an operation and the return of a change (set, cancel, close, move ...) are steps of
 * the engine's on one object, of the handle or the shared scope: so it is gone through both ways
 * whether a change had returned when an operation began. So are the beginnings and returns of
 * changes among each other. All else is where the log happens to have it: a true order, that of the
 * run in hand, but not one of which the others are gone through. What the checks build on it may be
 * too mild in one run, never too strict.
 */
#ifndef O_ORACLE_H
#define O_ORACLE_H

#include <lapse.h>
#include <stdbool.h>

/* Once, by the program, before the first exploration. */
void o_start(void);

/* ---- For setup ---- */

/* Give the thread what its first sleep would make: a parker, an eventfd. setup then acts for it. */
void o_warm(int thread);
/* The thread is in the middle of a stream operation: it has the turn of that direction, until it lets
 * go. What a third thread would be needed for, at the price of its steps. One in a scenario. */
void o_hold(lapse_fd fd, int dir);
void o_let_go(void);
/* How much later than at once what interrupts a call may do so: where the first signal may meet
 * nothing, and another is sent after a while. */
void o_grace(int64_t ns);
/* The calling thread, or the one that setup acts for, may wait for ever. */
void o_may_wait(void);
/* In setup: also judge who came first where calls queue for a turn, at the price of more runs. */
void o_fair(void);

/* ---- Handles ---- */

int o_socketpair(lapse_fd ends[2]); /* streams */
lapse_fd o_adopt(int number);
lapse_fd o_dup(lapse_fd fd);
int o_sysfd(lapse_fd fd);
int o_close(lapse_fd fd);
int o_release(lapse_fd fd);

/* ---- Changes ---- */

int o_set_deadline(lapse_fd fd, lapse_time deadline);
int o_set_read_deadline(lapse_fd fd, lapse_time deadline);
int o_set_write_deadline(lapse_fd fd, lapse_time deadline);
int o_set_idle(lapse_fd fd, int dirs, int64_t ns);
int o_cancel(lapse_fd fd, int dirs);

/* ---- Operations; at most 64 bytes ---- */

ssize_t o_read(lapse_fd fd, size_t n);
int o_read_full(lapse_fd fd, size_t n);
ssize_t o_write(lapse_fd fd, size_t n);
int o_wait(lapse_fd fd, int dirs);
int o_poll(struct lapse_pollfd *fds, size_t count);
int o_check(lapse_fd fd, int dirs);
lapse_time o_read_deadline(lapse_fd fd);
lapse_time o_write_deadline(lapse_fd fd);
int o_sleep_until(lapse_time when);

/* Any blocking call. fn runs in a lapse call, and may make some of its own. */
long o_call(long (*fn)(void *arg), void *arg);
long o_call_on(lapse_fd fd, int dir, long (*fn)(int sysfd, void *arg), void *arg);
long o_call_detached(long (*fn)(void *arg), void *arg, size_t size,
                     void (*late)(void *arg, long result));
int o_fsync(lapse_fd fd);
int o_flock(lapse_fd fd, int operation);

/* ---- Scopes ---- */

void o_scope_enter(lapse_scope *scope, lapse_time deadline);
void o_scope_shield(lapse_scope *scope);
int o_scope_leave(lapse_scope *scope);
lapse_scope_id o_scope_share(lapse_scope *scope);
int o_scope_move(lapse_scope_id id, lapse_time deadline);
int o_scope_cancel(lapse_scope_id id);

/* ---- The world outside: the peer, other threads, the clock ---- */

/* Bare system calls on a number, which do not wait. Their bytes are followed like all others. */
ssize_t o_raw_write(int number, size_t n);
ssize_t o_raw_read(int number, size_t n);
/* A foreign descriptor, which takes the lowest free number. */
int o_raw_open(void);
/* Go on when this instant has come, without lapse. */
void o_until(int64_t when);
/* Go on when the thread that alarms calls is there and sleeps for the first time: what comes before that
 * is then gone through in one order. Its parker is that of thread `watcher`, which is warm. */
void o_until_watched(int watcher);
/* Wakes it for nothing. */
void o_unpark(int thread);
/* The calling thread ends, wherever it is. Does not come back. */
__attribute__((noreturn)) void o_thread_leave(void);
/* The calling thread goes on as a forked child, alone. */
void o_fork(void);

/* What all calls came to: for x_scenario.outcome. */
uint64_t o_outcome(void);

#endif
