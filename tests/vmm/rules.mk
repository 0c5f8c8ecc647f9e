# SPDX-License-Identifier: Apache-2.0
# build/tests/vmm_test and the tiny kernels it runs, one of another ABI version.

VMM_TEST_DIR := $(BUILD)/tests/vmm
VMM_TEST := $(BUILD)/tests/vmm_test
VMM_TEST_WRAP := os_clock_ns poll timer_settime # replaced, to pause, to lie, to fail
# Freestanding; no vector registers, because a test looks at them; no red zone, because inline assembly calls;
# no complaints about objects at fixed addresses.
GUEST_TEST_CFLAGS := -std=c17 $(WARNINGS) -O2 -I. -ffreestanding -fno-pie -mno-red-zone \
    -mgeneral-regs-only -fno-stack-protector -fcf-protection=none -Wno-array-bounds

$(VMM_TEST_DIR)/guest-%.o: tests/vmm/guest/start.S vmm/abi.h
	@mkdir -p $(@D)
	$(CC) -I. -DGUEST_ABI=$* -c -o $@ $<

GUEST_TEST_OBJECTS := $(patsubst tests/vmm/guest/%.c,$(VMM_TEST_DIR)/guest/%.o, \
    $(wildcard tests/vmm/guest/*.c)) $(VMM_TEST_DIR)/guest/runframe.o

$(VMM_TEST_DIR)/guest/%.o: tests/vmm/guest/%.c tests/vmm/guest/guest.h vmm/abi.h
	@mkdir -p $(@D)
	$(CC) $(GUEST_TEST_CFLAGS) -c -o $@ $<

$(VMM_TEST_DIR)/guest/runframe.o: images/runframe.c images/runframe.h vmm/abi.h
	@mkdir -p $(@D)
	$(CC) $(GUEST_TEST_CFLAGS) -c -o $@ $<

$(VMM_TEST_DIR)/kernel-%: $(VMM_TEST_DIR)/guest-%.o $(GUEST_TEST_OBJECTS) tests/vmm/guest/guest.ld
	$(LD) -static -nostdlib -z noexecstack -z max-page-size=4096 --build-id=none \
	    -T tests/vmm/guest/guest.ld -o $@ $(filter %.o,$^)

.PRECIOUS: $(VMM_TEST_DIR)/guest-%.o

VMM_TEST_OBJECTS := $(patsubst tests/vmm/%.c,$(VMM_TEST_DIR)/%.o, \
    $(wildcard tests/vmm/vt_*.c) tests/vmm/vmm_test.c)

$(VMM_TEST_DIR)/v%.o: tests/vmm/v%.c
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -c -o $@ $<

$(VMM_TEST): $(VMM_TEST_OBJECTS) $(VMM_LIB) | $(VMM_TEST_DIR)/kernel-HV_ABI_VERSION $(VMM_TEST_DIR)/kernel-99
	$(CC) $(HOST_CFLAGS) $(VMM_TEST_WRAP:%=-Wl,--wrap=%) -o $@ $(VMM_TEST_OBJECTS) $(VMM_LIBS)

.PHONY: test-vmm
test-vmm: $(VMM_TEST) $(VMM_TEST_DIR)/kernel-HV_ABI_VERSION $(VMM_TEST_DIR)/kernel-99
	timeout -s9 300 $(VMM_TEST) $(VMM_TEST_DIR)

-include $(VMM_TEST_OBJECTS:.o=.d)
