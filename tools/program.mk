# Building and running programs: a rule for each folder that holds one.
#
# A program's folder may hold an app.mk that sets
#   EXTRA_SRCS  further C files, by their path
#   PROGRAMS    examples to link in, so that this program can start them by name (see FE_PROGRAM)

# $(call program_settings,NAME,DIR): reads DIR/app.mk and keeps what it set as NAME_EXTRA_SRCS and so on.
define program_settings
EXTRA_SRCS :=
PROGRAMS :=
-include $(2)/app.mk
$(1)_EXTRA_SRCS := $$(EXTRA_SRCS)
$(1)_PROGRAMS := $$(PROGRAMS)
endef

# $(call program,NAME,DIR): links NAME.elf and NAME.bin from the C files of DIR, the kernel and the linker script. The
# image is linked twice: the second time with the symbol table of the first, for backtraces.
#
# NAME.part.o is the program in a form that others can link in: one object without global names, so that neither its
# fe_main nor anything else can clash with theirs. What its FE_PROGRAM put into section fe_programs is the way in.
# The kernel keeps its memory functions to itself, so that a libc's can serve the program; without one the program gets the
# port's own a second time, since compilers call them. (On the host it has Linux's.)
PROGRAM_MEMORY := $(if $(filter host sim,$(ARCH)),,$(OUT)/arch/bare/memory.o)

# A frame larger than a page is touched page by page, so that it meets the guard and does not step over it. clang 14 can't
# do so for bare machines: there a program built with it can overrun the guard with one frame.
PROGRAM_FLAGS_x86_64  := -fstack-clash-protection
PROGRAM_FLAGS_host    := -fstack-clash-protection
PROGRAM_FLAGS_aarch64 := -fstack-clash-protection --param=stack-clash-protection-guard-size=12
PROGRAM_FLAGS         := $(if $(filter gcc,$(CC)),$(PROGRAM_FLAGS_$(ARCH)))

# A program's cleanups (ferrite/defer.h) run when a task fails, and what may fail includes what the machine refuses. clang knows
# the first only.
PROGRAM_FLAGS         += -fexceptions $(if $(filter gcc,$(CC)),-fnon-call-exceptions)

# The unwinder, which only those cleanups refer to. An image into which it was linked gets its tables, too, when it is linked a
# second time. (On Linux the compiler sees to it.)
UNWIND_ARCH := $(if $(filter host sim,$(ARCH)),x86_64,$(ARCH))
UNWIND_SRCS := $(wildcard sched/unwind/*.c arch/$(UNWIND_ARCH)/unwind/*.S)
UNWIND_OBJS := $(patsubst %,$(OUT)/%.o,$(basename $(UNWIND_SRCS)))
UNWINDER    := $(OUT)/unwinder.a
$(UNWIND_OBJS): FLAGS = $(COMMON) $(KERNEL_CFLAGS) $(if $(filter host sim,$(ARCH)),-fno-sanitize=all -DFE_SIM_UNWATCHED)
$(UNWINDER): $(UNWIND_OBJS)
	@rm -f $@; $(CROSS)ar rcs $@ $^
ifeq ($(filter host sim,$(ARCH)),)
# $(call unwinding,ELF): what links the tables into an image whose first link is ELF.
unwinding   = $$($(NM) $(1) | grep -qw fe_unwind_frame && echo --eh-frame-hdr -T linker/unwind.ld)
endif

# $(call containers,NAME): the files that a program is linked to: an ELF, and on bare machines a raw image.
containers = $(OUT)/$(1).elf $(if $(filter host sim,$(ARCH)),,$(OUT)/$(1).bin)

# Try, links and supervisors are written as programs are, and linked into those that use them.
POLICY_OBJS := $(patsubst %.c,$(OUT)/%.o,$(wildcard sched/policy/*.c))
POLICY      := $(OUT)/policy.a
$(POLICY_OBJS): FLAGS = $(COMMON) $(PROGRAM_FLAGS)
$(POLICY): $(POLICY_OBJS)
	@rm -f $@; $(CROSS)ar rcs $@ $^

define program
$(1)_SRCS := $$(sort $$(wildcard $(2)/*.c)) $$($(1)_EXTRA_SRCS)
$(1)_OBJS := $$(patsubst %,$$(OUT)/%.o,$$(basename $$($(1)_SRCS)))
$(1)_LINK := $$($(1)_OBJS) $$(patsubst %,$$(OUT)/%.part.o,$$($(1)_PROGRAMS)) $$(POLICY) $$(PROGRAM_MEMORY)
$$($(1)_OBJS): FLAGS = $$(COMMON) $$(PROGRAM_FLAGS) $$($(1)_CFLAGS)
$$(OUT)/$(1).part.o: $$($(1)_OBJS)
	$$(Q)$$(LD) -r -o $$@.tmp $$^ && $$(OBJCOPY) --keep-global-symbol=none $$@.tmp $$@ && rm $$@.tmp
$$(OUT)/$(1).elf: $$($(1)_LINK) $$(OUT)/kernel.o $$(UNWINDER) $$(LINKER_SCRIPT) linker/unwind.ld tools/symbols
	$$(Q)$$(LINK) -o $$@.1 $$($(1)_LINK) $$(OUT)/kernel.o $$(UNWINDER) $$(LINK_LIBS)
	@tools/symbols $$(NM) $$@.1 > $$@.symbols.S
	@$$(COMPILE) $$(COMMON) -D__ASSEMBLER__ -c $$@.symbols.S -o $$@.symbols.o
	@FE_TABLES="$$(call unwinding,$$@.1)"; $$(LINK) -o $$@ $$($(1)_LINK) $$(OUT)/kernel.o $$@.symbols.o $$(UNWINDER) $$(LINK_LIBS)
	@rm -f $$@.1 $$@.symbols.S $$@.symbols.o
$$(OUT)/$(1).bin: $$(OUT)/$(1).elf
	$$(Q)$$(OBJCOPY) -O binary $$< $$@
endef

PROGRAM_DIRS := $(sort $(patsubst %/,%,$(wildcard examples/*/)))
EXAMPLES     := $(notdir $(PROGRAM_DIRS))
$(foreach d,$(PROGRAM_DIRS),$(eval $(call program_settings,$(notdir $(d)),$(d))))
$(foreach d,$(PROGRAM_DIRS),$(eval $(call program,$(notdir $(d)),$(d))))
ifneq ($(APP_DIR),)
ifeq ($(filter $(APP_DIR:/=),$(PROGRAM_DIRS)),)
$(eval $(call program_settings,$(APP_NAME),$(APP_DIR:/=)))
$(eval $(call program,$(APP_NAME),$(APP_DIR:/=)))
endif
endif

examples: $(foreach e,$(EXAMPLES),$(call containers,$(e)))

# $(call quoted,TEXT): TEXT as one word of the shell, whatever is in it.
quoted  = '$(subst ','"'"',$(1))'
RUN_ENV = $(foreach v,ARCH SMP MEM INITRD CMDLINE TIMEOUT MACHINE GIC EL SEED QEMUFLAGS,$(v)=$(call quoted,$($(v))))

# make run: an unknown APP is refused by name.
run: $(if $(APP_DIR),$(call containers,$(APP_NAME)),no-such-app)
	@$(RUN_ENV) tools/run $(OUT)/$(APP_NAME)

no-such-app:
	@echo "APP=$(APP): no such example or folder; examples: $(EXAMPLES)" >&2; exit 2

.PHONY: run examples no-such-app
