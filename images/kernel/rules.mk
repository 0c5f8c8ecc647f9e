# SPDX-License-Identifier: Apache-2.0
# The guest kernel: build/kernel/kernel.elf, static, linked at HV_KERNEL_GPA.
#
# -ffreestanding           no C library under us
# -mgeneral-regs-only      the program's vector state stays live in the registers while the kernel runs
# -fno-stack-protector     its canary is read through FS, which belongs to the program
# -fno-pic -mcmodel=small  linked at a fixed address below 2 MiB
# -fno-tree-loop-distribute-patterns  or memset() would be compiled into a call of itself (clang does not do that)
# -fno-strict-aliasing     program memory is read as whatever the ABI says it is
# -fno-asynchronous-unwind-tables     nobody unwinds
KERNEL_CC     ?= gcc
KERNEL_DIR    := images/kernel
KERNEL_CFLAGS := -std=c17 -O2 -g -ffreestanding -mgeneral-regs-only -fno-stack-protector -fno-pic -fno-pie \
	-mcmodel=small $(if $(findstring clang,$(KERNEL_CC)),,-fno-tree-loop-distribute-patterns) -fno-strict-aliasing \
	-fno-asynchronous-unwind-tables -fcf-protection=none $(SAME_PATHS) -I$(KERNEL_DIR)/include -I$(KERNEL_DIR) \
	-Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wcast-qual -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes -Wundef -Wformat=2 -Wvla
KERNEL_SRCS   := $(sort $(filter-out $(KERNEL_DIR)/vdso/%,$(wildcard $(KERNEL_DIR)/*/*.c $(KERNEL_DIR)/*/*.S)))
KERNEL_OBJS   := $(patsubst $(KERNEL_DIR)/%,build/kernel/%.o,$(KERNEL_SRCS)) build/kernel/runframe.c.o

build/kernel/%.o: $(KERNEL_DIR)/% $(KERNEL_DIR)/rules.mk
	@mkdir -p $(@D)
	$(KERNEL_CC) $(KERNEL_CFLAGS) -MMD -MP -c $< -o $@

# What the kernel shares with the programs that take runs.
build/kernel/runframe.c.o: images/runframe.c $(KERNEL_DIR)/rules.mk
	@mkdir -p $(@D)
	$(KERNEL_CC) $(KERNEL_CFLAGS) -MMD -MP -c $< -o $@

# The vDSO runs in the program: position-independent, its own stack rules, no kernel flags.
build/kernel/vdso.so: $(KERNEL_DIR)/vdso/vdso.c $(KERNEL_DIR)/vdso/vdso.ld $(KERNEL_DIR)/hv/clock.h
	@mkdir -p $(@D)
	$(KERNEL_CC) -std=c17 -O2 -ffreestanding -fPIC -fno-stack-protector -fno-asynchronous-unwind-tables \
		-fcf-protection=none -Wall -Wextra -Werror -I$(KERNEL_DIR) -shared -nostdlib -Wl,-soname=linux-vdso.so.1 \
		-Wl,--hash-style=both -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-z,noseparate-code \
		-Wl,-T,$(KERNEL_DIR)/vdso/vdso.ld $< -o $@

build/kernel/cpu/vdso_image.S.o: build/kernel/vdso.so
build/kernel/cpu/vdso_image.S.o: KERNEL_CFLAGS += -DVDSO_SO='"build/kernel/vdso.so"'

# The linker script has its numbers from vmm/abi.h.
build/kernel/kernel.ld: $(KERNEL_DIR)/kernel.ld $(KERNEL_DIR)/rules.mk
	@mkdir -p $(@D)
	$(KERNEL_CC) -E -P -x assembler-with-cpp -MMD -MP -MT $@ -MF $@.d $< -o $@

build/kernel/kernel.elf: $(KERNEL_OBJS) build/kernel/kernel.ld
	$(KERNEL_CC) -nostdlib -static -no-pie -Wl,-T,build/kernel/kernel.ld -Wl,--build-id=none \
		-Wl,-z,noexecstack -Wl,--no-warn-rwx-segments $(KERNEL_OBJS) -lgcc -o $@

-include $(KERNEL_OBJS:.o=.d) build/kernel/kernel.ld.d
