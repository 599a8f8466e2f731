/* The version that boot shows. */
#ifndef FERRITE_KERNEL_VERSION_H
#define FERRITE_KERNEL_VERSION_H

#define FE_VERSION "0.1"

#endif
