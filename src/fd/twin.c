/* The duplicates that jobs work on. Owns them, and their records: memory that is never unmapped. */
#include "fd/twin.h"

/* users: the handle, and each job. Added to under the lock by who holds the slot; taken away by
 * anyone, seq_cst: the last one closes the number. The rest is written before the index is known. */
struct lp_twin {
	os_u32 users;
	int sysfd; /* -1: in a child whose own business the number has become */
	uint32_t index;
	bool owned; /* the handle is one of the users; under the lock, its closer's afterwards */
	bool inherited; /* this is a child, the handle its parent's */
	struct lp_twin *next_free;
};

enum { CHUNK_COUNT = 1024, PER_CHUNK = 1024, LOWEST = 3 };

/* Guards what follows. A duplicate is made under it, which takes no longer than the table of numbers
 * takes to grow. */
static struct os_lock lock;
static struct lp_twin *chunks[CHUNK_COUNT];
static struct lp_twin *free_list;
static uint32_t used; /* records that were ever given out; indices begin at 1 */

static struct lp_twin *at(uint32_t index)
{
	return &chunks[(index - 1) / PER_CHUNK][(index - 1) % PER_CHUNK];
}

/* In a child nobody but the handles is left. What belonged to jobs of handles that were closed stays
 * open there: by now the number may be something else. */
static void forget_parents(void)
{
	os_store_u32(&lock.word, 0, OS_RELAXED);
	free_list = NULL;
	for (uint32_t i = 1; i <= used; i++) {
		struct lp_twin *t = at(i);

		os_store_u32(&t->users, t->owned ? 1 : 0, OS_RELAXED);
		t->inherited = t->owned;
	}
}

/* Under the lock. NULL: no memory. */
static struct lp_twin *take_record(void)
{
	struct lp_twin *t = free_list;

	if (t != NULL) {
		free_list = t->next_free;
		return t;
	}
	if (used == CHUNK_COUNT * PER_CHUNK)
		return NULL;
	if (chunks[used / PER_CHUNK] == NULL) {
		chunks[used / PER_CHUNK] = os_map(PER_CHUNK * sizeof *t);
		if (chunks[used / PER_CHUNK] == NULL)
			return NULL;
	}
	used++;
	t = at(used);
	t->index = used;
	return t;
}

/* Under the lock. */
static int make(struct lp_slot *slot)
{
	struct lp_twin *t = take_record();
	long r;

	if (t == NULL)
		return -ENOMEM;
	r = os_fcntl(lp_sysfd(slot), F_DUPFD_CLOEXEC, (void *)(intptr_t)LOWEST);
	if (r < 0) {
		t->next_free = free_list;
		free_list = t;
		return (int)r;
	}
	t->sysfd = (int)r;
	t->inherited = false;
	t->owned = true;
	os_store_u32(&t->users, 1, OS_RELAXED);
	slot->twin = t->index;
	return 0;
}

int lp_twin_use(struct lp_slot *slot, struct lp_twin **out)
{
	int r = lp_fork_start(forget_parents);

	if (r < 0)
		return r;
	os_lock(&lock);
	if (slot->twin == 0)
		r = make(slot);
	if (r == 0) {
		*out = at(slot->twin);
		(void)os_add_u32(&(*out)->users, 1);
	}
	os_unlock(&lock);
	return r;
}

int lp_twin_sysfd(const struct lp_twin *twin)
{
	return twin->sysfd;
}

/* A child may have closed all numbers it did not know. */
static bool is_same_file(int a, int b)
{
	struct stat x;
	struct stat y;

	return os_fstat(a, &x) == 0 && os_fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

struct lp_twin *lp_twin_take(struct lp_slot *slot)
{
	struct lp_twin *t;

	if (slot->kind != LP_FILE || slot->twin == 0)
		return NULL;
	os_lock(&lock);
	t = at(slot->twin);
	slot->twin = 0;
	t->owned = false;
	os_unlock(&lock);
	if (t->inherited && !is_same_file(lp_sysfd(slot), t->sysfd))
		t->sysfd = -1;
	return t;
}

void lp_twin_leave(struct lp_twin *t)
{
	if (t == NULL || os_add_u32(&t->users, UINT32_MAX) != 1)
		return;
	if (t->sysfd >= 0)
		(void)os_close(t->sysfd);
	os_lock(&lock);
	t->next_free = free_list;
	free_list = t;
	os_unlock(&lock);
}
