/* brpc issue 866: the timer fired before the sleeper was registered, and nobody ever woke it. Each
 * round ends only if the deadline is seen, at whatever instruction of the sleeper's it passes. */
#include "check.h"

#include <sched.h>

enum { ROUNDS = 5000 };

struct duel {
	lapse_fd fd;
	atomic_int begun;
	atomic_int ended;
	int rounds;
	int wrong;
};

static void *sleeper(void *arg)
{
	struct duel *duel = arg;
	char byte;

	for (int i = 1; i <= duel->rounds; i++) {
		atomic_store(&duel->begun, i);
		duel->wrong += lapse_read(duel->fd, &byte, 1) != -1 || errno != LAPSE_EXPIRED;
		atomic_store(&duel->ended, i);
		while (atomic_load(&duel->begun) == i)
			sched_yield();
	}
	return NULL;
}

/* The deadline is moved into the past while the other thread goes to sleep. */
static void set_while_going_to_sleep(void **state)
{
	const struct where *where = *state;
	struct duel duel = {.rounds = check_count(ROUNDS)};
	uint64_t seed = 866;
	pthread_t thread;
	lapse_fd ends[2];

	family_make(where->family, ends);
	duel.fd = ends[0];
	CHECK(pthread_create(&thread, NULL, sleeper, &duel) == 0);
	for (int i = 1; i <= duel.rounds; i++) {
		int64_t pause = (int64_t)(check_random(&seed) % 6000);
		lapse_time at;

		while (atomic_load(&duel.begun) != i)
			sched_yield();
		for (at = lapse_in(pause); lapse_now() < at;)
			;
		CHECK(lapse_set_read_deadline(ends[0], i % 2 == 0 ? 0 : lapse_in(pause)) == 0);
		while (atomic_load(&duel.ended) != i)
			sched_yield();
		CHECK(lapse_set_read_deadline(ends[0], LAPSE_NEVER) == 0);
		atomic_store(&duel.begun, -i);
	}
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(duel.wrong == 0);
	pair_close(ends);
}

static bool is_fast(const struct where *where)
{
	return where->family == check_family("pipe") || where->family == check_family("tcp") ||
	       where->family == check_family("pty_slave");
}

static const struct check checks[] = {
	{TEST_FITTING(set_while_going_to_sleep, is_fast)},
};
CHECK_MAIN(checks)
