/* What the fixture and its server say to each other over a SOCK_SEQPACKET pair: one command at a time,
 * each is answered. Included by fixture.c and server*.c alone. */
#ifndef FUSE_SERVER_H
#define FUSE_SERVER_H

#include <stdint.h>
#include <sys/types.h>

enum { SERVER_OPS = 64 }; /* opcodes of linux/fuse.h, all but CUSE's */

struct command {
	enum {
		COMMAND_HOLD,    /* after so many more, requests of that opcode are not answered */
		COMMAND_DELAY,   /* they are, so many ns after they came */
		COMMAND_FAIL,    /* they are, with that errno; 0: as they should be */
		COMMAND_HEED,    /* a held request that is interrupted is answered with EINTR */
		COMMAND_ANSWER,  /* the oldest held one of that opcode */
		COMMAND_RELEASE, /* hold, delay and heed nothing; answer all that is held */
		COMMAND_AWAIT,   /* answered once that many of that opcode have come */
	} kind;
	uint32_t op;
	int64_t value;
};

struct answer {
	int error;        /* 0 or an errno */
	char step[28];    /* of the first answer of all, which also carries the root: what failed */
	uint64_t arrived; /* of that opcode, answered or not */
	uint64_t held;    /* of that opcode, now */
};

/* Serve until the other end of control is closed or the parent is about to end. */
_Noreturn void server_run(int control, pid_t parent);

/* Make what is known of the files: as the kernel asks for it, a request without its header; a result
 * of so many bytes is left in out, which has room for SERVER_OUT_MAX. >= 0 or -errno. */
enum { SERVER_IO_MAX = 128 << 10, SERVER_OUT_MAX = SERVER_IO_MAX };
struct fuse_in_header;
ssize_t server_perform(const struct fuse_in_header *in, const void *arg, void *out);

#endif
