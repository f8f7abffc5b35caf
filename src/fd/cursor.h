/* A place in an array of buffers of which some bytes are done. The array is the caller's and stays
 * as it is; it is not read before the kernel has found it readable. */
#ifndef LP_CURSOR_H
#define LP_CURSOR_H

#include "os/os.h"

enum { LP_IOV_MAX = 1024, LP_CURSOR_WINDOW = 16 };

struct lp_cursor {
	const struct iovec *iov; /* the first that is not done */
	size_t count;            /* from there on */
	size_t skip;             /* bytes of the first that are done */
	struct iovec window[LP_CURSOR_WINDOW];
};

/* Is all of an array readable, of as many entries as a system call takes? 0 or -errno. */
OS_INLINE long lp_cursor_check(const struct iovec *iov, int count)
{
	const struct iovec nothing = {NULL, 0};

	return os_copy_memory(iov, (size_t)count, &nothing, 1);
}

/* Field by field: clearing the window, which is written before it is read, would take long. */
OS_INLINE void lp_cursor_begin(struct lp_cursor *c, const struct iovec *iov, size_t count)
{
	c->iov = iov;
	c->count = count;
	c->skip = 0;
}

/* What to hand to the kernel next. */
OS_INLINE const struct iovec *lp_cursor_next(struct lp_cursor *c, int *count)
{
	size_t most = c->skip == 0 ? LP_IOV_MAX : LP_CURSOR_WINDOW;

	*count = (int)(c->count < most ? c->count : most);
	if (c->skip == 0)
		return c->iov;
	memcpy(c->window, c->iov, (size_t)*count * sizeof *c->iov);
	c->window[0].iov_base = (char *)c->window[0].iov_base + c->skip;
	c->window[0].iov_len -= c->skip;
	return c->window;
}

/* n more bytes are done. False: all are. */
OS_INLINE bool lp_cursor_advance(struct lp_cursor *c, size_t n)
{
	n += c->skip;
	while (c->count > 0 && n >= c->iov->iov_len) {
		n -= c->iov->iov_len;
		c->iov++;
		c->count--;
	}
	c->skip = n;
	return c->count > 0;
}

#endif
