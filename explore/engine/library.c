/* What a shared object keeps in static memory, put back before each run like any other: the library
 * under exploration and the scenarios. Owns nothing. */
#include "engine/engine.h"

#include <link.h>
#include <string.h>

enum { PAGE = 4096 };

static int keep(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *name = arg;

	(void)size;
	if (strstr(info->dlpi_name, name) == NULL)
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t start = (info->dlpi_addr + p->p_vaddr) & ~(uintptr_t)(PAGE - 1);
		uintptr_t end = (info->dlpi_addr + p->p_vaddr + p->p_memsz + PAGE - 1) &
		                ~(uintptr_t)(PAGE - 1);

		if (p->p_type == PT_LOAD && (p->p_flags & PF_W) != 0)
			x_keep((void *)start, end - start);
	}
	return 1;
}

/* What was made read-only after relocation lies in the same segment and becomes writable; nobody
 * writes there. */
void x_keep_library(const char *name)
{
	if (dl_iterate_phdr(keep, (void *)(uintptr_t)name) == 0)
		x_unfit("no shared object named like %s", name);
}
