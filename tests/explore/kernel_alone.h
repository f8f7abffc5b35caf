/* The explorer's kernel by itself, see kernel_alone.c. */
#ifndef KERNEL_ALONE_H
#define KERNEL_ALONE_H

/* The kernel as it was born. */
void kernel_begin(void);

#endif
