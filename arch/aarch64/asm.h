/* What every assembly file of this port begins with: one macro to open a function, one to close it. */
#ifndef FERRITE_AARCH64_ASM_H
#define FERRITE_AARCH64_ASM_H

#include "arm.h"

.macro function name
    .section .text.\name, "ax", %progbits
    .balign 16
    .global \name
    .type \name, %function
\name:
    .cfi_startproc
.endm

.macro end name
    .cfi_endproc
    .size \name, . - \name
.endm

#endif
