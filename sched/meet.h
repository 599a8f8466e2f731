/* Rendezvous, for transfer.c and pipe.c; see meet.c. */
#ifndef FERRITE_SCHED_MEET_H
#define FERRITE_SCHED_MEET_H

#include "pipe.h"

/* The plain forms; those of pipes of 8-byte values are the fast ones. */
void fe_meet_send_word(struct fe_pipe *pipe, const void *value);
void fe_meet_receive_word(struct fe_pipe *pipe, void *value);
void fe_meet_send(struct fe_pipe *pipe, const void *value);
fe_status fe_meet_send_until(struct fe_pipe *pipe, const void *value, fe_nanoseconds deadline);
fe_status fe_meet_try_send(struct fe_pipe *pipe, const void *value);
void fe_meet_receive(struct fe_pipe *pipe, void *value);
fe_status fe_meet_receive_until(struct fe_pipe *pipe, void *value, fe_nanoseconds deadline);
fe_status fe_meet_try_receive(struct fe_pipe *pipe, void *value);
/* Ends the wait of the peer that `who` (FE_MEET_SENDER or FE_MEET_RECEIVER) names, if there is one: its other end has been
 * closed. */
void fe_meet_close(struct fe_pipe *pipe, uintptr_t who);

#endif
