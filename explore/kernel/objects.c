/* What steps touch, as objects of the engine's: each known by the address of a field in k_state.
 * Fine-grained, so that calls which cannot matter to each other are not taken for dependent: a
 * number apart from its file, a queue's bytes apart from its ends. */
#include "kernel/internal.h"

#include <stdio.h>

static int index_in(const void *key, const void *array, size_t size)
{
	return (int)(((const char *)key - (const char *)array) / (long)size);
}

static void describe_number(const void *key, char *buf, size_t size)
{
	(void)snprintf(buf, size, "fd %d", index_in(key, k_state.numbers, sizeof *k_state.numbers));
}

static void describe_file(const void *key, char *buf, size_t size)
{
	(void)snprintf(buf, size, "file %d", index_in(key, k_state.files, sizeof *k_state.files));
}

static void describe_bytes(const void *key, char *buf, size_t size)
{
	(void)snprintf(buf, size, "queue %d",
	               index_in(key, k_state.queues, sizeof *k_state.queues));
}

static void describe_ends(const void *key, char *buf, size_t size)
{
	(void)snprintf(buf, size, "ends of queue %d",
	               index_in(key, k_state.queues, sizeof *k_state.queues));
}

static void describe_path(const void *key, char *buf, size_t size)
{
	(void)snprintf(buf, size, "locks of path %d",
	               index_in(key, k_state.paths, sizeof *k_state.paths));
}

static void describe_futex(const void *key, char *buf, size_t size)
{
	(void)key;
	(void)snprintf(buf, size, "futex");
}

x_object k_number_object(int number)
{
	if (!k_number_is_valid(number))
		return -1;
	return x_object_at(&k_state.numbers[number], describe_number);
}

x_set k_on_number(int number)
{
	return k_number_is_valid(number) ? x_only(k_number_object(number)) : 0;
}

x_set k_on_file(const struct k_file *f)
{
	return x_only(x_object_at(&f->flags, describe_file));
}

x_set k_on_count(const struct k_file *f)
{
	return x_only(x_object_at(&f->count, describe_file));
}

x_set k_on_bytes(int queue)
{
	return queue < 0 ? 0 : x_only(x_object_at(&k_state.queues[queue].end, describe_bytes));
}

x_set k_on_ends(int queue)
{
	return queue < 0 ? 0 : x_only(x_object_at(&k_state.queues[queue].error, describe_ends));
}

x_set k_on_path(int path)
{
	return x_only(x_object_at(&k_state.paths[path], describe_path));
}

/* The word itself is an object of the memory's; those who sleep on it are another. */
x_set k_on_futex(const void *word)
{
	return x_only(x_object_at((const char *)word + 1, describe_futex));
}
