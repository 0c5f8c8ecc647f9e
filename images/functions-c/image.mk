# SPDX-License-Identifier: Apache-2.0
#
# The root of functions-c: one program, with functions for a host. host.c is such a host, one of the examples.

FUNCTIONS_SOURCES := $(addprefix images/,functions-c/functions.c functions.c runframe.c)

$(BUILD)/images/functions-c/root.stamp: $(FUNCTIONS_SOURCES) images/functions.h images/values.h images/runframe.h vmm/abi.h
	@rm -rf $(@D)/root
	@mkdir -p $(@D)/root/bin
	@$(CC) -std=c17 -D_GNU_SOURCE $(WARNINGS) -O2 -s -static $(FUNCTIONS_SOURCES) -o $(@D)/root/bin/functions
	@touch $@

examples: $(BUILD)/examples/functions-host

$(BUILD)/examples/functions-host: images/functions-c/host.c images/values.h $(VMM_INSTALLED)
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -o $@ $< $(VMM_INSTALLED) $(filter -l%,$(VMM_LIBS))

-include $(BUILD)/examples/functions-host.d
