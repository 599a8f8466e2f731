# Model checks of the lock-free headers: each tests/model/*.cpp is a program under Relacy (see README.md there).
#
#   make test-model       every model, then every memory order weakened; a minute or two; TAP
#   make test-model-long  the models with many more executions
#   make test-spin        the protocols under Spin
#
# A model is compiled once and weakened as it runs, so a changed header costs one compilation a model.

MODEL_OUT      := build/model
MODELS         := $(sort $(basename $(notdir $(wildcard tests/model/*.cpp))))
MODEL_PROGRAMS := $(MODELS:%=$(MODEL_OUT)/%)
# Relacy is C++98 and full of what later compilers warn of; -O2 takes twice as long to compile as -O1 and saves a tenth of
# the runs.
MODEL_CXX      := g++ -std=gnu++98 -w -O1 -DFE_MODEL -I include -I .

$(MODEL_OUT)/%: tests/model/%.cpp tests/model/model.mk | deps-model
	@mkdir -p $(@D)
	@echo "  CXX $@"
	@$(MODEL_CXX) -MMD -MP -MF $@.d -o $@ $<

models: $(MODEL_PROGRAMS)

test-model: $(MODEL_PROGRAMS)
	@tests/model/run $(if $(LONG),--long) $(MODEL_OUT) $(MODELS)
# The protocols (*.pml) under Spin, and that it finds the bugs seeded in them.
test-spin: | deps-model
	@tests/model/spin $(if $(LONG),--long)
test-spin-long:
	@$(MAKE) --no-print-directory test-spin LONG=1
test-model-long:
	@$(MAKE) --no-print-directory test-model LONG=1

-include $(wildcard $(MODEL_OUT)/*.d)

.PHONY: models test-model test-model-long test-spin test-spin-long
