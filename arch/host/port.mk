# A Linux process. The switch and the decoding of faults are the x86_64 port's; the C library and libuv are Linux's.
CROSS         :=
TARGET        := $(shell uname -m)-linux-gnu
PORT_CFLAGS   := -U_FORTIFY_SOURCE -fvisibility=hidden -fcf-protection=none -ftls-model=initial-exec
KERNEL_CFLAGS :=
PORT_DIRS     :=
PORT_SRCS     := arch/x86_64/switch.S arch/x86_64/frame.c arch/x86_64/decode.c arch/bare/memory.c
DRIVERS       := drivers/host
# Linked by the compiler, since it knows where the C library is. linker/host.ld is added to ld's own script.
LINK          = $(COMPILE) -no-pie -Wl,--build-id=none -Wl,-z,noexecstack -T linker/host.ld -Wl,--gc-sections
LINK_LIBS     := -luv -lpthread
