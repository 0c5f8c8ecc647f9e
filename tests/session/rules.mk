# SPDX-License-Identifier: Apache-2.0
# build/tests/turns: a VM for machine.py, run by run.

$(BUILD)/tests/turns: tests/session/turns.c tests/session/turns_files.c tests/session/turns_files.h $(PYHL_LIB) $(VMM_LIB)
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(HOST_CFLAGS)) -o $@ $(filter %.c,$^) $(PYHL_LIB) $(VMM_LIBS) -linih
