/* The small lock itself, src/os/linux/lock.h as it ships: the other scenarios take it for one step each
 * way (explore/os/os_impl.h), and this is where that is shown. A number that is not atomic is counted up
 * under it.
 *
 * Raced: taking it free, taking it held, giving it back with and without somebody who sleeps, and a
 * wake-up that comes late, for who had it before. Whatever goes wrong is a race on the number, a number
 * that was lost, or a thread that waits for ever. */
#include "engine/engine.h"
#include "os/os.h"

/* Under names of their own: the usual ones are the other's. */
#define os_lock real_lock
#define os_unlock real_unlock
#define os_lock_wait real_lock_wait
struct real_lock {
	os_u32 word;
};
#include "../../src/os/linux/lock.h"

static struct real_lock lock;
static int number;

static void count(void)
{
	real_lock(&lock);
	number++;
	real_unlock(&lock);
}

static void count_twice(void)
{
	count();
	count();
}

static void all_counted(int all)
{
	if (number != all)
		x_broken("lock", "%d of %d were counted", number, all);
	if (lock.word.v != 0)
		x_broken("lock", "it is held by nobody, and not free");
}

static void two_counted(void)
{
	all_counted(4);
}

static void three_counted(void)
{
	all_counted(3);
}

const struct x_scenario lock_two = {
	.name = "lock_two",
	.about = "the small lock, as it ships: two threads, twice each; wake-ups for nothing",
	.threads = {count_twice, count_twice},
	.finish = two_counted,
	.faults = 1,
};

const struct x_scenario lock_three = {
	.name = "lock_three",
	.about = "the small lock, as it ships: three threads, once each",
	.threads = {count, count, count},
	.finish = three_counted,
};
