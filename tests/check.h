/* What every test of lapse shares: assertions, calls that run in a thread of their own, every kind
 * of descriptor as a pair of handles, every blocking operation, and a runner that crosses them.
 *
 * Owns nothing of lapse and includes only its public header. Link with check*.c and cmocka.
 * A test may assert in its own thread only: other threads leave a result, and the test looks.
 */
#ifndef CHECK_H
#define CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <lapse.h>
#include <pthread.h>

/* ---- Assertions ---- */

#define CHECK(condition) assert_true(condition)

/* The call gave -1, or no handle, and errno is that. */
#define CHECK_ERR(call, error) \
	(errno = 0, check_error((intptr_t)(call), error, #call, __FILE__, __LINE__))

/* What a call in a thread came to: the result, and errno if that is -1. */
#define CHECK_CALL(c, expected, error) \
	check_call(c, (intptr_t)(expected), error, #c, __FILE__, __LINE__)

void check_error(intptr_t result, int error, const char *text, const char *file, int line);

/* Stop the whole process, from any thread, saying why. */
_Noreturn void check_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- Children ---- */

/* In the child there is nobody to report to but the exit status: the line that failed. */
#define CHILD_CHECK(condition)                                                            \
	((condition) ? (void)0                                                            \
	             : check_die("%s:%d: in the child: %s, errno %d", __FILE__, __LINE__, \
	                         #condition, errno))

/* A child that ends with status 0 once body has returned, or of an alarm. */
pid_t check_fork(void (*body)(void *), void *arg);

void check_child_ends(pid_t pid, int status);

/* Skip the test that runs, and say why. */
void check_skip(const char *reason);

/* ---- How much ---- */

/* count, or a small part of it where a sanitizer or Valgrind makes everything slow. */
int check_count(int count);

/* ThreadSanitizer, AddressSanitizer or Valgrind looks on: their own memory and threads count too. */
bool check_is_watched(void);

/* ThreadSanitizer does, which cannot follow a child that starts threads when its parent had some. */
bool check_threads_are_watched(void);

/* The same numbers again from the same seed: xorshift. The seed must not be 0. */
uint64_t check_random(uint64_t *seed);

/* Descriptors open in this process, the eventfds apart: those stay with the library's sleepers. */
int check_descriptor_count(void);

/* The thread or process sleeps in the kernel, not just for a moment. */
bool check_is_asleep(int tid);

/* ---- Families: every kind of descriptor ---- */

enum {
	FAMILY_SOCKET = 1, /* has recv and send */
	FAMILY_STREAM = 2, /* bytes without boundaries */
	FAMILY_FILLS = 4,  /* a writer has to wait for a reader */
	FAMILY_LISTENS = 8,
	FAMILY_DUPLEX = 16, /* both ends read and write */
	FAMILY_PIPE = 32,   /* splice needs no pipe of its own */
	FAMILY_TTY = 64,
	FAMILY_ENDS = 128,  /* a reader sees 0 when the last writer has gone */
	FAMILY_EVERY = 256, /* tried with every operation, others only with the plain ones */
};

struct family {
	const char *name;
	unsigned traits;
	/* ends[0] reads what ends[1] writes; small buffers; 0 or -1. */
	int (*make)(const struct family *family, lapse_fd ends[2]);
	int domain, type;
};

extern const struct family check_families[];
extern const size_t check_family_count;

const struct family *check_family(const char *name);

/* A pair of that family, or the test fails. */
void family_make(const struct family *family, lapse_fd ends[2]);
void pair_make(const char *family, lapse_fd ends[2]);
void pair_close(lapse_fd ends[2]);

/* A listener of that family, bound to an address of its own, which is stored. */
lapse_fd listener_make(const struct family *family, int backlog, struct sockaddr_storage *address,
                       socklen_t *address_size);

/* Write until not a byte more is taken; read until there is none. Neither waits nor goes through
 * lapse. Return how many bytes. */
size_t pair_fill(lapse_fd writer, lapse_fd reader);
size_t pair_drain(lapse_fd reader);

/* Exactly so many bytes, waiting for them without lapse. Whether they came. */
bool pair_take(lapse_fd reader, void *buf, size_t n);

/* Byte i of a stream that a test can recognise, and a buffer of them; the second says whether the
 * buffer holds the bytes from i on. */
unsigned char stamp(size_t i);
void stamp_fill(void *buf, size_t n, size_t i);
bool stamp_holds(const void *buf, size_t n, size_t i);

/* ---- Calls in a thread of their own ---- */

struct operation;

struct call {
	intptr_t (*run)(struct call *);
	const struct operation *operation; /* from subject_prepare, for a run that wraps it */
	lapse_fd fd;
	lapse_fd other;
	void *buf; /* a byte of the call's own if NULL */
	size_t n;
	const struct sockaddr *address;
	socklen_t address_size;
	lapse_time deadline;

	intptr_t result;
	int error;
	lapse_time began, ended;

	pthread_t thread;
	_Atomic int tid;
	atomic_bool done;
	char own[64];
};

void call_start(struct call *c, intptr_t (*run)(struct call *));

/* Wait until the thread is asleep inside the call. */
void call_await_sleep(struct call *c);

/* Start it and wait until it is asleep. */
void call_block(struct call *c, intptr_t (*run)(struct call *));

void call_join(struct call *c);

/* A call within a scope of its own, which others can move and cancel once it has begun. For call_start
 * and call_block: &s->call, call_in_scope. */
struct scoped_call {
	struct call call;
	intptr_t (*run)(struct call *);
	_Atomic lapse_scope_id id;
};

intptr_t call_in_scope(struct call *call);
bool call_is_done(struct call *c);

/* Joined, if it was not yet, and compared. */
void check_call(struct call *c, intptr_t result, int error, const char *text, const char *file,
                int line);

/* ---- Operations: everything that blocks on a handle ---- */

struct operation {
	const char *name;
	int dir;            /* whose deadline it goes by */
	unsigned needs;     /* traits that the family has to have */
	bool is_stream;     /* waits in the queue of its direction, moves bytes */
	bool is_connection; /* accept, connect */
	bool is_plain;      /* not just another form of one that is */
	intptr_t (*run)(struct call *c);
};

extern const struct operation check_operations[];
extern const size_t check_operation_count;

const struct operation *check_operation(const char *name);

/* Start it on a handle, with a byte of the call's own, and wait until it is asleep. */
void operation_block(struct call *c, const char *name, lapse_fd fd);

enum { FILLER_MAX = 64 };

/* lapse_set_read_deadline or lapse_set_write_deadline. */
int deadline_set(lapse_fd fd, int dir, lapse_time deadline);

/* A handle on which an operation blocks, and what is needed to let it go on. */
struct subject {
	const struct family *family;
	const struct operation *operation;
	lapse_fd fd;   /* blocks */
	lapse_fd peer; /* lets go */
	lapse_fd source;
	struct sockaddr_storage address;
	socklen_t address_size;
	int filler[FILLER_MAX];
	int filler_count;
};

/* The family and the operation that a test was started with are its state. */
struct where {
	const struct family *family;
	const struct operation *operation;
};

/* False for TCP's connect to a full backlog, which looks again only after a second. */
bool finishes_soon(const struct where *where);

void subject_open(struct subject *s, const struct where *where);
void subject_close(struct subject *s);

/* Fill in a call of that operation on the subject. */
void subject_prepare(struct subject *s, struct call *c);

/* Start one more of that operation on the subject, and wait until it is asleep. */
void subject_block(struct subject *s, struct call *c);

/* Run the operation once more in this thread. */
intptr_t subject_run(struct subject *s, struct call *c);

/* Do what lets one operation succeed. Where that takes several steps, do the next. */
void subject_feed(struct subject *s, bool is_first);

/* Do what lets the call succeed, until it has, and join it; its result must be the good one. */
void subject_finish(struct subject *s, struct call *c);

/* ---- The runner ---- */

/* A test runs once, or for each family with the traits it needs, or for each pair of such a family
 * and an operation that fits. Its state is then a struct where. */
struct check {
	const char *name;
	void (*run)(void **state);
	enum { CHECK_ONCE, CHECK_FAMILIES, CHECK_OPERATIONS } over;
	unsigned needs;
	bool (*fits)(const struct where *where); /* NULL: all of them */
};

/* The inside of a struct check. */
#define TEST(f) #f, f, CHECK_ONCE, 0, NULL
#define TEST_FAMILIES(f, needs) #f, f, CHECK_FAMILIES, needs, NULL
#define TEST_FITTING(f, fits) #f, f, CHECK_FAMILIES, 0, fits
#define TEST_OPERATIONS(f, fits) #f, f, CHECK_OPERATIONS, 0, fits

/* main: runs the tests whose name matches argv[1], or all. Each test gets 10 s, ends the process if
 * it hangs, and fails if a descriptor was left open. */
int check_main(int argc, char **argv, const struct check *checks, size_t count);

#define CHECK_MAIN(checks)                                                                   \
	int main(int argc, char **argv)                                                      \
	{                                                                                    \
		return check_main(argc, argv, checks, sizeof(checks) / sizeof((checks)[0])); \
	}

#endif
