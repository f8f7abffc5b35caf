/* A write that was cut by its deadline was resumed by somebody else's: the bytes of two writers lay
 * between each other. Here the first is told how far it came, the second begins exactly there, and
 * nothing of the first comes afterwards. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1 << 20, SMALL = 5000 };

static intptr_t write_all(struct call *c)
{
	return lapse_write(c->fd, c->buf, c->n);
}

static bool take_letters(lapse_fd reader, char letter, size_t n)
{
	char *buf = malloc(n + 1);
	bool good = pair_take(reader, buf, n);

	for (size_t i = 0; good && i < n; i++)
		good = buf[i] == letter;
	free(buf);
	return good;
}

static void the_next_begins_where_it_ended(void **state)
{
	const struct where *where = *state;
	char *block = malloc(BLOCK), *small = malloc(SMALL);

	memset(block, 'a', BLOCK);
	memset(small, 'b', SMALL);
	for (int way = 0; way < 2; way++) {
		struct scoped_call first = {.call = {.buf = block, .n = BLOCK}, .run = write_all};
		struct scoped_call second = {.call = {.buf = small, .n = SMALL}, .run = write_all};
		lapse_fd ends[2];

		family_make(where->family, ends);
		first.call.fd = second.call.fd = ends[1];
		call_block(&first.call, call_in_scope);
		call_block(&second.call, call_in_scope);
		if (way == 0)
			CHECK(lapse_scope_move(first.id, lapse_in(LAPSE_MS)) == 0);
		else
			CHECK(lapse_scope_cancel(first.id) == 0);
		call_join(&first.call);
		CHECK(first.call.result > 0 && first.call.result < BLOCK);
		CHECK(first.call.error == (way == 0 ? LAPSE_EXPIRED : ECANCELED));
		CHECK(take_letters(ends[0], 'a', (size_t)first.call.result));
		CHECK(take_letters(ends[0], 'b', SMALL));
		CHECK_CALL(&second.call, SMALL, 0);
		CHECK(pair_drain(ends[0]) == 0);
		pair_close(ends);
	}
	free(block);
	free(small);
}

static const struct check checks[] = {
	{TEST_FAMILIES(the_next_begins_where_it_ended, FAMILY_STREAM)},
};
CHECK_MAIN(checks)
