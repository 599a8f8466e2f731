/*
 * What tests need of a port: code that uses every register that a program has. In arch/NAME/test, linked to the tests' image as
 * part of the program, so that it can be preempted.
 */
#ifndef FERRITE_ARCH_TEST_H
#define FERRITE_ARCH_TEST_H

#include <ferrite/base.h>

/*
 * Fills all general registers, FP and SIMD registers with values made of `seed`, sets flags, rounding modes and status, counts each register up
 * `rounds` times (1 and more), and looks whether all are as they should be. Answers how many are not.
 */
uint64_t fe_test_registers(uint64_t seed, uint64_t rounds);

/* Fills the 128 bytes below its stack pointer, and looks at them `rounds` times. Answers how often a word was another. */
uint64_t fe_test_red_zone(uint64_t seed, uint64_t rounds);

#endif
