/* Go issue 57114, where this library comes from: a timer that fired just before its deadline was
 * cleared marked the descriptor "timed out" afterwards, and every later read and write failed. */
#include "check.h"

enum { ROUNDS = 5000 };

/* One thread reads for ever; the other one sets a deadline that is about to pass, clears it at about
 * that moment, and counts both: the phase is odd while a deadline may be in force. */
struct race {
	lapse_fd fd;
	atomic_int phase;
	atomic_int got;
	atomic_int expired;
	atomic_int poisoned;
};

static void *read_for_ever(void *arg)
{
	struct race *race = arg;
	char byte;

	for (;;) {
		int before = atomic_load(&race->phase);
		ssize_t n = lapse_read(race->fd, &byte, 1);

		if (n == 1) {
			atomic_fetch_add(&race->got, 1);
			continue;
		}
		if (n == 0 || errno != LAPSE_EXPIRED)
			return NULL;
		atomic_fetch_add(&race->expired, 1);
		/* It began after the clearing call had returned, and no other call came since. */
		if (before % 2 == 0 && before == atomic_load(&race->phase))
			atomic_fetch_add(&race->poisoned, 1);
	}
}

static void cleared_as_the_timer_fires(void **state)
{
	const struct where *where = *state;
	int rounds = check_count(ROUNDS);
	uint64_t seed = 57114;
	struct race race = {0};
	pthread_t thread;
	lapse_fd ends[2];

	family_make(where->family, ends);
	race.fd = ends[0];
	CHECK(pthread_create(&thread, NULL, read_for_ever, &race) == 0);
	for (int i = 1; i <= rounds; i++) {
		lapse_time deadline = lapse_in((int64_t)(check_random(&seed) % 20000));

		atomic_fetch_add(&race.phase, 1);
		CHECK(lapse_set_read_deadline(ends[0], deadline) == 0);
		while (lapse_now() < deadline + (int64_t)(check_random(&seed) % 8000) - 4000)
			;
		CHECK(lapse_set_read_deadline(ends[0], LAPSE_NEVER) == 0);
		atomic_fetch_add(&race.phase, 1);
		/* If it was poisoned, the reader never gets this byte. */
		if (i % 8 == 0) {
			CHECK(lapse_write(ends[1], "x", 1) == 1);
			while (atomic_load(&race.got) < i / 8 && atomic_load(&race.poisoned) == 0)
				CHECK(lapse_sleep_until(lapse_in(LAPSE_US)) == 0); /* look again */
		}
	}
	CHECK(atomic_load(&race.poisoned) == 0);
	print_message("expired in %d of %d rounds\n", atomic_load(&race.expired), rounds);
	CHECK(lapse_close(ends[0]) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(lapse_close(ends[1]) == 0);
}

static const struct check checks[] = {
	{TEST_FAMILIES(cleared_as_the_timer_fires, 0)},
};
CHECK_MAIN(checks)
