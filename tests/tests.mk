# Tests, lint and debugging. `make test` runs everything; the rest are its parts.

HOST_CC       ?= gcc
HOST_CFLAGS   := -std=gnu11 -O1 -g -Wall -Wextra -Wshadow -Werror
SUITE         ?=
TEST          ?=
MACHINES      ?=
LONG          ?=
TESTS_EXTRA   ?=

# The test image --------------------------------------------------------------------------------------------------------
# Every tests/guest/*.c, the harness, and the suites of TESTS_EXTRA, which are other people's: a warning there is no error.
HARNESS_SRCS     := $(wildcard tests/harness/*.c)
TESTS_EXTRA_SRCS := $(abspath $(TESTS_EXTRA))
TESTS_MISSING    := $(filter-out $(wildcard $(TESTS_EXTRA_SRCS)),$(TESTS_EXTRA_SRCS))
ifneq ($(TESTS_MISSING),)
$(error TESTS_EXTRA: no such file: $(TESTS_MISSING))
endif
tests_EXTRA_SRCS := $(HARNESS_SRCS) $(wildcard arch/$(if $(filter host sim,$(ARCH)),x86_64,$(ARCH))/test/*.S) $(TESTS_EXTRA_SRCS)
tests_CFLAGS     := -I tests/harness
$(eval $(call program,tests,tests/guest))
$(patsubst %,$(OUT)/%.o,$(basename $(TESTS_EXTRA_SRCS))): tests_CFLAGS := -I tests/harness -Wno-error
# What is linked is part of the image: it changes with TESTS_EXTRA.
$(shell echo '$(tests_OBJS)' | cmp -s - $(OUT)/.tests-objects || echo '$(tests_OBJS)' > $(OUT)/.tests-objects)
$(OUT)/tests.elf: $(OUT)/.tests-objects

test-image: $(call containers,tests)
# All that this ARCH, BUILD and CC can make.
everything: examples test-image

# The host's runner of guest tests --------------------------------------------------------------------------------------
build/host/guest-tests: $(wildcard tests/host/*.c tests/host/*.h) | deps-test
	@mkdir -p $(@D)
	@echo "  CC $@"
	@$(HOST_CC) $(HOST_CFLAGS) -o $@ $(filter %.c,$^) -lcriterion

# Unit suites and models ------------------------------------------------------------------------------------------------
-include tests/unit/unit.mk tests/fuzz/fuzz.mk tests/sim/sim.mk
unit-programs: $(UNIT_PROGRAMS)

# The suites of TESTS_EXTRA on the host, under Criterion itself: one program, build/host/extra.
extra-program: $(if $(TESTS_EXTRA_SRCS),build/host/extra)
build/host/extra: $(TESTS_EXTRA_SRCS) FORCE | deps-test
	@mkdir -p $(@D)
	@echo "  CC $@"
	@$(HOST_CC) -std=gnu11 -O1 -g -fsanitize=address,undefined -o $@ $(TESTS_EXTRA_SRCS) -lcriterion
FORCE:

# Running ---------------------------------------------------------------------------------------------------------------
TEST_ENV = $(foreach v,SUITE TEST MACHINES LONG TESTS_EXTRA CMDLINE TIMEOUT QEMUFLAGS MEM SEED MAKE,$(v)=$(call quoted,$($(v))))

test: | deps-test
	@$(TEST_ENV) tests/tools/test
test-guest: | deps-test
	@$(TEST_ENV) tests/tools/test guest
test-host: | deps-test
	@$(TEST_ENV) tests/tools/test host
test-long: | deps-test
	@$(TEST_ENV) LONG=1 tests/tools/test

# Coverage --------------------------------------------------------------------------------------------------------------
# Some minutes: builds of their own, the guest suites on the host, the simulation, the unit suites.
coverage: | deps-test
	@tools/deps coverage build-host build-sim
	@tests/tools/coverage

# Lint ------------------------------------------------------------------------------------------------------------------
# compile_commands.json is of the architecture that was built last; lint has commands of its own.
lint: | deps-lint $(LIBFDT_DIR)
	@mkdir -p build/lint
	@$(COMPILE_COMMANDS) > build/lint/commands.json
	@tests/tools/lint
format: | deps-lint
	@tests/tools/lint --fix

# For editors and clang-tidy: what make itself knows of each source.
COMPILE_SRCS := $(sort $(filter %.c,$(KERNEL_SRCS) $(foreach p,$(EXAMPLES) tests,$($(p)_SRCS))))
COMPILE_COMMANDS = LIBFDT_DIR=$(LIBFDT_DIR) tools/compile-commands $(CONFIG) $(filter %.c,$(KERNEL_SRCS)) -- \
                   $(filter-out $(KERNEL_SRCS),$(COMPILE_SRCS))
compile_commands.json: $(CONFIG) $(COMPILE_SRCS)
	@$(COMPILE_COMMANDS) > $@.tmp && mv $@.tmp $@
all run: compile_commands.json

# Debugging -------------------------------------------------------------------------------------------------------------
debug: all | deps-debug
	@$(RUN_ENV) tools/debug $(OUT)/$(APP_NAME) $(GDBFLAGS)

# Help ------------------------------------------------------------------------------------------------------------------
help:
	@tools/help '$(EXAMPLES)'

compile_commands.json: | deps

.PHONY: coverage FORCE extra-program unit-programs test-image everything test test-guest test-host test-long lint format debug help
