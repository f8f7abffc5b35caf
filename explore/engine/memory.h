/* Atomic memory as C11 has it: what the doors of os.h for atomics stand on. Owns the history of each
 * word; each access is a step of the engine's. Knows nothing of what the words mean. */
#ifndef X_MEMORY_H
#define X_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* size: 4 or 8 bytes. order: an __ATOMIC_ constant. */
uint64_t x_load(const void *a, int size, int order);
void x_store(void *a, int size, uint64_t v, int order);
/* Sequentially consistent; they return the old value. */
uint64_t x_swap(void *a, int size, uint64_t v);
uint64_t x_add(void *a, int size, uint64_t v);
uint64_t x_or(void *a, int size, uint64_t v);
bool x_cas(void *a, int size, uint64_t *expected, uint64_t v);

/* The same, for who on failure looks at what was found, does nothing else, and tries again. */
bool x_cas_round(void *a, int size, uint64_t *expected, uint64_t v);

/* Waits until the word is 0, and makes it 1. */
void x_lock(uint32_t *a);

/* Sixteen bytes: an owner and a number, see os.h. */
bool x_owned_set(void *o, uint64_t owner, int64_t v);
void x_owned_reset(void *o, uint64_t owner, int64_t v);
int64_t x_owned_get(const void *o);

/* The kernel has looked at a word for the calling thread, in its last step: the thread finds nothing
 * older in it from here on (coherence), though it has not synchronised with who stored that. */
void x_see_newest(const void *a, int size);

/* The kernel passes something on from one thread to another, under a lock of its own: what the giver saw
 * the taker sees, though for plain data this is no order. To and from one place for each thread. */
void x_give_view(int to);
void x_take_view(int thread);

/* For the report: names words that the engine cannot name itself. NULL: forget it. */
void x_name_words(void (*name)(const void *address, char *buf, size_t size));

#endif
