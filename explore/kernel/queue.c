/* Queues: real bytes in the order in which they were sent, each with its number. Owns them. A queue
 * is never used again in a run, so that its number means one thing. */
#include "kernel/internal.h"

#include <string.h>

struct k_queue *k_queue_make(bool is_pipe)
{
	struct k_queue *q = &k_state.queues[k_state.queue_count];

	if (k_state.queue_count == K_QUEUES)
		x_unfit("more than %d queues in a run", K_QUEUES);
	k_state.queue_count++;
	*q = (struct k_queue){.capacity = k_state.capacity, .is_pipe = is_pipe};
	return q;
}

struct k_queue *k_queue_at(int id)
{
	return id < 0 ? NULL : &k_state.queues[id];
}

int k_queue_id(const struct k_queue *q)
{
	return (int)(q - k_state.queues);
}

size_t k_queue_held(const struct k_queue *q)
{
	return (size_t)(q->end - q->first);
}

/* A pipe counts pages, here a quarter of it each: what fits into one is written whole or not at all,
 * and more needs one that is free, which is also what poll asks for. */
size_t k_queue_fits(const struct k_queue *q, size_t n)
{
	size_t page = q->capacity < 4 ? 1 : q->capacity / 4;
	size_t room = q->capacity - k_queue_held(q);

	if (q->is_pipe && room < (n < page ? n : page))
		return 0;
	return n < room ? n : room;
}

/* ---- Bytes ---- */

void __tsan_read_range(void *p, long n);
void __tsan_write_range(void *p, long n);

void k_reads_memory(const void *p, size_t n)
{
	__tsan_read_range((void *)(uintptr_t)p, (long)n);
}

void k_writes_memory(void *p, size_t n)
{
	__tsan_write_range(p, (long)n);
}

static unsigned char *byte_at(const struct k_queue *q, uint64_t number)
{
	return &k_state.bytes[k_queue_id(q)][number % K_ROOM];
}

void k_queue_put(struct k_queue *q, const struct iovec *iov, int count, size_t skip, size_t n)
{
	for (int i = 0; i < count && n > 0; i++) {
		const unsigned char *from = iov[i].iov_base;
		size_t left = iov[i].iov_len;
		size_t here = skip < left ? skip : left;

		skip -= here;
		from += here;
		left -= here;
		here = left < n ? left : n;
		k_reads_memory(from, here);
		for (size_t j = 0; j < here; j++)
			*byte_at(q, q->end++) = from[j];
		n -= here;
	}
}

void k_queue_peek(const struct k_queue *q, const struct iovec *iov, int count, size_t n)
{
	uint64_t at = q->first;

	for (int i = 0; i < count && n > 0; i++) {
		unsigned char *to = iov[i].iov_base;
		size_t here = iov[i].iov_len < n ? iov[i].iov_len : n;

		k_writes_memory(to, here);
		for (size_t j = 0; j < here; j++)
			to[j] = *byte_at(q, at++);
		n -= here;
	}
}

void k_queue_drop(struct k_queue *q, size_t n)
{
	q->first += n;
}

void k_queue_copy(const struct k_queue *from, struct k_queue *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*byte_at(to, to->end++) = *byte_at(from, from->first + i);
}
