/* Making an eventfd; stream.c reads and writes it. */
#include "kernel/internal.h"

long k_eventfd(void)
{
	int number[2];
	long r = k_step_numbers("eventfd", 1, 0, number);

	if (r < 0)
		return r;
	k_number_give(number[0], k_file_make(K_EVENT, O_RDWR | O_NONBLOCK), true);
	return number[0];
}
