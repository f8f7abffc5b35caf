/* lapse_dump: what is there and who sleeps, for people. Reads what it can without stopping anybody;
 * changes nothing but pins. */
#include "fd/op.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct out {
	int sysfd;
	long error; /* 0 or the first -errno */
	size_t used;
	char buf[4096];
};

static void flush(struct out *o)
{
	struct pollfd writable = {.fd = o->sysfd, .events = POLLOUT};
	struct os_sigpipe held;
	size_t done = 0;

	os_sigpipe_hold(&held);
	while (o->error == 0 && done < o->used) {
		long r = os_write(o->sysfd, o->buf + done, o->used - done);

		if (r > 0)
			done += (size_t)r;
		else if (r == -EAGAIN)
			(void)os_poll(&writable, 1, 0, LAPSE_NEVER);
		else if (r != -EINTR)
			o->error = r < 0 ? r : -EIO;
	}
	os_sigpipe_drop(&held);
	o->used = 0;
}

__attribute__((format(printf, 2, 3))) static void put(struct out *o, const char *format, ...)
{
	va_list args;
	int n;

	if (sizeof o->buf - o->used < 512)
		flush(o);
	va_start(args, format);
	n = vsnprintf(o->buf + o->used, sizeof o->buf - o->used, format, args);
	va_end(args);
	if (n > 0)
		o->used += (size_t)n;
}

static void put_instant(struct out *o, const char *name, lapse_time t, lapse_time now)
{
	if (t == LAPSE_NEVER)
		put(o, " %s never", name);
	else if (t > now)
		put(o, " %s in %.6fs", name, (double)(t - now) / 1e9);
	else
		put(o, " %s passed", name);
}

static void put_handle(struct out *o, uint32_t i, lapse_time now)
{
	static const char *kinds[] = {"file", "pipe", "other", "stream socket", "message socket"};
	struct lp_slot *slot = lp_slot_at(i);
	lapse_fd fd = lp_slot_handle(slot);
	uint64_t word;

	if (lp_slot_pin(fd, &slot) < 0) {
		word = os_load_u64(&slot->word, OS_RELAXED);
		if ((word & LP_USERS) != 0)
			put(o, "handle %#" PRIx64 " closing users %" PRIu64 "\n", (uint64_t)fd,
			    word & LP_USERS);
		return;
	}
	word = os_load_u64(&slot->word, OS_RELAXED);
	put(o, "handle %#" PRIx64 " fd %d %s", (uint64_t)fd, lp_sysfd(slot), kinds[slot->kind]);
	put_instant(o, "read deadline", os_owned_get(&slot->deadline[0]), now);
	put_instant(o, "write deadline", os_owned_get(&slot->deadline[1]), now);
	for (int d = 0; d < 2; d++)
		if (os_load_i64(&slot->idle[d], OS_RELAXED) != 0)
			put(o, " %s idle limit %.6fs", d == 0 ? "read" : "write",
			    (double)os_load_i64(&slot->idle[d], OS_RELAXED) / 1e9);
	put(o, " users %" PRIu64 "%s%s%s\n", (word & LP_USERS) - 1,
	    word & LP_LOCK(LAPSE_READ) ? " reading" : "",
	    word & LP_LOCK(LAPSE_WRITE) ? " writing" : "", word & LP_OTHERS ? " others wait" : "");
	lp_slot_unpin(slot);
}

static void put_sleeper(struct out *o, const struct lp_parker *p, lapse_time now)
{
	lapse_time armed = os_load_i64(&p->armed, OS_RELAXED);
	const char *what = os_load_ptr(&p->what, OS_RELAXED);
	uint32_t thread = os_load_u32(&p->thread, OS_RELAXED);
	uint64_t on = os_load_u64(&p->on, OS_RELAXED);
	lapse_time since = os_load_i64(&p->since, OS_RELAXED);

	if (armed == LP_NOBODY || thread == 0 || what == NULL)
		return;
	put(o, "thread %" PRIu32 " in %s", thread, what);
	if (on != 0)
		put(o, " on handle %#" PRIx64, on);
	put(o, " for %.6fs", since < now ? (double)(now - since) / 1e9 : 0.0);
	put_instant(o, "deadline", armed, now);
	put(o, "\n");
}

int lapse_dump(int sysfd)
{
	struct out o = {.sysfd = sysfd};
	lapse_time now = os_now();
	uint32_t count = lp_slot_count();

	lp_fork_check();
	for (uint32_t i = 0; i < count; i++)
		put_handle(&o, i, now);
	for (struct lp_parker *p = lp_parker_each(NULL); p != NULL; p = lp_parker_each(p))
		put_sleeper(&o, p, now);
	flush(&o);
	return (int)lp_ret(o.error);
}
