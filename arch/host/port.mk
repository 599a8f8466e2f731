# The hosted port: a Linux process. So far for unit tests only (tests/unit/unit.mk).
CROSS         :=
TARGET        := $(shell uname -m)-linux-gnu
PORT_CFLAGS   := -U_FORTIFY_SOURCE
KERNEL_CFLAGS :=
PORT_LDFLAGS  :=
PORT_DIRS     :=
DRIVERS       :=
