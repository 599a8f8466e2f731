# Unit tests on the host, under Criterion, ASan and UBSan. Each tests/unit/*.c but support.c is a suite and a program of
# its own; a line ` * Links: heap kernel/format.c` in it names the files and folders that it tests; UNIT_ALWAYS comes with each.
#
# `make unit` builds and runs them all; UNIT_PROGRAMS are the programs, for who runs them otherwise.

UNIT_OUT      := build/host-unit$(if $(COVERAGE),-coverage)
UNIT_SUITES   := $(sort $(filter-out tests/unit/support.c,$(wildcard tests/unit/*.c)))
UNIT_PROGRAMS := $(patsubst tests/unit/%.c,$(UNIT_OUT)/%,$(UNIT_SUITES))
UNIT_ALWAYS   := tests/unit/support.c arch/host/host.c
UNIT_CC       := gcc
UNIT_CFLAGS   := -std=gnu11 -O1 -g $(if $(COVERAGE),--coverage) -fno-omit-frame-pointer -fno-strict-aliasing -fsanitize=address,undefined \
                 -fno-sanitize-recover=all -I include -I . -I arch/host -I tests/unit -DFE_ARCH_NAME='"host"' \
                 -Wall -Wextra -Wshadow -Wno-clobbered -Werror # unit_expect: nothing changes between setjmp and longjmp
UNIT_LIBS     := -lcriterion -lpthread

# $(call unit_links,SUITE): the sources that it names.
unit_links = $(foreach n,$(shell sed -n 's/^ \* Links: //p' $(1)),$(if $(filter %.c,$(n)),$(n),$(sort $(wildcard $(n)/*.c))))
unit_objects = $(patsubst %.c,$(UNIT_OUT)/%.o,$(1) $(UNIT_ALWAYS) $(call unit_links,$(1)))

define unit_program
$(UNIT_OUT)/$(1): $$(call unit_objects,tests/unit/$(1).c)
	@echo "  LINK $$@"
	@$$(UNIT_CC) $$(UNIT_CFLAGS) -o $$@ $$^ $$(UNIT_LIBS)
endef
$(foreach s,$(UNIT_SUITES),$(eval $(call unit_program,$(basename $(notdir $(s))))))

$(UNIT_OUT)/%.o: %.c tests/unit/unit.mk | deps
	@mkdir -p $(@D)
	@echo "  CC $@"
	@$(UNIT_CC) $(UNIT_CFLAGS) -MMD -MP -c $< -o $@

# What reads device trees, and libfdt with it: more of it, since nothing here leaves out what is not called.
UNIT_LIBFDT := $(UNIT_OUT)/libfdt.o
$(UNIT_OUT)/drivers/fdt/%.o: UNIT_CFLAGS += -isystem $(LIBFDT_DIR)/libfdt
$(patsubst %.c,$(UNIT_OUT)/%.o,$(wildcard drivers/fdt/*.c)) $(UNIT_LIBFDT): | $(LIBFDT_DIR)
$(UNIT_OUT)/drivers_fdt: $(UNIT_LIBFDT)
$(UNIT_LIBFDT): LIBFDT_FILES += fdt_rw fdt_wip
$(UNIT_LIBFDT): tests/unit/unit.mk tools/libfdt.mk
	@mkdir -p $(@D)
	@echo "  CC $@"
	@( $(LIBFDT_UNIT) ) | $(UNIT_CC) $(UNIT_CFLAGS) -I $(LIBFDT_DIR)/libfdt -w -x c -c - -o $@

unit: $(UNIT_PROGRAMS)
	@status=0; for program in $^; do $$program --short-filename -j2 || status=1; done; exit $$status

-include $(shell find $(UNIT_OUT) -name '*.d' 2>/dev/null)

.PHONY: unit
