/*
 * The paging part of arch/arch.h. Stacks are what needs care: a process has only some 65,000 mappings, and there may be a
 * million stacks, each with pages that are there, pages that come when they are touched, and a guard. So all of the stack arena
 * is one mapping, registered with userfaultfd, which gives Linux's page tables to us: a page is there once UFFDIO_COPY has put
 * it there, and touching one that is not raises SIGBUS (UFFD_FEATURE_SIGBUS), which trap.c passes on as the page fault that it
 * is. What a guard is, is then decided by the fault's address, in sched/fault.c, as on every machine.
 *
 * Where Linux refuses userfaultfd (some containers do) each page is made accessible by mprotect, which costs two
 * mappings a stack: there are then some 30,000 stacks at most.
 *
 * Which physical page is behind which page of a stack is kept in a table, so that the page allocator's books are right; the
 * memory itself is Linux's, and its physical page is left untouched. (A page that was used as something else before costs
 * memory twice.)
 */
#define _GNU_SOURCE
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <ferrite/panic.h>
#include <linux/userfaultfd.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define ALIASES 80 /* of cores' stacks and files */

uint64_t (*fe_arch_table_source)(void);

static uint64_t memory_bytes;

/* By page of the stack arena: the physical page's number, or 0. Written by who owns the stack; read by all. */
static _Atomic uint32_t *stack_pages;
static int fault_file = -1; /* userfaultfd; -1: mprotect */
static const unsigned char zero_page[FE_PAGE_SIZE] __attribute__((aligned(4096)));

/* What fe_arch_map has mapped; grows only. */
static struct {
    uintptr_t address;
    uint64_t physical;
    size_t bytes;
} aliases[ALIASES];
static _Atomic unsigned alias_count;

static bool in_stacks(uintptr_t address) {
    return address - FE_STACKS_BASE < FE_STACKS_BYTES;
}

static _Atomic uint32_t *stack_page(uintptr_t address) {
    return &stack_pages[(address - FE_STACKS_BASE) >> FE_PAGE_SHIFT];
}

static void *reserve(void *address, size_t bytes, int protection) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (address ? MAP_FIXED_NOREPLACE : 0);
    void *got = mmap(address, bytes, protection, flags, -1, 0);
    return got == MAP_FAILED || (address && got != address) ? NULL : got;
}

/* Makes `fault_file` one that tells of faults in the stack arena by SIGBUS. */
static bool take_faults(void) {
    int file = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_SIGBUS};
    struct uffdio_register range = {.range = {FE_STACKS_BASE, FE_STACKS_BYTES}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    if (file >= 0 && ioctl(file, UFFDIO_API, &api) == 0 && ioctl(file, UFFDIO_REGISTER, &range) == 0) {
        fault_file = file;
        return true;
    }
    if (file >= 0)
        close(file);
    return false;
}

fe_status fe_arch_paging_init(const struct fe_memory_range *ram, size_t count) {
    memory_bytes = ram[count - 1].base + ram[count - 1].bytes;
    stack_pages = reserve(NULL, (FE_STACKS_BYTES >> FE_PAGE_SHIFT) * sizeof *stack_pages, PROT_READ | PROT_WRITE);
    void *stacks = (void *)FE_STACKS_BASE;
    if (!stack_pages || !reserve(stacks, FE_STACKS_BYTES, PROT_READ | PROT_WRITE))
        return FE_ENOMEM;
    madvise(stacks, FE_STACKS_BYTES, MADV_NOHUGEPAGE); /* 2 MiB for one page touched would be dear */
    if (!take_faults() && mprotect(stacks, FE_STACKS_BYTES, PROT_NONE) != 0)
        return FE_ENOMEM;
    return FE_OK;
}

void fe_arch_early_direct(uint64_t *base, uint64_t *end) {
    *base = 0;
    *end = UINT64_MAX;
}

uint64_t fe_arch_table_pages(void) {
    return 0;
}

fe_status fe_arch_map(uintptr_t address, uint64_t physical, size_t bytes, unsigned protection) {
    if ((address | physical | bytes) & (FE_PAGE_SIZE - 1))
        return FE_EINVAL;
    if ((protection & FE_PROTECTION_WRITE) && (protection & FE_PROTECTION_EXECUTE))
        return FE_EINVAL;
    if (protection & FE_PROTECTION_DEVICE)
        return FE_ENOTSUP;
    const int linux_protection = PROT_READ | (protection & FE_PROTECTION_WRITE ? PROT_WRITE : 0) |
                                 (protection & FE_PROTECTION_EXECUTE ? PROT_EXEC : 0);
    unsigned index = atomic_fetch_add_explicit(&alias_count, 1, memory_order_relaxed); /* hands out entries */
    if (index >= ALIASES)
        return FE_ENOMEM;
    if (!fe_host_map(address, physical, bytes, linux_protection))
        return errno == EEXIST ? FE_EBUSY : FE_ENOMEM;
    aliases[index].physical = physical;
    aliases[index].bytes = bytes;
    /* Last: an entry without an address is none. */
    __atomic_store_n(&aliases[index].address, address, __ATOMIC_RELEASE); /* pairs with translate_alias */
    return FE_OK;
}

void fe_arch_unmap(uintptr_t address, size_t bytes) {
    for (uintptr_t page = address; page < address + bytes; page += FE_PAGE_SIZE)
        fe_arch_unmap_page(page);
}

fe_status fe_arch_reserve_tables(uintptr_t address, size_t bytes) {
    (void)address;
    (void)bytes;
    return FE_OK; /* Linux takes them from elsewhere */
}

/*
 * A sanitizer's runtime runs on the stack of whoever calls it, holds locks there, and cannot be interrupted by a fault whose
 * handler calls it again. So with one a stack's first 56 KiB (all that most have) come at once, though their memory does not.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAY_BE_THERE true
static void map_rest(uintptr_t address) {
    uintptr_t low = (address & ~(((uintptr_t)64 << 10) - 1)) + 2 * FE_PAGE_SIZE; /* a slot's bound, if it is a small one */
    struct uffdio_zeropage rest = {.range = {low, address - low}};
    if (low < address && fault_file >= 0)
        (void)ioctl(fault_file, UFFDIO_ZEROPAGE, &rest); /* fails where they have come already */
}
#else
#define MAY_BE_THERE false
static void map_rest(uintptr_t address) {
    (void)address;
}
#endif

void fe_arch_map_page(uintptr_t address, uint64_t physical) {
    fe_check(in_stacks(address));
    struct uffdio_copy copy = {.dst = address, .src = (uintptr_t)zero_page, .len = FE_PAGE_SIZE};
    if (fault_file >= 0 ? ioctl(fault_file, UFFDIO_COPY, &copy) != 0 && !(MAY_BE_THERE && errno == EEXIST)
                        : mprotect((void *)address, FE_PAGE_SIZE, PROT_READ | PROT_WRITE) != 0)
        fe_panic("Linux gives no memory for the stack page at %#lx (error %d): %s", (unsigned long)address, errno,
                 fault_file >= 0 ? "it is out of memory" : "without userfaultfd there may be too many mappings");
    map_rest(address);
    /* Relaxed: who is told of the page is told by an operation that orders more. */
    atomic_store_explicit(stack_page(address), (uint32_t)(physical >> FE_PAGE_SHIFT), memory_order_relaxed);
}

uint64_t fe_arch_unmap_page(uintptr_t address) {
    if (!in_stacks(address))
        return 0;
    uint64_t number = atomic_exchange_explicit(stack_page(address), 0, memory_order_relaxed); /* the owner's, as above */
    if (number == 0)
        return 0;
    if (madvise((void *)address, FE_PAGE_SIZE, MADV_DONTNEED) != 0 ||
        (fault_file < 0 && mprotect((void *)address, FE_PAGE_SIZE, PROT_NONE) != 0))
        fe_panic("Linux does not take back the stack page at %#lx (error %d)", (unsigned long)address, errno);
    return number << FE_PAGE_SHIFT;
}

/* Linux has zeros of its own, which it exchanges for a page when they are written to. */
void fe_arch_exchange_pages(const uintptr_t *addresses, uint64_t *pages, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        uintptr_t address = addresses[i];
        fe_check(in_stacks(address));
        uint64_t number = atomic_exchange_explicit(stack_page(address), (uint32_t)(pages[i] >> FE_PAGE_SHIFT),
                                                   memory_order_relaxed); /* as fe_arch_map_page */
        pages[i] = number << FE_PAGE_SHIFT;
        struct uffdio_zeropage zeros = {.range = {address, FE_PAGE_SIZE}};
        if (madvise((void *)address, FE_PAGE_SIZE, MADV_DONTNEED) != 0 ||
            (fault_file >= 0 && ioctl(fault_file, UFFDIO_ZEROPAGE, &zeros) != 0))
            fe_panic("Linux does not take back the stack page at %#lx (error %d)", (unsigned long)address, errno);
    }
}

static bool translate_alias(uintptr_t address, uint64_t *physical) {
    for (unsigned i = 0; i < ALIASES; i++) {
        uintptr_t base = __atomic_load_n(&aliases[i].address, __ATOMIC_ACQUIRE); /* pairs with fe_arch_map */
        if (base != 0 && address - base < aliases[i].bytes) {
            *physical = aliases[i].physical + (address - base);
            return true;
        }
    }
    return false;
}

static bool readable(uintptr_t address, void *to, size_t bytes) {
    struct iovec here = {to, bytes}, there = {(void *)address, bytes};
    return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)bytes;
}

/* What is not Ferrite's own memory (the program's text, the C library's data) has its address for a physical one. */
bool fe_arch_translate(uintptr_t address, uint64_t *physical) {
    if (in_stacks(address)) {
        uint64_t number = atomic_load_explicit(stack_page(address), memory_order_relaxed); /* as fe_arch_map_page */
        *physical = (number << FE_PAGE_SHIFT) + (address & (FE_PAGE_SIZE - 1));
        return number != 0;
    }
    if (address - FE_DIRECT_BASE < memory_bytes) {
        *physical = address - FE_DIRECT_BASE;
        return true;
    }
    unsigned char byte;
    *physical = address;
    return translate_alias(address, physical) || readable(address, &byte, 1);
}

void fe_arch_tlb_flush(uintptr_t address, size_t bytes) {
    (void)address;
    (void)bytes; /* Linux has done it with the unmapping */
}

void *fe_arch_map_device(uint64_t physical, size_t bytes) {
    (void)physical;
    (void)bytes;
    return NULL;
}

bool fe_arch_probe(uintptr_t address, uint64_t *value) {
    return readable(address, value, sizeof *value);
}
