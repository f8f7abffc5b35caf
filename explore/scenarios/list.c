/* All scenarios there are, for the program. */
#include "engine/engine.h"

extern const struct x_scenario sleep_move, sleep_cancel, sleep_lift, s1, s2, s2_later, s3_both, s3,
	s4, s5_one, s5_writer, s5_turn, s5_queued, s5_three, s6, s6_set, s6_close, s7, s7_set,
	s7_queued, s7_three, s8, s8_cancel, s8_move, s8_extend, s9_short, s9_two, s9_three,
	poll_set, poll_close, idle_drip, idle_set, idle_off, idle_lifted, release, shield,
	leave_move, leave_cancel, fork_close, fork_works, wait_close, wait_set, wait_cancel,
	dup_close, queue_turns, queue_quit, queue_set, queue_expiry, closers, closers_two,
	faults_set, faults_data, lock_two, lock_three, letgo, letgo_queued, letgo_ends, letgo_idle,
	letgo_close, thread_end, deadline_asked, s11_deadline, s11_set, s11_cancel, s11_close,
	s11_call, s11_call_cancel, s11_call_later, s11_other, s11_ends, speed;
extern const struct x_scenario *const x_scenarios[];

const struct x_scenario *const x_scenarios[] = {
	&sleep_move,     &sleep_cancel, &sleep_lift,  &s1,          &s2,          &s2_later,
	&s3_both,        &s3,           &s4,          &s5_one,      &s5_writer,   &s5_turn,
	&s5_queued,      &s5_three,     &s6,          &s6_set,      &s6_close,    &s7,
	&s7_set,         &s7_queued,    &s7_three,    &s8,          &s8_cancel,   &s8_move,
	&s8_extend,      &s9_short,     &s9_two,      &s9_three,    &poll_set,    &poll_close,
	&idle_drip,      &idle_set,     &idle_off,    &idle_lifted, &release,     &shield,
	&leave_move,     &leave_cancel, &fork_close,  &fork_works,  &wait_close,  &wait_set,
	&wait_cancel,    &dup_close,    &queue_turns, &queue_quit,  &queue_set,   &queue_expiry,
	&closers,        &closers_two,  &faults_set,  &faults_data, &lock_two,    &lock_three,
	&letgo,          &letgo_queued, &letgo_ends,  &letgo_idle,  &letgo_close, &thread_end,
	&deadline_asked, &s11_deadline, &s11_set,     &s11_cancel,  &s11_call,    &s11_call_cancel,
	&s11_call_later, &s11_other,    &s11_ends,    &s11_close,   &speed,       NULL,
};
