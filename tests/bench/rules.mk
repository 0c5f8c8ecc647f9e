# SPDX-License-Identifier: Apache-2.0
# build/tests/bench: the programs that bench.py calls. A program that links libvmm is made of tests/bench/NAME.c and all
# tests/bench/NAME_*.c.

BENCH_DIR := $(BUILD)/tests/bench
BENCH_VMM_PROGRAMS := $(addprefix $(BENCH_DIR)/,$(notdir $(basename $(wildcard tests/bench/traps.c tests/bench/scale.c tests/bench/branch.c tests/bench/cells.c))))
BENCH_PROGRAMS := $(BENCH_VMM_PROGRAMS) $(BENCH_DIR)/spawn $(BENCH_DIR)/serve $(BENCH_DIR)/trapguest

.PHONY: bench-programs
bench-programs: $(BENCH_PROGRAMS)

.SECONDEXPANSION:
$(BENCH_VMM_PROGRAMS): $(BENCH_DIR)/%: tests/bench/%.c $$(wildcard tests/bench/%_*.c) $(wildcard tests/bench/*.h) $(VMM_LIB)
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(HOST_CFLAGS)) -o $@ $(filter %.c,$^) $(VMM_LIBS)

$(BENCH_DIR)/spawn $(BENCH_DIR)/serve: $(BENCH_DIR)/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(HOST_CFLAGS)) -o $@ $<

# The tiny kernel that measures traps: the runtime of vmm_test's guest with an entry and cases of its own.
$(BENCH_DIR)/trapguest: tests/bench/trapguest/start.S tests/bench/trapguest/cases.c tests/vmm/guest/guest.c \
    images/runframe.c images/runframe.h tests/vmm/guest/guest.h tests/vmm/guest/guest.ld vmm/abi.h
	@mkdir -p $(@D)
	$(CC) $(GUEST_TEST_CFLAGS) -Itests/vmm/guest -static -nostdlib -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 \
	    -Wl,--build-id=none -Wl,-T,tests/vmm/guest/guest.ld -o $@ $(filter %.S %.c,$^)

# bench.py does not call this one: see pages.py.
$(BENCH_DIR)/pages: tests/bench/pages.c $(VMM_LIB)
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(HOST_CFLAGS)) -Wl,--wrap=ioctl -o $@ $< $(VMM_LIBS) -lZydis
