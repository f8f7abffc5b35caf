/* For processors that nobody here has: the sockets of the exercise, and all that goes through struct
 * os_owned, the one piece of assembly but the system call itself. No pipes: emulators of user
 * programs have no pwritev2. */
#include "exercise.h"
#include "os/os.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_t start(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	EXPECT(pthread_create(&thread, NULL, run, arg) == 0);
	return thread;
}

/* A handle that was closed changes nothing of the one that has its slot now. */
static void stale_handles(void)
{
	lapse_fd old[2], new[2];
	lapse_time when = lapse_in(3600 * LAPSE_S);

	EXPECT(lapse_socketpair(AF_UNIX, SOCK_STREAM, 0, old) == 0);
	EXPECT(lapse_close(old[0]) == 0 && lapse_close(old[1]) == 0);
	EXPECT(lapse_socketpair(AF_UNIX, SOCK_STREAM, 0, new) == 0);
	for (int i = 0; i < 2; i++)
		EXPECT(lapse_set_deadline(new[i], when) == 0);
	for (int i = 0; i < 2; i++) {
		EXPECT_ERR(lapse_set_deadline(old[i], 0), EBADF);
		EXPECT_ERR(lapse_set_read_deadline(old[i], 0), EBADF);
		EXPECT_ERR(lapse_set_write_deadline(old[i], 0), EBADF);
	}
	for (int i = 0; i < 2; i++) {
		EXPECT(lapse_read_deadline(new[i]) == when);
		EXPECT(lapse_write_deadline(new[i]) == when);
		EXPECT(lapse_close(new[i]) == 0);
	}
}

static void *move_scope(void *id)
{
	EXPECT(lapse_scope_move(*(lapse_scope_id *)id, lapse_in(LAPSE_MS)) == 0);
	return NULL;
}

static void *cancel_scope(void *id)
{
	EXPECT(lapse_scope_cancel(*(lapse_scope_id *)id) == 0);
	return NULL;
}

static void scopes(void)
{
	static void *(*const change[])(void *) = {move_scope, cancel_scope};
	static const int error[] = {LAPSE_EXPIRED, ECANCELED};

	for (int i = 0; i < 2; i++) {
		lapse_scope scope;
		lapse_scope_id id;
		pthread_t thread;

		lapse_scope_enter(&scope, lapse_in(3600 * LAPSE_S));
		id = lapse_scope_share(&scope);
		EXPECT(id != 0);
		thread = start(change[i], &id);
		EXPECT_ERR(lapse_sleep_until(LAPSE_NEVER), error[i]);
		EXPECT(pthread_join(thread, NULL) == 0);
		EXPECT_ERR(lapse_scope_leave(&scope), error[i]);
		EXPECT_ERR(lapse_scope_move(id, 0), ESRCH);
	}
}

/* ---- struct os_owned ----
 * One thread gives it to owner after owner, each with a value that names the owner; another goes on
 * setting it for the owner that it saw last. A value that does not name the owner was set by
 * somebody who had no right to. */

struct fight {
	struct os_owned owned;
	os_u64 owner; /* of the moment; stored by the giver */
	os_u32 is_over;
	os_u64 count[2]; /* how often the setter came too late, and in time; stored by it */
};

enum { SHIFT = 8, SETTERS = 1, TURNS_MIN = 20000, SEEN_MIN = 100 };

static void *keep_setting(void *arg)
{
	struct fight *f = arg;

	while (!os_load_u32(&f->is_over, OS_ACQUIRE)) {
		uint64_t owner = os_load_u64(&f->owner, OS_RELAXED);
		int64_t v = (int64_t)(owner << SHIFT | SETTERS);

		(void)os_add_u64(&f->count[os_owned_set(&f->owned, owner, v)], 1);
	}
	return NULL;
}

static bool have_met(struct fight *f)
{
	return os_load_u64(&f->count[false], OS_RELAXED) >= SEEN_MIN &&
	       os_load_u64(&f->count[true], OS_RELAXED) >= SEEN_MIN;
}

static void owners(void)
{
	struct fight f = {0};
	pthread_t setter = start(keep_setting, &f);

	for (uint64_t owner = 1; owner < TURNS_MIN || !have_met(&f); owner++) {
		int64_t given = (int64_t)(owner << SHIFT), v;

		os_owned_reset(&f.owned, owner, given);
		os_store_u64(&f.owner, owner, OS_RELAXED);
		for (int i = 0; i < 100; i++) {
			v = os_owned_get(&f.owned);
			EXPECT(v == given || v == (given | SETTERS));
		}
		EXPECT(os_owned_set(&f.owned, owner, given));
		EXPECT(!os_owned_set(&f.owned, owner - 1, 0));
	}
	os_store_u32(&f.is_over, 1, OS_RELEASE);
	EXPECT(pthread_join(setter, NULL) == 0);
}

/* ---- What a signal breaks off: the gap of each processor, and what its handler does there ---- */

static long sleep_an_hour(void *unused)
{
	const struct timespec hour = {3600, 0};

	(void)unused;
	return nanosleep(&hour, NULL);
}

static long read_byte(int sysfd, void *buf)
{
	return read(sysfd, buf, 1);
}

static void interrupts(void)
{
	char path[] = "/tmp/lapse_cross_XXXXXX", byte;
	int holder = mkstemp(path);
	lapse_fd locked = lapse_open(path, O_RDWR, 0), ends[2];
	lapse_scope scope;

	EXPECT(holder >= 0 && locked != LAPSE_NOFD && unlink(path) == 0);
	EXPECT(flock(holder, LOCK_EX) == 0);
	EXPECT(lapse_socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	for (int i = 0; i < 20; i++) {
		lapse_scope_enter(&scope, lapse_in(2 * LAPSE_MS));
		EXPECT_ERR(lapse_flock(locked, LOCK_EX), LAPSE_EXPIRED);
		EXPECT_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
		lapse_scope_enter(&scope, lapse_in(2 * LAPSE_MS));
		EXPECT_ERR(lapse_call(sleep_an_hour, NULL), LAPSE_EXPIRED);
		EXPECT_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
		EXPECT(lapse_set_read_deadline(ends[0], lapse_in(2 * LAPSE_MS)) == 0);
		EXPECT_ERR(lapse_call_on(ends[0], LAPSE_READ, read_byte, &byte), LAPSE_EXPIRED);
	}
	EXPECT(lapse_close(locked) == 0 && close(holder) == 0);
	EXPECT(lapse_close(ends[0]) == 0 && lapse_close(ends[1]) == 0);
}

int main(void)
{
	for (int i = 0; i < 3; i++) {
		exercise_sockets();
		exercise_streams();
		stale_handles();
		scopes();
	}
	interrupts();
	owners();
	return 0;
}
