/* Offsets and constants of preempt.S, held to the C by assertions in trap.c. */
#ifndef FERRITE_X86_64_PREEMPT_H
#define FERRITE_X86_64_PREEMPT_H

#define FE_X86_MXCSR 0x1f80     /* all exceptions masked, round to nearest */
#define FE_X86_FP_CONTROL 0x37f /* the same, and extended precision */

/* struct fe_arch_preemption */
#define FE_X86_PREEMPTION_AREA 0
#define FE_X86_PREEMPTION_FROM 8
#define FE_X86_PREEMPTION_TO 16
#define FE_X86_PREEMPTION_PASSED 24

/* struct fe_x86_saved */
#define FE_X86_SAVED_FRAME 512
#define FE_X86_SAVED_CONTEXT 696 /* a context's stack pointer; its control words lie in the eight bytes below */
#define FE_X86_SAVED_END 752

/* struct fe_core */
#define FE_X86_CORE_SCHEDULER 48

#endif
