/* What the scenes of lapse tour share: the two lines that a scene fills in, and the machinery to
 * make a call block and to see that it does. A scene owns the descriptors that it makes. */
#ifndef LAPSE_TOOLS_TOUR_H
#define LAPSE_TOOLS_TOUR_H

#include <lapse.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* One side of a scene: what was measured. */
struct side {
	lapse_time took; /* nanoseconds */
	bool kept;       /* the promise, computed from what was seen; of the lapse side only */
	char text[80];   /* what came out of it */
};

struct scene {
	const char *situation;
	void (*posix)(struct side *side);
	void (*lapse)(struct side *side);
};

/* Ends with an entry without a situation. */
extern const struct scene call_scenes[];
extern const struct scene deadline_scenes[];
extern const struct scene other_scenes[];

/* A call in a thread of its own. */
struct blocked {
	long (*call)(void *arg);
	void *arg;
	long result;
	int error;
	lapse_time end;
	atomic_int tid;
	atomic_bool done;
	pthread_t thread;
};

/* Start it and wait until its thread sleeps, or the call has returned. */
void blocked_start(struct blocked *blocked, long (*call)(void *arg), void *arg);

/* Wait until it has returned. */
void blocked_end(struct blocked *blocked);

/* It failed with this errno, no earlier than the deadline, and no more than 2 s after it. */
bool failed_in_time(const struct blocked *blocked, int error, lapse_time deadline);

/* Say what was being made and exit, if it could not be made: a scene needs it. */
void need(bool made, const char *what);

void side_says(struct side *side, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Two descriptors that are connected. */
void make_pair(int ends[2]);

void limit_receive(int sysfd, int64_t ns);

/* Reads a byte; arg: an int *, a lapse_fd *. */
long read_posix(void *arg);
long read_lapse(void *arg);

/* The name of an errno that a scene expects, else strerror's text. */
const char *error_name(int error);

#endif
