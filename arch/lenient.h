/*
 * FE_LENIENT marks functions of the runtime that read or write a program's memory through pointers that the program
 * gave. A fault there, in a task, is the program's mistake and ends the task, where in the rest of the kernel it would
 * be a bug of the kernel and a panic. So such a function holds no lock, leaves nothing half done, and is called only by
 * those that do so either. The linker gathers them between fe_lenient_text_start and fe_lenient_text_end.
 */
#ifndef FERRITE_ARCH_LENIENT_H
#define FERRITE_ARCH_LENIENT_H

/* Each has a section of its own, so that those which a program does not need drop out of its image. A file that has some
 * says first, as FE_LENIENT_UNIT, what it is called there: a name that no other file uses. */
#define FE_LENIENT_TEXT(number) FE_LENIENT_TEXT_OF(number)
#define FE_LENIENT_TEXT_OF(number) ".lenient_text." FE_LENIENT_UNIT "." #number
#define FE_LENIENT __attribute__((section(FE_LENIENT_TEXT(__COUNTER__)), noinline))
/* For the helpers of such functions: they must not stand elsewhere. */
#define FE_LENIENT_INLINE __attribute__((always_inline)) inline

#endif
