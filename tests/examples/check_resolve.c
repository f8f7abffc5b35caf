/* Drives resolve() of lapse_call(3): a name that is found, one that is too long, and a name service that
 * hangs. Owns that service, in place of the C library's; the example comes from the page. */
#include "resolve.c"

#include <assert.h>
#include <semaphore.h>

static sem_t answers, freed;
static struct addrinfo answer;

/* Knows one name, and takes its time over others. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
	assert(hints->ai_socktype == SOCK_STREAM && strcmp(service, "http") == 0);
	if (strcmp(host, "known") != 0)
		assert(sem_wait(&answers) == 0);
	*found = &answer;
	return strcmp(host, "unknown") == 0 ? EAI_BADFLAGS : 0;
}

void freeaddrinfo(struct addrinfo *found)
{
	assert(found == &answer);
	assert(sem_post(&freed) == 0);
}

int main(void)
{
	static char long_name[300];
	struct addrinfo *found = NULL;
	lapse_scope scope;
	lapse_time start;

	assert(sem_init(&answers, 0, 0) == 0 && sem_init(&freed, 0, 0) == 0);
	assert(resolve("known", "http", &found) == 0 && found == &answer);
	memset(long_name, 'x', sizeof long_name - 1);
	assert(resolve(long_name, "http", &found) == EAI_NONAME);

	/* EAI_BADFLAGS is -1: a result, and no failure of the call. */
	assert(sem_post(&answers) == 0);
	assert(EAI_BADFLAGS == -1 && resolve("unknown", "http", &found) == EAI_BADFLAGS);

	found = NULL;
	start = lapse_now();
	lapse_scope_enter(&scope, start + 20 * LAPSE_MS);
	assert(resolve("slow", "http", &found) == EAI_SYSTEM && errno == LAPSE_EXPIRED);
	assert(lapse_scope_leave(&scope) == -1 && errno == LAPSE_EXPIRED);
	assert(lapse_now() - start >= 20 * LAPSE_MS && found == NULL);

	/* What it finds too late is freed. */
	assert(sem_post(&answers) == 0);
	assert(sem_wait(&freed) == 0);
	return 0;
}
