# What the build needs from the machine: each rule installs what is missing of its set, or names it (tools/deps).
DEPS_RUN := $(if $(filter host,$(ARCH)),build-host,run-$(ARCH))

deps:
	@tools/deps build-$(ARCH) $(if $(filter clang,$(CC)),clang) $(if $(filter y,$(LIBFDT)),fetch)
deps-run: deps
	@tools/deps $(DEPS_RUN)
deps-test:
	@tools/deps build-x86_64 build-aarch64 build-host clang run-x86_64 run-aarch64 test model fuzz lint test-heap-host fetch
deps-model:
	@tools/deps model
deps-fuzz:
	@tools/deps fuzz
deps-lint:
	@tools/deps lint
deps-debug: deps-run
	@tools/deps debug
deps-bench-host:
	@tools/deps build-host bench-host
deps-bench: deps-run
	@tools/deps bench

run: | deps-run

.PHONY: deps deps-run deps-test deps-model deps-fuzz deps-lint deps-debug deps-bench deps-bench-host
