/* The simulated kernel behind the doors of os.h: the cold ones, in the program that explores. Owns
 * nothing. */
#include "os/os.h"

_Static_assert(sizeof(void *) == 8 && sizeof(long) == 8, "as for Linux");
_Static_assert(sizeof(struct os_owned) == 16, "one word of memory.c's");
_Static_assert(sizeof(struct os_self) <= 8 * sizeof(void *), "k_self has room for eight pointers");

int os_clock(clockid_t clock, lapse_time *now)
{
	return k_clock(clock, now);
}

int os_thread_start(void (*fn)(void *), void *arg)
{
	return k_thread_start(fn, arg);
}

static long call(const void *f)
{
	return os_fn_call(f);
}

long os_guarded(const struct os_fn *f, void (*exits)(void *), void *arg)
{
	return k_guarded(call, f, exits, arg);
}

int os_at_thread_exit(void (*fn)(void *), void *arg)
{
	return k_at_thread_exit(fn, arg);
}

int os_thread_id(void)
{
	return k_thread_id();
}

/* Sleeps end on time. */
int64_t os_timer_slack(void)
{
	return 0;
}

void *os_map(size_t size)
{
	return k_map(size);
}

void os_unmap(void *p, size_t size)
{
	k_unmap(p, size);
}

/* Addresses are good here, and nobody else looks at either side meanwhile: what the library copies is
 * one caller's alone. */
long os_copy_memory(const struct iovec *to, size_t to_count, const struct iovec *from,
                    size_t from_count)
{
	long total = 0;

	for (size_t i = 0, at = 0, j = 0, skip = 0; i < to_count && j < from_count;) {
		size_t n = to[i].iov_len - at;

		if (n > from[j].iov_len - skip)
			n = from[j].iov_len - skip;
		for (size_t k = 0; k < n; k++)
			((char *)to[i].iov_base)[at + k] = ((char *)from[j].iov_base)[skip + k];
		total += (long)n;
		at += n;
		skip += n;
		if (at == to[i].iov_len) {
			i++;
			at = 0;
		}
		if (skip == from[j].iov_len) {
			j++;
			skip = 0;
		}
	}
	return total;
}

void *os_map_wiped_on_fork(void)
{
	return k_map_wiped_on_fork();
}

uint64_t os_random(void)
{
	return k_random();
}

void os_sigpipe_hold(struct os_sigpipe *s)
{
	k_sigpipe_hold(&s->mask, &s->pending);
}

void os_sigpipe_drop(const struct os_sigpipe *s)
{
	k_sigpipe_drop(s->mask, s->pending);
}
