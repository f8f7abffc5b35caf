/* Between the two halves of kernel_differential: the script in hand, and the calls it is made of. */
#ifndef KERNEL_DIFFERENTIAL_H
#define KERNEL_DIFFERENTIAL_H

#include "kernel/kernel.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x100
#endif

enum { NUMBERS = 32, FIRST = 3 }; /* the limit of both; below it are the standard ones */

/* A regular file of Linux's that stands for the model's "file". */
extern char script_path[];

/* A number below n, from the script's seed. */
uint64_t draw(uint64_t n);

/* Takes a call down. Were both results the same? If not, the script ends. */
__attribute__((format(printf, 3, 4))) bool same(long model, long real, const char *format, ...);

/* What a call of the C library gave, as the doors give it. */
static inline long raw(long r)
{
	return r < 0 ? -errno : r;
}

/* A socket pair, a pipe: what scripts begin with. Any call but on locks; one of those. */
void call_pair(void);
void call_pipe(void);
void call_any(void);
void call_lock(void);

#endif
