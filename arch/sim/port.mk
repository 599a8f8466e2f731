# The simulation: a Linux process in which every core runs on one thread, under a virtual clock (README.md). What is to be
# watched is compiled with gcc's -fsanitize=thread, whose calls at each access go to hooks.c; its library is not linked.
CROSS         :=
TARGET        := $(shell uname -m)-linux-gnu
SIM_WATCHED   := -fsanitize=thread -U__SANITIZE_THREAD__ -Wno-tsan -include arch/sim/watched.h
# A small ring, so that what lies beyond it is used, too.
PORT_CFLAGS   := -U_FORTIFY_SOURCE -fcf-protection=none -DFE_RING_CAPACITY=3u $(SIM_WATCHED)
KERNEL_CFLAGS :=
PORT_DIRS     :=
PORT_SRCS     := arch/host/unpreempted.c arch/host/unwind.c arch/x86_64/switch.S arch/x86_64/call.S arch/x86_64/frame.c arch/x86_64/decode.c arch/bare/memory.c
DRIVERS       := drivers/sim
# Allocations that the chooser may let fail are called through it.
SIM_MAY_FAIL  := fe_page_alloc fe_page_alloc_run fe_page_alloc_run_aligned fe_heap_try_alloc fe_heap_try_alloc_aligned \
                 fe_heap_try_alloc_zeroed
KERNEL_LDFLAGS = $(SIM_MAY_FAIL:%=--wrap=%)
LINKER_SCRIPT := linker/host.ld
LINK           = $(COMPILE) $(if $(COVERAGE),--coverage -Wl$(comma)-u$(comma)__gcov_dump) -no-pie -Wl,--build-id=none -Wl,-z,noexecstack -T linker/host.ld -Wl,--gc-sections \
                 -Wl,--wrap=fe_main $(SIM_MAY_FAIL:%=-Wl,--wrap=%)
LINK_LIBS     :=
