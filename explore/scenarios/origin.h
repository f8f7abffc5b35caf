/* Where lapse comes from: the read half of a descriptor of Go's internal/poll on Plan 9, in which a
 * timer's callback writes the verdict "timed out" into the descriptor. Kept as a small program over
 * the doors of os.h, to show that the explorer finds what was wrong with it, and what a design whose
 * timers draw verdicts allows even when that is mended. Nothing of lapse but its doors and its lock.
 *
 * A deadline is a timer and its callback, which runs in a thread of its own; that thread is made here
 * before the timer is, and waits to be needed. */
#ifndef X_ORIGIN_H
#define X_ORIGIN_H

#include "engine/engine.h"
#include "os/os.h"
