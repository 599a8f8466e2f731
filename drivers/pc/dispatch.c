/* From an interrupt's vector to what is behind it: what every interrupt of a PC passes through. */
#include "pc.h"

#include <ferrite/log.h>

#undef FE_LOG_MODULE
#define FE_LOG_MODULE "machine"

static void error_interrupt(void) {
    fe_apic_write(FE_APIC_ERROR_STATUS, 0); /* writing latches the status */
    fe_warn("local APIC error: status 0x%x", fe_apic_read(FE_APIC_ERROR_STATUS));
    fe_apic_end_of_interrupt();
}

/* The two that everything waits for come first. */
void fe_pc_dispatch(unsigned vector) {
    if (FE_LIKELY(vector == FE_X86_VECTOR_TIMER)) {
        fe_apic_end_of_interrupt();
        fe_apic_timer_interrupt();
    } else if (FE_LIKELY(vector == FE_X86_VECTOR_WAKE)) {
        fe_apic_end_of_interrupt();
        fe_machine_hooks.woken();
    } else if (vector == FE_X86_VECTOR_ERROR) {
        error_interrupt();
    } else if (vector != FE_X86_VECTOR_SPURIOUS) { /* of which nothing is in service */
        fe_ioapic_interrupt(vector);
    }
}
