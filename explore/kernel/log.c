/* What the kernel did, for the oracle, and what a step came to, for people. Owns the records; how
 * many of them there are is part of the state, so those of setup stay and those of a run go. */
#include "kernel/internal.h"

#include <stdio.h>
#include <string.h>

enum { RECORDS = 8192 };
static struct k_record records[RECORDS];

static struct k_record *add(enum k_did did, int number, const struct k_file *f, long result)
{
	struct k_record *r = &records[k_state.log_count];

	if (k_state.log_count == RECORDS)
		x_unfit("more than %d calls of the kernel in a run", RECORDS);
	k_state.log_count++;
	*r = (struct k_record){.did = did,
	                       .thread = x_self(),
	                       .step = x_now_step(),
	                       .own = x_running() ? x_steps_before(x_self()) : 0,
	                       .number = number,
	                       .description = k_file_id(f),
	                       .queue = -1,
	                       .result = result};
	return r;
}

void k_log_call(enum k_did did, int number, const struct k_file *f, long result)
{
	struct k_record *r = add(did, number, f, result);

	r->last = did == K_CLOSED && f->names == 0 && f->calls == 0;
}

void k_log_bytes(enum k_did did, int number, const struct k_file *f, const struct k_queue *q,
                 uint64_t first, long result)
{
	struct k_record *r = add(did, number, f, result);

	r->queue = k_queue_id(q);
	r->first = first;
	r->count = (uint64_t)result;
}

size_t k_log(const struct k_record **out)
{
	*out = records;
	return k_state.log_count;
}

/* ---- For people ---- */

long k_returns(long r)
{
	x_note(1, (uint64_t)r);
	return r;
}

void k_describe_result(long r, char *buf, size_t size)
{
	const char *name = r < 0 && r > -4096 ? strerrorname_np((int)-r) : NULL;

	if (name != NULL)
		(void)snprintf(buf, size, "= %s", name);
	else
		(void)snprintf(buf, size, "= %ld", r);
}

void k_describe_call(const struct x_op *op, char *buf, size_t size)
{
	k_describe_result((long)op->values[1], buf, size);
}
