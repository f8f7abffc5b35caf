/* The calls that single_step steps through. */
#ifndef STEP_TARGETS_H
#define STEP_TARGETS_H

#include "stepper.h"

/* Each makes what it needs, once in a process. */
const struct step_target *target_flock(void);
const struct step_target *target_terminal(void);
const struct step_target *target_waitpid(void);
const struct step_target *target_call_nanosleep(void);
const struct step_target *target_call_read(void);

#endif
