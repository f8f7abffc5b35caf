/* What the makers of handles share. Owns nothing. */
#ifndef LP_HANDLE_H
#define LP_HANDLE_H

#include "fd/op.h"

/* What a descriptor is. 0 or -errno. */
int lp_kind_of(int sysfd, enum lp_kind *kind);

#endif
