# SPDX-License-Identifier: Apache-2.0
# build/tests/fuzz/TARGET: libFuzzer with clang, ASan and UBSan on. The code under test is compiled once more,
# instrumented.

FUZZ_DIR := $(BUILD)/tests/fuzz
FUZZ_CC := clang
FUZZ_SANITIZE := address,undefined
FUZZ_CFLAGS := -std=c17 -D_GNU_SOURCE $(WARNINGS) -O1 -g -I. -Iimages/kernel -fno-omit-frame-pointer \
    -fno-strict-aliasing -fno-sanitize-recover=undefined -fsanitize=fuzzer-no-link,$(FUZZ_SANITIZE) -MMD -MP

# `make fuzz-long`: as the script's head says.
.PHONY: fuzz-long
fuzz-long:
	@HOURS='$(HOURS)' RUNS='$(RUNS)' FUZZ_CORPUS='$(FUZZ_CORPUS)' tests/fuzz/long.sh $(TARGETS)

FUZZ_TARGETS := kernel_elf cpio sites snapshot calls frame config opts
FUZZ_VMM := $(FUZZ_DIR)/libvmm.a
# What each target is linked with.
FUZZ_kernel_elf := $(FUZZ_VMM)
FUZZ_cpio := $(FUZZ_DIR)/images/kernel/fs/cpio.o
FUZZ_sites := $(FUZZ_DIR)/images/kernel/fs/sitefile.o
FUZZ_snapshot := $(FUZZ_VMM)
FUZZ_calls := $(FUZZ_VMM)
FUZZ_frame := $(FUZZ_DIR)/python-agent-driver/frame.o
FUZZ_config := $(patsubst %,$(FUZZ_DIR)/pyhl/%.o,config files opts value) $(FUZZ_VMM)
FUZZ_opts := $(patsubst %,$(FUZZ_DIR)/pyhl/%.o,opts value) $(FUZZ_VMM)

$(FUZZ_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -c -o $@ $<

# Its allocations are kept by the target: see there.
$(FUZZ_DIR)/python-agent-driver/frame.o: FUZZ_CFLAGS += -Dmalloc=fuzz_malloc -Drealloc=fuzz_realloc

$(FUZZ_VMM): $(patsubst %.c,$(FUZZ_DIR)/%.o,$(wildcard vmm/*.c))
	@rm -f $@
	$(AR) rcs $@ $^

.SECONDEXPANSION:
$(FUZZ_TARGETS:%=$(FUZZ_DIR)/%): $(FUZZ_DIR)/%: $(FUZZ_DIR)/tests/fuzz/%_fuzz.o $$(FUZZ_$$*)
	$(FUZZ_CC) -fsanitize=fuzzer,$(FUZZ_SANITIZE) -o $@ $^ -lelf -lxxhash -linih -lpthread

-include $(wildcard $(FUZZ_DIR)/*/*.d $(FUZZ_DIR)/*/*/*.d $(FUZZ_DIR)/*/*/*/*.d)
