/* Another thread's lapse_cancel and lapse_close, and a scope's end, reach a caller that waits for a
 * file whose server does not answer. */
#include "held.h"

static struct held held;

/* The operation blocks, within a deadline that is far away. */
static void begin(size_t i)
{
	held_start(&held);
	held_begin(&held, held_files[i % 2], &held_operations[i / 2]);
	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	held_block(&held);
}

static void end(void)
{
	held_end(&held);
	held_stop(&held);
}

/* The handle lives on. */
static void cancelled(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * held_operation_count; i++) {
		begin(i);
		CHECK(lapse_cancel(held.fd, LAPSE_READ | LAPSE_WRITE) == 0);
		held_was_let_go(&held, ECANCELED);
		held_is_unanswered(&held);
		fixture_release(&held.fixture);
		held_run(&held);
		held_was_good(&held);
		end();
	}
}

static intptr_t run_close(struct call *c)
{
	return lapse_close(c->fd);
}

/* The close itself may have to wait for what the kernel holds, or let go of it. */
static void closed(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * held_operation_count; i++) {
		struct call closer;

		begin(i);
		closer = (struct call){.fd = held.fd};
		call_start(&closer, run_close);
		held_was_let_go(&held, EBADF);
		held_is_unanswered(&held);
		fixture_release(&held.fixture);
		CHECK_CALL(&closer, 0, 0);
		held.fd = LAPSE_NOFD;
		end();
	}
}

/* ---- Scopes ---- */

static _Atomic lapse_scope_id shared;

static intptr_t run_within(struct call *c)
{
	lapse_scope scope;
	intptr_t result;
	int error;

	lapse_scope_enter(&scope, LAPSE_NEVER);
	atomic_store(&shared, lapse_scope_share(&scope));
	result = held.operation->run(c);
	error = errno;
	(void)lapse_scope_leave(&scope);
	errno = error;
	return result;
}

static void begin_within(size_t i)
{
	uint64_t count;

	held_start(&held);
	held_begin(&held, held_files[i % 2], &held_operations[i / 2]);
	count = fixture_count(&held.fixture, held.operation->op);
	call_start(&held.call, run_within);
	fixture_await(&held.fixture, held.operation->op, count + 1);
}

static void scope_cancelled(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * held_operation_count; i++) {
		begin_within(i);
		CHECK(lapse_scope_cancel(shared) == 0);
		held_was_let_go(&held, ECANCELED);
		held_is_unanswered(&held);
		end();
	}
}

static void scope_moved(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * held_operation_count; i++) {
		begin_within(i);
		CHECK(lapse_scope_move(shared, lapse_now()) == 0);
		held_was_let_go(&held, LAPSE_EXPIRED);
		held_is_unanswered(&held);
		end();
	}
}

static const struct check checks[] = {
	{TEST(cancelled)},
	{TEST(closed)},
	{TEST(scope_cancelled)},
	{TEST(scope_moved)},
};
CHECK_MAIN(checks)
