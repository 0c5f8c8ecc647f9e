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

# Runs one program in a fresh machine, for debugging kernels.
$(BUILD)/vmmrun: tests/vmm/vmmrun.c $(VMM_LIB)
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -o $@ $< $(VMM_LIBS)

all: $(BUILD)/vmmrun

-include $(VMM_OBJECTS:.o=.d) $(BUILD)/vmmrun.d
