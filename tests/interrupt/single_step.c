/* An interrupt meets a blocking call at every single instruction of it, from the call to its return:
 * it ends with the right verdict, is never lost, and leaves nothing behind for the caller's own system
 * calls. A run with the interrupt at random hits the few instructions that matter once in 10^5.
 *
 * Each variant is a process of its own, since the signal and the limits are the process's.
 *
 * usage: single_step [all]    all: each instruction, not one in a few outside of os_call_while */
#include "check.h"
#include "step_targets.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct variant {
	const char *name;
	int foreign_flags;
	int signal;
	bool blocks;  /* the caller blocks every signal it can */
	bool limited; /* RLIMIT_SIGPENDING is 0 */
};

static bool is_all;

/* What the threads use is there before they are. */
static const struct step_target *prepare(const struct variant *v,
                                         const struct step_target *(*make)(void))
{
	const struct step_target *target;
	const struct rlimit none = {0, 0};
	sigset_t all;

	if (v->signal != 0 && lapse_use_signal(v->signal) != 0)
		check_die("lapse_use_signal");
	target = make();
	if (v->limited && setrlimit(RLIMIT_SIGPENDING, &none) != 0)
		check_die("setrlimit");
	step_start(v->foreign_flags);
	if (!v->blocks)
		return target;
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGTRAP); /* a trap that is blocked ends the process */
	if (pthread_sigmask(SIG_SETMASK, &all, NULL) != 0)
		check_die("pthread_sigmask");
	return target;
}

static void say(const struct variant *v, const struct step_target *target, enum step_event event,
                const struct step_result *r)
{
	printf("# %s, %s, %s: %d of %d chosen of %d instructions, %d runs once more; the signal "
	       "came in %d, %d times into the gap\n",
	       target->name, v->name, step_event_names[event], r->stepped, r->wanted, r->length,
	       r->again, r->sent, r->inside);
	(void)fflush(stdout);
}

/* A whole call has some thousand instructions under a sanitizer. */
static int stride(void)
{
	if (is_all)
		return 1;
	return check_threads_are_watched() ? 211 : check_is_watched() ? 47 : 31;
}

static void step_one(const struct variant *v, const struct step_target *target,
                     enum step_event event)
{
	enum step_ending ending = event == STEP_UNPARK ? STEP_END_CANCEL : STEP_GRANT;
	struct step_result r;

	/* The thief comes only while it is stepped: later the byte is there. */
	if (target->arrives != NULL)
		ending = STEP_GRANT;
	r = step_through(target, event, ending, stride());
	say(v, target, event, &r);
	if (!step_met_enough(&r))
		check_die("%s: only %d of %d instructions", target->name, r.stepped, r.wanted);
	if (event != STEP_FOREIGN && r.sent == 0)
		check_die("%s, %s: no signal ever came", target->name, step_event_names[event]);
}

static bool fits(const struct variant *v, const struct step_target *target, enum step_event event)
{
	bool is_foreign = event == STEP_FOREIGN || event == STEP_NESTED;

	if (is_foreign && v->blocks)
		return false; /* it would come afterwards */
	if (event == STEP_EXPIRE && target->arrives != NULL)
		return false; /* a byte that came in time is fetched */
	if (event == STEP_FOREIGN && strncmp(target->name, "lapse_call", 10) == 0)
		return (v->foreign_flags & SA_RESTART) != 0 && target->grant != NULL;
	return true;
}

static void run_variant(const struct variant *v, const struct step_target *(*make)(void))
{
	const struct step_target *target;
	pid_t pid;
	int status;

	pid = fork();
	CHECK(pid >= 0);
	(void)alarm(0); /* each run is looked after by the stepper */
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		target = prepare(v, make);
		for (int event = 0; event < STEP_EVENT_COUNT; event++)
			if (fits(v, target, event))
				step_one(v, target, event);
		if (target->grant != NULL && target->arrives == NULL)
			step_race(target, check_count(is_all ? 5000 : 300));
		exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	if (status != 0)
		print_error("status %#x\n", status);
	CHECK(status == 0);
}

static const struct variant bare = {.name = "bare", .foreign_flags = SA_RESTART};

static void flock_bare(void **state)
{
	(void)state;
	run_variant(&bare, target_flock);
}

static void terminal_bare(void **state)
{
	(void)state;
	run_variant(&bare, target_terminal);
}

static void waitpid_bare(void **state)
{
	(void)state;
	run_variant(&bare, target_waitpid);
}

static void call_nanosleep_bare(void **state)
{
	(void)state;
	run_variant(&bare, target_call_nanosleep);
}

static void call_read_bare(void **state)
{
	(void)state;
	run_variant(&bare, target_call_read);
}

static void run_both(const struct variant *v)
{
	run_variant(v, target_flock);
	run_variant(v, target_call_read);
}

static void without_restart(void **state)
{
	static const struct variant v = {.name = "without SA_RESTART"};

	(void)state;
	run_both(&v);
}

static void all_blocked(void **state)
{
	static const struct variant v = {.name = "all signals blocked", .blocks = true};

	(void)state;
	run_both(&v);
}

static void no_signal_may_be_pending(void **state)
{
	static const struct variant v = {
		.name = "RLIMIT_SIGPENDING 0", .foreign_flags = SA_RESTART, .limited = true};

	(void)state;
	run_both(&v);
}

static void real_time_signal(void **state)
{
	struct variant v = {.name = "a real-time signal", .foreign_flags = SA_RESTART};

	(void)state;
	v.signal = SIGRTMIN + 3;
	run_both(&v);
}

static const struct check checks[] = {
	{TEST(flock_bare)},       {TEST(terminal_bare)},
	{TEST(waitpid_bare)},     {TEST(call_nanosleep_bare)},
	{TEST(call_read_bare)},   {TEST(without_restart)},
	{TEST(all_blocked)},      {TEST(no_signal_may_be_pending)},
	{TEST(real_time_signal)},
};

int main(int argc, char **argv)
{
	is_all = argc > 1 && strcmp(argv[1], "all") == 0;
	argc -= is_all;
	argv[is_all] = argv[0];
	return check_main(argc, argv + is_all, checks, sizeof checks / sizeof *checks);
}
