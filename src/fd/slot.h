/* Slots: what a handle names. Owns their memory, which is never unmapped, the meaning of a handle's
 * bits, and the word that says who may use a slot. Knows no operation.
 *
 * A handle:  62 set | 61..52 tag of this copy | 51..24 generation | 23..0 slot. Bit 62 without bit
 * 63 is no address that any process has, so following one by mistake faults.
 *
 * The word:  63..36 generation | 28 INHERITED | 27 CLOSED | 26 OTHERS | 25 LOCK write | 24 LOCK read
 *            | 23..0 users. It changes only by read-modify-writes, all seq_cst:
 *   free -> open          the one who took the slot off the free list; generation as in the handle
 *   users                 +1 by anyone who holds a current handle, in one compare-and-swap with the
 *                         look at generation and CLOSED, so that a stale handle touches no count;
 *                         -1 by the same. Nobody reads the slot's fields without being counted.
 *   LOCK                  set by who gets a direction's turn, with the pin where nobody queues;
 *                         cleared by who has it, or left set for the next in the queue (turn.c)
 *   OTHERS                the list of waiters is not empty. Changed under the list's lock.
 *   CLOSED                by lapse_close and lapse_release, once; never cleared for a generation
 *   INHERITED             in a forked child, on what its parent had open: may only be closed,
 *                         released or asked for its number
 *   open -> free          the closer, as the only user left: generation + 1, CLOSED stays set
 */
#ifndef LP_SLOT_H
#define LP_SLOT_H

#include "os/os.h"
#include "park/fork.h"
#include "park/parker.h"

#define LP_USERS UINT64_C(0xffffff)
#define LP_LOCK(dir) ((uint64_t)(dir) << 24) /* LAPSE_READ is bit 24, LAPSE_WRITE bit 25 */
#define LP_OTHERS (UINT64_C(1) << 26)
#define LP_CLOSED (UINT64_C(1) << 27)
#define LP_INHERITED (UINT64_C(1) << 28)
#define LP_GENERATION (UINT64_MAX << 36)

/* What a descriptor is, as far as it decides how to try without waiting. Fixed for a generation. */
enum lp_kind {
	LP_FILE,    /* regular, directory, block: no event tells, no signal helps: letgo.c */
	LP_PIPE,    /* FIFOs too */
	LP_OTHER,   /* terminal and other devices, eventfd and its like */
	LP_SOCKET,  /* stream socket */
	LP_MESSAGE, /* socket that keeps boundaries */
};

/* The event epoch counts what makes a try worth while though poll may not say so. It is a cause: added
 * to at C1, compared at S3, both seq_cst, sampled before the first try.
 * What was learnt of a descriptor: bits of one word, added and taken away by compare-and-swap, since
 * the holders of both locks do it; read relaxed: what is not seen yet is learnt again. */
enum lp_learnt {
	LP_NO_NOWAIT_READ = 1,  /* no RWF_NOWAIT: poll, then call */
	LP_NO_NOWAIT_WRITE = 2, /* likewise */
	LP_NO_NOSIGNAL = 4,     /* no RWF_NOSIGNAL: hold SIGPIPE back around the call */
	LP_KEPT = 8,            /* `kept` holds bytes; set and cleared under the read lock */
	LP_IN_MEMORY = 32,      /* a file that needs no device and no server */
	LP_ON_DEVICE = 64,      /* a file that may */
	LP_EVENT = 256,         /* from here on: the event epoch */
};

struct lp_waiter;

struct lp_slot {
	_Alignas(64) os_u64 word;
	/* Cancel epochs. Added to by lapse_cancel (C1); sampled by an operation before its first
	 * check and compared at S3, all seq_cst. */
	os_u32 cancel[2];
	/* Deadlines, owned by the handle while it is open, by nobody otherwise. Set by anyone who has
	 * the handle (C1), without a pin; read at S3. */
	struct os_owned deadline[2];
	os_u32 sysfd;   /* the system's number, fixed for a generation */
	uint32_t index; /* this slot's own number, fixed for ever */
	os_u32 learnt;  /* enum lp_learnt */
	uint8_t kind;   /* enum lp_kind, fixed for a generation */
	uint8_t dry;    /* how surely a read has to wait first: op.c; the read lock's holder's */

	/* Who sleeps with the direction's turn. Stored by the lock's holder: itself at S1, NULL as it
	 * leaves; read at C2. */
	_Alignas(64) os_ptr place[2];
	/* Idle limits in ns, 0 for none. Stored by lapse_set_idle (C1), read at S3; seq_cst. */
	os_i64 idle[2];
	os_ptr closer; /* the closer's place; stored by it at S1, read by leavers at C2 */
	/* The last of a ring of waiters in order of arrival; under `lock`. */
	struct lp_waiter *list;
	struct os_lock lock;
	union {
		int kept[2]; /* open: a pipe's two ends, if LP_KEPT; the read lock's holder's */
		uint32_t next_free; /* free: under the free list's lock */
	};
	/* Which duplicate jobs work on, 0 for none: twin.c's, under its lock; the closer's once alone. */
	uint32_t twin;
};

OS_INLINE int lp_index(int dir)
{
	return dir == LAPSE_WRITE;
}

OS_INLINE int lp_sysfd(const struct lp_slot *slot)
{
	return (int)os_load_u32(&slot->sysfd, OS_RELAXED);
}

enum { LP_SLOT_BITS = 24, LP_SLAB_COUNT = 4096, LP_PER_SLAB = (1 << LP_SLOT_BITS) / LP_SLAB_COUNT };

/* Where slots are found. One object, so that looking a handle up touches as few pages as can be:
 * between system calls each of them may cost a walk of the page tables.
 *   tag      bits 62..52 of every handle; 0 until the first; stored once, under the lock of slot.c
 *   slabs    struct lp_slot *, each stored once with release; read by anyone */
struct lp_slots {
	_Alignas(64) os_u64 tag;
	os_ptr slabs[LP_SLAB_COUNT];
};
extern struct lp_slots lp_slots;

OS_INLINE struct lp_slot *lp_slot_at(uint32_t i)
{
	struct lp_slot *slab = os_load_ptr(&lp_slots.slabs[i / LP_PER_SLAB], OS_ACQUIRE);

	return slab == NULL ? NULL : slab + i % LP_PER_SLAB;
}

/* The slot that a handle's bits name, or NULL. Says nothing of its generation. */
OS_INLINE struct lp_slot *lp_slot_find(lapse_fd fd)
{
	uint64_t bits = (uint64_t)fd;

	lp_fork_check();
	if ((bits & (UINT64_MAX << 52)) != os_load_u64(&lp_slots.tag, OS_RELAXED))
		return NULL;
	return lp_slot_at(bits & ((1 << LP_SLOT_BITS) - 1));
}

OS_INLINE uint64_t lp_slot_generation(lapse_fd fd)
{
	return ((uint64_t)fd >> 24 & 0xfffffff) << 36;
}

/* The handle that names a slot in the generation of its word. */
lapse_fd lp_slot_handle(const struct lp_slot *slot);

/* The one way in: add to the word what includes a user, if fd is current and none of the bits in
 * `over` is set. 0; -EBADF; -EAGAIN: one of the bits in `busy` is set; -EUSERS: 16 million users. */
OS_INLINE int lp_slot_enter(lapse_fd fd, uint64_t over, uint64_t busy, uint64_t add,
                            struct lp_slot **out)
{
	struct lp_slot *slot = lp_slot_find(fd);
	uint64_t word;

	*out = slot;
	if (os_unlikely(slot == NULL))
		return -EBADF;
	word = os_load_u64(&slot->word, OS_RELAXED);
	do {
		if (os_unlikely((word & (LP_GENERATION | over)) != lp_slot_generation(fd)))
			return -EBADF;
		if (os_unlikely((word & busy) != 0))
			return -EAGAIN;
		if (os_unlikely((word & LP_USERS) == LP_USERS))
			return -EUSERS;
	} while (os_unlikely(!os_cas_u64(&slot->word, &word, word + add)));
	return 0;
}

/* Pin: +1 user. 0, -EBADF, -EUSERS. */
OS_INLINE int lp_slot_pin(lapse_fd fd, struct lp_slot **slot)
{
	return lp_slot_enter(fd, LP_CLOSED | LP_INHERITED, 0, 1, slot);
}

/* -1 user; wakes the closer if it is now the only one. The slot may be gone afterwards. */
void lp_slot_unpin(struct lp_slot *slot);
/* What comes after a subtraction of one's own, which left `word`: does the closer have to be told? */
void lp_slot_left(struct lp_slot *slot, uint64_t word);

/* A slot for a new descriptor: nobody knows it yet. open gives the handle. 0 or -ENOMEM. */
int lp_slot_take(struct lp_slot **slot);
lapse_fd lp_slot_open(struct lp_slot *slot, int sysfd, enum lp_kind kind);
/* The slot goes back: never opened, or closed with nobody left in it. */
void lp_slot_give_back(struct lp_slot *slot);

OS_INLINE bool lp_slot_knows(const struct lp_slot *slot, enum lp_learnt what)
{
	return (os_load_u32(&slot->learnt, OS_RELAXED) & what) != 0;
}

void lp_slot_learn(struct lp_slot *slot, enum lp_learnt what);
void lp_slot_unlearn(struct lp_slot *slot, enum lp_learnt what);

/* For lapse_dump: how many slots were ever given out; lp_slot_at has each. */
uint32_t lp_slot_count(void);

#endif
