/*
 * The whole contract of a port. A port is a folder arch/NAME that provides `port.h` (the inline part), `port.mk` (flags
 * and the driver families that it builds with) and the functions below. Nothing outside arch/ knows which machine it is
 * on; what belongs to the machine rather than to the core (interrupt controller, clock source, serial line, power) is
 * `struct fe_machine` in arch/machine.h, filled by drivers/.
 *
 * Address space, the same for every bare-metal port (48-bit virtual addresses, 4 KiB pages):
 *   0 .. 0x00007fffffffffff   never mapped once the port has left its entry code, so null and wild pointers fault
 *   FE_DIRECT_BASE            all RAM, read-write, never executable: virtual = FE_DIRECT_BASE + physical
 *   FE_STACKS_BASE            task stacks, mapped page by page as they grow
 *   FE_CORE_STACKS_BASE       schedulers' stacks, guard pages between
 *   FE_FILES_BASE             the initial RAM disk, read-only
 *   FE_DEVICES_BASE           device registers, mapped by fe_arch_map_device
 *   FE_IMAGE_BASE             the image: text read-execute, read-only data read-only, data read-write
 */
#ifndef FERRITE_ARCH_H
#define FERRITE_ARCH_H

#include <ferrite/base.h>
#include <ferrite/task.h> /* enum fe_fault_kind */

#define FE_PAGE_SHIFT 12
#define FE_PAGE_SIZE ((uintptr_t)1 << FE_PAGE_SHIFT)
#define FE_CACHE_LINE 64

#define FE_DIRECT_BASE UINT64_C(0xffff800000000000)
#define FE_STACKS_BASE UINT64_C(0xffffa00000000000)
#define FE_STACKS_BYTES (UINT64_C(1) << 42)
#define FE_CORE_STACKS_BASE (FE_STACKS_BASE + FE_STACKS_BYTES)
#define FE_FILES_BASE UINT64_C(0xffffa80000000000)
#define FE_DEVICES_BASE UINT64_C(0xffffb00000000000)
#define FE_IMAGE_BASE UINT64_C(0xffffffff80000000)

/* ------------------------------------------------------------------------------------------------------------------
 * The core. `struct fe_core` is what every room may know of the core that it runs on; the scheduler embeds it.
 */
struct fe_arch_context {
    void *stack_pointer;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) /* arch/host/sanitizer.c */
    void *fiber;
    const void *bottom;
    size_t bytes;
    void (*entry)(void *passed);
#endif
};

struct fe_core {
    struct fe_core *self;             /* x86_64 reads it through gs:0; first, so that its offset is 0 */
    unsigned index;                   /* 0 is the core that booted */
    uint32_t hardware_id;             /* local APIC id, or MPIDR affinity packed by the port */
    void *heap;                       /* the exchange heap's per-core state */
    void *log;                        /* the log's per-core ring */
    unsigned interrupt_depth;         /* > 0 in interrupt and fault handlers; written by this core's handlers only */
    unsigned timer_divide;            /* the timer driver's: what its register holds... */
    uint64_t timer_target;            /* ...and the counter that it waits for */
    struct fe_arch_context scheduler; /* while a task runs: the scheduler, with its stack free below */
};

/* The calling core's struct fe_core. Read afresh by each call (never cached over a possible switch: a task may resume
 * on another core). NULL-safe only after fe_arch_core_set. */
static inline struct fe_core *fe_arch_core(void);
/* fe_arch_core()->heap, which the heap reads in each operation: a port that can do it in one load defines the macro
 * FE_ARCH_CORE_HEAP and the function. */
static inline void *fe_arch_core_heap(void);
/* Makes `core` the calling core's. core->self must already point to itself. */
static inline void fe_arch_core_set(struct fe_core *core);
/* The calling core's hardware id, from the hardware. */
uint32_t fe_arch_hardware_id(void);

/* ------------------------------------------------------------------------------------------------------------------
 * Interrupt mask and waiting.
 */
/* Masks interrupts on this core; returns what fe_arch_interrupts_restore needs. Nests. */
static inline uintptr_t fe_arch_interrupts_disable(void);
static inline void fe_arch_interrupts_restore(uintptr_t state);
static inline void fe_arch_interrupts_enable(void);
static inline bool fe_arch_interrupts_enabled(void);
/*
 * Enables interrupts and sleeps until one is taken, as one step: an interrupt that arrived since they were masked ends
 * the sleep at once, so a wake-up cannot be lost. Called with interrupts masked; returns with them enabled.
 */
static inline void fe_arch_idle_wait(void);
/* A hint that the caller spins. */
static inline void fe_arch_relax(void);
/* Stops this core for ever, interrupts masked. */
FE_NORETURN void fe_arch_halt(void);

/* ------------------------------------------------------------------------------------------------------------------
 * Contexts (struct fe_arch_context, above): what a switch saves. Callee-saved registers, and the FP control word; nothing
 * else lives over a call.
 */

/*
 * Prepares *context so that the first switch to it calls entry(passed) on the stack that ends at `stack_top` (16-byte
 * aligned), where `passed` is the value of that switch. `entry` must not return. Frame-pointer chain and CFI end there.
 */
static inline void fe_arch_context_make(struct fe_arch_context *context, void *stack_top, void (*entry)(void *passed));

/*
 * Saves the caller in *from, resumes *to, and hands it `passed`: the resumed fe_arch_switch returns it. By the time it
 * returns, *from is saved whole, so the resumed side may publish it to other cores. Interrupts may be enabled.
 */
void *fe_arch_switch(struct fe_arch_context *from, const struct fe_arch_context *to, void *passed);

/* The same for a caller that will never be resumed, so that nothing is saved. Its stack is in use until the resumed
 * fe_arch_switch has returned. */
FE_NORETURN void fe_arch_resume(void *passed, const struct fe_arch_context *to);

/* Goes on at entry(argument) on the stack that ends at `stack_top` (16-byte aligned), which may be the caller's own: nothing
 * of what is on it is needed any more. Frame-pointer chain and CFI end there; `entry` must not return. */
FE_NORETURN static inline void fe_arch_restart(void *stack_top, void (*entry)(void *argument), void *argument);

/* Calls function(argument) on the stack that ends at `stack_top` (16-byte aligned) and returns what it returns; *left is the
 * caller's stack pointer meanwhile. Backtraces and unwinders cross the call. */
intptr_t fe_arch_call_on(void *stack_top, intptr_t (*function)(void *), void *argument, uintptr_t *left);

/* Calls function(argument, stack_pointer) with every register that is kept over calls stored above stack_pointer: for who
 * wants to see all that the caller's callers may hold. */
void fe_arch_call_spilled(void (*function)(void *argument, uintptr_t stack_pointer), void *argument);

/* ------------------------------------------------------------------------------------------------------------------
 * Counters.
 */
/* The free-running counter behind fe_time_now; the same on all cores; its rate is fe_machine.counter_hz. */
static inline uint64_t fe_arch_counter(void);
/* What benchmarks count: instructions where the machine can count them exactly (under -icount), else cycles or ticks. */
static inline uint64_t fe_arch_instructions(void);

/* ------------------------------------------------------------------------------------------------------------------
 * Paging. One root table for all cores. None of these may be called by interrupt handlers, save fe_arch_map_page.
 * Callers serialise changes to the same page; changes to different pages are safe at once (the port locks the growth
 * of tables).
 */
enum fe_protection {
    FE_PROTECTION_READ = 1,
    FE_PROTECTION_WRITE = 2,   /* implies READ */
    FE_PROTECTION_EXECUTE = 4, /* implies READ; refused together with WRITE */
    FE_PROTECTION_DEVICE = 8,  /* uncached, strongly ordered registers */
};

struct fe_memory_range {
    uint64_t base;
    uint64_t bytes;
};

/* Where page tables come from: a zeroed physical page, or 0 when none is left; set once the page allocator works, and until
 * then nothing can be mapped. */
extern uint64_t (*fe_arch_table_source)(void);
/* Pages in use as page tables. */
uint64_t fe_arch_table_pages(void);

/*
 * Builds the final tables (the image by its sections' protection, `ram` in the direct map with the largest pages that
 * fit) and moves the boot core to them. From here on address 0 faults and no mapping is both writable and executable.
 */
FE_MUST_CHECK fe_status fe_arch_paging_init(const struct fe_memory_range *ram, size_t count);
/* The part of RAM [*base, *end) that the entry code has direct-mapped already, usable before fe_arch_paging_init. */
void fe_arch_early_direct(uint64_t *base, uint64_t *end);

/* Maps [address, address + bytes) to `physical`. All page-aligned. Fails with FE_ENOMEM having undone nothing mapped by
 * others; FE_EINVAL for write with execute; FE_EBUSY if part of it is mapped already. */
FE_MUST_CHECK fe_status fe_arch_map(uintptr_t address, uint64_t physical, size_t bytes, unsigned protection);
/* Removes mappings; what was not mapped is skipped. The caller flushes TLBs. Tables stay. */
void fe_arch_unmap(uintptr_t address, size_t bytes);
/* Makes sure that every table below [address, address + bytes) exists, so that fe_arch_map_page cannot need memory. */
FE_MUST_CHECK fe_status fe_arch_reserve_tables(uintptr_t address, size_t bytes);
/* Maps one page read-write where the tables exist. For the fault handler: takes no lock, allocates nothing. */
void fe_arch_map_page(uintptr_t address, uint64_t physical);
/* Unmaps one page; returns the physical page that was there, or 0. Takes no lock. The caller flushes TLBs. */
uint64_t fe_arch_unmap_page(uintptr_t address);
/* Exchanges the pages at `count` addresses, which fe_arch_map_page has mapped, for those in `pages`, which may be one and the same;
 * then `pages` has those that were there. Where memory is not what `pages` name (the hosted ports), zeros are read afterwards. For a
 * moment an access may fault, on any core, and is to be tried again. Takes no lock. Where FE_ARCH_TLB_BROADCAST is 1 no core has an
 * old translation of any stack's page afterwards; where it is 0 the caller makes them flush. */
void fe_arch_exchange_pages(const uintptr_t *addresses, uint64_t *pages, unsigned count);
/* The physical address behind `address`; false if it is not mapped. */
bool fe_arch_translate(uintptr_t address, uint64_t *physical);
/* Forgets cached translations of [address, address + bytes) on this core, and on all if FE_ARCH_TLB_BROADCAST is 1 (from
 * port.h); where it is 0 the caller must make the other cores call it too. */
void fe_arch_tlb_flush(uintptr_t address, size_t bytes);
/* Maps device registers; returns their address, or NULL when out of memory. Never unmapped. */
void *fe_arch_map_device(uint64_t physical, size_t bytes);

/* Physical memory by its direct mapping, and back. */
static inline void *fe_direct(uint64_t physical);
static inline uint64_t fe_direct_physical(const void *direct);

/* Orders device register accesses and normal memory around them, both ways. */
static inline void fe_arch_device_barrier(void);

/* ------------------------------------------------------------------------------------------------------------------
 * Traps. The port saves what C may clobber, switches to an exception stack, and calls these hooks with interrupts
 * masked. Hooks are set before fe_arch_core_init on the boot core and do not change.
 */
struct fe_trap_frame; /* the port's saved registers */

struct fe_fault {
    enum fe_fault_kind kind;
    uintptr_t pc;
    uintptr_t stack_pointer;
    uintptr_t frame_pointer;
    uintptr_t address; /* FE_FAULT_MEMORY: what was accessed */
    bool write;        /* FE_FAULT_MEMORY */
    bool execute;      /* FE_FAULT_MEMORY: an instruction fetch */
    bool present;      /* FE_FAULT_MEMORY: mapped, but not so */
    bool nested;       /* taken inside a handler */
    bool step;         /* fe_arch_trap_step has asked for it */
    uint64_t code;     /* vector and error code (x86_64: vector << 32 | error), or ESR_EL1 */
    const char *name;  /* the architecture's name, such as "page fault" */
    struct fe_trap_frame *frame;
};

/*
 * A preemption: how an interrupt's hook has the interrupted code stopped, which may go on later, on any core. The port saves
 * all of it (every general register, FP and SIMD) in `area`, never on its stack, makes *from a context that can be switched to
 * like any other, and resumes *to, which gets `passed` and runs with interrupts masked until it enables them. Where FE_ARCH_PREEMPTS is 0 (from port.h) the port cannot, and
 * no hook asks for it.
 */
struct fe_arch_preemption {
    void *area; /* FE_ARCH_SAVED_BYTES, aligned to a cache line */
    struct fe_arch_context *from;
    const struct fe_arch_context *to;
    void *passed;
};
#define FE_ARCH_SAVED_BYTES 1024

/* Where code was stopped: enough for a backtrace. */
struct fe_arch_place {
    uintptr_t pc;
    uintptr_t frame_pointer;
};

struct fe_arch_hooks {
    /* An interrupt. `vector` is the CPU's (x86_64), or 0 where the controller must be asked.
     * Increments and decrements of core->interrupt_depth are the hook's business. NULL: the interrupted code goes on. */
    const struct fe_arch_preemption *(*interrupt)(unsigned vector, struct fe_trap_frame *frame);
    /* A preempted context is about to go on, having been switched to with `passed`. On the free part of the scheduler's stack;
     * returns with interrupts masked, after which `area` is read once more and never again. */
    void (*resumed)(void *passed, void *area);
    /* A fault. Returning resumes the interrupted code (after a stack has grown, or a redirect). */
    void (*fault)(const struct fe_fault *fault);
};
extern struct fe_arch_hooks fe_arch_hooks;

/* Where an interrupt or a fault came. */
struct fe_arch_place fe_arch_trap_place(const struct fe_trap_frame *frame);
/* Where a context that does not run goes on: for backtraces. Reads its stack by fe_arch_probe, since it may be in use. */
struct fe_arch_place fe_arch_context_place(const struct fe_arch_context *context);

/* Makes the interrupted code continue at entry(argument) on the stack that ends at stack_top, interrupts enabled. */
void fe_arch_trap_redirect(struct fe_trap_frame *frame, void (*entry)(void *), void *argument, void *stack_top);
/*
 * Makes the interrupted code go on as if it had called entry(argument) at the instruction that was interrupted, with its
 * registers and its stack as they were, so that it can be unwound from there. FE_ARCH_TRAP_CALL_BYTES are written at `stack`
 * (16-byte aligned), which must be writable, and lie FE_ARCH_RED_ZONE or more below the interrupted stack pointer. `entry`
 * must not return.
 */
void fe_arch_trap_call(struct fe_trap_frame *frame, void (*entry)(void *), void *argument, uintptr_t stack);
/* The registers of a preempted context, which may be changed by the two functions around this before it goes on. */
struct fe_trap_frame *fe_arch_saved_frame(void *area);
/* The interrupted instruction could not be fetched: makes its caller's call the one that was interrupted. False if there is no
 * telling. */
bool fe_arch_trap_to_caller(struct fe_trap_frame *frame);
/* What was interrupted goes on for one instruction, and is then told as a fault with `step` set; or, `on` being false, it goes on. */
void fe_arch_trap_step(struct fe_trap_frame *frame, bool on);
/* Where the return address of the interrupted function is, if it has no frame yet: a place of `frame` or of the stack. NULL: it
 * has one, or there is no telling. */
uintptr_t *fe_arch_trap_link(struct fe_trap_frame *frame);
/* A return address by which a function goes on in fe_task_overflowed, as if its caller had called that at fe_task_return_address(). */
void fe_arch_return_overflowed(void);
/* Where the interrupted code is, and its stack. */
uintptr_t fe_arch_trap_pc(const struct fe_trap_frame *frame);
uintptr_t fe_arch_trap_stack(const struct fe_trap_frame *frame);
/* Writes the registers, a line at a time without newline, through `line`. */
void fe_arch_trap_registers(const struct fe_trap_frame *frame, void (*line)(const char *text));
/* Reads 8 bytes at `address` for a backtrace; false if that would fault. */
bool fe_arch_probe(uintptr_t address, uint64_t *value);

/* ------------------------------------------------------------------------------------------------------------------
 * Cores.
 */
/* Descriptor tables, exception stacks, FP enable and so on of the calling core. After fe_arch_core_set. Interrupts stay
 * masked. FE_ENOMEM. Needs fe_arch_table_source and the final tables. */
FE_MUST_CHECK fe_status fe_arch_core_init(struct fe_core *core);
/*
 * Prepares the start of a core: it will turn on the MMU with the final tables and call entry(argument) on the stack that
 * ends at stack_top. Returns the physical address at which fe_machine.core_start must make it begin, or 0 if it cannot
 * be done. One core at a time: the next call comes only after the core has called entry.
 */
uint64_t fe_arch_core_prepare(void *stack_top, void (*entry)(void *), void *argument);

/* ------------------------------------------------------------------------------------------------------------------
 * Entry. The port's first code makes a stack, maps the image at FE_IMAGE_BASE and some RAM at FE_DIRECT_BASE, clears
 * bss, and calls fe_kernel_boot with interrupts masked.
 */
enum fe_boot_protocol { FE_BOOT_PVH, FE_BOOT_DEVICE_TREE, FE_BOOT_HOST };

struct fe_boot_entry {
    enum fe_boot_protocol protocol;
    uint64_t information; /* physical address of the PVH start info or of the device tree; host: of its struct fe_host_boot */
    uint64_t image_base;   /* physical address of the image's first byte */
    uint64_t image_bytes;  /* memory it takes until it has booted, to fe_boot_end */
    unsigned level;        /* AArch64: exception level at entry; else 0 */
    uint64_t counter;      /* fe_arch_counter at the first instruction, as near as it can be read */
    uint64_t instructions; /* fe_arch_instructions likewise */
};
FE_NORETURN void fe_kernel_boot(const struct fe_boot_entry *entry);

/* The image's sections, from the linker script; all page-aligned. */
extern char fe_image_start[], fe_image_end[];
extern char fe_text_start[], fe_text_end[];
extern char fe_runtime_text_start[], fe_runtime_text_end[]; /* the kernel's own part of the text */
extern char fe_lenient_text_start[], fe_lenient_text_end[]; /* of it, where a fault is the program's (arch/lenient.h) */
extern char fe_rodata_start[], fe_rodata_end[];
extern char fe_data_start[], fe_data_end[]; /* data, bss */
/*
 * Behind the image lies memory of it that is in use until the boot core runs its scheduler, and is then given to the page
 * allocator: entry code's tables and stack, and whatever is marked FE_BOOT_MEMORY. From fe_image_end to fe_boot_start it is
 * a guard for the boot stack. Nothing clears it.
 */
extern char fe_boot_start[], fe_boot_end[];
#define FE_BOOT_MEMORY __attribute__((section(".boot.memory")))

/* The port's name, such as "x86_64". */
extern const char fe_arch_name[];

/* ------------------------------------------------------------------------------------------------------------------
 * Unwinding (sched/unwind/).
 */
/*
 * A frame: the registers that a function keeps for its caller, its stack pointer, and its pc. The port defines the structure (an array,
 * `registers`), FE_ARCH_FRAME_REGISTERS, FE_ARCH_FRAME_STACK and FE_ARCH_FRAME_PC (places in it), and the place of the register
 * with a DWARF number, or FE_ARCH_FRAME_REGISTERS if it has none:
 *     unsigned fe_arch_frame_index(uint64_t column)
 */
struct fe_arch_frame;
/* The index (.eh_frame_hdr) of the code that `pc` lies in; NULL: it has none. */
const void *fe_arch_unwind_tables(uintptr_t pc);

/* Last, so that it sees the whole contract. A port without an address space of its own (host/) redefines the bases above. */
#include "port.h"

#ifndef FE_ARCH_CORE_HEAP
static inline void *fe_arch_core_heap(void) {
    return fe_arch_core()->heap;
}
#endif

/* For ports whose cores come and go: whether the calling core has no heap of its own, and what is done there instead; and what
 * is done when memory is out, before NULL is returned. */
#ifndef FE_ARCH_CORES_COME_AND_GO
static inline bool fe_arch_core_heapless(void) {
    return false;
}
static inline void *fe_arch_alloc_heapless(size_t bytes) {
    (void)bytes;
    return NULL;
}
static inline void fe_arch_free_heapless(void *block) {
    (void)block;
}
static inline void fe_arch_memory_is_out(void) {
}
#endif

static inline void *fe_direct(uint64_t physical) {
    return (void *)(uintptr_t)(FE_DIRECT_BASE + physical);
}
static inline uint64_t fe_direct_physical(const void *direct) {
    return (uint64_t)(uintptr_t)direct - FE_DIRECT_BASE;
}

#endif
