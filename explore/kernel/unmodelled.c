/* Doors that no scenario has needed yet. Who goes through one is told so: the exploration ends as
 * unfit, never as complete. So it does in other files at what is left out there: sockets that keep
 * boundaries, control data and urgent bytes (pair.c, stream.c), splices that wait (splice.c), locks on
 * parts of files (lock.c). Files are empty and stay so (file.c). */
#include "kernel/internal.h"

long k_socket(int domain, int type, int protocol)
{
	(void)domain;
	(void)type;
	(void)protocol;
	x_unfit("door not modelled: socket");
}

long k_accept4(int fd, struct sockaddr *from, socklen_t *from_size, int flags)
{
	(void)fd;
	(void)from;
	(void)from_size;
	(void)flags;
	x_unfit("door not modelled: accept4");
}

long k_connect(int fd, const struct sockaddr *to, socklen_t to_size)
{
	(void)fd;
	(void)to;
	(void)to_size;
	x_unfit("door not modelled: connect");
}
