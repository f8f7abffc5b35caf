/* libevent issue 1530: when readiness arrived together with the timeout, the event was swallowed and
 * nobody was told of the data. Here whoever asks next is told, whatever the one before was told. */
#include "check.h"

#include <unistd.h>

static void event_with_the_timeout(void **state)
{
	static const char *const operations[] = {"wait_read", "poll_read", "read"};
	const struct where *where = *state;
	int rounds = check_count(200);
	uint64_t seed = 1530;
	lapse_fd ends[2];
	char byte;

	family_make(where->family, ends);
	for (int i = 0; i < rounds; i++) {
		struct call c = {.fd = ends[0]};
		lapse_time deadline = lapse_in(80 * LAPSE_US);

		CHECK(lapse_set_read_deadline(ends[0], deadline) == 0);
		call_start(&c, check_operation(operations[i % 3])->run);
		while (lapse_now() < deadline + (int64_t)(check_random(&seed) % 60000) - 10000)
			;
		CHECK(write(lapse_sysfd(ends[1]), "x", 1) == 1);
		call_join(&c);
		CHECK(c.result == 1 || (c.result == -1 && c.error == LAPSE_EXPIRED));
		CHECK(lapse_set_read_deadline(ends[0], LAPSE_NEVER) == 0);
		if (i % 3 == 2 && c.result == 1)
			continue;
		CHECK(lapse_wait(ends[0], LAPSE_READ) == LAPSE_READ);
		CHECK(lapse_read(ends[0], &byte, 1) == 1);
	}
	pair_close(ends);
}

static const struct check checks[] = {
	{TEST_FAMILIES(event_with_the_timeout, 0)},
};
CHECK_MAIN(checks)
