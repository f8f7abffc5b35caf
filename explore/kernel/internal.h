/* Between the kernel's own files: numbers, open files, queues, and the step of a call. Not for the
 * parts beside it. All that a run may change lies in k_state, which the engine puts back. */
#ifndef K_INTERNAL_H
#define K_INTERNAL_H

#include "engine/engine.h"
#include "kernel/kernel.h"

enum {
	K_FIRST = 3,    /* 0, 1 and 2 are never given out: a number left at zero names nothing */
	K_NUMBERS = 32, /* a process's limit */
	K_FILES = 64,   /* opened in a run, those that were closed again included */
	K_QUEUES = 48,  /* likewise */
	K_ROOM = 1024,  /* bytes that a queue can be told to hold */
	K_PATHS = 4,    /* "file", "file1", ... */
	K_WIPED = 4,    /* pages that a child finds zeroed */
	K_GUARDS = 4,   /* in each other */
};

/* ---- Queues: bytes on their way (queue.c) ---- */

struct k_queue {
	uint64_t first, end; /* numbers of the first byte held and of the next one to come */
	uint32_t capacity;
	bool is_pipe;
	bool ended;   /* no byte will come any more */
	bool refused; /* nobody will take a byte any more */
	int error;    /* that the reader is told, once, when no bytes are left: errno; 0: none */
};

struct k_queue *k_queue_make(bool is_pipe);
struct k_queue *k_queue_at(int id); /* -1: NULL */
int k_queue_id(const struct k_queue *q);
size_t k_queue_held(const struct k_queue *q);
/* How many of n bytes it takes now; 0: none, wait. */
size_t k_queue_fits(const struct k_queue *q, size_t n);
/* From a caller's buffers, leaving out the first `skip` bytes of these; and to them. */
void k_queue_put(struct k_queue *q, const struct iovec *iov, int count, size_t skip, size_t n);
void k_queue_peek(const struct k_queue *q, const struct iovec *iov, int count, size_t n);
void k_queue_drop(struct k_queue *q, size_t n);
/* Without taking them from the first. */
void k_queue_copy(const struct k_queue *from, struct k_queue *to, size_t n);

/* A caller's memory, for the detector of races in plain data. */
void k_reads_memory(const void *p, size_t n);
void k_writes_memory(void *p, size_t n);

/* ---- Open files: what numbers name (file.c) ---- */

enum k_kind { K_SOCKET, K_PIPE, K_EVENT, K_REGULAR };

struct k_file {
	uint8_t kind;
	bool may_read, may_write;
	bool was_spliced; /* a pipe's end that was: it knows RWF_NOWAIT no more */
	int8_t in, out;   /* queues it reads and writes; -1: none, as a socket without a peer */
	int8_t path;      /* of K_REGULAR */
	int flags;        /* what F_GETFL says */
	int names;        /* numbers that name it */
	int calls;        /* in flight that hold it */
	uint64_t count;   /* an eventfd's */
};

struct k_file *k_file_make(enum k_kind kind, int flags);
int k_file_id(const struct k_file *f); /* NULL: -1 */
/* A number or a call less; the last one closes it, true. What that touches: all of the file, whether
 * it is the last or not, so that nothing else of it goes unseen by who comes through a number. */
bool k_file_drop(struct k_file *f, bool by_call);
void k_on_drop(struct x_op *op, const struct k_file *f);

/* flock's locks and those of open file descriptions, which know nothing of each other. */
enum { K_FLOCK, K_OFD, K_LOCKS };
struct k_path {
	uint64_t readers[K_LOCKS]; /* files that share it, a bit each */
	uint64_t writer[K_LOCKS];  /* the file that has it alone, likewise */
};
void k_unlock_all(const struct k_file *f);
long k_lock(int fd, const struct flock *wanted, bool waits); /* of a description, the whole file */

/* ---- Numbers (numbers.c) ---- */

struct k_number {
	int8_t file; /* + 1; 0: free */
	bool close_on_exec;
};

/* What it names; NULL: nothing. */
struct k_file *k_named(int number);
bool k_number_is_valid(int number);

/* A step that is going to give out `count` numbers, the lowest from `from` on. 0 and the numbers, or
 * -EMFILE; the fault too. */
long k_step_numbers(const char *name, int count, int from, int numbers[2]);
void k_number_give(int number, struct k_file *f, bool close_on_exec);

/* ---- Steps ---- */

/* The step of a call on a number. refine says what it touches as the state is now; the engine asks
 * whenever that may have changed. The values are the number and the result.
 *
 * What a step touches may be less in one state than in another, but only so far: if P and Q depend on
 * each other, and R, which does not depend on P, comes before Q, then P and Q still do. (Else the
 * search, which takes R first and lets Q sleep, misses the order of P and Q without R: property 7 of
 * happens-before in Abdulla et al.) So whether an object is touched, or changed, may hang on that
 * object alone, or on others that whoever touches it looks at too. Otherwise it is always. */
#define K_OP(name_, number_, refine_, arg_)                                       \
	{                                                                         \
		.name = (name_), .object = k_number_object(number_),              \
		.values = {(uint64_t)(int64_t)(number_), 0}, .refine = (refine_), \
		.describe = k_describe_call, .arg = (arg_),                       \
	}

/* For people: the last step's result. Passes it on. */
long k_returns(long r);
void k_describe_call(const struct x_op *op, char *buf, size_t size);
/* "EAGAIN", or the number if it is none. */
void k_describe_result(long r, char *buf, size_t size);

/* ---- What steps touch (objects.c) ---- */

x_object k_number_object(int number);     /* -1: no number that can be */
x_set k_on_number(int number);            /* which file it names */
x_set k_on_file(const struct k_file *f);  /* its flags, how many name it */
x_set k_on_count(const struct k_file *f); /* an eventfd's */
x_set k_on_bytes(int queue);
x_set k_on_ends(int queue); /* ended, refused, error */
x_set k_on_path(int path);
x_set k_on_futex(const void *word);

/* ---- Readiness (poll.c) ---- */

/* Everything that holds, whoever asks. */
short k_events(const struct k_file *f);
/* What k_events looks at for these. */
x_set k_on_events(const struct k_file *f, short events);

/* ---- Signals, log ---- */

/* To the calling thread: held back, or it ends the process. */
void k_sigpipe(void);

void k_log_call(enum k_did did, int number, const struct k_file *f, long result);
void k_log_bytes(enum k_did did, int number, const struct k_file *f, const struct k_queue *q,
                 uint64_t first, long result);

/* ---- State (start.c) ---- */

/* Where a signal finds a thread, as far as it matters. */
enum k_standing {
	K_ELSEWHERE,
	K_GAP,   /* in os_call_while, before the call waits */
	K_OURS,  /* in its call, waiting */
	K_WAITS, /* in another call, waiting */
};

struct k_thread {
	void *self[8]; /* room for a struct os_self */
	/* Ends of os_guarded that are under way, the innermost last. */
	struct {
		void (*exits)(void *);
		void *arg;
	} guards[K_GUARDS];
	int guard_count;
	void (*at_exit)(void *);
	void *at_exit_arg;
	bool pipe_held, pipe_pending; /* SIGPIPE */
	int pipe_holds;               /* that were not dropped yet */
	const void *futex;            /* it sleeps on; NULL: none */
	bool woken;
	uint32_t arrival; /* first come, first woken */
	/* Interrupts (interrupt.c): */
	bool pending, blocked, handling;
	bool other_pending, other_handling; /* a signal of somebody else's */
	bool came_other;                    /* which of the two has just come */
	enum k_standing standing;
	bool broken;              /* what it stood in is broken off */
	void (*leave)(void *arg); /* undoes its wait in a call; NULL: it waits in none */
	void *leave_arg;
};

/* The calling thread waits in a call until op->enabled. 0: the step is taken; else a signal has come
 * in its place, upon which `leave` was called in a step of its own, and the handler: -EINTR, or
 * K_RESTART: begin the call again. */
enum { K_RESTART = -512 };
int k_wait(struct x_op *op, void (*leave)(void *arg), void *arg);
/* The first step of a call that may wait. False: a signal that came before has broken it off. */
bool k_enter(struct x_op *op);

struct k_all {
	struct k_number numbers[K_NUMBERS];
	struct k_thread threads[X_THREADS + 1]; /* the last is nobody's: setup's */
	struct k_file files[K_FILES];
	struct k_queue queues[K_QUEUES];
	struct k_path paths[K_PATHS];
	int file_count, queue_count;
	int top; /* the highest number that was ever given out */
	uint32_t capacity;
	uint32_t arrivals;
	size_t log_count;
	size_t mapped; /* bytes ever handed out */
	void *wiped[K_WIPED];
	uint64_t randoms;
	int (*look)(void); /* in a signal's handler */
	void (*missed)(void);
	void (*other)(void);
	int process;
	bool is_old; /* a kernel without RWF_NOSIGNAL */
	_Alignas(4096) unsigned char bytes[K_QUEUES][K_ROOM];
};
extern struct k_all k_state;
void k_memory_start(void);

int k_thread_named(int id); /* -1: none */
void k_interrupts_start(void);

/* The calling thread's own. */
struct k_thread *k_me(void);

#endif
