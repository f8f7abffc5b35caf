#!/bin/sh
# What the library asks of the kernel: no thread, no signal handler or mask, no flag of a description,
# no limit, no output; and once it has begun, no memory.
. "$(dirname "$0")/common.sh"

need strace
shared syscalls "$guest/syscalls.c" "$guest/exercise.c"
strace -qq -o /dev/null true 2>/dev/null || skip 'tracing is not allowed here'

# trace KIND: the calls of that exercise, the beginning and the steady state apart
trace()
{
	strace -qq -f -o all -s 0 ./syscalls "$1"
	sed -n '/getpgid(-1001)/,/getpgid(-1002)/p' all >beginning
	sed -n '/getpgid(-1002)/,/getpgid(-1003)/p' all >steady
	[ "$(wc -l <steady)" -gt 1000 ] || fail 'the trace is too short'
}

# forbid PATTERN FILE...: none of the calls
forbid()
{
	pattern=$1
	shift
	if grep -hE "$pattern" "$@" >found; then
		fail "$(head -n 5 found)"
	fi
}

memory='(mmap|munmap|mremap|brk|madvise|mprotect)\('
settings='F_SETFL|F_SETOWN|F_SETSIG|FIONBIO|FIOASYNC'
settings="$settings|(setrlimit|sigaltstack|umask|chdir|setpriority|sched_set[a-z]*)\("
settings="$settings|prlimit64\([^,]*, [^,]*, \{|prctl\(PR_SET"
signals='(rt_sigaction|rt_sigprocmask|signalfd4?|timer_create|setitimer|alarm|t?g?kill)\('
threads='(clone3?|v?fork|io_uring_[a-z]*)\('
output='write[v]?\([12],|(send[a-z]*|pwritev2?)\([12],'

trace sockets
forbid "$threads|$signals|$settings|$output" beginning steady
forbid "$memory" steady

# Threads are made by the exercise, and their libc has signals masked and memory mapped meanwhile.
trace threads
forbid "$settings|$output|io_uring_" beginning steady
forbid 'rt_sigaction\((SIG[^R]|SIGRTM|SIGRT_[3-9])' beginning steady
