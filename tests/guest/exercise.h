/* A program that uses the library in as many ways as fit, to be run in places where that could go
 * wrong. Says nothing unless something does, and then ends the process. */
#ifndef EXERCISE_H
#define EXERCISE_H

#include <lapse.h>

#define EXPECT(condition) ((condition) ? (void)0 : give_up(__FILE__, __LINE__, #condition))
#define EXPECT_ERR(call, error) EXPECT((errno = 0, (call) == -1) && errno == (error))

void give_up(const char *file, int line, const char *what);

/* One thread and sockets alone: nothing here is a reason for the library to make a thread, to touch
 * a signal or a flag. */
void exercise_sockets(void);

/* Sockets, and threads that move deadlines and close. */
void exercise_streams(void);

/* The same with pipes and files too. */
void exercise_threads(void);

/* All that a library could leave behind in the process: threads, signals, limits, flags. */
struct snapshot *snapshot_take(void);
void snapshot_compare(struct snapshot *before);

#endif
