/* Scopes: deadlines and cancel switches around whatever the calling thread does. Owns the innermost
 * pointer and what is shared of a scope; knows no handle. */
#ifndef LP_SCOPE_H
#define LP_SCOPE_H

#include "os/os.h"

/* Have the enclosing scopes anything to say? 0 or -errno (ECANCELED before LAPSE_EXPIRED); *earliest
 * is lowered to the earliest of their deadlines. *now: the clock, or LP_UNREAD and then read here if
 * a deadline asks for it. The scope that the verdict comes from remembers it. */
int lp_scope_look(lapse_time *now, lapse_time *earliest);

/* Where a result may come after a verdict, and beats it: forget whom earlier verdicts came from; and if
 * it does come, the scope that the one verdict since then came from has not ended the operation. */
OS_INLINE void lp_scope_forget(void)
{
	os_self()->blamed = NULL;
}
void lp_scope_spare(void);
/* That scope, or NULL; and to have it remember a verdict after all. */
OS_INLINE struct lapse_scope *lp_scope_blamed(void)
{
	return os_self()->blamed;
}
void lp_scope_blame(struct lapse_scope *scope, int error);

/* The earliest of their deadlines, looked at once and without a clock: for lp_sleep. */
lapse_time lp_scope_guess(void);

/* Has one of them a deadline, or may it be given one, or be cancelled, by others? */
bool lp_scope_in_force(void);

/* 1 until a thread first enters a scope, then 0 for good: so that whoever uses none need not look at
 * its thread's own memory in each call. Stored relaxed, by a thread before it needs to see it. Not
 * zero at first, so as to lie in the page of lp_fork_word, which each call looks at anyway. */
extern os_u32 lp_scope_none;

OS_INLINE bool lp_scope_any(void)
{
	return os_unlikely(os_load_u32(&lp_scope_none, OS_RELAXED) == 0) &&
	       os_self()->scope != NULL;
}

/* No instant that the clock shows. */
#define LP_UNREAD INT64_MIN

/* The clock first, then the deadline; and, before it is called passed, the deadline once more: one
 * that was extended in between had not passed while it was in force. */
OS_INLINE bool lp_passed(const struct os_owned *deadline, lapse_time *now, lapse_time *earliest)
{
	lapse_time seen = os_owned_get(deadline);

	if (seen == LAPSE_NEVER)
		return false;
	if (*now == LP_UNREAD)
		*now = os_now();
	for (;;) {
		seen = os_owned_get(deadline);
		if (seen > *now) {
			if (seen < *earliest)
				*earliest = seen;
			return false;
		}
		if (os_owned_get(deadline) == seen)
			return true;
	}
}

#endif
