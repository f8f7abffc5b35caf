/* Objects: which there are, who touches them, and the order of the steps on them. Owns the table.
 *
 * An object that one thread alone touches, or that nobody changes while threads run, cannot make two
 * orders of steps differ: steps on nothing else are no points at which another thread need be let
 * in. Which objects these are is found out by running: each is taken for private until a second
 * thread touches it and one of the two changes it; it is shared from then on, for good, and the
 * search starts again, since it may have passed by points that it should have stopped at. In the
 * runs of the last start all steps on shared objects were points, and no private object was touched
 * in a way that would have made it shared: so the assumption held in each of them. */
#include "engine/internal.h"

#include <stdio.h>

struct object {
	const void *key;
	x_describe_fn *describe;
	x_mask readers, writers; /* since the scenario began */
	uint32_t run;            /* that the two clocks belong to */
	struct x_clock written;  /* of its last change */
	struct x_clock read;     /* of all who read it */
};

enum { SLOTS = 1024 };

static struct object objects[X_OBJECTS];
static int count;
static uint16_t table[SLOTS]; /* number + 1; by the hash of the key */
static uint32_t run;
x_set x_shared;

static unsigned hash(const void *key)
{
	return (unsigned)(((uintptr_t)key * UINT64_C(0x9e3779b97f4a7c15)) >> 54);
}

x_object x_object_at(const void *key, x_describe_fn *describe)
{
	unsigned i = hash(key);

	while (table[i] != 0) {
		struct object *o = &objects[table[i] - 1];

		if (o->key == key) {
			if (o->describe == NULL) /* the first to touch it knew no name */
				o->describe = describe;
			return table[i] - 1;
		}
		i = (i + 1) % SLOTS;
	}
	if (count == X_OBJECTS)
		x_unfit("more than %d objects", X_OBJECTS);
	objects[count] = (struct object){.key = key, .describe = describe};
	table[i] = (uint16_t)(count + 1);
	return count++;
}

void x_object_name(x_object o, char *buf, size_t size)
{
	if (o < 0 || o >= count)
		(void)snprintf(buf, size, "-");
	else if (objects[o].describe == NULL)
		(void)snprintf(buf, size, "object %d", o);
	else
		objects[o].describe(objects[o].key, buf, size);
}

void x_objects_forget(void)
{
	memset(table, 0, sizeof table);
	count = 0;
	x_shared = 0;
}

void x_objects_begin_run(void)
{
	run++;
}

static bool is_shared(const struct object *o)
{
	x_mask all = o->readers | o->writers;

	return o->writers != 0 && (all & (all - 1)) != 0;
}

static bool touch_each(x_mask who, x_set set, bool writes)
{
	bool grew = false;

	for (; set != 0; set &= set - 1) {
		x_object i = x_lowest(set);
		struct object *o = &objects[i];

		if (writes)
			o->writers |= who;
		else
			o->readers |= who;
		if ((x_shared & x_only(i)) == 0 && is_shared(o)) {
			x_shared |= x_only(i);
			grew = true;
		}
	}
	return grew;
}

static x_set existing(x_set s)
{
	return count == X_OBJECTS ? s : s & (x_only(count) - 1);
}

bool x_touch(int thread, x_set reads, x_set writes)
{
	bool grew = touch_each(x_bit(thread), existing(reads & ~x_shared), false);

	return touch_each(x_bit(thread), existing(writes & ~x_shared), true) || grew;
}

static struct object *of_this_run(x_object i)
{
	struct object *o = &objects[i];

	if (o->run != run) {
		o->run = run;
		memset(&o->written, 0, sizeof o->written);
		memset(&o->read, 0, sizeof o->read);
	}
	return o;
}

void x_objects_order(struct x_clock *c, x_set reads, x_set writes)
{
	for (x_set s = existing(reads | writes); s != 0; s &= s - 1)
		x_join(c, &of_this_run(x_lowest(s))->written);
	for (x_set s = existing(writes); s != 0; s &= s - 1)
		x_join(c, &of_this_run(x_lowest(s))->read);
	for (x_set s = existing(reads); s != 0; s &= s - 1)
		x_join(&objects[x_lowest(s)].read, c);
	for (x_set s = existing(writes); s != 0; s &= s - 1)
		objects[x_lowest(s)].written = *c;
}
