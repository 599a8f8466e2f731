# Fuzzing, with clang's libFuzzer, ASan and UBSan. Each tests/fuzz/*.c is a target; a line ` * Links: heap kernel/format.c` in
# it names the files and folders that it tests, as in tests/unit.
#
#   make fuzz                      every target for SECONDS=10; FUZZ='heap acpi' chooses
#   make fuzz SECONDS=600          as long as asked for; what is new is kept in build/fuzz/found
#   make fuzz-merge                what was found and adds coverage joins the corpora in the tree

FUZZ_OUT      := build/fuzz
FUZZ_TARGETS  := $(sort $(basename $(notdir $(wildcard tests/fuzz/*.c))))
FUZZ_PROGRAMS := $(FUZZ_TARGETS:%=$(FUZZ_OUT)/%)
FUZZ          ?= $(FUZZ_TARGETS)
SECONDS       ?= 10
FUZZ_CC       := clang
FUZZ_CFLAGS   := -std=gnu11 -O2 -g -fno-omit-frame-pointer -fno-strict-aliasing -fsanitize=fuzzer-no-link,address,undefined \
                 -fno-sanitize-recover=all -I include -I . -I arch/host -I tests/fuzz -DFE_ARCH_NAME='"host"' \
                 -Wall -Wextra -Wshadow -Werror

fuzz_objects = $(patsubst %.c,$(FUZZ_OUT)/objects/%.o,$(1) $(call unit_links,$(1)))

define fuzz_program
$(FUZZ_OUT)/$(1): $$(call fuzz_objects,tests/fuzz/$(1).c)
	@echo "  LINK $$@"
	@$$(FUZZ_CC) $$(FUZZ_CFLAGS) -fsanitize=fuzzer -o $$@ $$^
endef
$(foreach t,$(FUZZ_TARGETS),$(eval $(call fuzz_program,$(t))))

$(FUZZ_OUT)/objects/%.o: %.c tests/fuzz/fuzz.mk | deps-fuzz
	@mkdir -p $(@D)
	@echo "  CC $@"
	@$(FUZZ_CC) $(FUZZ_CFLAGS) -MMD -MP -c $< -o $@

# What reads device trees needs libfdt.
FUZZ_LIBFDT := $(FUZZ_OUT)/libfdt.o
FUZZ_LIBFDT_USERS := $(patsubst %.c,$(FUZZ_OUT)/objects/%.o,$(wildcard drivers/fdt/*.c) tests/fuzz/device_tree.c)
$(FUZZ_LIBFDT_USERS): FUZZ_CFLAGS += -isystem $(LIBFDT_DIR)/libfdt
$(FUZZ_LIBFDT_USERS) $(FUZZ_LIBFDT): | $(LIBFDT_DIR)
$(FUZZ_OUT)/device_tree: $(FUZZ_LIBFDT)
$(FUZZ_LIBFDT): LIBFDT_FILES += fdt_addresses fdt_rw fdt_wip
$(FUZZ_LIBFDT): tests/fuzz/fuzz.mk tools/libfdt.mk
	@mkdir -p $(@D)
	@echo "  CC $@"
	@( $(LIBFDT_UNIT) ) | $(FUZZ_CC) $(FUZZ_CFLAGS) -I $(LIBFDT_DIR)/libfdt -w -x c -c - -o $@

fuzz-programs: $(FUZZ_PROGRAMS)

fuzz: $(FUZZ:%=$(FUZZ_OUT)/%)
	@tests/fuzz/run --seconds $(SECONDS) $(FUZZ)
fuzz-merge: $(FUZZ:%=$(FUZZ_OUT)/%)
	@tests/fuzz/run --merge $(FUZZ)

-include $(shell find $(FUZZ_OUT) -name '*.d' 2>/dev/null)

.PHONY: fuzz fuzz-programs fuzz-merge
