# SPDX-License-Identifier: Apache-2.0
# build/libvmm.a. Programs that link it add $(VMM_LIBS).

VMM_SOURCES := $(wildcard vmm/*.c)
VMM_OBJECTS := $(VMM_SOURCES:vmm/%.c=$(BUILD)/vmm/%.o)
VMM_LIB := $(BUILD)/libvmm.a
VMM_LIBS := $(VMM_LIB) -lelf -lxxhash -lpthread

all: $(VMM_LIB)

$(BUILD)/vmm/%.o: vmm/%.c vmm/rules.mk
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) $(HARDENED) -c -o $@ $<

$(VMM_LIB): $(VMM_OBJECTS)
	@rm -f $@
	$(AR) rcs $@ $^

# The archive that is installed. Tests link the other one, because they call its private functions.
VMM_INSTALLED := $(BUILD)/lib/libvmm.a

all: $(VMM_INSTALLED)

$(VMM_INSTALLED): $(VMM_LIB) vmm/vmm.h vmm/doors.h vmm/elfsearch.c
	$(call one_object,vmm/vmm.h,vmm/doors.h vmm/elfsearch.c)

VMM_EXAMPLES := $(patsubst vmm/examples/%.c,$(BUILD)/examples/%,$(wildcard vmm/examples/*.c))

examples: $(VMM_EXAMPLES)

$(VMM_EXAMPLES): $(BUILD)/examples/%: vmm/examples/%.c $(VMM_INSTALLED)
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -o $@ $< $(VMM_INSTALLED) $(filter -l%,$(VMM_LIBS))

# vmmrun runs one program in a fresh machine, for debugging kernels.
VMMRUN_SOURCES := tests/vmm/vmmrun.c tests/vmm/vmmrun_tools.c
$(BUILD)/vmmrun: $(VMMRUN_SOURCES) tests/vmm/vmmrun.h vmm/abi.h vmm/vmm.h $(VMM_LIB)
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(HOST_CFLAGS)) -o $@ $(VMMRUN_SOURCES) $(VMM_LIBS)

all: $(BUILD)/vmmrun

-include $(VMM_OBJECTS:.o=.d) $(VMM_EXAMPLES:=.d)
