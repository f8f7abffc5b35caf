/* Every kind of call of the table in lapse_call(3), in its order, and what it waits for, but for what
 * hangs on a file's server: tests/fuse has that. */
#ifndef CALL_ROWS_H
#define CALL_ROWS_H

#include "check.h"

struct call_row {
	const char *name;
	long (*call)(void);
	void (*go_on)(void);   /* NULL: nothing does */
	bool begins_again;     /* after a signal, by itself */
	void (*prepare)(void); /* before it, in another thread; or NULL */
};

/* What a signal ends, and what it does not. */
extern const struct call_row call_rows[];
extern const size_t call_row_count;
extern const struct call_row lasting_rows[];
extern const size_t lasting_row_count;

/* Made anew for each test of a row. */
void call_things_make(void);
void call_things_unmake(void);

/* What is to be done with a good result. */
void call_row_dispose(const struct call_row *row, long result);

#endif
