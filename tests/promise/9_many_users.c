/* Promise 9 at the limit of users: while 16,777,215 calls are on one handle the next fails with
 * EUSERS, and disturbs none of them. So many threads are not to be had; the library's inside plays
 * them, the one test that knows it. */
#include "check.h"
#include "fd/slot.h"

static uint64_t users(const struct lp_slot *slot)
{
	return os_load_u64(&slot->word, OS_RELAXED) & LP_USERS;
}

/* Users that count and do nothing, until there are as many as can be. */
static struct lp_slot *crowd(lapse_fd fd)
{
	struct lp_slot *slot = lp_slot_find(fd), *found;

	while (users(slot) < LP_USERS)
		CHECK(lp_slot_pin(fd, &found) == 0);
	return slot;
}

static void leave(struct lp_slot *slot)
{
	while (users(slot) > 0)
		lp_slot_unpin(slot);
}

static void all_are_refused(lapse_fd fd, lapse_fd other)
{
	struct lapse_pollfd entry = {fd, LAPSE_WRITE, 0, 0};
	struct lp_slot *slot;
	char byte = 'x';
	size_t done;

	CHECK(lp_slot_pin(fd, &slot) == -EUSERS);
	CHECK_ERR(lapse_read(fd, &byte, 1), EUSERS);
	CHECK_ERR(lapse_write(fd, "x", 1), EUSERS);
	CHECK_ERR(lapse_read_full(fd, &byte, 1, &done), EUSERS);
	CHECK_ERR(lapse_recv(fd, &byte, 1, MSG_DONTWAIT), EUSERS);
	CHECK_ERR(lapse_splice(other, fd, 1), EUSERS);
	CHECK_ERR(lapse_splice(fd, other, 1), EUSERS);
	CHECK_ERR(lapse_wait(fd, LAPSE_READ), EUSERS);
	CHECK_ERR(lapse_check(fd, LAPSE_READ), EUSERS);
	CHECK_ERR(lapse_cancel(fd, LAPSE_READ | LAPSE_WRITE), EUSERS);
	CHECK_ERR(lapse_set_idle(fd, LAPSE_READ, 1), EUSERS);
	CHECK_ERR(lapse_shutdown(fd, SHUT_RDWR), EUSERS);
	CHECK_ERR(lapse_dup(fd), EUSERS);
	CHECK_ERR(lapse_close(fd), EUSERS);
	CHECK_ERR(lapse_release(fd), EUSERS);
	CHECK(lapse_poll(&entry, 1) == 1 && entry.error == EUSERS);
	CHECK(byte == 'x');
}

static void too_many_users(void **state)
{
	struct lp_slot *slot;
	lapse_fd ends[2];
	uint64_t word;
	char byte;

	(void)state;
	pair_make("unix_stream", ends);
	CHECK(lapse_write(ends[1], "y", 1) == 1);
	slot = crowd(ends[0]);
	word = os_load_u64(&slot->word, OS_RELAXED);
	all_are_refused(ends[0], ends[1]);
	CHECK(os_load_u64(&slot->word, OS_RELAXED) == word);
	/* One leaves, one may come. */
	lp_slot_unpin(slot);
	CHECK(lapse_read(ends[0], &byte, 1) == 1 && byte == 'y');
	leave(slot);
	CHECK(lapse_write(ends[0], "z", 1) == 1);
	CHECK(lapse_read(ends[1], &byte, 1) == 1 && byte == 'z');
	pair_close(ends);
}

/* The one that was there before goes on waiting, and obeys its deadline: that needs no user more. */
static void waiting_call_is_not_disturbed(void **state)
{
	struct lp_slot *slot;
	struct call c;
	lapse_fd ends[2];

	(void)state;
	pair_make("pipe", ends);
	operation_block(&c, "read", ends[0]);
	slot = crowd(ends[0]);
	CHECK_ERR(lapse_read(ends[0], c.own, 1), EUSERS);
	CHECK_ERR(lapse_cancel(ends[0], LAPSE_READ), EUSERS);
	CHECK_ERR(lapse_close(ends[0]), EUSERS);
	call_await_sleep(&c);
	CHECK(lapse_set_read_deadline(ends[0], lapse_in(LAPSE_MS)) == 0);
	CHECK_CALL(&c, -1, LAPSE_EXPIRED);
	leave(slot);
	pair_close(ends);
}

static const struct check checks[] = {
	{TEST(too_many_users)},
	{TEST(waiting_call_is_not_disturbed)},
};
CHECK_MAIN(checks)
