/* What fe_arch_core_prepare leaves in the trampoline page for a secondary core, by offset into the page. */
#ifndef FERRITE_X86_64_SMP_H
#define FERRITE_X86_64_SMP_H

#define FE_X86_TRAMPOLINE_ROOT 0xf00       /* 4 bytes: the tables to turn paging on with */
#define FE_X86_TRAMPOLINE_FINAL_ROOT 0xf08 /* 8 bytes each: the tables to go on with */
#define FE_X86_TRAMPOLINE_STACK 0xf10
#define FE_X86_TRAMPOLINE_ENTRY 0xf18
#define FE_X86_TRAMPOLINE_ARGUMENT 0xf20
#define FE_X86_TRAMPOLINE_HIGH 0xf28    /* fe_x86_core_begin */
#define FE_X86_TRAMPOLINE_REACHED 0xf30 /* 4 bytes: the core sets it to 1, first of all, still in real mode */

#endif
