# Ferrite: one Makefile. `make help` lists the commands and variables.
#
#   kernel objects  arch/ heap/ sched/ drivers/ kernel/  ->  build/ARCH-BUILD/kernel.o   (no FP, own memory functions local)
#   program         APP's folder                         ->  build/ARCH-BUILD/APP.elf and APP.bin
#
# Sources are found by wildcard: a new file needs no change here.

ARCH    ?= x86_64
BUILD   ?= release
APP     ?= shell
SMP     ?= 4
MEM     ?= 512M
INITRD  ?= README.md
CMDLINE ?=
TIMEOUT ?= 0
SEED    ?=
HEAP    ?= hardened
ifeq ($(origin CC),default)
CC      := gcc
endif

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

ifeq ($(filter $(ARCH),x86_64 aarch64 host sim),)
$(error ARCH=$(ARCH): choose x86_64, aarch64, host or sim)
endif
ifeq ($(filter $(BUILD),release checked),)
$(error BUILD=$(BUILD): choose release or checked)
endif
ifeq ($(filter $(HEAP),hardened plain),)
$(error HEAP=$(HEAP): choose hardened or plain)
endif
ifeq ($(filter $(CC),gcc clang),)
$(error CC=$(CC): choose gcc or clang)
endif

include tools/deps.mk
include arch/$(ARCH)/port.mk

# HEAP=plain builds the exchange heap's hardening out, for one benchmark that says what it costs.
# COVERAGE=y counts what runs, for make coverage; with little optimization, so that lines and branches are those of the source.
COVERAGE ?=
comma    := ,
OUT := build/$(ARCH)-$(BUILD)$(if $(COVERAGE),-coverage)$(SANITIZE_NAME)$(if $(filter clang,$(CC)),-clang)$(if $(filter plain,$(HEAP)),-plain)

# Tools -----------------------------------------------------------------------------------------------------------------
# port.mk sets CROSS (gcc's prefix), TARGET (clang's triple), PORT_CFLAGS (all code), KERNEL_CFLAGS (no FP), SIZE_CFLAGS (with -Os, for
# gcc), PORT_LDFLAGS, DRIVERS, PORT_DIRS (arch/bare, for the ports that run on bare machines), and, where they are not the usual
# ones, PORT_SRCS (more of the port's sources), LINK and LINK_LIBS.
COMPILE := $(if $(filter clang,$(CC)),clang --target=$(TARGET),$(CROSS)gcc)
LD      := $(CROSS)ld
OBJCOPY := $(CROSS)objcopy
NM      := $(CROSS)nm
LINKER_SCRIPT ?= linker/$(ARCH).ld
# FE_TABLES is set by who links an image with tables for unwinding (tools/program.mk); a script that inserts comes first.
LINK    ?= $(LD) $(PORT_LDFLAGS) $$FE_TABLES -T $(LINKER_SCRIPT) --gc-sections

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes -Wundef \
            -Wpointer-arith -Wwrite-strings -Wvla -Werror
COMMON   := -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-stack-protector -fno-common -fno-strict-aliasing \
            -fno-omit-frame-pointer -fasynchronous-unwind-tables -ffunction-sections -fdata-sections \
            $(if $(filter gcc,$(CC)),-fno-tree-loop-distribute-patterns) \
            $(if $(filter gcc-release,$(CC)-$(BUILD)),-momit-leaf-frame-pointer) \
            -I include -I . -I arch/$(ARCH) -DFE_ARCH_NAME='"$(ARCH)"' \
            $(if $(filter checked,$(BUILD)),-DFE_CHECKED -fno-optimize-sibling-calls) \
            $(if $(filter plain,$(HEAP)),-DFE_HEAP_PLAIN) $(WARNINGS) $(PORT_CFLAGS) \
            $(if $(COVERAGE),-O1 --coverage -fprofile-update=$(if $(filter sim,$(ARCH)),single,atomic))

# Kernel ----------------------------------------------------------------------------------------------------------------
KERNEL_DIRS := arch arch/$(ARCH) $(PORT_DIRS) heap sched drivers $(if $(filter y,$(LIBFDT)),drivers/fdt) $(DRIVERS) kernel
KERNEL_SRCS := $(foreach d,$(KERNEL_DIRS),$(sort $(wildcard $(d)/*.c $(d)/*.S))) $(PORT_SRCS)
KERNEL_OBJS := $(patsubst %,$(OUT)/%.o,$(basename $(KERNEL_SRCS)))

# What runs at boot, or when something has gone wrong, is built for size; what an interrupt or a growing stack passes through is not.
TRAP_SRCS      := kernel/trap.c $(addprefix drivers/,interrupt.c $(addprefix pc/,dispatch.c apic.c apic_timer.c) \
                  $(addprefix arm/,gic2.c gic3.c timer.c))
COLD_SRCS      := $(filter-out $(TRAP_SRCS),$(filter kernel/% drivers/%,$(KERNEL_SRCS))) \
                  $(filter $(addprefix arch/$(ARCH)/,smp.c decode.c) $(addprefix sched/,init.c misuse.c) \
                  $(addprefix heap/,page_init.c misuse.c account.c note.c),$(KERNEL_SRCS))

# Configuration: a changed flag rebuilds what it touches, and nothing else.
SMALL  := $(if $(COVERAGE),,-Os) $(if $(filter gcc,$(CC)),$(SIZE_CFLAGS))
CONFIG := $(OUT)/.config
CONFIGURED := $(subst ','"'"',$(COMPILE) | $(COMMON) | $(KERNEL_CFLAGS) | $(SMALL): $(COLD_SRCS))
$(shell mkdir -p $(OUT); echo '$(CONFIGURED)' | cmp -s - $(CONFIG) || echo '$(CONFIGURED)' > $(CONFIG))

$(KERNEL_OBJS): FLAGS = $(COMMON) $(KERNEL_CFLAGS) $(MORE)
$(OUT)/arch/x86_64/switch.o $(OUT)/arch/x86_64/call.o: MORE = $(SWITCH_NAMES)
$(OUT)/arch/host/sanitizer.o $(OUT)/arch/host/trap.o: MORE = $(SANITIZER_FILE)

$(patsubst %,$(OUT)/%.o,$(basename $(COLD_SRCS))): FLAGS = $(COMMON) $(KERNEL_CFLAGS) $(SMALL)

$(OUT)/%.o: %.c $(CONFIG) | deps
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(FLAGS) -MMD -MP -c $< -o $@
$(OUT)/%.o: %.S $(CONFIG) | deps
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(FLAGS) -D__ASSEMBLER__ -MMD -MP -c $< -o $@

ifndef V
Q = @echo "  $(if $(filter %.o,$@),CC,MAKE) $@";
endif

include tools/libfdt.mk

# The kernel's objects as one, its memory functions local so that a program's libc cannot stand in for them.
$(OUT)/kernel.o: $(KERNEL_OBJS)
	$(Q)$(LD) -r $(KERNEL_LDFLAGS) -o $@.tmp $^ && $(OBJCOPY) $(addprefix --localize-symbol=,memcpy memmove memset memcmp strlen strcmp) $@.tmp $@ && rm $@.tmp

# Programs --------------------------------------------------------------------------------------------------------------
# APP is an example's name or any folder with C files in it; app.mk may set STACK and EXTRA_SRCS.
APP_DIR := $(firstword $(wildcard examples/$(APP)) $(wildcard $(APP)))
APP_NAME := $(notdir $(APP_DIR:/=))

include tools/program.mk
all: $(call containers,$(APP_NAME))
-include tests/tests.mk tests/bench/bench.mk tests/model/model.mk tests/bench/heap/heap.mk

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)

.PHONY: all clean
clean:
	rm -rf build compile_commands.json
