# Benchmarks: `make bench ARCH=` prints a table; `make test-bench ARCH=` prints TAP. TEST="yield malloc*" chooses by name.
ifeq ($(ARCH),host)
bench-host_EXTRA_SRCS := tests/bench/tasks.c tests/bench/pipes.c tests/bench/skynet.c
bench-host_CFLAGS := -DBENCH_HOST
$(eval $(call program,bench-host,tests/bench/host))
everything: $(OUT)/bench-host.elf
bench test-bench:
	@echo "ARCH=host: the benchmarks in instructions run in the guest; on a real CPU: make bench-host" >&2; exit 2
else
$(eval $(call program,bench,tests/bench))
everything: bench-image
bench-image: $(OUT)/bench.elf $(OUT)/bench.bin $(OUT)/hello.elf
bench-images: bench-image
	@$(MAKE) --no-print-directory HEAP=plain bench-image

ifeq ($(BUILD),release)
BENCH_RUN = TEST="$(TEST)" TIMEOUT="$(TIMEOUT)" NM="$(NM)" tests/bench/run $(ARCH)
bench: bench-images
	@$(BENCH_RUN)
test-bench: bench-images
	@$(BENCH_RUN) --tap
else
bench test-bench:
	@echo "BUILD=$(BUILD): figures are those of the release build" >&2; exit 2
endif
endif

# On the host's CPU, beside Go, Boost.Fiber and POSIX threads: build/bench-host.json and .svg. TEST="yield fib*" chooses.
PEERS := build/bench-host
bench-host: | deps-bench-host
	@$(MAKE) --no-print-directory ARCH=host BUILD=release SANITIZE= build/host-release/bench-host.elf
	@$(MAKE) --no-print-directory $(PEERS)/go $(PEERS)/boost $(PEERS)/pthreads
	@cp build/host-release/bench-host.elf $(PEERS)/ferrite
	@tests/bench/compare $(PEERS) $(TEST)

$(PEERS)/go: tests/bench/peers/go.go
	@mkdir -p $(@D)
	$(Q)GO111MODULE=off GOCACHE=$(abspath $(PEERS))/cache go build -o $@ $<
$(PEERS)/boost: tests/bench/peers/boost.cpp
	@mkdir -p $(@D)
	$(Q)g++ -O2 -std=c++17 -o $@ $< -lboost_fiber -lboost_context -lpthread
$(PEERS)/pthreads: tests/bench/peers/pthreads.c
	@mkdir -p $(@D)
	$(Q)gcc -O2 -std=gnu11 -o $@ $< -lpthread

.PHONY: bench test-bench bench-image bench-images bench-host
