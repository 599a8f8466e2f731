# Seeded simulation: tests/sim and docs/simulation.md. The programs are built as for any port, by ARCH=sim.
#
#   make simulate SEEDS=500                every stress program over so many seeds, on 1 to 4 cores; guest suites over SUITE_SEEDS=4
#   make simulate SEED=17 PROGRAM=select   one of them once more, shrunk

SEEDS   ?= 500
PROGRAM ?=
SUITE_SEEDS ?= 4

ifeq ($(ARCH),sim)
SIM_RUNNER := $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/sim/runner/*.c))
$(SIM_RUNNER) $(filter $(OUT)/arch/% $(OUT)/drivers/sim/%,$(KERNEL_OBJS)): FLAGS = $(COMMON) -fno-sanitize=thread -DFE_SIM_UNWATCHED
LINK_LIBS  := $(SIM_RUNNER)
sim_CFLAGS := -I tests/harness
$(eval $(call program,sim,tests/sim))
$(foreach p,$(EXAMPLES) tests sim,$(eval $(OUT)/$(p).elf: $$(SIM_RUNNER)))
sim-image: $(OUT)/sim.elf $(OUT)/tests.elf
else
sim-image:
	@$(MAKE) --no-print-directory ARCH=sim BUILD=checked CC=gcc sim-image
endif

simulate: sim-image
	@tests/sim/run --seeds $(SEEDS) $(if $(SEED),--seed $(SEED)) $(if $(PROGRAM),--program $(PROGRAM))
	@$(if $(SEED)$(PROGRAM),,tests/sim/run --suites $(SUITE_SEEDS))

.PHONY: sim-image simulate
