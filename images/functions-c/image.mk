# SPDX-License-Identifier: Apache-2.0
#
# The root of functions-c: one program, with functions for a host. host.c is such a host.

FUNCTIONS_SOURCES := $(addprefix images/,functions-c/functions.c functions.c runframe.c)

$(BUILD)/images/functions-c/root.stamp: $(FUNCTIONS_SOURCES) images/functions.h images/values.h images/runframe.h vmm/abi.h
	@rm -rf $(@D)/root
	@mkdir -p $(@D)/root/bin
	@$(CC) -std=c17 -D_GNU_SOURCE $(WARNINGS) -O2 -s -static $(FUNCTIONS_SOURCES) -o $(@D)/root/bin/functions
	@touch $@
