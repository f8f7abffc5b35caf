/* A second opinion on what a small program may come to, by other means than the engine's. */
#ifndef RANDOM_PROGRAMS_REFERENCE_H
#define RANDOM_PROGRAMS_REFERENCE_H

#include "litmus/program.h"

/* Every outcome, in rising order; the report is left empty. */
void reference_run(const struct program *p, struct outcomes *out);

#endif
