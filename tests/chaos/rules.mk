# SPDX-License-Identifier: Apache-2.0
# build/tests/chaos/chaos, the bare kernel that it runs, and the acts as bytes for a Python process. ioctl and a few
# functions of libvmm go through tests/chaos/faults.c, which can leave out what they do: the test has to notice that.

CHAOS_DIR := $(BUILD)/tests/chaos
CHAOS_OBJECTS := $(patsubst tests/chaos/%.c,$(CHAOS_DIR)/%.o,$(wildcard tests/chaos/*.c))
CHAOS_WRAPS := ioctl hot_copy mem_slots_renew calls_answer clock_resume
CHAOS_GUEST_CFLAGS = $(GUEST_TEST_CFLAGS) -Itests/vmm/guest -ffunction-sections -fno-jump-tables

$(CHAOS_DIR)/%.o: tests/chaos/%.c
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -c -o $@ $<

$(CHAOS_DIR)/guest/%.o: tests/chaos/guest/%.c tests/chaos/acts.h tests/vmm/guest/guest.h vmm/abi.h
	@mkdir -p $(@D)
	$(CC) $(CHAOS_GUEST_CFLAGS) -c -o $@ $<

$(CHAOS_DIR)/kernel: $(addprefix $(CHAOS_DIR)/guest/,acts.o cases.o) $(BUILD)/tests/vmm/guest-HV_ABI_VERSION.o \
    $(addprefix $(BUILD)/tests/vmm/guest/,guest.o runframe.o) tests/vmm/guest/guest.ld
	$(LD) -static -nostdlib -z noexecstack -z max-page-size=4096 --build-id=none \
	    -T tests/vmm/guest/guest.ld -o $@ $(filter %.o,$^)

$(CHAOS_DIR)/acts.elf: tests/chaos/guest/acts.c tests/chaos/acts.h vmm/abi.h tests/chaos/guest/blob.ld
	@mkdir -p $(@D)
	$(CC) $(filter-out -fno-pie,$(CHAOS_GUEST_CFLAGS)) -fpie -fvisibility=hidden -nostdlib -static -Wl,--build-id=none \
	    -Wl,-z,noexecstack -Wl,-T,tests/chaos/guest/blob.ld -o $@ $<

$(CHAOS_DIR)/acts.bin: $(CHAOS_DIR)/acts.elf
	objcopy -O binary -j .blob $< $@

$(CHAOS_DIR)/chaos: $(CHAOS_OBJECTS) $(VMM_LIB) | $(CHAOS_DIR)/kernel $(CHAOS_DIR)/acts.bin
	$(CC) $(HOST_CFLAGS) $(CHAOS_WRAPS:%=-Wl,--wrap=%) -o $@ $(CHAOS_OBJECTS) $(VMM_LIBS)

-include $(CHAOS_OBJECTS:.o=.d)
