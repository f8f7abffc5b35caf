/* The stepper: runs of a call, each with something that happens while the call stands on a chosen
 * instruction, and what has to hold afterwards.
 *
 * Whatever runs in handlers makes its system calls raw and is compiled without any sanitizer, and the
 * handlers are installed raw: sanitizers put those of the C library off. */
#include "stepper.h"

#include "os/os.h"
#include "park/parker.h"
#include "stepping.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

const char *const step_event_names[] = {"cancel", "expire", "unpark", "nested", "foreign"};

enum { SAY_MAX_S = 20, LEARN_MAX = 20, LEARN_AGAIN_MAX = 3, TRIES_MAX = 20 };

/* One run. Written by the stepped thread before it begins and in its handlers. */
static struct {
	const struct step_target *target;
	enum step_event event;
	enum step_ending ending;
	int at;        /* the place, or -1 */
	bool learns;   /* where the places are */
	bool happened; /* the event */
	os_u32 in_call;
	os_u32 sent;   /* how often the library's handler ran */
	os_u32 inside; /* and found us in the gap */
	int too_late;  /* it ran after the call had returned */
	lapse_scope_id scope;
} run;

static int stepped_tid;
static struct lp_parker *parker; /* of the stepped thread */
static void (*library_handler)(int, siginfo_t *, void *);

_Noreturn void step_die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	_exit(1);
}

/* ---- The other thread ---- */

enum { IDLE, RUNNING, WANTED, DONE_IT };

/* IDLE between runs; RUNNING: may end the call once that sleeps; WANTED: has to make the event
 * happen, then DONE_IT. A futex. ended: this run's ending has happened, or none is to
 * be had. */
static os_u32 wanted;
static os_u32 ended;

static void make_happen(enum step_event event)
{
	if (event == STEP_EXPIRE)
		(void)lapse_scope_move(run.scope, 0);
	else if (event == STEP_UNPARK)
		lp_unpark(parker);
	else
		(void)lapse_scope_cancel(run.scope);
}

static bool ends_it(enum step_event event)
{
	return event != STEP_UNPARK && event != STEP_FOREIGN;
}

/* The handler takes long while all of it is stepped: the watcher would send again, and the call go
 * another way than at full speed. While it sleeps, and knows of no signal, this word is nobody's. */
static void put_off_watcher(void)
{
	const struct lp_parker *watcher = os_load_ptr(&lp_watcher, OS_SEQ_CST);

	while (os_load_u32(&watcher->state, OS_SEQ_CST) != LP_ASLEEP_FUTEX)
		(void)os_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	*(volatile int64_t *)&parker->again = LAPSE_NEVER;
}

static void end_if_asleep(void)
{
	uint32_t seen = 0;

	if (!stepping_sleeps_in(stepped_tid, run.target->nr))
		return;
	/* What has happened by now ends it alone. */
	if (run.happened && ends_it(run.event))
		return;
	if (!os_cas_u32(&ended, &seen, 1))
		return;
	if (run.ending != STEP_END_CANCEL && run.target->grant != NULL)
		run.target->grant();
	if (run.ending == STEP_GRANT && run.target->grant != NULL)
		return;
	if (run.learns)
		put_off_watcher();
	make_happen(STEP_CANCEL);
}

static void *others(void *unused)
{
	lapse_time began = lapse_now();

	for (;;) {
		uint32_t now = os_load_u32(&wanted, OS_SEQ_CST);

		if (now == WANTED) {
			make_happen(run.event);
			os_store_u32(&wanted, DONE_IT, OS_SEQ_CST);
			os_futex_wake(&wanted);
		} else if (now == IDLE) {
			(void)os_futex_wait(&wanted, now, LAPSE_NEVER);
			began = lapse_now();
		} else {
			end_if_asleep();
			(void)os_futex_wait(&wanted, now, lapse_in(100 * LAPSE_US));
		}
		if (lapse_now() - began > SAY_MAX_S * LAPSE_S)
			step_die("%s, %s at instruction %d: lost, state %u", run.target->name,
			         step_event_names[run.event], run.at, parker->state.v);
	}
	return unused;
}

/* From a handler: the other thread is waited for, which needs nothing that we may hold. */
static void have_happen(void)
{
	os_store_u32(&wanted, WANTED, OS_SEQ_CST);
	os_futex_wake(&wanted);
	while (os_load_u32(&wanted, OS_SEQ_CST) == WANTED)
		(void)os_futex_wait(&wanted, WANTED, LAPSE_NEVER);
	os_store_u32(&wanted, RUNNING, OS_SEQ_CST);
}

/* ---- The handlers ---- */

void step_here(void)
{
	run.happened = true;
	if (run.event == STEP_NESTED || run.event == STEP_FOREIGN)
		(void)os_syscall(SYS_tkill, stepped_tid, SIGUSR1, 0, 0, 0, 0);
	else
		have_happen();
}

void step_arrives(void)
{
	run.target->arrives();
}

static void on_foreign(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)info;
	(void)context;
	if (run.event == STEP_NESTED)
		have_happen();
}

/* In place of the library's: counts, and passes on. */
static void on_library(int signo, siginfo_t *info, void *context)
{
	(void)os_add_u32(&run.sent, 1);
	if (within(stepping_stood(context), lp_call_look, lp_call_insn))
		os_store_u32(&run.inside, 1, OS_RELAXED);
	if (os_load_u32(&run.in_call, OS_RELAXED) == 0)
		run.too_late++;
	stepping_enter_handler(context);
	library_handler(signo, info, context);
	stepping_leave_handler(context);
}

static void intercept_library(void)
{
	for (int signo = 1; signo <= 64; signo++) {
		struct stepping_action was;

		if (signo != SIGURG && signo < SIGRTMIN)
			continue;
		was = stepping_action(signo);
		if ((uintptr_t)was.handler <= (uintptr_t)SIG_IGN)
			continue;
		library_handler = was.handler;
		was.handler = on_library;
		was.mask &= ~(UINT64_C(1) << (SIGTRAP - 1)); /* it is stepped too */
		stepping_act(signo, was);
		return;
	}
	step_die("the library has no handler");
}

/* ---- Threads ---- */

/* Of every thread that is started, by the linker (--wrap): it may come to a place where the other is to
 * be stopped. A trap that is blocked ends the process, and the library's threads start with all blocked. */
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
                          void *arg)
{
	const uint64_t trap = UINT64_C(1) << (SIGTRAP - 1);

	(void)os_syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&trap, 0, 8, 0, 0);
	return __real_pthread_create(thread, attributes, fn, arg);
}

/* ---- The library's watcher, the same for each run ---- */

static long nothing(void *unused)
{
	(void)unused;
	return 0;
}

static long wait_for_nothing(void *unused)
{
	(void)unused;
	return pause();
}

/* While somebody is in a call the library's thread stays. */
static void *stay(void *unused)
{
	lapse_scope scope;

	lapse_scope_enter(&scope, LAPSE_NEVER);
	(void)lapse_call(wait_for_nothing, NULL);
	return unused;
}

/* It sleeps, knows nothing of us, and nothing will wake it by itself: so the call always has to. */
static void await_watcher(void)
{
	struct lp_parker *watcher = os_load_ptr(&lp_watcher, OS_SEQ_CST);
	const volatile int64_t *again = &parker->again;

	for (;;) {
		if (os_load_u32(&watcher->state, OS_SEQ_CST) == LP_ASLEEP_FUTEX) {
			if (os_load_i64(&watcher->armed, OS_SEQ_CST) == LAPSE_NEVER && *again == 0)
				return;
			lp_unpark(watcher);
		}
		(void)os_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	}
}

static void start(void *(*fn)(void *))
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, fn, NULL);

	if (error != 0)
		step_die("pthread_create: %s", strerror(error));
}

void step_start(int foreign_flags)
{
	lapse_scope scope;

	stepped_tid = (int)os_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
	stepping_start(stepped_tid);
	/* The library's handler and its watcher are there before the first run. */
	lapse_scope_enter(&scope, lapse_in(LAPSE_S));
	if (lapse_call(nothing, NULL) != 0 || lapse_scope_leave(&scope) != 0)
		step_die("lapse_call: %s", strerror(errno));
	intercept_library();
	stepping_act(SIGUSR1, (struct stepping_action){.handler = on_foreign,
	                                               .flags = (unsigned long)foreign_flags});
	parker = os_self()->parker;
	start(others);
	start(stay);
}

/* ---- Runs ---- */

static void say_wrong(const char *what, long result)
{
	step_die("%s, %s at instruction %d of %d: %s, result %ld (%s)", run.target->name,
	         step_event_names[run.event], run.at, stepping_count(), what, result,
	         result < 0 ? strerror((int)-result) : "");
}

/* A foreign wait in the same thread must not be cut short. */
static void check_quiet(long result)
{
	const struct timespec moment = {0, 20000};
	uint64_t pending = 0;

	if (nanosleep(&moment, NULL) != 0)
		say_wrong("nanosleep afterwards was interrupted", result);
	if (poll(NULL, 0, 0) != 0)
		say_wrong("poll afterwards was interrupted", result);
	if (os_syscall(SYS_rt_sigpending, (long)&pending, 8, 0, 0, 0, 0) < 0 ||
	    (pending & ~(UINT64_C(1) << (SIGUSR1 - 1))) != 0)
		say_wrong("a signal is pending", result);
	if (run.too_late != 0)
		say_wrong("a signal came after the return", result);
	if (parker->state.v != LP_AWAKE && parker->state.v != LP_NOTIFIED)
		say_wrong("the parker does not stand", result);
	if (os_self()->call != NULL || os_self()->parker != parker || os_self()->aside != NULL)
		say_wrong("the call is not closed", result);
}

static void check_result(long result, bool event_first)
{
	long expected;

	if (run.ending == STEP_GRANT_AND_CANCEL) /* what the target says afterwards decides */
		expected = result < 0 ? -ECANCELED : run.target->granted;
	else if (event_first)
		expected = run.event == STEP_EXPIRE ? -LAPSE_EXPIRED : -ECANCELED;
	else if (run.ending == STEP_GRANT && run.target->grant != NULL)
		expected = run.target->granted;
	else
		expected = -ECANCELED;
	if (event_first && run.target->arrives != NULL && result == run.target->granted)
		return; /* what came in time is fetched, unless another was faster */
	if (result != expected)
		say_wrong(event_first ? "after the event" : "after the ending", result);
}

/* at < 0: without an event. */
static void run_once(enum stepping how, int at)
{
	lapse_scope scope;
	bool event_first;
	long result;

	run.at = at;
	run.learns = how == STEPPING_LEARN;
	run.happened = false;
	os_store_u32(&run.sent, 0, OS_RELAXED);
	os_store_u32(&run.inside, 0, OS_RELAXED);
	run.target->ready();
	await_watcher();
	lapse_scope_enter(&scope, lapse_in(3600 * LAPSE_S));
	run.scope = lapse_scope_share(&scope);
	os_self()->asked = 0; /* always the same way: signals may be blocked */
	os_store_u32(&run.in_call, 1, OS_SEQ_CST);
	os_store_u32(&ended, 0, OS_SEQ_CST);
	os_store_u32(&wanted, RUNNING, OS_SEQ_CST);
	os_futex_wake(&wanted);
	stepping_begin(how, at, run.target->arrives != NULL);
	result = run.target->call();
	stepping_end();
	os_store_u32(&run.in_call, 0, OS_SEQ_CST);
	os_store_u32(&wanted, IDLE, OS_SEQ_CST);
	(void)lapse_scope_leave(&scope);
	event_first = run.happened && ends_it(run.event) && os_swap_u32(&ended, 1) == 0;
	if (at < 0 || run.happened)
		check_result(result, event_first);
	check_quiet(result);
	if (run.target->after != NULL)
		run.target->after(result);
}

/* What the library makes the system call of is broken off by the first signal: the watcher has to send
 * again only if we were kept from running for a while, which does not happen each time. */
static void run_until_sent_once(int at)
{
	for (int i = 0; i < TRIES_MAX; i++) {
		run_once(STEPPING_TO, at);
		if (run.target->is_foreign || run.event == STEP_NESTED || !ends_it(run.event) ||
		    os_load_u32(&run.sent, OS_RELAXED) < 2)
			return;
	}
	say_wrong("the first signal met nothing, again and again", 0);
}

/* The result and the signal come together: the result is never lost. */
void step_race(const struct step_target *target, int count)
{
	run.target = target;
	run.event = STEP_FOREIGN;
	run.ending = STEP_GRANT_AND_CANCEL;
	for (int i = 0; i < count; i++)
		run_once(STEPPING_OFF, -1);
}

/* The first run of all binds symbols and fills caches; now and then one is held up, too, so that a
 * second signal comes. Two that went the same way show it to be the usual one; if there are none, the
 * last has to do, and it is counted how many of its instructions the others pass. */
static void learn(bool anew)
{
	static const struct step_target *target;
	static enum step_ending ending;

	if (!anew && target == run.target && ending == run.ending)
		return;
	target = run.target;
	ending = run.ending;
	stepping_forget();
	for (int i = 0; i < LEARN_MAX; i++) {
		run_once(STEPPING_LEARN, -1);
		if (stepping_is_learnt() && os_load_u32(&run.sent, OS_RELAXED) < 2)
			return;
	}
}

static struct step_result pass(int stride)
{
	struct step_result r = {.length = stepping_count()};

	for (int at = 0; at < r.length; at++) {
		if (at % stride != 0 &&
		    !within(stepping_where(at), lp_call_while, lp_call_abort + 16))
			continue;
		r.wanted++;
		for (int i = 0; i < TRIES_MAX; i++) {
			run_until_sent_once(at);
			if (run.happened)
				break;
			r.again++;
		}
		if (!run.happened)
			continue;
		r.stepped++;
		r.sent += os_load_u32(&run.sent, OS_RELAXED) != 0;
		r.inside += os_load_u32(&run.inside, OS_RELAXED) != 0;
	}
	return r;
}

/* On a busy machine the way that was learnt may not be the usual one: then once more. */
struct step_result step_through(const struct step_target *target, enum step_event event,
                                enum step_ending ending, int stride)
{
	struct step_result r;

	run.target = target;
	run.event = event;
	run.ending = ending;
	for (int i = 0; i < LEARN_AGAIN_MAX; i++) {
		learn(i > 0);
		r = pass(stride);
		if (step_met_enough(&r))
			break;
	}
	return r;
}

bool step_met_enough(const struct step_result *r)
{
	return r->wanted > 0 && r->wanted - r->stepped <= r->wanted / 100;
}
