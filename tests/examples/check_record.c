/* Drives record_within() of lapse_call(3): a record in pieces, half of one in time, and a close under it.
 * Owns the writer; the example comes from the page. */
#include "record.c"

#include <assert.h>
#include <pthread.h>
#include <string.h>

static lapse_fd ends[2];

static void *read_one(void *record)
{
	int r = record_within(ends[0], record);

	return (void *)(intptr_t)(r == -1 ? errno : 0);
}

int main(void)
{
	struct record record = {.got = 0};
	lapse_time start = lapse_now();
	pthread_t thread;
	void *error;

	assert(lapse_pipe(ends) == 0);
	assert(lapse_write(ends[1], "half a r", 8) == 8);
	assert(lapse_set_read_deadline(ends[0], start + 20 * LAPSE_MS) == 0);
	assert(record_within(ends[0], &record) == -1 && errno == LAPSE_EXPIRED);
	assert(lapse_now() - start >= 20 * LAPSE_MS && record.got == 8);

	assert(lapse_set_read_deadline(ends[0], LAPSE_NEVER) == 0);
	assert(lapse_write(ends[1], "ecord...", 8) == 8);
	assert(record_within(ends[0], &record) == 0);
	assert(memcmp(record.bytes, "half a record...", 16) == 0);

	record.got = 0;
	assert(pthread_create(&thread, NULL, read_one, &record) == 0);
	assert(lapse_close(ends[0]) == 0);
	assert(pthread_join(thread, &error) == 0 && (intptr_t)error == EBADF);
	assert(lapse_close(ends[1]) == 0);
	return 0;
}
