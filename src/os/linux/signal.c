/* Linux behind the doors of os.h: breaking off a blocking system call. Owns the signal, its handler
 * and what was there before; decides nothing: the library's own look does.
 *
 * The handler is installed raw, since checkers of threads put those of the C library off until the
 * call they are meant to break off has returned; with SA_RESTART, so that a signal too many leaves
 * other system calls alone: they begin again. And it shows the handler where a call was cut short:
 * before it begins again, the thread stands on the system call instruction. */
#include "os/os.h"

#include <link.h>
#include <signal.h>
#include <ucontext.h>

#if defined(__x86_64__)
#include "signal_x86_64.h"
#elif defined(__aarch64__)
#include "signal_aarch64.h"
#else
#include "signal_riscv64.h"
#endif

long lp_call_while(const uint32_t *word, uint32_t expected, const struct os_call *call)
	__attribute__((visibility("hidden")));
extern const char lp_call_look[] __attribute__((visibility("hidden")));
extern const char lp_call_insn[] __attribute__((visibility("hidden")));
extern const char lp_call_abort[] __attribute__((visibility("hidden")));

enum { NOT_YET, BUSY, STARTED };

/* Which signal: 0 until it is chosen, by lapse_use_signal or at the first need; by compare-and-swap,
 * never changed once `started` says so. */
static os_u32 chosen;
/* NOT_YET, BUSY while one installs the handler, STARTED; by compare-and-swap. Once it is STARTED what
 * follows does not change any more. */
static os_u32 started;
/* Written before the handler is in place. */
static enum os_break (*look_there)(void);
static void (*missed_there)(void);

/* What was there before: written before our handler is in place, and once more if it turns out to be
 * another; read by the handler. A signal that arrives in between is passed on to the older one. */
static struct lp_sigaction before;

/* What our own signals carry: of this process and this copy of the library. */
static char token;

static int signal_number(void)
{
	return (int)os_load_u32(&chosen, OS_RELAXED);
}

static uint64_t signal_set(void)
{
	return UINT64_C(1) << (signal_number() - 1);
}

__attribute__((no_sanitize("thread"))) static bool ours(const siginfo_t *info)
{
	return info->si_code == SI_QUEUE && info->si_value.sival_ptr == &token;
}

/* A process that has used up RLIMIT_SIGPENDING gets its signals without what they carry: then it may
 * be ours and may be anybody's. */
__attribute__((no_sanitize("thread"))) static bool nobodys(const siginfo_t *info)
{
	return info->si_code == SI_USER && info->si_pid == 0;
}

/* ---- The handler ---- */

/* System calls that wait for something other than a disk, and say EINTR instead. */
static const short waiting_calls[] = {
#ifdef SYS_open
	SYS_open,
	SYS_creat,
	SYS_poll,
	SYS_select,
	SYS_epoll_wait,
	SYS_pause,
	SYS_accept,
#endif
	SYS_read,
	SYS_readv,
	SYS_pread64,
	SYS_preadv,
	SYS_preadv2,
	SYS_write,
	SYS_writev,
	SYS_pwrite64,
	SYS_pwritev,
	SYS_pwritev2,
	SYS_recvfrom,
	SYS_recvmsg,
	SYS_recvmmsg,
	SYS_sendto,
	SYS_sendmsg,
	SYS_sendmmsg,
	SYS_sendfile,
	SYS_splice,
	SYS_tee,
	SYS_vmsplice,
	SYS_accept4,
	SYS_connect,
	SYS_openat,
	SYS_openat2,
	SYS_flock,
	SYS_wait4,
	SYS_waitid,
	SYS_ppoll,
	SYS_pselect6,
	SYS_epoll_pwait,
	SYS_nanosleep,
	SYS_clock_nanosleep,
	SYS_rt_sigsuspend,
	SYS_rt_sigtimedwait,
	SYS_msgrcv,
	SYS_msgsnd,
	SYS_semop,
	SYS_semtimedop,
	SYS_mq_timedsend,
	SYS_mq_timedreceive,
	SYS_io_getevents,
	SYS_io_pgetevents,
	SYS_io_uring_enter,
	SYS_getrandom,
#ifdef SYS_epoll_pwait2
	SYS_epoll_pwait2,
#endif
#ifdef SYS_futex_waitv
	SYS_futex_waitv,
#endif
};

/* Some wait only when told to. */
static bool waits(const ucontext_t *at, long nr)
{
	long second = lp_call_argument(at, 1);

	if (nr == SYS_fcntl)
		return second == F_SETLKW || second == F_OFD_SETLKW;
	if (nr == SYS_futex)
		return (second & FUTEX_CMD_MASK) == FUTEX_WAIT ||
		       (second & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
	if (nr == SYS_ioctl)
		return second == 0x5409; /* TCSBRK: until the output has gone */
	for (size_t i = 0; i < sizeof waiting_calls / sizeof *waiting_calls; i++)
		if (waiting_calls[i] == nr)
			return true;
	return false;
}

static bool break_off(ucontext_t *at, enum os_break what)
{
	uintptr_t where = lp_where(at);
	long nr;

	if (where >= (uintptr_t)lp_call_look && where <= (uintptr_t)lp_call_insn) {
		lp_move(at, (uintptr_t)lp_call_abort);
		return true;
	}
	if (what != OS_BREAK_WHOLE)
		return false;
	nr = lp_about_to_call(at);
	if (nr < 0 || !waits(at, nr))
		return false;
	lp_answer(at, -EINTR);
	return true;
}

/* ThreadSanitizer's runtime holds locks of its own, which look would want as well: whoever is found in
 * there is left alone. Found before the handler is in place: where its text is, if that is not our own,
 * too, as where it is linked statically. */
#ifdef OS_THREAD_SANITIZER
static uintptr_t runtime_begin, runtime_end;
void __tsan_init(void);

static int look_for_runtime(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size;
	(void)unused;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		uintptr_t end = begin + info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type != PT_LOAD || (uintptr_t)__tsan_init < begin ||
		    (uintptr_t)__tsan_init >= end)
			continue;
		if ((uintptr_t)lp_call_look >= begin && (uintptr_t)lp_call_look < end)
			return 1;
		runtime_begin = begin;
		runtime_end = end;
		return 1;
	}
	return 0;
}

static void find_runtime(void)
{
	(void)dl_iterate_phdr(look_for_runtime, NULL);
}

__attribute__((no_sanitize("thread"))) static bool is_deaf(const ucontext_t *at)
{
	uintptr_t where = lp_where(at);

	return where >= runtime_begin && where < runtime_end;
}
#else
static void find_runtime(void)
{
}

static bool is_deaf(const ucontext_t *at)
{
	(void)at;
	return false;
}
#endif

__attribute__((no_sanitize("thread"))) static void interrupt(ucontext_t *at)
{
	enum os_break what;

	if (is_deaf(at))
		return;
	what = look_there();
	if (what != OS_GO_ON && !break_off(at, what))
		missed_there();
}

static void pass_on(int signo, siginfo_t *info, void *at)
{
	void (*handler)(int, siginfo_t *, void *) = before.handler;

	if ((uintptr_t)handler == (uintptr_t)SIG_DFL || (uintptr_t)handler == (uintptr_t)SIG_IGN)
		return;
	handler(signo, info, at);
}

__attribute__((no_sanitize("thread"))) static void on_signal(int signo, siginfo_t *info, void *at)
{
	int saved = errno;

	if (ours(info) || nobodys(info))
		interrupt(at);
	if (!ours(info))
		pass_on(signo, info, at);
	errno = saved;
}

/* ---- Starting ---- */

int os_interrupt_signal(int signo)
{
	uint32_t seen = os_load_u32(&chosen, OS_RELAXED);

	/* The C library keeps the first real-time ones to itself, and does not say how many. */
	if (signo < 1 || signo > 64 || (signo >= 32 && signo < SIGRTMIN) || signo == SIGKILL ||
	    signo == SIGSTOP || signo == SIGSEGV || signo == SIGBUS || signo == SIGILL ||
	    signo == SIGFPE || signo == SIGTRAP || signo == SIGSYS)
		return -EINVAL;
	do {
		if (os_load_u32(&started, OS_ACQUIRE) != NOT_YET)
			return -EBUSY;
	} while (!os_cas_u32(&chosen, &seen, (uint32_t)signo));
	return 0;
}

static long action(const struct lp_sigaction *set, struct lp_sigaction *old)
{
	return os_syscall(SYS_rt_sigaction, signal_number(), (long)set, (long)old, sizeof old->mask,
	                  0, 0);
}

/* The handler runs with everything blocked: it is short, and none of the caller's should stand on
 * it. Only once: over a handler that was installed over ours, and passes on to it, the two would pass
 * on to each other for ever. */
static long install(void)
{
	struct lp_sigaction own = {
		.handler = on_signal,
		.flags = SA_RESTART | SA_ONSTACK | SA_SIGINFO,
		.mask = UINT64_MAX,
	};
	struct lp_sigaction old;
	long r = action(NULL, &before);

	lp_sigaction_returns(&own);
	if (r == 0)
		r = action(&own, &old);
	if (r == 0)
		before = old;
	return r;
}

int os_interrupt_start(enum os_break (*look)(void), void (*missed)(void))
{
	uint32_t seen = NOT_YET;
	uint32_t none = 0;
	long r;

	while (!os_cas_u32(&started, &seen, BUSY)) {
		if (seen == STARTED)
			return 0;
		(void)os_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
		seen = NOT_YET;
	}
	(void)os_cas_u32(&chosen, &none, SIGURG);
	look_there = look;
	missed_there = missed;
	find_runtime();
	r = install();
	(void)os_swap_u32(&started, r == 0 ? STARTED : NOT_YET);
	return (int)r;
}

/* ---- Sending and taking back ---- */

static long send_to(int thread, const siginfo_t *info)
{
	return os_syscall(SYS_rt_tgsigqueueinfo, os_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0), thread,
	                  signal_number(), (long)info, 0, 0);
}

/* Refused is a real-time signal alone, while RLIMIT_SIGPENDING is used up. */
int os_interrupt(int thread)
{
	siginfo_t info = {.si_code = SI_QUEUE};

	info.si_value.sival_ptr = &token;
	return (int)send_to(thread, &info);
}

bool os_interrupt_admit(void)
{
	uint64_t set = signal_set();
	uint64_t old = 0;

	(void)os_syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&set, (long)&old, sizeof set, 0, 0);
	return (old & set) != 0;
}

void os_interrupt_block(void)
{
	uint64_t set = signal_set();

	(void)os_syscall(SYS_rt_sigprocmask, SIG_BLOCK, (long)&set, 0, sizeof set, 0, 0);
}

/* One of somebody else's is put back. */
bool os_interrupt_drain(void)
{
	uint64_t set = signal_set();
	struct timespec none = {0, 0};
	siginfo_t info;
	siginfo_t other;
	bool found = false;
	bool found_other = false;

	while (os_syscall(SYS_rt_sigtimedwait, (long)&set, (long)&info, (long)&none, sizeof set, 0,
	                  0) > 0) {
		if (ours(&info) || nobodys(&info)) {
			found = true;
		} else {
			found_other = true;
			other = info;
		}
	}
	if (found_other)
		(void)send_to(os_thread_id(), &other);
	return found;
}

long os_call_while(const os_u32 *word, uint32_t expected, const struct os_call *call)
{
	return lp_call_while(&word->v, expected, call);
}
