# Benchmarks: `make bench ARCH=` prints a table; `make test-bench ARCH=` prints TAP. TEST="yield malloc*" chooses by name.
ifeq ($(ARCH),host)
bench test-bench:
	@echo "ARCH=host: the benchmarks run in the guest; choose ARCH=x86_64 or ARCH=aarch64" >&2; exit 2
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

.PHONY: bench test-bench bench-image bench-images
