# x86_64 PCs: PVH boot, long mode, APIC, ACPI.
CROSS         := $(if $(filter x86_64,$(shell uname -m)),,x86_64-linux-gnu-)
TARGET        := x86_64-unknown-elf
# Programs may use SSE2; the kernel uses no FP or SIMD register at all, so that interrupts need not save any.
PORT_CFLAGS   := -march=x86-64 -mcmodel=kernel
KERNEL_CFLAGS := -mgeneral-regs-only
# For size gcc would take string instructions, which move and clear a byte at a time here as on some CPUs.
SIZE_CFLAGS   := -mstringop-strategy=libcall
PORT_LDFLAGS  := -m elf_x86_64 -nostdlib -static -z max-page-size=0x1000 -z noexecstack --build-id=none
PORT_DIRS     := arch/bare
DRIVERS       := drivers/pc
MACHINE       ?= q35
