# libfdt, from the distribution's source package of the device-tree compiler: fetched once into build/deps, built
# freestanding for the port. The port asks for it by LIBFDT := y.
LIBFDT_VERSION := 1.7.2-2
LIBFDT_SUITE   := trixie
LIBFDT_DIR     := build/deps/device-tree-compiler-$(LIBFDT_VERSION)
LIBFDT_FILES   := fdt fdt_ro fdt_check fdt_addresses fdt_strerror
LIBFDT_OBJS    := $(OUT)/libfdt/libfdt.o
# drivers/fdt/libc has the few C library headers that libfdt includes.
LIBFDT_CFLAGS   = $(filter-out $(WARNINGS),$(COMMON)) $(KERNEL_CFLAGS) -I drivers/fdt/libc -I $(LIBFDT_DIR)/libfdt -w

$(LIBFDT_DIR):
	$(Q)tools/fetch device-tree-compiler $(LIBFDT_VERSION) $(LIBFDT_SUITE) $@
# One unit, so that its checks of every byte are inlined: it takes a third of the instructions at boot.
$(LIBFDT_OBJS): $(CONFIG) tools/libfdt.mk | $(LIBFDT_DIR)
	@mkdir -p $(@D)
	$(Q)printf '#include "%s.c"\n' $(LIBFDT_FILES) | $(COMPILE) $(LIBFDT_CFLAGS) -O3 -x c -c - -o $@

LIBFDT_USERS := $(filter $(OUT)/drivers/fdt/%,$(KERNEL_OBJS))
$(LIBFDT_USERS): FLAGS += -isystem drivers/fdt/libc -isystem $(LIBFDT_DIR)/libfdt
$(LIBFDT_USERS): | $(LIBFDT_DIR)
KERNEL_OBJS += $(LIBFDT_OBJS)
