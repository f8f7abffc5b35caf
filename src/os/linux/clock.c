/* Linux behind the doors of os.h: the clock. The kernel maps a function that reads it into every
 * process; the C library calls that, too, but by way of two tables and a page of code that nothing else
 * here needs, which after a system call costs more than the reading itself. So it is looked up here, in the
 * ELF image that it comes in: gABI "Dynamic Linking", and the kernel's Documentation/ABI/stable/vdso.
 * Where there is none, as under an emulator or Valgrind, the C library is asked. */
#include "os/os.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>

/* What of the image is of use. */
struct image {
	const char *base; /* what addresses in it are relative to */
	const ElfW(Sym) * symbols;
	const char *strings;
	const uint32_t *hash; /* NULL: it has none */
	const uint32_t *gnu_hash;
};

static const char *address(const struct image *image, ElfW(Addr) at)
{
	return image->base + at;
}

static void read_dynamic(struct image *image, const ElfW(Dyn) * d)
{
	for (; d->d_tag != DT_NULL; d++)
		switch (d->d_tag) {
		case DT_SYMTAB:
			image->symbols = (const void *)address(image, d->d_un.d_ptr);
			break;
		case DT_STRTAB:
			image->strings = address(image, d->d_un.d_ptr);
			break;
		case DT_HASH:
			image->hash = (const void *)address(image, d->d_un.d_ptr);
			break;
		case DT_GNU_HASH:
			image->gnu_hash = (const void *)address(image, d->d_un.d_ptr);
			break;
		default:
			break;
		}
}

/* False: there is no image, or none of the kind that is known. */
static bool find_image(struct image *image)
{
	int error = errno; /* getauxval says ENOENT where there is none */
	const char *begin = (const char *)getauxval(AT_SYSINFO_EHDR);
	const ElfW(Ehdr) *header = (const void *)begin;
	const ElfW(Dyn) *dynamic = NULL;
	const ElfW(Phdr) * segment;

	errno = error;
	*image = (struct image){.base = NULL};
	if (begin == NULL)
		return false;
	segment = (const void *)(begin + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++)
		if (segment[i].p_type == PT_LOAD && image->base == NULL)
			image->base = begin + segment[i].p_offset - segment[i].p_vaddr;
		else if (segment[i].p_type == PT_DYNAMIC)
			dynamic = (const void *)(begin + segment[i].p_offset);
	if (image->base == NULL || dynamic == NULL)
		return false;
	read_dynamic(image, dynamic);
	return image->symbols != NULL && image->strings != NULL;
}

/* Where the last chain of the newer hash table ends. */
static uint32_t gnu_symbol_count(const uint32_t *table)
{
	const uint32_t *buckets = table + 4 + table[2] * (sizeof(ElfW(Addr)) / sizeof *table);
	const uint32_t *chains = buckets + table[0];
	uint32_t last = 0;

	for (uint32_t i = 0; i < table[0]; i++)
		if (buckets[i] > last)
			last = buckets[i];
	if (last < table[1])
		return 0;
	while ((chains[last - table[1]] & 1) == 0)
		last++;
	return last + 1;
}

/* How many there are the hash tables alone tell; the older says so in so many words. Kernels have had
 * either, and both. */
static uint32_t symbol_count(const struct image *image)
{
	if (image->hash == NULL)
		return image->gnu_hash == NULL ? 0 : gnu_symbol_count(image->gnu_hash);
	lp_assert(image->gnu_hash == NULL || gnu_symbol_count(image->gnu_hash) == image->hash[1]);
	return image->hash[1];
}

static lp_clock_fn *find(const char *name)
{
	struct image image;
	uint32_t count;

	if (!find_image(&image))
		return clock_gettime;
	count = symbol_count(&image);
	for (uint32_t i = 0; i < count; i++) {
		const ElfW(Sym) *symbol = &image.symbols[i];

		if (symbol->st_shndx != SHN_UNDEF &&
		    strcmp(image.strings + symbol->st_name, name) == 0)
			return (lp_clock_fn *)(uintptr_t)address(&image, symbol->st_value);
	}
	return clock_gettime;
}

/* Whoever is first looks it up; if several are they find the same. */
static int read_first(clockid_t clock, struct timespec *t)
{
	lp_clock_fn *found = find(LP_CLOCK_NAME);

	__atomic_store_n(&lp_clock, found, __ATOMIC_RELAXED);
	return found(clock, t);
}

lp_clock_fn *lp_clock = read_first;
