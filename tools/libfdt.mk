# libfdt, from the distribution's source package of the device-tree compiler: fetched once into build/deps, built
# freestanding for the port, which asks for it by LIBFDT := y. The unit tests build it for the host (tests/unit/unit.mk).
LIBFDT_VERSION := 1.7.2-2
LIBFDT_SUITE   := trixie
LIBFDT_DIR     := build/deps/device-tree-compiler-$(LIBFDT_VERSION)
LIBFDT_FILES   := fdt fdt_ro
# One unit, so that it is inlined into itself, and told that it is of the latest version and reads sound trees of it: they have been
# checked (drivers/fdt).
LIBFDT_UNIT     = printf '\#define FDT_ASSUME_MASK 0x25\n'; printf '\#include "%s.c"\n' $(LIBFDT_FILES)

$(LIBFDT_DIR):
	$(Q)tools/fetch device-tree-compiler $(LIBFDT_VERSION) $(LIBFDT_SUITE) $@

ifeq ($(LIBFDT),y)
LIBFDT_OBJS    := $(OUT)/libfdt/libfdt.o
# drivers/fdt/libc has the few C library headers that libfdt includes.
LIBFDT_CFLAGS   = $(filter-out $(WARNINGS),$(COMMON)) $(KERNEL_CFLAGS) -I drivers/fdt/libc -I $(LIBFDT_DIR)/libfdt -w

$(LIBFDT_OBJS): $(CONFIG) tools/libfdt.mk | $(LIBFDT_DIR)
	@mkdir -p $(@D)
	$(Q)( $(LIBFDT_UNIT) ) | $(COMPILE) $(LIBFDT_CFLAGS) -x c -c - -o $@

LIBFDT_USERS := $(filter $(OUT)/drivers/fdt/%,$(KERNEL_OBJS))
$(LIBFDT_USERS): FLAGS += -isystem drivers/fdt/libc -isystem $(LIBFDT_DIR)/libfdt
$(LIBFDT_USERS): | $(LIBFDT_DIR)
KERNEL_OBJS += $(LIBFDT_OBJS)
endif
