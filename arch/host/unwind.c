/* Where the tables for unwinding are: the C library knows of each shared object. Serves arch/sim, too. */
#define _GNU_SOURCE
#include <arch/arch.h>

#include <dlfcn.h>

const void *fe_arch_unwind_tables(uintptr_t pc) {
    struct dl_find_object found;
    return _dl_find_object((void *)pc, &found) == 0 ? found.dlfo_eh_frame : NULL;
}
