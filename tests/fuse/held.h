/* Operations of lapse on a file of the FUSE fixture, and which request each waits for: what the tests
 * of this folder go through. Owns the fixture of the test that runs, and the handles. */
#ifndef FUSE_HELD_H
#define FUSE_HELD_H

#include "check.h"
#include "fixture.h"

#include <unistd.h>

enum { HELD_SIZE = 5000, HELD_OFFSET = 20000 };

struct held_operation {
	const char *name;
	uint32_t op;  /* the request that answers it */
	bool changes; /* the file, so that one that was let go may still do so: EINPROGRESS */
	bool counts;  /* HELD_SIZE when it is good; otherwise 0 */
	intptr_t (*run)(struct call *);
};

extern const struct held_operation held_operations[];
extern const size_t held_operation_count;

const struct held_operation *held_operation(const char *name);

/* What an operation fails with that was let go because of `error`. */
int held_error(const struct held_operation *operation, int error);

extern const char *const held_files[2]; /* "buffered0", "direct0" */

struct held {
	struct fixture fixture;
	const char *file;
	const struct held_operation *operation;
	lapse_fd fd;      /* of the file, for reading and writing */
	lapse_fd pipe[2]; /* where sendfile and splice write and read */
	int descriptors;  /* that were open before the file was */
	struct call call; /* the operation on fd; buf is `bytes` */
	unsigned char bytes[HELD_SIZE];
};

/* Start a fixture and open nothing, or skip the test. */
void held_start(struct held *h);

/* Wait until every descriptor is closed that was opened since, those of the library too: then no call
 * is under way. */
void held_await_closed(struct held *h);

/* Answer everything, and wait for that. */
void held_settle(struct held *h);

/* The same, and stop the fixture. */
void held_stop(struct held *h);

/* Open that file of the fixture, or fail. */
lapse_fd held_open_file(struct held *h, const char *file);

/* Open the file, make the operation's call ready, and hold its requests. */
void held_begin(struct held *h, const char *file, const struct held_operation *operation);

/* Answer everything, if the server still can, and close what held_begin opened. */
void held_end(struct held *h);

/* Run the call in this thread, or start it in another and wait until its request has come. */
void held_run(struct held *h);
void held_block(struct held *h);

/* Have it let go, by a deadline that is moved to now once the server was asked. */
void held_let_go(struct held *h);

/* The server has not answered it yet, so whatever has ended did so without. */
void held_is_unanswered(struct held *h);

/* The call, joined if need be, was let go because of that error; or it was good. */
void held_was_let_go(struct held *h, int error);
void held_was_good(struct held *h);

/* How many threads this process has. */
int held_thread_count(void);

#endif
