/* Linux behind the doors of os.h: the cold ones. Owns the per-thread block and the thread-exit key;
 * knows nothing of what the library keeps there. */
#include "os/os.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

_Static_assert(sizeof(void *) == 8 && sizeof(long) == 8, "system calls pass longs");
_Static_assert(sizeof(off_t) == 8, "offsets are 64 bits");
_Static_assert(sizeof(struct os_owned) == 16 && _Alignof(struct os_owned) == 16, "one atomic");
_Static_assert(sizeof(os_u32) == 4 && sizeof(os_u64) == 8 && sizeof(os_ptr) == 8, "no padding");

__thread struct os_self lp_os_self;

int os_clock(clockid_t clock, lapse_time *now)
{
	struct timespec ts;
	long r = os_syscall(SYS_clock_gettime, clock, (long)&ts, 0, 0, 0, 0);

	if (r < 0)
		return (int)r;
	if (ts.tv_sec > LAPSE_NEVER / LAPSE_S - 1)
		*now = LAPSE_NEVER;
	else
		*now = (lapse_time)ts.tv_sec * LAPSE_S + ts.tv_nsec;
	return 0;
}

/* The key is made by the first thread that asks; made holds key + 2, 0 before and 1 meanwhile. */
int os_at_thread_exit(void (*fn)(void *), void *arg)
{
	static os_u32 made;
	uint32_t seen = 0;
	pthread_key_t key;

	if (os_cas_u32(&made, &seen, 1)) {
		int r = pthread_key_create(&key, fn);

		os_store_u32(&made, r == 0 ? key + 2 : 0, OS_RELEASE);
		if (r != 0)
			return -r;
	}
	while ((seen = os_load_u32(&made, OS_ACQUIRE)) == 1)
		(void)os_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	if (seen == 0)
		return -EAGAIN;
	return -pthread_setspecific(seen - 2, arg);
}

struct beginning {
	void (*fn)(void *);
	void *arg;
	os_u32 taken; /* stored by the new thread, once it has copied the rest; futex */
};

static void *begin(void *arg)
{
	struct beginning *b = arg;
	struct beginning mine = *b;

	os_store_u32(&b->taken, 1, OS_RELEASE);
	os_futex_wake(&b->taken);
	(void)os_syscall(SYS_prctl, PR_SET_TIMERSLACK, 1, 0, 0, 0, 0);
	mine.fn(mine.arg);
	return NULL;
}

/* A new thread has its maker's mask. Those below SIGRTMIN are the C library's: setuid waits for each
 * thread to take its. */
int os_thread_start(void (*fn)(void *), void *arg)
{
	struct beginning b = {.fn = fn, .arg = arg};
	uint64_t all = UINT64_C(0x7fffffff) | UINT64_MAX << (SIGRTMIN - 1);
	uint64_t mask = 0;
	pthread_attr_t attributes;
	pthread_t thread;
	int r = pthread_attr_init(&attributes);

	if (r != 0)
		return -r;
	(void)os_syscall(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&mask, sizeof all, 0,
	                 0);
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&thread, &attributes, begin, &b);
	(void)os_syscall(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof mask, 0, 0);
	(void)pthread_attr_destroy(&attributes);
	while (r == 0 && os_load_u32(&b.taken, OS_ACQUIRE) == 0)
		(void)os_futex_wait(&b.taken, 0, LAPSE_NEVER);
	return -r;
}

long os_guarded(const struct os_fn *f, void (*exits)(void *), void *arg)
{
	long r;

	pthread_cleanup_push(exits, arg);
	r = os_fn_call(f);
	pthread_cleanup_pop(0);
	return r;
}

int os_thread_id(void)
{
	return (int)os_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

int64_t os_timer_slack(void)
{
	long r = os_syscall(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0, 0);

	return r < 0 ? 0 : r;
}

void *os_map(size_t size)
{
	long r = os_syscall(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return r < 0 && r > -4096 ? NULL : (void *)r;
}

void os_unmap(void *p, size_t size)
{
	(void)os_syscall(SYS_munmap, (long)p, (long)size, 0, 0, 0, 0);
}

/* Without the kernel's help there is no telling a bad address from a good one. */
static long copy_directly(const struct iovec *to, size_t to_count, const struct iovec *from,
                          size_t from_count)
{
	size_t to_done = 0;
	size_t from_done = 0;
	long total = 0;

	while (to_count > 0 && from_count > 0) {
		size_t n = to->iov_len - to_done;

		if (n > from->iov_len - from_done)
			n = from->iov_len - from_done;
		if (n > 0)
			memcpy((char *)to->iov_base + to_done, (char *)from->iov_base + from_done,
			       n);
		total += (long)n;
		to_done += n;
		from_done += n;
		if (to_done == to->iov_len) {
			to++;
			to_count--;
			to_done = 0;
		}
		if (from_count > 0 && from_done == from->iov_len) {
			from++;
			from_count--;
			from_done = 0;
		}
	}
	return total;
}

/* Reading, never writing, "another" process: that side's pages are looked up without their owner's
 * doing, and checkers know only of reading that it fills memory. Some sandboxes forbid it. */
long os_copy_memory(const struct iovec *to, size_t to_count, const struct iovec *from,
                    size_t from_count)
{
	long r = os_syscall(SYS_process_vm_readv, os_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0),
	                    (long)to, (long)to_count, (long)from, (long)from_count, 0);

	return r == -ENOSYS || r == -EPERM ? copy_directly(to, to_count, from, from_count) : r;
}

void *os_map_wiped_on_fork(void)
{
	size_t size = 4096; /* rounded up to a page by both calls */
	void *p = os_map(size);

	if (p == NULL)
		return NULL;
	if (os_syscall(SYS_madvise, (long)p, (long)size, MADV_WIPEONFORK, 0, 0, 0) < 0) {
		os_unmap(p, size);
		return NULL;
	}
	return p;
}

/* The address is this copy's own, the clock and the process id this process's; getrandom may not
 * have been seeded, or may be forbidden. */
uint64_t os_random(void)
{
	uint64_t r = 0;
	uint64_t x = (uint64_t)&lp_os_self ^ (uint64_t)os_now() << 20 ^
	             (uint64_t)os_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);

	(void)os_syscall(SYS_getrandom, (long)&r, sizeof r, 1 /* GRND_NONBLOCK */, 0, 0, 0);
	return r ^ x * UINT64_C(0x9e3779b97f4a7c15);
}

#define SIGPIPE_BIT (UINT64_C(1) << (SIGPIPE - 1))

void os_sigpipe_hold(struct os_sigpipe *s)
{
	uint64_t set = SIGPIPE_BIT;
	uint64_t pending = 0;

	(void)os_syscall(SYS_rt_sigprocmask, SIG_BLOCK, (long)&set, (long)&s->mask, sizeof set, 0,
	                 0);
	(void)os_syscall(SYS_rt_sigpending, (long)&pending, sizeof pending, 0, 0, 0, 0);
	s->pending = (pending & SIGPIPE_BIT) != 0;
}

void os_sigpipe_drop(const struct os_sigpipe *s)
{
	uint64_t set = SIGPIPE_BIT;
	struct timespec none = {0, 0};

	if (!s->pending)
		(void)os_syscall(SYS_rt_sigtimedwait, (long)&set, 0, (long)&none, sizeof set, 0, 0);
	(void)os_syscall(SYS_rt_sigprocmask, SIG_SETMASK, (long)&s->mask, 0, sizeof set, 0, 0);
}
