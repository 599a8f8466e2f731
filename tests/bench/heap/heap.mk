# The exchange heap as libferrite-heap.so, and what it is measured and proven with on the host. See README.md here.
HEAP_HOST      := build/host-heap
HEAP_LIBRARY   := $(HEAP_HOST)/libferrite-heap.so
HEAP_PARTS     := $(addprefix tests/bench/heap/,memory.c preload.c threads.c)
HEAP_SRCS      := $(filter-out heap/exchange.c heap/page_init.c,$(wildcard heap/*.c)) $(HEAP_PARTS)
# 512 threads with a heap of their own at a time; others take turns with one.
HEAP_CFLAGS    := -std=gnu11 -O2 -g -fPIC -fno-strict-aliasing -fvisibility=hidden -fno-plt -fno-tree-loop-distribute-patterns -pthread -I include -I . \
                  -I tests/bench/heap/port -I tests/bench/heap -DFE_ARCH_NAME='"threads"' -DFE_CORES_MAX=512 -Wall -Wextra \
                  -Wshadow -Werror

$(HEAP_LIBRARY): $(HEAP_SRCS) heap/exchange.c $(wildcard heap/*.h tests/bench/heap/*.h tests/bench/heap/port/*.h) \
                 tests/bench/heap/heap.mk
	@mkdir -p $(@D)
	@echo "  LINK $@"
	@gcc $(HEAP_CFLAGS) -shared -Wl,-z,now -o $@ $(HEAP_SRCS)

$(HEAP_HOST)/loads $(HEAP_HOST)/threads_test: $(HEAP_HOST)/%: tests/bench/heap/%.c tests/bench/heap/heap.mk
	@mkdir -p $(@D)
	@echo "  LINK $@"
	@gcc -std=gnu11 -O2 -g -pthread -fno-builtin-malloc -fno-builtin-free -Wall -Wextra -Werror -o $@ $<

heap-host: $(HEAP_LIBRARY) $(HEAP_HOST)/loads $(HEAP_HOST)/threads_test

# make bench-heap LOAD="ring64 larson" ROUNDS=3; WRITE=1 puts the figures into docs/.
bench-heap: heap-host
	@tools/deps bench-heap
	@tests/bench/heap/run $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(LOAD),--load $(LOAD)) $(if $(WRITE),--write)
test-heap-host: heap-host
	@tests/bench/heap/check

.PHONY: heap-host bench-heap test-heap-host
