/* Kept memory: what each run starts from, and what the program began with. Owns the copies.
 *
 * Memory is made read-only twice: before setup, and after it. The first write to a page then faults
 * once: the page is copied aside, noted and made writable for good. Before each run the pages noted
 * since setup are put back, and no others: a run costs what it changes, not what there is. */
#include "engine/internal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { REGIONS = 16, PAGE = 4096, DIRTY = 4096 };
enum layer { PRISTINE, READY, LAYERS };

static struct region {
	char *start;
	size_t size;
	char *copies[LAYERS];
} regions[REGIONS];
static int region_count;

static struct dirty {
	struct {
		char *page, *copy;
	} pages[DIRTY];
	int count;
} dirty[LAYERS];
static enum layer layer;
static bool frozen;

void x_keep(void *start, size_t size)
{
	struct region *r = &regions[region_count];

	if (region_count == REGIONS || (uintptr_t)start % PAGE != 0 || size % PAGE != 0)
		x_unfit("x_keep: more than %d pieces, or no whole pages", REGIONS);
	r->start = start;
	r->size = size;
	for (int i = 0; i < LAYERS; i++) {
		r->copies[i] = mmap(NULL, size, PROT_READ | PROT_WRITE,
		                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (r->copies[i] == MAP_FAILED)
			x_unfit("x_keep: no memory");
	}
	region_count++;
	x_plain_watch(start, size);
}

static bool note(char *page)
{
	struct dirty *d = &dirty[layer];

	for (int i = 0; i < region_count; i++) {
		struct region *r = &regions[i];

		if (page < r->start || page >= r->start + r->size)
			continue;
		if (d->count == DIRTY)
			return false;
		d->pages[d->count].page = page;
		d->pages[d->count].copy = r->copies[layer] + (page - r->start);
		memcpy(d->pages[d->count].copy, page, PAGE);
		d->count++;
		return mprotect(page, PAGE, PROT_READ | PROT_WRITE) == 0;
	}
	return false;
}

/* A fault of another kind comes again at once, with nobody to catch it. */
static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (!frozen || !note((char *)((uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1))))
		(void)sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
}

static void install(void)
{
	static bool installed;
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	stack_t stack = {.ss_size = 65536};

	if (installed)
		return;
	installed = true;
	stack.ss_sp = malloc(stack.ss_size);
	(void)sigaltstack(&stack, NULL);
	(void)sigaction(SIGSEGV, &action, NULL);
}

static void freeze(enum layer which)
{
	for (int i = 0; i < region_count; i++)
		(void)mprotect(regions[i].start, regions[i].size, PROT_READ);
	layer = which;
	dirty[which].count = 0;
	frozen = true;
}

static void restore(enum layer which)
{
	const struct dirty *d = &dirty[which];

	for (int i = 0; i < d->count; i++)
		memcpy(d->pages[i].page, d->pages[i].copy, PAGE);
}

void x_state_begin(void)
{
	install();
	freeze(PRISTINE);
}

void x_state_freeze(void)
{
	freeze(READY);
}

void x_state_restore(void)
{
	restore(READY);
}

void x_state_end(void)
{
	restore(READY);
	for (int i = 0; i < region_count; i++)
		(void)mprotect(regions[i].start, regions[i].size, PROT_READ | PROT_WRITE);
	frozen = false;
	restore(PRISTINE);
	dirty[PRISTINE].count = dirty[READY].count = 0;
}
