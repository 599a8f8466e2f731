/* Included before all that is watched: what the compiler would copy by itself, unseen, is copied by a function that looks. */
#ifndef FERRITE_SIM_WATCHED_H
#define FERRITE_SIM_WATCHED_H

#if !defined(__ASSEMBLER__) && !defined(FE_SIM_UNWATCHED)
void *fe_sim_copy(void *to, const void *from, __SIZE_TYPE__ bytes);
void *fe_sim_fill(void *to, int value, __SIZE_TYPE__ bytes);
#define __builtin_memcpy(to, from, bytes) fe_sim_copy((to), (from), (bytes))
#define __builtin_memset(to, value, bytes) fe_sim_fill((to), (value), (bytes))
#endif

#endif
