/* Names for the library's words, and their values in words: which slot, which parker, who holds what.
 * Reads the library's memory as it lies there, never through a door: that would be a step. */
#include "report/report.h"

#include "fd/slot.h"
#include "kernel/internal.h"
#include "park/parker.h"

#include <dlfcn.h>
#include <string.h>

enum { SLABS = 4 }; /* no scenario has handles in more */

struct field {
	size_t offset;
	const char *name;
};

#define FIELD(type, member, name)                   \
	{                                           \
		offsetof(struct type, member), name \
	}

static const struct field slot_fields[] = {
	FIELD(lp_slot, word, "word"),
	FIELD(lp_slot, cancel[0], "cancel[r]"),
	FIELD(lp_slot, cancel[1], "cancel[w]"),
	FIELD(lp_slot, deadline[0], "deadline[r]"),
	FIELD(lp_slot, deadline[1], "deadline[w]"),
	FIELD(lp_slot, sysfd, "sysfd"),
	FIELD(lp_slot, learnt, "learnt"),
	FIELD(lp_slot, place[0], "place[r]"),
	FIELD(lp_slot, place[1], "place[w]"),
	FIELD(lp_slot, idle[0], "idle[r]"),
	FIELD(lp_slot, idle[1], "idle[w]"),
	FIELD(lp_slot, closer, "closer"),
	FIELD(lp_slot, lock, "lock"),
};

static const struct field parker_fields[] = {
	FIELD(lp_parker, armed, "armed"), FIELD(lp_parker, state, "state"),
	FIELD(lp_parker, what, "what"),   FIELD(lp_parker, on, "on"),
	FIELD(lp_parker, since, "since"), FIELD(lp_parker, thread, "thread"),
};

static const char *field_at(const struct field *fields, size_t count, size_t offset)
{
	for (size_t i = 0; i < count; i++)
		if (fields[i].offset == offset)
			return fields[i].name;
	return "?";
}

/* ---- Names ---- */

static bool name_slot(const char *address, char *buf, size_t size)
{
	for (int i = 0; i < SLABS; i++) {
		const char *slab = lp_slots.slabs[i].v;
		size_t offset = (size_t)(address - slab);

		if (slab == NULL || address < slab ||
		    offset >= LP_PER_SLAB * sizeof(struct lp_slot))
			continue;
		(void)snprintf(buf, size, "slot%d.%s",
		               (int)(offset / sizeof(struct lp_slot)) + i * LP_PER_SLAB,
		               field_at(slot_fields, sizeof slot_fields / sizeof *slot_fields,
		                        offset % sizeof(struct lp_slot)));
		return true;
	}
	return false;
}

/* A thread's parker hangs on what the library keeps for each thread. */
static int owner_of(const char *address, size_t *offset)
{
	for (int i = 0; i <= X_THREADS; i++) {
		const char *p = k_state.threads[i].self[0];

		if (p == NULL || address < p || address >= p + sizeof(struct lp_parker))
			continue;
		*offset = (size_t)(address - p);
		return i;
	}
	return -1;
}

static bool name_parker(const char *address, char *buf, size_t size)
{
	size_t offset;
	int owner = owner_of(address, &offset);

	if (owner < 0)
		return false;
	(void)snprintf(
		buf, size, "parker%d.%s", owner,
		field_at(parker_fields, sizeof parker_fields / sizeof *parker_fields, offset));
	return true;
}

/* The page that tells a forked child that it is one. */
static bool name_fork_page(const void *address, char *buf, size_t size)
{
	if (address != lp_fork_word.v)
		return false;
	(void)snprintf(buf, size, "fork page");
	return true;
}

/* What has a name for the linker; of other static words, which file's they are. */
static bool name_static(const void *address, char *buf, size_t size)
{
	const char *file;
	Dl_info info;
	size_t offset;

	if (dladdr(address, &info) == 0 || info.dli_fname == NULL)
		return false;
	if (info.dli_sname != NULL && info.dli_saddr == address) {
		(void)snprintf(buf, size, "%s", info.dli_sname);
		return true;
	}
	file = strrchr(info.dli_fname, '/');
	file = file == NULL ? info.dli_fname : file + 1;
	if (strstr(file, ".so") == NULL)
		return false; /* the kernel's own, which stands for pages that were mapped */
	offset = (size_t)((const char *)address - (const char *)info.dli_fbase);
	(void)snprintf(buf, size, "%.*s+%zx", (int)strcspn(file, "."), file, offset);
	return true;
}

void name_word(const void *address, char *buf, size_t size)
{
	if (name_slot(address, buf, size) || name_parker(address, buf, size) ||
	    name_fork_page(address, buf, size) || name_static(address, buf, size))
		return;
	/* On a stack, or somewhere in a page that the library was given. */
	(void)snprintf(buf, size, "word ..%03x", (unsigned)((uintptr_t)address & 0xfff));
}

/* ---- Values ---- */

static void say_slot_word(uint64_t v, char *buf, size_t size)
{
	(void)snprintf(buf, size, "{gen %llx, %d user%s%s%s%s%s%s}", (unsigned long long)(v >> 36),
	               (int)(v & LP_USERS), (v & LP_USERS) == 1 ? "" : "s",
	               (v & LP_LOCK(LAPSE_READ)) != 0 ? ", r" : "",
	               (v & LP_LOCK(LAPSE_WRITE)) != 0 ? ", w" : "",
	               (v & LP_OTHERS) != 0 ? ", others" : "",
	               (v & LP_CLOSED) != 0 ? ", closed" : "",
	               (v & LP_INHERITED) != 0 ? ", inherited" : "");
}

static void say_instant(uint64_t v, char *buf, size_t size)
{
	if ((int64_t)v == LAPSE_NEVER)
		(void)snprintf(buf, size, "never");
	else if ((int64_t)v == LP_NOBODY)
		(void)snprintf(buf, size, "nobody");
	else
		(void)snprintf(buf, size, "%lld", (long long)v);
}

static void say_state(uint64_t v, char *buf, size_t size)
{
	static const char *const names[] = {"awake", "notified", "asleep (futex)", "asleep (poll)"};

	(void)snprintf(buf, size, "%s", v < 4 ? names[v] : "?");
}

static void say_parker(uint64_t v, char *buf, size_t size)
{
	(void)snprintf(buf, size, v == 0 ? "none" : "a parker");
}

static void say_lock(uint64_t v, char *buf, size_t size)
{
	static const char *const names[] = {"free", "held", "held, awaited"};

	(void)snprintf(buf, size, "%s", v < 3 ? names[v] : "?");
}

typedef void say_fn(uint64_t v, char *buf, size_t size);

static const struct {
	const char *suffix;
	say_fn *say;
} sayers[] = {
	{".word", say_slot_word},  {".deadline[r]", say_instant}, {".deadline[w]", say_instant},
	{".armed", say_instant},   {".state", say_state},         {".place[r]", say_parker},
	{".place[w]", say_parker}, {".closer", say_parker},       {".lock", say_lock},
};

static say_fn *sayer(const char *word)
{
	for (size_t i = 0; i < sizeof sayers / sizeof *sayers; i++) {
		size_t length = strlen(sayers[i].suffix);
		size_t whole = strlen(word);

		if (whole > length && strcmp(word + whole - length, sayers[i].suffix) == 0)
			return sayers[i].say;
	}
	return NULL;
}

/* As memory.c leaves them: a load's value, of an owned number in the third place; a store's value;
 * of a read-modify-write the old value and, unless it changed nothing, the new one. */
bool name_values(const char *word, const struct x_op *op, char *buf, size_t size)
{
	say_fn *say = sayer(word);
	bool is_load = strcmp(op->name, "load") == 0;
	bool is_store = strcmp(op->name, "store") == 0;
	bool is_owned = strstr(word, ".deadline[") != NULL;
	char first[100], second[100];

	if (say == NULL || strncmp(op->name, "futex", 5) == 0)
		return false;
	say(op->values[is_load && is_owned ? 2 : 0], first, sizeof first);
	say(op->values[1], second, sizeof second);
	if (is_load)
		(void)snprintf(buf, size, "= %s", first);
	else if (is_store)
		(void)snprintf(buf, size, ":= %s", first);
	else if (op->writes == 0)
		(void)snprintf(buf, size, "stays %s", first);
	else
		(void)snprintf(buf, size, "%s -> %s", first, second);
	return true;
}
