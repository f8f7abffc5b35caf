/* The beginning of a handle: adopting and making descriptors; open.c has those that may hang. Owns
 * nothing afterwards. */
#include "fd/handle.h"

static enum lp_kind kind_of_socket(int type)
{
	return (type & 0xf) == SOCK_STREAM ? LP_SOCKET : LP_MESSAGE;
}

/* Sockets, the usual ones, say more of themselves, and sooner than fstat. */
int lp_kind_of(int sysfd, enum lp_kind *kind)
{
	struct stat st;
	int type = 0;
	socklen_t size = sizeof type;
	long socket = os_getsockopt(sysfd, SOL_SOCKET, SO_TYPE, &type, &size);
	long r;

	*kind = kind_of_socket(type);
	if (socket == 0)
		return 0;
	*kind = LP_OTHER;
	r = os_fstat(sysfd, &st);
	if (r < 0)
		return (int)r;
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFBLK:
		*kind = LP_FILE;
		break;
	case S_IFIFO:
		*kind = LP_PIPE;
		break;
	case S_IFSOCK: /* the name of one, opened with O_PATH, is none */
		return socket == -EBADF ? 0 : (int)socket;
	default:
		break;
	}
	return 0;
}

static lapse_fd failed(long r)
{
	(void)lp_ret(r);
	return LAPSE_NOFD;
}

lapse_fd lapse_adopt(int sysfd)
{
	enum lp_kind kind;
	struct lp_slot *slot;
	int r = lp_kind_of(sysfd, &kind);

	if (r == 0)
		r = lp_slot_take(&slot);
	return r < 0 ? failed(r) : lp_slot_open(slot, sysfd, kind);
}

lapse_fd lapse_socket(int domain, int type, int protocol)
{
	struct lp_slot *slot;
	long r = lp_slot_take(&slot);

	if (r < 0)
		return failed(r);
	r = os_socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	if (r >= 0)
		return lp_slot_open(slot, (int)r, kind_of_socket(type));
	lp_slot_give_back(slot);
	return failed(r);
}

lapse_fd lapse_dup(lapse_fd fd)
{
	struct lp_slot *from;
	struct lp_slot *slot;
	lapse_fd made = LAPSE_NOFD;
	long r = lp_slot_pin(fd, &from);

	if (r < 0)
		return failed(r);
	r = lp_slot_take(&slot);
	if (r == 0) {
		r = os_fcntl(lp_sysfd(from), F_DUPFD_CLOEXEC, NULL);
		if (r < 0)
			lp_slot_give_back(slot);
		else
			made = lp_slot_open(slot, (int)r, from->kind);
	}
	lp_slot_unpin(from);
	(void)lp_ret(r);
	return made;
}

/* Two slots before, two descriptors, two handles. */
struct pair {
	struct lp_slot *slots[2];
	int fds[2];
};

static int take_pair(struct pair *p)
{
	int r = lp_slot_take(&p->slots[0]);

	if (r < 0)
		return r;
	r = lp_slot_take(&p->slots[1]);
	if (r < 0)
		lp_slot_give_back(p->slots[0]);
	return r;
}

static int open_pair(struct pair *p, long r, enum lp_kind kind, lapse_fd ends[2])
{
	for (int i = 0; i < 2; i++)
		if (r < 0)
			lp_slot_give_back(p->slots[i]);
		else
			ends[i] = lp_slot_open(p->slots[i], p->fds[i], kind);
	return (int)lp_ret(r);
}

int lapse_pipe(lapse_fd ends[2])
{
	struct pair p;
	int r = ends == NULL ? -EFAULT : take_pair(&p);

	if (r < 0)
		return (int)lp_ret(r);
	return open_pair(&p, os_pipe2(p.fds, O_CLOEXEC), LP_PIPE, ends);
}

int lapse_socketpair(int domain, int type, int protocol, lapse_fd ends[2])
{
	struct pair p;
	int r = ends == NULL ? -EFAULT : take_pair(&p);

	if (r < 0)
		return (int)lp_ret(r);
	return open_pair(&p, os_socketpair(domain, type | SOCK_CLOEXEC, protocol, p.fds),
	                 kind_of_socket(type), ends);
}

/* Also of what a child inherited, which cannot be pinned: the number is believed only if the handle
 * was still current after it was read. Acquire, from lp_slot_open's release: whoever reads the number
 * of the slot's next life then finds the word closed. */
int lapse_sysfd(lapse_fd fd)
{
	struct lp_slot *slot = lp_slot_find(fd);
	uint64_t word;
	int sysfd;

	if (slot == NULL)
		return (int)lp_ret(-EBADF);
	sysfd = (int)os_load_u32(&slot->sysfd, OS_ACQUIRE);
	word = os_load_u64(&slot->word, OS_SEQ_CST);
	if ((word & (LP_GENERATION | LP_CLOSED)) != lp_slot_generation(fd))
		return (int)lp_ret(-EBADF);
	return sysfd;
}
