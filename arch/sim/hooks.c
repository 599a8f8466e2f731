/*
 * What the compiler calls at each access of watched code (gcc's -fsanitize=thread, whose interface this is). An access that is
 * atomic is made here (stores.c); for a plain one the core's own delayed stores to the address are settled. Each is a step.
 */
#include "sim.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

SIM static inline __attribute__((always_inline)) void plain(const void *address, size_t bytes) {
    fe_sim.now += 1;
    if (__builtin_expect(fe_sim.now >= fe_sim.next, 0))
        fe_sim_step();
    if (__builtin_expect(fe_sim.pending != 0, 0))
        fe_sim_stores_settle((uintptr_t)address, bytes);
}

#define PLAIN(bytes)                                                                                                   \
    SIM void __tsan_read##bytes(void *address) {                                                                       \
        plain(address, bytes);                                                                                         \
    }                                                                                                                  \
    SIM void __tsan_write##bytes(void *address) {                                                                      \
        plain(address, bytes);                                                                                         \
    }                                                                                                                  \
    SIM void __tsan_volatile_read##bytes(void *address) {                                                              \
        plain(address, bytes);                                                                                         \
    }                                                                                                                  \
    SIM void __tsan_volatile_write##bytes(void *address) {                                                             \
        plain(address, bytes);                                                                                         \
    }                                                                                                                  \
    SIM void __tsan_unaligned_read##bytes(void *address) {                                                             \
        plain(address, bytes);                                                                                         \
    }                                                                                                                  \
    SIM void __tsan_unaligned_write##bytes(void *address) {                                                            \
        plain(address, bytes);                                                                                         \
    }
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

SIM void __tsan_read_range(void *address, unsigned long bytes) {
    plain(address, bytes);
}
SIM void __tsan_write_range(void *address, unsigned long bytes) {
    plain(address, bytes);
}

SIM void *fe_sim_copy(void *to, const void *from, size_t bytes) {
    plain(from, bytes);
    plain(to, bytes);
    /* Here, and not by a call: a bad pointer is the caller's (trap.c). */
    void *at = to;
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(bytes)::"memory");
    return to;
}
SIM void *fe_sim_fill(void *to, int value, size_t bytes) {
    plain(to, bytes);
    void *at = to;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(value) : "memory");
    return to;
}

SIM void __tsan_init(void) {
}
SIM void __tsan_func_entry(void *caller) {
    (void)caller;
}
SIM void __tsan_func_exit(void) {
}
SIM void __tsan_vptr_update(void **address, void *value) {
    (void)address, (void)value;
}

#define ATOMIC(bits, type)                                                                                             \
    SIM type __tsan_atomic##bits##_load(const volatile type *address, int order) {                                     \
        return (type)fe_sim_load((uintptr_t)address, sizeof(type), order);                                             \
    }                                                                                                                  \
    SIM void __tsan_atomic##bits##_store(volatile type *address, type value, int order) {                              \
        fe_sim_store((uintptr_t)address, sizeof(type), value, order);                                                  \
    }                                                                                                                  \
    SIM type __tsan_atomic##bits##_exchange(volatile type *address, type value, int order) {                           \
        return (type)fe_sim_modify((uintptr_t)address, sizeof(type), FE_SIM_EXCHANGE, value, order);                   \
    }                                                                                                                  \
    SIM type __tsan_atomic##bits##_fetch_add(volatile type *address, type value, int order) {                          \
        return (type)fe_sim_modify((uintptr_t)address, sizeof(type), FE_SIM_ADD, value, order);                        \
    }                                                                                                                  \
    SIM type __tsan_atomic##bits##_fetch_sub(volatile type *address, type value, int order) {                          \
        return (type)fe_sim_modify((uintptr_t)address, sizeof(type), FE_SIM_SUB, value, order);                        \
    }                                                                                                                  \
    SIM type __tsan_atomic##bits##_fetch_and(volatile type *address, type value, int order) {                          \
        return (type)fe_sim_modify((uintptr_t)address, sizeof(type), FE_SIM_AND, value, order);                        \
    }                                                                                                                  \
    SIM type __tsan_atomic##bits##_fetch_or(volatile type *address, type value, int order) {                           \
        return (type)fe_sim_modify((uintptr_t)address, sizeof(type), FE_SIM_OR, value, order);                         \
    }                                                                                                                  \
    SIM type __tsan_atomic##bits##_fetch_xor(volatile type *address, type value, int order) {                          \
        return (type)fe_sim_modify((uintptr_t)address, sizeof(type), FE_SIM_XOR, value, order);                        \
    }                                                                                                                  \
    SIM type __tsan_atomic##bits##_fetch_nand(volatile type *address, type value, int order) {                         \
        return (type)fe_sim_modify((uintptr_t)address, sizeof(type), FE_SIM_NAND, value, order);                       \
    }                                                                                                                  \
    SIM int __tsan_atomic##bits##_compare_exchange_strong(volatile type *address, type *expected, type desired,        \
                                                          int order, int failure) {                                    \
        uint64_t wanted = *expected;                                                                                   \
        (void)failure;                                                                                                 \
        bool done = fe_sim_compare((uintptr_t)address, sizeof(type), &wanted, desired, order);                         \
        *expected = (type)wanted;                                                                                      \
        return done;                                                                                                   \
    }                                                                                                                  \
    SIM int __tsan_atomic##bits##_compare_exchange_weak(volatile type *address, type *expected, type desired,          \
                                                        int order, int failure) {                                      \
        return __tsan_atomic##bits##_compare_exchange_strong(address, expected, desired, order, failure);              \
    }                                                                                                                  \
    SIM type __tsan_atomic##bits##_compare_exchange_val(volatile type *address, type expected, type desired,           \
                                                        int order, int failure) {                                      \
        __tsan_atomic##bits##_compare_exchange_strong(address, &expected, desired, order, failure);                    \
        return expected;                                                                                               \
    }
ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

SIM void __tsan_atomic_thread_fence(int order) {
    fe_sim_fence(order);
}
SIM void __tsan_atomic_signal_fence(int order) {
    (void)order;
}
