# SPDX-License-Identifier: Apache-2.0
# build/tests/fuzz/TARGET: libFuzzer with clang, ASan and UBSan on. The code under test is compiled for them
# again, instrumented.

FUZZ_DIR := $(BUILD)/tests/fuzz
FUZZ_CC := clang
FUZZ_SANITIZE := address,undefined
FUZZ_CFLAGS := -std=c17 -D_GNU_SOURCE $(WARNINGS) -O1 -g -I. -Iimages/kernel -fno-omit-frame-pointer \
    -fno-strict-aliasing -fno-sanitize-recover=undefined -fsanitize=fuzzer-no-link,$(FUZZ_SANITIZE) -MMD -MP

# `make fuzz-long`: as the script's head says.
.PHONY: fuzz-long
fuzz-long:
	@HOURS='$(HOURS)' RUNS='$(RUNS)' FUZZ_CORPUS='$(FUZZ_CORPUS)' tests/fuzz/long.sh $(TARGETS)

FUZZ_TARGETS := sites opts cpio frame kernel_elf config header workset calls toolcalls files slots hot tables snapshot restore checkpoint console archive json packages request service
FUZZ_VMM := $(FUZZ_DIR)/libvmm.a
# What each target is linked with.
FUZZ_kernel_elf := $(FUZZ_VMM)
FUZZ_cpio := $(FUZZ_DIR)/images/kernel/fs/cpio.o
FUZZ_sites := $(FUZZ_DIR)/images/kernel/fs/sitefile.o
FUZZ_snapshot := $(FUZZ_VMM)
FUZZ_header := $(FUZZ_VMM)
FUZZ_calls := $(FUZZ_VMM)
FUZZ_toolcalls := $(FUZZ_VMM)
FUZZ_files := $(FUZZ_VMM)
FUZZ_frame := $(FUZZ_DIR)/python-agent-driver/frame.o $(FUZZ_DIR)/images/runframe.o
FUZZ_config := $(patsubst %,$(FUZZ_DIR)/pyhl/%.o,config value) $(FUZZ_VMM)
# The stand-in for KVM: see fake_kvm.h.
FUZZ_FAKE_KVM := $(FUZZ_DIR)/tests/fuzz/fake_kvm.o $(FUZZ_VMM)
# The kernel whose snapshot or checkpoint the targets restore and checkpoint mutate.
FUZZ_KERNEL := $(BUILD)/tests/vmm/kernel-HV_ABI_VERSION
$(FUZZ_DIR)/restore $(FUZZ_DIR)/checkpoint: | $(FUZZ_KERNEL)
$(patsubst %,$(FUZZ_DIR)/tests/fuzz/%_fuzz.o,restore checkpoint): FUZZ_CFLAGS += -DFUZZ_KERNEL='"$(FUZZ_KERNEL)"'
# The target hot has a hot.c with small bounds, which a set of a few pages reaches.
FUZZ_hot := $(FUZZ_DIR)/small/vmm/hot.o $(FUZZ_FAKE_KVM)
FUZZ_LINK_hot := -Wl,--wrap=ioctl
FUZZ_tables := $(FUZZ_FAKE_KVM)
FUZZ_LINK_tables := -Wl,--wrap=ioctl
FUZZ_workset := $(FUZZ_VMM)
FUZZ_LINK_workset := -Wl,--wrap=madvise,--wrap=syscall
FUZZ_restore := $(FUZZ_VMM)
FUZZ_checkpoint := $(FUZZ_VMM)
FUZZ_console := $(FUZZ_VMM)
FUZZ_archive := $(patsubst %,$(FUZZ_DIR)/pyhl/%.o,image folder config files value) $(FUZZ_VMM)
FUZZ_LINK_archive := -larchive
FUZZ_slots := $(FUZZ_FAKE_KVM)
FUZZ_LINK_slots := -Wl,--wrap=ioctl
FUZZ_json := $(patsubst %,$(FUZZ_DIR)/pyhl/%.o,jsontext base64)
FUZZ_LINK_json := -ljansson
FUZZ_request := $(patsubst %,$(FUZZ_DIR)/pyhl/%.o,request flow passing)
FUZZ_LINK_request := -ljansson -lm
# The target service has the server, and is its processes itself.
FUZZ_service := $(patsubst %,$(FUZZ_DIR)/pyhl/%.o,service sessions jobs answers dispatch events agent commands \
    commands_run commands_told job_install op_command op_file op_fork op_install op_pause op_run op_session states \
    owners metrics audit pool flow passing request packages_words outcome report base64 jsontext served result message \
    deadline value files signals child) $(FUZZ_VMM)
FUZZ_LINK_service := -Wl,--wrap=fork,--wrap=kill,--wrap=sigqueue,--wrap=waitpid,--wrap=socketpair,--wrap=prlimit \
    -ljansson -levent_core -lm
FUZZ_packages := $(patsubst %,$(FUZZ_DIR)/pyhl/%.o,packages_dist packages_said packages_request files) $(FUZZ_VMM)
FUZZ_opts := $(patsubst %,$(FUZZ_DIR)/pyhl/%.o,opts value) $(FUZZ_VMM)

$(FUZZ_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -c -o $@ $<

# The target frame keeps the allocations of this file: see frame_fuzz.c.
$(FUZZ_DIR)/python-agent-driver/frame.o: FUZZ_CFLAGS += -Dmalloc=fuzz_malloc -Drealloc=fuzz_realloc

$(FUZZ_DIR)/small/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -c -o $@ $<
$(FUZZ_DIR)/small/vmm/hot.o $(FUZZ_DIR)/tests/fuzz/hot_fuzz.o: FUZZ_CFLAGS += -DHOT_MAX=64u -DHOT_LOOK_PAGES=150u

# These files compare page by page: telling libFuzzer of each comparison would take most of the
# time.
$(patsubst %,$(FUZZ_DIR)/%.o,vmm/snapshot vmm/pagemap tests/fuzz/fake_kvm \
    tests/fuzz/hot_fuzz tests/fuzz/tables_fuzz tests/fuzz/workset_fuzz): \
    FUZZ_CFLAGS += -fno-sanitize-coverage=trace-cmp

$(FUZZ_VMM): $(patsubst %.c,$(FUZZ_DIR)/%.o,$(wildcard vmm/*.c))
	@rm -f $@
	$(AR) rcs $@ $^

.SECONDEXPANSION:
$(FUZZ_TARGETS:%=$(FUZZ_DIR)/%): $(FUZZ_DIR)/%: $(FUZZ_DIR)/tests/fuzz/%_fuzz.o $$(FUZZ_$$*)
	$(FUZZ_CC) -fsanitize=fuzzer,$(FUZZ_SANITIZE) -o $@ $^ $(FUZZ_LINK_$*) -lelf -lxxhash -linih -lpthread

-include $(wildcard $(FUZZ_DIR)/*/*.d $(FUZZ_DIR)/*/*/*.d $(FUZZ_DIR)/*/*/*/*.d)
