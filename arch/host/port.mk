# A Linux process. The switch and the decoding of faults are the x86_64 port's; the C library and libuv are Linux's.
CROSS         :=
TARGET        := $(shell uname -m)-linux-gnu
# SANITIZE=address (with undefined behaviour) or thread. The sanitizers' own options are in arch/host/sanitizer.c.
SANITIZE      ?=
SANITIZE_NAME := $(if $(SANITIZE),-$(SANITIZE))
# (Null pointers fault, which tests want to see.)
SANITIZE_FLAGS_address := -fsanitize=address,undefined -fno-sanitize=null -fno-sanitize-recover=undefined
# It does not know fences: what rests on them is checked by the models (docs/hosted.md).
SANITIZE_FLAGS_thread  := -fsanitize=thread $(if $(filter gcc,$(CC)),-Wno-tsan)
SANITIZE_FLAGS := $(SANITIZE_FLAGS_$(SANITIZE))
ifneq ($(filter-out address thread,$(SANITIZE)),)
$(error SANITIZE=$(SANITIZE): choose address or thread)
endif
ifneq ($(SANITIZE),)
SWITCH_NAMES  := -Dfe_arch_switch=fe_x86_switch -Dfe_arch_resume=fe_x86_resume -Dfe_arch_call_on=fe_x86_call_on
SANITIZER_FILE := -fexceptions -fno-sanitize=all $(if $(filter address,$(SANITIZE)),-DFE_SANITIZE_ADDRESS -D__SANITIZE_ADDRESS__,-DFE_SANITIZE_THREAD -D__SANITIZE_THREAD__)
endif

PORT_CFLAGS   := -U_FORTIFY_SOURCE -fvisibility=hidden -fcf-protection=none -ftls-model=initial-exec -mno-red-zone $(SANITIZE_FLAGS) $(if $(SANITIZE),-DFE_SANITIZED)
KERNEL_CFLAGS :=
PORT_DIRS     :=
PORT_SRCS     := arch/x86_64/switch.S arch/x86_64/call.S arch/x86_64/frame.c arch/x86_64/decode.c arch/bare/memory.c
DRIVERS       := drivers/host
# Linked by the compiler, since it knows where the C library is. linker/host.ld is added to ld's own script.
LINK          = $(COMPILE) $(SANITIZE_FLAGS) $(if $(COVERAGE),--coverage -Wl$(comma)-u$(comma)__gcov_dump) -no-pie -Wl,--build-id=none -Wl,-z,noexecstack -T linker/host.ld -Wl,--gc-sections
LINK_LIBS     := -luv -lpthread
