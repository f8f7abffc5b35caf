/* Slots: memory, generations, pins. Owns the slabs and the free list; knows no operation and never
 * sleeps. */
#include "fd/slot.h"

_Static_assert(sizeof(struct lp_slot) == 128, "two cache lines for each handle");
_Static_assert(offsetof(struct lp_slot, place) == 64, "what a ready operation needs is in one");

static const uint64_t generation_one = UINT64_C(1) << 36;

struct lp_slots lp_slots;

static os_u64 seed; /* of the generations that slots start with; stored once, under the lock */
static struct os_lock lock; /* guards what follows */
static uint32_t free_list;  /* slot + 1; last in, first out, so that few are touched */
static os_u32 used;         /* slots that were ever given out; read by lapse_dump, relaxed */

uint32_t lp_slot_count(void)
{
	return os_load_u32(&used, OS_ACQUIRE);
}

lapse_fd lp_slot_handle(const struct lp_slot *slot)
{
	uint64_t generation = os_load_u64(&slot->word, OS_RELAXED) >> 36;

	return (lapse_fd)(os_load_u64(&lp_slots.tag, OS_RELAXED) | generation << 24 | slot->index);
}

/* The slot may be closed and used again by now: this only reads, and wakes a parker that was or is a
 * closer. */
void lp_slot_left(struct lp_slot *slot, uint64_t word)
{
	struct lp_parker *p;

	if ((word & (LP_CLOSED | LP_USERS)) != (LP_CLOSED | 1))
		return;
	p = os_load_ptr(&slot->closer, OS_SEQ_CST); /* C2 */
	if (p != NULL)
		lp_unpark(p); /* C3 */
}

void lp_slot_unpin(struct lp_slot *slot)
{
	uint64_t word = os_add_u64(&slot->word, UINT64_MAX) - 1; /* C1 */

	lp_assert((word & LP_USERS) != LP_USERS);
	lp_slot_left(slot, word);
}

void lp_slot_learn(struct lp_slot *slot, enum lp_learnt what)
{
	uint32_t seen = os_load_u32(&slot->learnt, OS_RELAXED);

	while (!os_cas_u32(&slot->learnt, &seen, seen | what))
		;
}

void lp_slot_unlearn(struct lp_slot *slot, enum lp_learnt what)
{
	uint32_t seen = os_load_u32(&slot->learnt, OS_RELAXED);

	while (!os_cas_u32(&slot->learnt, &seen, seen & ~(uint32_t)what))
		;
}

/* In a child. Nobody else is here, so no pin, turn or queue is anybody's; what was open is
 * INHERITED, what was being opened or closed by another thread stays out of use. */
static void disown(struct lp_slot *slot)
{
	uint64_t word = os_load_u64(&slot->word, OS_RELAXED);

	os_store_u32(&slot->lock.word, 0, OS_RELAXED);
	slot->list = NULL;
	os_store_ptr(&slot->place[0], NULL, OS_RELAXED);
	os_store_ptr(&slot->place[1], NULL, OS_RELAXED);
	os_store_ptr(&slot->closer, NULL, OS_RELAXED);
	os_owned_renew(&slot->deadline[0], 0, LAPSE_NEVER);
	os_owned_renew(&slot->deadline[1], 0, LAPSE_NEVER);
	(void)os_swap_u64(&slot->word, (word & (LP_GENERATION | LP_CLOSED)) | LP_INHERITED);
}

static void forget_parents(void)
{
	uint32_t count = lp_slot_count();

	os_store_u32(&lock.word, 0, OS_RELAXED);
	free_list = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct lp_slot *slot = lp_slot_at(i);

		if (slot != NULL)
			disown(slot);
	}
}

/* Each slot's generations start at random, so that handles of another copy of the library with the
 * same tag are not ours either. When the first comes round again the slot retires. */
static uint64_t first_generation(const struct lp_slot *slot)
{
	uint64_t x = os_load_u64(&seed, OS_RELAXED) ^ slot->index;

	return (x ^ x >> 32) * UINT64_C(0x9e3779b97f4a7c15) & LP_GENERATION;
}

/* Under the lock. */
static int take_new(struct lp_slot **out)
{
	uint32_t i = os_load_u32(&used, OS_RELAXED);
	struct lp_slot *slot;

	if (i == 1 << LP_SLOT_BITS)
		return -ENOMEM;
	if (i % LP_PER_SLAB == 0 && lp_slot_at(i) == NULL) {
		slot = os_map(LP_PER_SLAB * sizeof *slot);
		if (slot == NULL)
			return -ENOMEM;
		os_store_ptr(&lp_slots.slabs[i / LP_PER_SLAB], slot, OS_RELEASE);
	}
	slot = lp_slot_at(i);
	slot->index = i;
	os_store_u64(&slot->word, first_generation(slot) | LP_CLOSED, OS_RELAXED);
	os_store_u32(&used, i + 1, OS_RELEASE);
	*out = slot;
	return 0;
}

static int start(void)
{
	int r = lp_fork_start(forget_parents);

	if (r == 0) {
		os_store_u64(&seed, os_random(), OS_RELAXED);
		os_store_u64(&lp_slots.tag,
		             (os_random() >> 2 | UINT64_C(1) << 62) & (UINT64_MAX << 52),
		             OS_RELAXED);
	}
	return r;
}

int lp_slot_take(struct lp_slot **out)
{
	int r = 0;

	lp_fork_check();
	os_lock(&lock);
	if (os_load_u32(&used, OS_RELAXED) == 0)
		r = start();
	if (r == 0 && free_list != 0) {
		*out = lp_slot_at(free_list - 1);
		free_list = (*out)->next_free;
	} else if (r == 0) {
		r = take_new(out);
	}
	os_unlock(&lock);
	return r;
}

lapse_fd lp_slot_open(struct lp_slot *slot, int sysfd, enum lp_kind kind)
{
	lapse_fd fd = lp_slot_handle(slot);
	uint64_t word = os_load_u64(&slot->word, OS_RELAXED);

	lp_assert((word & ~LP_GENERATION) == LP_CLOSED);
	os_store_u32(&slot->sysfd, (uint32_t)sysfd, OS_RELEASE); /* for lapse_sysfd */
	slot->kind = (uint8_t)kind;
	slot->dry = 0;
	slot->twin = 0;
	os_store_u32(&slot->learnt, 0, OS_RELAXED);
	os_store_i64(&slot->idle[0], 0, OS_RELAXED);
	os_store_i64(&slot->idle[1], 0, OS_RELAXED);
	os_store_ptr(&slot->closer, NULL, OS_RELAXED);
	os_owned_reset(&slot->deadline[0], (uint64_t)fd, LAPSE_NEVER);
	os_owned_reset(&slot->deadline[1], (uint64_t)fd, LAPSE_NEVER);
	(void)os_swap_u64(&slot->word, word & LP_GENERATION);
	return fd;
}

void lp_slot_give_back(struct lp_slot *slot)
{
	uint64_t next = (os_load_u64(&slot->word, OS_RELAXED) & LP_GENERATION) + generation_one;

	(void)os_swap_u64(&slot->word, next | LP_CLOSED);
	if (next == first_generation(slot))
		return;
	os_lock(&lock);
	slot->next_free = free_list;
	free_list = slot->index + 1;
	os_unlock(&lock);
}
