/* Drives read_either() of lapse_fd(3), and compares the struct that the page shows with the header's.
 * Owns the two pipes; the examples come from the page. */
#include "either.c"

#include <assert.h>
#include <stddef.h>

#define lapse_pollfd shown_pollfd
#include "pollfd.c"
#undef lapse_pollfd

#define SAME_PLACE(member)                                            \
	_Static_assert(offsetof(struct shown_pollfd, member) ==       \
	                       offsetof(struct lapse_pollfd, member), \
	               #member " is not where the page shows it")

SAME_PLACE(fd);
SAME_PLACE(dirs);
SAME_PLACE(got);
SAME_PLACE(error);
_Static_assert(sizeof(struct shown_pollfd) == sizeof(struct lapse_pollfd), "a member is missing");

int main(void)
{
	lapse_fd a[2], b[2], from;
	char byte;

	assert(lapse_pipe(a) == 0 && lapse_pipe(b) == 0);
	assert(lapse_write(b[1], "b", 1) == 1);
	assert(read_either(a[0], b[0], &byte, 1, &from) == 1);
	assert(from == b[0] && byte == 'b');
	assert(lapse_write(a[1], "a", 1) == 1);
	assert(read_either(a[0], b[0], &byte, 1, &from) == 1);
	assert(from == a[0] && byte == 'a');

	assert(lapse_set_read_deadline(b[0], lapse_in(20 * LAPSE_MS)) == 0);
	assert(read_either(a[0], b[0], &byte, 1, &from) == -1 && errno == LAPSE_EXPIRED);
	assert(from == b[0]);
	assert(lapse_close(a[0]) == 0);
	assert(read_either(a[0], b[0], &byte, 1, &from) == -1 && errno == EBADF);
	return 0;
}
