/* The threads that run jobs. Owns them, the queue, and the jobs' memory: chunks that are linked once
 * and never unmapped. They are started at need, up to a limit, and end after some idle time.
 *
 * A job queues, first come, first served, and for each that nobody is on the way to yet an idle thread
 * is called, through that thread's own word, as a turn is granted: the caller stores it (C1) and
 * nudges its parker (C3). If none is idle a thread is started, if there may be more. It takes the job
 * from the queue itself, when it runs: until then the job can be withdrawn. Threads that finish take
 * from the queue too, so who was called may find it empty, and idles again.
 *
 * While a thread is idle, as many are on their way as there are jobs in the queue, or more: a thread
 * idles only if the queue is empty, and whatever adds to the one or takes from the other calls. */
#include "wait/pool.h"
#include "park/fork.h"
#include "park/scope.h"
#include "time/time.h"

enum { JOBS_PER_CHUNK = 31, MOST = 64 };

static const int64_t idle_ns = 3 * LAPSE_S;

struct chunk {
	struct lp_job jobs[JOBS_PER_CHUNK];
	struct chunk *next;
};

enum call { NONE, TO_WORK, TO_END };

/* A thread of the pool; in its own frame. */
struct worker {
	struct lp_parker *parker; /* NULL: there was no memory for one; it cannot idle */
	/* What it is called for while idle: enum call. Stored by the caller under the lock (C1), read
	 * by the thread at S3; seq_cst. */
	os_u32 call;
	struct worker *next; /* of the idle ones; under the lock */
	bool coming;         /* it is counted in start_count; its own, and under the lock */
	struct lp_job *job;  /* that it runs; its own */
	bool dropping;       /* the job has run, it was let go */
	uint32_t forks;
};

static struct os_lock memory; /* guards the jobs that nobody has */
static struct chunk *chunks;
static struct lp_job *free_jobs;

static struct os_lock lock; /* guards all that follows */
static struct lp_job *queue_first, *queue_last;
static size_t queued;
static struct worker *idle;              /* last in, first out: those that are not needed end */
static size_t thread_count, start_count; /* all of them; those on their way to the queue */
static size_t most = MOST;

/* ---- Jobs ---- */

/* A child has no threads of ours but, if a job has forked, the one it is in: that job stays as it is.
 * All others are nobody's. */
static void forget_parents(void)
{
	os_store_u32(&memory.word, 0, OS_RELAXED);
	os_store_u32(&lock.word, 0, OS_RELAXED);
	queue_first = queue_last = NULL;
	idle = NULL;
	queued = thread_count = start_count = 0;
	free_jobs = NULL;
	for (struct chunk *c = chunks; c != NULL; c = c->next)
		for (int i = 0; i < JOBS_PER_CHUNK; i++) {
			struct lp_job *job = &c->jobs[i];

			if (job->runs_in == os_self())
				continue;
			job->runs_in = NULL;
			job->next = free_jobs;
			free_jobs = job;
		}
}

/* Under the memory's lock. */
static bool make_jobs(void)
{
	struct chunk *c = os_map(sizeof *c);

	if (c == NULL)
		return false;
	for (int i = 0; i < JOBS_PER_CHUNK; i++) {
		c->jobs[i].next = free_jobs;
		free_jobs = &c->jobs[i];
	}
	c->next = chunks;
	chunks = c;
	return true;
}

int lp_job_take(struct lp_job **out)
{
	struct lp_job *job = NULL;
	int r = lp_fork_start(forget_parents);

	if (r < 0)
		return r;
	os_lock(&memory);
	if (free_jobs != NULL || make_jobs()) {
		job = free_jobs;
		free_jobs = job->next;
	}
	os_unlock(&memory);
	if (job == NULL)
		return -ENOMEM;
	os_store_u32(&job->state, LP_JOB_OURS, OS_RELAXED);
	job->drop = NULL;
	job->result = 0;
	job->error = 0;
	job->refused = 0;
	job->anyway = false;
	*out = job;
	return 0;
}

void lp_job_put(struct lp_job *job)
{
	if (job == NULL)
		return;
	if (job->more != NULL)
		os_unmap(job->more, job->more_size);
	job->more = NULL;
	os_lock(&memory);
	job->next = free_jobs;
	free_jobs = job;
	os_unlock(&memory);
}

void *lp_job_room(struct lp_job *job, size_t n)
{
	if (n <= LP_JOB_ROOM) {
		if (job->room == NULL)
			job->room = os_map(LP_JOB_ROOM);
		return job->room;
	}
	if (job->more != NULL)
		os_unmap(job->more, job->more_size);
	job->more_size = n;
	return job->more = os_map(n);
}

/* ---- The queue; all of it under the lock ---- */

static void queue_put(struct lp_job *job)
{
	job->next = NULL;
	job->prev = queue_last;
	if (queue_last == NULL)
		queue_first = job;
	else
		queue_last->next = job;
	queue_last = job;
	queued++;
}

static void queue_remove(struct lp_job *job)
{
	if (job->prev == NULL)
		queue_first = job->next;
	else
		job->prev->next = job->next;
	if (job->next == NULL)
		queue_last = job->prev;
	else
		job->next->prev = job->prev;
	queued--;
}

static struct lp_job *queue_pop(void)
{
	struct lp_job *job = queue_first;

	if (job != NULL) {
		queue_remove(job);
		os_store_u32(&job->state, job->anyway ? LP_JOB_LET_GO : LP_JOB_RUNNING, OS_SEQ_CST);
	}
	return job;
}

/* Calls one. Whom to nudge: the worker itself may be gone once it sees the call. */
static struct lp_parker *call_idle(enum call what)
{
	struct worker *w = idle;
	struct lp_parker *p = w->parker;

	idle = w->next;
	w->coming = what == TO_WORK;
	if (w->coming)
		start_count++;
	os_store_u32(&w->call, what, OS_SEQ_CST); /* C1; the place is the worker */
	return p;
}

/* The same if one is wanted and there is one; else NULL. */
static struct lp_parker *call_to_work(void)
{
	return queued > start_count && idle != NULL ? call_idle(TO_WORK) : NULL;
}

/* ---- Running ---- */

static bool is_child(const struct worker *w)
{
	lp_fork_check();
	return w->forks != os_load_u32(&lp_fork_count, OS_RELAXED);
}

/* The job has run: it goes to its caller, or, let go, to the free ones. */
static void finish(struct worker *w)
{
	struct lp_job *job = w->job;
	struct lp_parker *caller = job->caller;
	uint32_t seen = LP_JOB_RUNNING;

	if (!w->dropping) {
		job->runs_in = NULL;
		if (os_cas_u32(&job->state, &seen, LP_JOB_DONE)) { /* C1 */
			lp_nudge(caller, LP_NOBODY);               /* C3; the place is the job */
			return;
		}
		job->runs_in = os_self();
		w->dropping = true;
		if (job->drop != NULL)
			job->drop(job);
		if (is_child(w))
			return;
	}
	job->runs_in = NULL;
	lp_job_put(job);
}

static long run(void *arg)
{
	struct worker *w = arg;

	w->job->run(w->job);
	if (!is_child(w))
		finish(w);
	return 0;
}

static void start_threads(void);

/* What the job called has ended the thread. */
static void thread_ends(void *arg)
{
	struct worker *w = arg;

	if (is_child(w))
		return;
	if (!w->dropping) {
		w->job->result = -1;
		w->job->error = ECANCELED;
	}
	finish(w);
	os_lock(&lock);
	thread_count--;
	os_unlock(&lock);
	start_threads();
}

/* A scope that fn entered and did not leave lies in a frame that is gone. */
static void run_guarded(struct worker *w, struct lp_job *job)
{
	const struct os_fn call = {.fn = run, .arg = w};

	w->job = job;
	w->dropping = false;
	job->runs_in = os_self();
	os_store_ptr(&job->runner, w->parker, OS_SEQ_CST); /* S1 */
	(void)os_guarded(&call, thread_ends, w);
	os_self()->scope = NULL;
}

/* ---- Threads ---- */

struct idling {
	struct worker *worker;
	lapse_time end;
};

static int look_idle(void *ctx, lapse_time *earliest)
{
	struct idling *i = ctx;

	*earliest = i->end;
	if (os_load_u32(&i->worker->call, OS_SEQ_CST) != NONE)
		return 1;
	return os_now() >= i->end ? -LAPSE_EXPIRED : 0;
}

static void leave_idle(struct worker *w)
{
	struct worker **at = &idle;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
}

/* Is among the idle ones. False: it has idled long enough, or shall end; it is not counted any more. */
static bool await_call(struct worker *w)
{
	struct idling i = {w, os_now() + idle_ns};

	lp_parker_note(w->parker, "idle thread of the pool", 0);
	if (lp_sleep(w->parker, i.end, look_idle, &i, lp_park_futex, NULL) < 0) {
		os_lock(&lock);
		if (os_load_u32(&w->call, OS_SEQ_CST) == NONE) {
			leave_idle(w);
			thread_count--;
			os_store_u32(&w->call, TO_END, OS_RELAXED);
		}
		os_unlock(&lock);
	}
	return os_load_u32(&w->call, OS_SEQ_CST) == TO_WORK;
}

/* NULL: the thread ends, and is not counted any more. */
static struct lp_job *next_job(struct worker *w)
{
	struct lp_job *job;
	bool ends;

	do {
		os_lock(&lock);
		if (w->coming)
			start_count--;
		w->coming = false;
		job = thread_count <= most ? queue_pop() : NULL;
		ends = job == NULL && (thread_count > most || w->parker == NULL);
		if (ends) {
			thread_count--;
		} else if (job == NULL) {
			os_store_u32(&w->call, NONE, OS_RELAXED);
			w->next = idle;
			idle = w;
		}
		os_unlock(&lock);
	} while (job == NULL && !ends && await_call(w));
	return job;
}

static void work(void *unused)
{
	struct worker w = {.coming = true};
	struct lp_job *job;

	(void)unused;
	if (lp_parker_mine(&w.parker) < 0)
		w.parker = NULL;
	w.forks = os_load_u32(&lp_fork_count, OS_RELAXED);
	while ((job = next_job(&w)) != NULL) {
		run_guarded(&w, job);
		if (is_child(&w))
			return; /* the pool is the parent's; a child has none yet */
	}
}

/* One job, from whom nobody else will take it any more, ends without having run. */
static void refuse(struct lp_job *job, int error)
{
	struct lp_parker *caller = job->caller;

	job->refused = error;
	os_store_u32(&job->state, LP_JOB_DONE, OS_SEQ_CST); /* C1 */
	lp_nudge(caller, LP_NOBODY);                        /* C3 */
}

/* A thread could not be started. If there is no other one nobody would come for those who wait; what
 * nobody waits for stays. */
static void start_failed(int error)
{
	struct lp_parker *p;

	os_lock(&lock);
	start_count--;
	thread_count--;
	for (struct lp_job *job = queue_first, *next; thread_count == 0 && job != NULL;
	     job = next) {
		next = job->next;
		if (job->anyway)
			continue;
		queue_remove(job);
		refuse(job, error);
	}
	while ((p = call_to_work()) != NULL) /* who has come to idle meanwhile */
		lp_nudge(p, LP_NOBODY);      /* C3 */
	os_unlock(&lock);
}

/* As many as the queue wants, and the limit allows. */
static void start_threads(void)
{
	for (;;) {
		bool wanted;
		int r;

		os_lock(&lock);
		wanted = queued > start_count && thread_count < most;
		if (wanted) {
			start_count++;
			thread_count++;
		}
		os_unlock(&lock);
		if (!wanted)
			return;
		r = os_thread_start(work, NULL);
		if (r < 0) {
			start_failed(r);
			return;
		}
	}
}

/* ---- For the caller ---- */

void lp_job_start(struct lp_job *job, struct lp_parker *caller)
{
	struct lp_parker *p;

	job->caller = caller;
	os_lock(&lock);
	os_store_u32(&job->state, LP_JOB_QUEUED, OS_SEQ_CST);
	queue_put(job);
	p = call_to_work();
	os_unlock(&lock);
	if (p != NULL)
		lp_nudge(p, LP_NOBODY); /* C3 */
	else
		start_threads();
}

enum lp_job_end lp_job_leave(struct lp_job *job, bool anyway)
{
	uint32_t seen = LP_JOB_RUNNING;
	struct lp_parker *runner;
	bool in_queue;

	os_lock(&lock);
	in_queue = os_load_u32(&job->state, OS_SEQ_CST) == LP_JOB_QUEUED;
	if (in_queue && anyway)
		job->anyway = true;
	else if (in_queue)
		queue_remove(job);
	os_unlock(&lock);
	if (in_queue)
		return anyway ? LP_JOB_GONE : LP_JOB_WITHDRAWN;
	if (!os_cas_u32(&job->state, &seen, LP_JOB_LET_GO)) /* C1 */
		return LP_JOB_WAS_DONE;
	runner = os_load_ptr(&job->runner, OS_SEQ_CST); /* C2 */
	if (runner != NULL)
		lp_nudge(runner, LP_NOBODY); /* C3 */
	return LP_JOB_GONE;
}

void lp_pool_limit(int limit)
{
	os_lock(&lock);
	most = (size_t)limit;
	while (thread_count > most && idle != NULL) {
		thread_count--;
		lp_nudge(call_idle(TO_END), LP_NOBODY);
	}
	os_unlock(&lock);
	start_threads();
}
