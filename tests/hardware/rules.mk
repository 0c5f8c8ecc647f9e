# SPDX-License-Identifier: Apache-2.0
# The emulated machine with hardware KVM. QEMU and the kernel are no prerequisites of anything else.

HARDWARE_OUT := $(BUILD)/hardware

$(HARDWARE_OUT)/initramfs: $(addprefix tests/hardware/,initramfs.sh init modules.txt)
	@tests/prereqs.sh hardware
	@tests/hardware/initramfs.sh

.PHONY: hardware test-hardware test-hardware-full
# Everything that runs in it, ready made: in the machine, which is slow, nothing has to be built.
hardware: all image $(HARDWARE_OUT)/initramfs $(BUILD)/tests/vmm_test $(BUILD)/tests/rewind_test \
    $(BUILD)/tests/chaos/chaos

test-hardware: hardware
	@tests/hardware/run.sh quick

test-hardware-full: hardware
	@$(SUBMAKE) -j2 -f tests/guest/rules.mk guest-programs
	@tests/hardware/run.sh full
