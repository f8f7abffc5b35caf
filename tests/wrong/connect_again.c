/* connect after connect: a socket whose attempt was refused may try again, and gets the answer to that
 * attempt; one that is connected says so. Who learns the outcome of an attempt from SO_ERROR alone leaves
 * the kernel believing that it is under way: every second attempt then fails with ECONNABORTED, and the
 * first after a success succeeds, wherever it was to go. */
#include "check.h"

#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

/* Bound, so that nobody else gets the port; without listening it refuses. */
struct place {
	int sysfd;
	struct sockaddr_storage address;
	socklen_t size;
};

/* The kernel picks a free port, or abstract name. */
static void place_make(struct place *p, int domain, bool listens)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	bool is_unix = domain == AF_UNIX;

	p->sysfd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);
	p->size = sizeof p->address;
	CHECK(bind(p->sysfd, is_unix ? (struct sockaddr *)&un : (struct sockaddr *)&in,
	           is_unix ? sizeof un.sun_family : sizeof in) == 0);
	CHECK(!listens || listen(p->sysfd, 8) == 0);
	CHECK(getsockname(p->sysfd, (struct sockaddr *)&p->address, &p->size) == 0);
}

static int go(lapse_fd fd, const struct place *p)
{
	return lapse_connect(fd, (const struct sockaddr *)&p->address, p->size);
}

/* The ways to come by a socket: of our own, others' that waits, others' that does not. */
enum { OWN, WAITS, DECLINES, WAYS };

static lapse_fd make(int way, const struct place *p)
{
	int domain = p->address.ss_family;
	int mode = way == DECLINES ? SOCK_NONBLOCK : 0;

	if (way == OWN)
		return lapse_socket(domain, SOCK_STREAM, 0);
	return lapse_adopt(socket(domain, SOCK_STREAM | SOCK_CLOEXEC | mode, 0));
}

static void again(int domain, int way, bool expires)
{
	struct place here, there, nowhere;
	lapse_fd fd;

	place_make(&here, domain, true);
	place_make(&there, domain, true);
	place_make(&nowhere, domain, false);
	fd = make(way, &here);
	CHECK(fd != LAPSE_NOFD);
	if (expires)
		CHECK(lapse_set_deadline(fd, lapse_in(3600 * LAPSE_S)) == 0);
	for (int i = 0; i < 4; i++)
		CHECK_ERR(go(fd, &nowhere), ECONNREFUSED);
	CHECK(go(fd, &here) == 0);
	for (int i = 0; i < 3; i++)
		CHECK_ERR(go(fd, i % 2 == 0 ? &there : &here), EISCONN);
	CHECK(lapse_close(fd) == 0);
	CHECK(close(here.sysfd) == 0 && close(there.sysfd) == 0 && close(nowhere.sysfd) == 0);
}

static void each_attempt_has_its_answer(void **state)
{
	(void)state;
	for (int way = 0; way < WAYS; way++)
		for (int expires = 0; expires < 2; expires++) {
			again(AF_INET, way, expires != 0);
			again(AF_UNIX, way, expires != 0);
		}
}

static const struct check checks[] = {{TEST(each_attempt_has_its_answer)}};
CHECK_MAIN(checks)
