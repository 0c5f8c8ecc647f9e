# SPDX-License-Identifier: Apache-2.0
# The programs of tests/guest, each linked dynamically and statically from the same source, plus
# those of tests/guest/only (guest only, expected output in a file beside the source).
# Works on its own from the top of the tree: make -f tests/guest/rules.mk guest-programs

GT_DIR := tests/guest
GT_OUT := build/tests/guest
GT_DYNAMIC_ONLY := dlopen

GT_NAMES := $(patsubst $(GT_DIR)/%.c,%,$(filter-out %/plugin.c,$(wildcard $(GT_DIR)/*.c)))
GT_ONLY := $(patsubst $(GT_DIR)/only/%.c,%,$(wildcard $(GT_DIR)/only/*.c))
GT_STATIC := $(filter-out $(GT_DYNAMIC_ONLY),$(GT_NAMES))

GT_CFLAGS := -std=c17 -D_GNU_SOURCE -O2 -g -pthread -Wall -Wextra -Werror -Wshadow \
    -Wpointer-arith -Wcast-qual -Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes \
    -Wundef -Wformat=2 -Wvla -I$(GT_DIR)
# A program finds its plugin in its own directory, for which the loader must resolve $ORIGIN.
GT_LDLIBS := -lm -ldl
GT_RPATH := -Wl,-rpath,'$$ORIGIN'

.PHONY: guest-programs
guest-programs: $(GT_NAMES:%=$(GT_OUT)/dynamic/%) $(GT_STATIC:%=$(GT_OUT)/static/%) \
    $(GT_ONLY:%=$(GT_OUT)/only/%) $(GT_OUT)/dynamic/plugin.so

$(GT_OUT)/dynamic/%: $(GT_DIR)/%.c $(GT_DIR)/t.h $(GT_DIR)/fault.h $(GT_DIR)/rules.mk
	@mkdir -p $(@D)
	$(CC) $(GT_CFLAGS) $(GT_RPATH) -o $@ $< $(GT_LDLIBS)

$(GT_OUT)/static/%: $(GT_DIR)/%.c $(GT_DIR)/t.h $(GT_DIR)/fault.h $(GT_DIR)/rules.mk
	@mkdir -p $(@D)
	$(CC) $(GT_CFLAGS) -static -o $@ $< $(GT_LDLIBS)

# They have a second process.
GT_PEER := locks shared leases
$(foreach kind,dynamic static,$(GT_PEER:%=$(GT_OUT)/$(kind)/%)): $(GT_DIR)/peer.h
# They tell what calls give.
GT_TELL := cloneprops sigprops fdprops ioprops sockprops leases execprops
$(foreach kind,dynamic static,$(GT_TELL:%=$(GT_OUT)/$(kind)/%)): $(GT_DIR)/tell.h

# It takes runs.
$(GT_OUT)/only/turns: images/runframe.c images/runframe.h vmm/abi.h
$(GT_OUT)/only/turns: GT_MORE := -I. images/runframe.c
$(GT_OUT)/only/records $(GT_OUT)/only/tools: vmm/abi.h
$(GT_OUT)/only/records $(GT_OUT)/only/tools: GT_MORE := -I.

$(GT_OUT)/only/%: $(GT_DIR)/only/%.c $(GT_DIR)/only.h $(GT_DIR)/t.h $(GT_DIR)/fault.h $(GT_DIR)/rules.mk
	@mkdir -p $(@D)
	$(CC) $(GT_CFLAGS) -o $@ $< $(GT_MORE) $(GT_LDLIBS)

$(GT_OUT)/dynamic/plugin.so: $(GT_DIR)/plugin.c $(GT_DIR)/rules.mk
	@mkdir -p $(@D)
	$(CC) $(GT_CFLAGS) -fPIC -shared -o $@ $<
