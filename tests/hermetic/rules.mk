# SPDX-License-Identifier: Apache-2.0
# build/tests/rewind_test. It uses libvmm's internals, to compare memory by itself and to change a snapshot's
# date.

REWIND_TEST_OBJECTS := $(addprefix $(BUILD)/tests/hermetic/,rewind_test.o rewind_mix.o rewind_scripts.o rewind_tools.o rewind_files.o rewind_shadow.o)

$(BUILD)/tests/hermetic/%.o: tests/hermetic/%.c
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -c -o $@ $<

$(BUILD)/tests/rewind_test: $(REWIND_TEST_OBJECTS) $(VMM_LIB)
	$(CC) $(HOST_CFLAGS) -o $@ $(REWIND_TEST_OBJECTS) $(VMM_LIBS)

# A hot set that is looked at after few copies: in a tree a page leaves it after some rewinds, where it takes hundreds.
TREES_TEST_OBJECTS := $(addprefix $(BUILD)/tests/hermetic/,trees_test.o trees_cells.o hot.o)

$(BUILD)/tests/hermetic/hot.o: vmm/hot.c
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -DHOT_MAX=8192u -DHOT_LOOK_PAGES=1024u -c -o $@ $<

$(BUILD)/tests/trees_test: $(TREES_TEST_OBJECTS) $(VMM_LIB)
	$(CC) $(HOST_CFLAGS) -o $@ $(TREES_TEST_OBJECTS) $(VMM_LIBS)

-include $(REWIND_TEST_OBJECTS:.o=.d) $(TREES_TEST_OBJECTS:.o=.d)
