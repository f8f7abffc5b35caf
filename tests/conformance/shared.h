/* What the files of this folder share: connections between two places, traffic that keeps them busy,
 * datagram sockets without a peer, and the tests that Go has twice, for sockets and for pipes.
 *
 * The tests here bear the names of Go's, and hold at least what Go's do: where Go waits a while to
 * see that nothing happens, these wait until the call is asleep in the kernel, and they count bytes.
 */
#ifndef CONFORMANCE_SHARED_H
#define CONFORMANCE_SHARED_H

#include "check.h"

enum { CHUNK = 1024 };

/* One place of two: the same handle twice for sockets, the ends of two pipes otherwise. */
struct conn {
	lapse_fd r, w;
};

void conn_make(const struct family *family, struct conn c[2]);
void conn_close(const struct conn *c);
void conn_set_deadline(const struct conn *c, lapse_time deadline);

/* A datagram socket, bound to an address of its own, with no peer. */
lapse_fd packet_make(int domain, struct sockaddr_storage *address, socklen_t *address_size);

/* For call_start. Each goes on until an operation fails or the stream ends, and leaves that: -1 with
 * errno, or 0. */
intptr_t pour(struct call *c);    /* writes chunks to fd */
intptr_t discard(struct call *c); /* reads from fd */
intptr_t echo(struct call *c);    /* reads from fd, writes to other */

/* Run body in a child process; the test fails unless it returns 0. */
void check_child(int (*body)(void *arg), void *arg);

/* From now on that system call of this thread comes to the action, a SECCOMP_RET_. A descriptor of
 * its notices, or 0 if the action has none; -1 where there are no filters. */
int check_filter(int number, uint32_t action);

/* ---- Tests that run over the families ---- */

void read_timeout(void **state);
void read_timeout_must_not_return(void **state);
void write_timeout(void **state);
void write_timeout_must_not_return(void **state);
void read_timeout_fluctuation(void **state);
void write_timeout_fluctuation(void **state);
void various_deadlines(void **state);
void various_deadlines_1_proc(void **state);
void various_deadlines_4_proc(void **state);
void read_write_deadline_race(void **state);
void racy_read(void **state);
void racy_write(void **state);

/* The operation expires at its deadline, never before it, and within a tenth above it once that is
 * long enough for this machine. */
void check_fluctuation(lapse_fd fd, int dir, intptr_t (*run)(lapse_fd fd));

#endif
