/* The simulated kernel: what stands behind the doors of os.h for system calls, threads and memory.
 * Declares the doors under their own names with k_ for os_, so that os/os_impl.h only passes on.
 * Each call is one step of the engine's, or two where the kernel's own window matters. Knows nothing
 * of lapse beyond os.h. */
#ifndef X_KERNEL_H
#define X_KERNEL_H

#include <fcntl.h>
#include <lapse.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* One for each door in os.h between "Clock" and the end that is not plain memory or computation;
 * same arguments, same results. What is not modelled calls x_unfit with the door's name. */

/* ---- For the oracle: what the kernel did, in the order in which it did it ---- */

enum k_did {
	K_READ,    /* took `count` bytes, first of which was number `first` of its queue */
	K_WROTE,   /* the same, put */
	K_CLOSED,  /* the number was given up; `last`: so was the description */
	K_OPENED,  /* the number now names the description */
	K_POLLED,  /* said that it is ready */
	K_OTHER,
};

struct k_record {
	enum k_did did;
	int thread;         /* -1: in setup */
	uint32_t step;      /* of the engine's */
	int number;         /* the descriptor's number */
	int description;    /* which never comes again in a run */
	int queue;          /* of bytes; -1: none */
	uint64_t first;
	uint64_t count;
	long result;
};

/* The records of this run, setup's first. */
size_t k_log(const struct k_record **records);

/* The description that a number names now, or -1; how many numbers name it. */
int k_description(int number);
int k_references(int description);
/* The status flags (O_NONBLOCK ...) of a description: for "a good guest". */
int k_flags(int number);

/* Byte number i of every queue has this value, so that a reader can tell what it got and a writer
 * what to send; the kernel checks nothing itself. */
static inline unsigned char k_byte(uint64_t i)
{
	return (unsigned char)(i * 31 + 7);
}

/* ---- For scenarios ---- */

/* How many bytes each direction of a socket pair or pipe made from here on holds. Before that: 64. */
void k_set_capacity(size_t bytes);
/* Who sleeps in the kernel has to be told apart from who waits for a turn: is the thread in poll? */
bool k_in_poll(int thread);

#endif
