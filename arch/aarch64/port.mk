# AArch64 (Armv8-A) machines that pass a device tree: QEMU's virt first.
CROSS         := $(if $(filter aarch64,$(shell uname -m)),,aarch64-linux-gnu-)
TARGET        := aarch64-unknown-elf
# Outlined atomics would call helpers of a libc; plain Armv8.0 exclusives run everywhere.
PORT_CFLAGS   := -march=armv8-a -mno-outline-atomics -mcmodel=small
# No FP or SIMD register in the kernel, so that interrupts need not save any.
KERNEL_CFLAGS := -mgeneral-regs-only
PORT_LDFLAGS  := -m aarch64elf -nostdlib -static -z max-page-size=0x1000 -z noexecstack --build-id=none
PORT_DIRS     := arch/bare
DRIVERS       := drivers/arm
LIBFDT        := y
MACHINE       ?= virt
GIC           ?= 3
