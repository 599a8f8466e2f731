/* The one instance of struct fe_kernel_state, with what must be in it before the first instruction. */
#include "state.h"

struct fe_kernel_state fe_kernel_state = {
    .log_spec_lock = FE_LOCK("log specification"),
    .console_lock = FE_LOCK("console"),
    .reader_lock = FE_LOCK("console reader"),
    .shutdown_lock = FE_LOCK("shutdown"),
    .globals_lock = FE_LOCK("global data"),
    .log_spec = {.otherwise = FE_LOG_WARN},
};
