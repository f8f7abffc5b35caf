/* Between the oracle's own files: the log of a run. Not for the parts beside it.
 *
 * All of it lies in one piece of kept memory, so each run begins with what setup wrote down. */
#ifndef O_INTERNAL_H
#define O_INTERNAL_H

#include "engine/engine.h"
#include "kernel/kernel.h"
#include "oracle/oracle.h"

#include <errno.h>
#include <string.h>

enum {
	O_HANDLES = 8,
	O_CALLS = 64, /* as many as a mask has bits */
	O_CHANGES = 64,
	O_SCOPES = 12,
	O_SIDES = 4, /* handles of a call */
	O_DEEP = 4,  /* scopes around a call */
	O_BYTES = 64,
};

/* The number of a beginning or a return, in the order of the log; 0: not yet. */
typedef uint32_t o_mark;

/* When a call was, as far as that can be told (order.c). */
struct o_span {
	int thread;
	bool in_run; /* and not in setup */
	o_mark begin, end;
	uint32_t before;           /* steps of its thread before it */
	uint32_t after[X_THREADS]; /* steps of each thread that its last step comes after */
};

struct o_handle {
	lapse_fd fd;
	int number, description;
	int flags;      /* of the description, when it became lapse's */
	bool inherited; /* in a forked child */
};

/* One lapse_scope from enter to leave. */
struct o_scope {
	lapse_scope *at;
	int thread;
	int outer; /* -1: none */
	bool shield;
	lapse_scope_id id; /* 0: not shared */
	bool left;
};

enum o_kind { O_SET, O_IDLE, O_CANCEL, O_CLOSE, O_RELEASE, O_LEAVE };

/* What changes a cause, of a handle or of a scope. A value may be in force from the beginning of the
 * change to the return of one that began after it had returned. */
struct o_change {
	enum o_kind kind;
	int handle, scope; /* one of them; the other is -1 */
	int dirs;
	int64_t value;
	struct o_span span;
	int64_t time; /* that it has certainly seen */
	bool failed;  /* and changed nothing */
	bool gone;    /* with its thread, in a fork */
	int error;
	uint64_t met; /* a cancel: the calls that were surely under way when it began */
	size_t log_begin;
};

struct o_side {
	int handle;
	int dirs;
};

struct o_call {
	const char *name;
	struct o_span span;
	bool stream;    /* it takes turns with others */
	bool many;      /* lapse_poll: each handle ends for itself */
	bool foreign;   /* lapse_call: scopes alone end it */
	bool gone;      /* with its thread, in a fork */
	bool child_may; /* also of what a child inherited */
	int side_count, scope_count;
	struct o_side sides[O_SIDES];
	int scopes[O_DEEP];
	int64_t when;                 /* a sleep's end, or LAPSE_NEVER */
	size_t wanted;                /* bytes */
	int64_t seen_begin, seen_end; /* the time that has come for certain */
	size_t log_begin, log_end;    /* what the kernel did meanwhile, others' doings included */
	long result;
	int error;
	uint64_t count; /* bytes that it says it moved */
	uint64_t ahead; /* calls that surely stood before it in the queue */
	/* Idle limits: since when it has been seen at rest without a byte. */
	uint32_t rest_of;
	int64_t rest_since;
};

struct o_all {
	o_mark marks;
	int handle_count, scope_count, change_count, call_count;
	struct o_handle handles[O_HANDLES];
	struct o_scope scopes[O_SCOPES];
	struct o_change changes[O_CHANGES];
	struct o_call calls[O_CALLS];
	int innermost[X_THREADS]; /* scope + 1 */
	uint8_t may_wait;         /* threads */
	int64_t grace;            /* o_grace */
	bool fair;                /* the order of arrival is judged, and so gone through */
	bool forked;
	struct lp_parker *parkers[X_THREADS];
	struct lp_slot *held; /* o_hold's */
	int held_dir;
} __attribute__((aligned(4096)));
extern struct o_all o_all;

/* ---- The log (log.c) ---- */

/* -1: none. */
int o_handle_of(lapse_fd fd);
lapse_fd o_handle_add(lapse_fd fd, int number);

/* Whose stack of scopes it is. */
int o_acting(void);

/* A draft of a call, to be completed and then begun. */
struct o_call *o_begin(const char *name);
struct o_call *o_begin_on(const char *name, lapse_fd fd, int dirs, bool stream, size_t wanted);
void o_add_side(struct o_call *c, lapse_fd fd, int dirs);
/* All sides are there: the call begins. */
struct o_call *o_begun(const struct o_call *draft);
/* It returned r, and errno; count: bytes. Checks. errno is afterwards what it was. */
void o_return(struct o_call *c, long r, uint64_t count);

struct o_change *o_change_begin(enum o_kind kind, int handle, int scope, int dirs, int64_t value);
/* Writes the return down; the caller checks. */
void o_change_return(struct o_change *c, long r);

/* ---- What came first (order.c) ---- */

void o_span_begin(struct o_span *s);
void o_span_end(struct o_span *s);
/* May a have returned before b began? b NULL: has it returned? */
bool o_may_precede(const struct o_span *a, const struct o_span *b);
/* Had a begun, in every order, when b returned? True while b has not, or is NULL. */
bool o_surely_met(const struct o_span *a, const struct o_span *b);
/* May a have returned before b returned? */
bool o_may_end_first(const struct o_span *a, const struct o_span *b);

/* ---- What may be, and what certainly is (cause.c) ---- */

/* A deadline, an idle limit: of a handle's direction, or a scope's. */
struct o_dial {
	enum o_kind kind;
	int handle, scope;
	int dir;
};

bool o_turns(const struct o_change *c, const struct o_dial *d);
/* Is its value in force in that call, or was it replaced before, in some order? NULL: now. */
bool o_counts(const struct o_change *c, const struct o_dial *d, const struct o_span *in);
/* The time at which it may have been out of force: the earliest. */
int64_t o_replaced_at(const struct o_change *c, const struct o_dial *d, const struct o_span *in);
/* Had one passed while it was in force during the call, in every order? */
bool o_has_passed(const struct o_dial *d, const struct o_span *in, int64_t until);
/* Had each that was in force as the call began passed by then, in some order? NULL: now. */
bool o_passed(const struct o_dial *d, const struct o_span *at, int64_t by);
/* And did nobody touch it during the call? */
bool o_untouched(const struct o_dial *d, const struct o_span *in);
/* Had any value ever passed? Then the fault is a stale verdict. */
bool o_ever_passed(const struct o_dial *d, const struct o_span *in, int64_t until);

/* Had a closing of it begun when the call returned? Had one returned when it began? NULL: now. */
bool o_closing(int handle, const struct o_span *in);
bool o_closed(int handle, const struct o_span *by);
/* Has the kernel moved bytes for it, or said anything of that handle? */
uint64_t o_moved(const struct o_call *c);
uint64_t o_tries(const struct o_call *c, int description);
/* Was the last word of the kernel that it is ready, and nothing tried since? */
bool o_left_untried(const struct o_call *c, int description);

/* ---- The checks ---- */

/* A call has returned (verdict.c). */
void o_judge(const struct o_call *c);
/* lapse_poll's entries, before o_judge. */
void o_judge_entry(const struct o_call *c, int side, int error, int got);
void o_judge_change(const struct o_change *c, long r);
/* Bytes, and the turns they took (bytes.c). */
void o_judge_bytes(const struct o_call *c, const void *buf);
unsigned char o_byte(const struct o_call *c, size_t i);
/* Since when a byte was certainly there for it: an idle limit counts from later. */
int64_t o_last_byte_after(const struct o_call *c);
/* Descriptors (descriptor.c). */
void o_judge_closed(const struct o_change *c, long r);
void o_judge_descriptors(void);
/* What a try on its descriptor touches, what a turn changes (inside.c). */
x_set o_touched(int handle);
x_set o_turns_of(int handle);
/* The library's own words. */
bool o_under_way(const struct o_call *c);
bool o_stands_in_queue(const struct o_call *c);
void o_judge_words(void);
/* A signal of the library's comes (foreign.c). */
void o_interrupted(int thread);
/* At rest (rest.c). */
void o_rest(bool ended);

const char *o_error_name(int error);

#endif
