/* Reads durations ("1m30s") and times of day ("23:30") as people write them. Pure: text in, number
 * out. */
#ifndef LAPSE_TOOLS_DURATION_H
#define LAPSE_TOOLS_DURATION_H

#include <stdint.h>
#include <time.h>

/* A number of seconds, or numbers with the units us, ms, s, m, h, one after the other; decimals
 * allowed, rounded up to a nanosecond. More than zero. NULL, or why it is none. */
const char *duration_parse(const char *text, int64_t *ns);

/* Local time: HH:MM[:SS], the next one after now, or YYYY-MM-DDTHH:MM[:SS]. NULL, or why it is
 * none. */
const char *wall_time_parse(const char *text, time_t now, time_t *when);

#endif
