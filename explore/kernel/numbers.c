/* The table of numbers: which open file each names. Owns it. Gives the lowest that is free, as POSIX
 * has it, so that a number that was closed is soon somebody else's. */
#include "kernel/internal.h"

bool k_number_is_valid(int number)
{
	return number >= 0 && number < K_NUMBERS;
}

struct k_file *k_named(int number)
{
	if (!k_number_is_valid(number) || k_state.numbers[number].file == 0)
		return NULL;
	return &k_state.files[k_state.numbers[number].file - 1];
}

/* ---- Giving out ---- */

struct giving {
	int count, from;
	int numbers[2];
};

/* The lowest `count` that are free; false: there are not so many. */
static bool find(struct giving *g)
{
	int found = 0;

	for (int i = g->from < K_FIRST ? K_FIRST : g->from; i < K_NUMBERS; i++) {
		if (k_state.numbers[i].file != 0)
			continue;
		g->numbers[found++] = i;
		if (found == g->count)
			return true;
	}
	return false;
}

/* That the ones below are taken is part of the result; and which of the free ones it takes hangs on
 * all of them. */
static void refine_giving(struct x_op *op)
{
	struct giving g = *(const struct giving *)op->arg;
	int last = k_state.top;

	if (find(&g) && g.numbers[g.count - 1] > last)
		last = g.numbers[g.count - 1];
	op->reads = op->writes = 0;
	for (int i = g.from < K_FIRST ? K_FIRST : g.from; i <= last; i++) {
		op->reads |= k_on_number(i);
		if (k_state.numbers[i].file == 0)
			op->writes |= k_on_number(i);
	}
}

static void describe_giving(const struct x_op *op, char *buf, size_t size)
{
	k_describe_result((long)op->values[0], buf, size);
}

long k_step_numbers(const char *name, int count, int from, int numbers[2])
{
	static const int errors[] = {0, -EMFILE, -ENOMEM};
	struct giving g = {.count = count, .from = from};
	struct x_op op = {.name = name,
	                  .object = -1,
	                  .refine = refine_giving,
	                  .describe = describe_giving,
	                  .arg = &g};
	long r;

	x_step(&op);
	/* The limit of the process or of the system; memory. */
	r = errors[x_fault(3, "given out: as asked, EMFILE, ENOMEM")];
	if (r == 0 && !find(&g))
		r = -EMFILE;
	x_note(0, (uint64_t)(r == 0 ? g.numbers[0] : r));
	if (r < 0) {
		k_log_call(K_OTHER, -1, NULL, r);
		return r;
	}
	for (int i = 0; i < count; i++)
		numbers[i] = g.numbers[i];
	return 0;
}

void k_number_give(int number, struct k_file *f, bool close_on_exec)
{
	k_state.numbers[number].file = (int8_t)(k_file_id(f) + 1);
	k_state.numbers[number].close_on_exec = close_on_exec;
	if (number > k_state.top)
		k_state.top = number;
	f->names++;
	k_log_call(K_OPENED, number, f, number);
}

/* ---- close ---- */

struct closing {
	int number;
};

static void refine_closing(struct x_op *op)
{
	const struct closing *c = op->arg;
	const struct k_file *f = k_named(c->number);

	op->reads = k_on_number(c->number);
	op->writes = 0;
	if (f == NULL)
		return;
	op->writes = op->reads;
	k_on_drop(op, f);
}

/* The number is gone whatever comes after: a signal or an error of the device says nothing else. */
long k_close(int fd)
{
	static const int errors[] = {0, -EINTR, -EIO};
	struct closing c = {fd};
	struct x_op op = K_OP("close", fd, refine_closing, &c);
	struct k_file *f;
	long r;

	x_step(&op);
	f = k_named(fd);
	if (f == NULL) {
		k_log_call(K_OTHER, fd, NULL, -EBADF);
		return k_returns(-EBADF);
	}
	k_state.numbers[fd].file = 0;
	(void)k_file_drop(f, false);
	r = errors[x_fault(3, "close: 0, EINTR, EIO")];
	k_log_call(K_CLOSED, fd, f, r);
	return k_returns(r);
}

/* ---- For the oracle ---- */

int k_description(int number)
{
	return k_file_id(k_named(number));
}

int k_flags(int number)
{
	const struct k_file *f = k_named(number);

	return f == NULL ? -1 : f->flags;
}
