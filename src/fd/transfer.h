/* What the moves from handle to handle share: both turns, the source's first; the earlier deadline
 * ends it; a count that beats the error. */
#ifndef LP_TRANSFER_H
#define LP_TRANSFER_H

#include "fd/try.h"

/* How much may move between two looks. */
enum { LP_CHUNK = 1 << 20 };

struct lp_transfer {
	struct lp_op op;
	struct lp_side sides[2]; /* the source, the destination */
	struct os_sigpipe held;  /* splice and sendfile have no flag against SIGPIPE */
	bool in_splices;         /* splice on this end waits for nothing */
	bool out_splices;
	size_t left;
	long total;
};

/* 0, or -errno and it is over. */
int lp_transfer_begin(struct lp_transfer *t, lapse_fd out, lapse_fd in, size_t n, const char *name);
/* error: 0 or why it stopped. What the public call returns. */
long lp_transfer_end(struct lp_transfer *t, long error);

OS_INLINE int lp_transfer_in(const struct lp_transfer *t)
{
	return lp_sysfd(t->sides[0].slot);
}

OS_INLINE int lp_transfer_out(const struct lp_transfer *t)
{
	return lp_sysfd(t->sides[1].slot);
}

OS_INLINE size_t lp_transfer_most(const struct lp_transfer *t, size_t most)
{
	return t->left < most ? t->left : most;
}

/* Are both ends the same file? *in: what is known of it. */
bool lp_transfer_is_within(const struct lp_transfer *t, struct stat *in);

/* r bytes reached the destination. 0 or -errno. */
long lp_transfer_moved(struct lp_transfer *t, long r);

/* A try failed: wait for the source (destination) if that is what it lacked. 0 or -errno. */
long lp_transfer_await_in(struct lp_transfer *t, long r);
long lp_transfer_await_out(struct lp_transfer *t, long r);

/* Write all of it, with waits. How much went; *error: 0 or why not all. Not counted as moved. */
size_t lp_transfer_write(struct lp_transfer *t, const char *buf, size_t n, long *error);

/* Until t->left is 0, the source's end, or what is returned: the way of lapse_splice. */
long lp_transfer_splice(struct lp_transfer *t);

#endif
