# SPDX-License-Identifier: Apache-2.0
#
# build/driver/driver.so is preloaded into the image's own python3, and makes that the program in the guest that runs
# Python. build/driver/driver starts it. CPython's headers come from the image's development tree, not from the host.

DRIVER_DEV := $(BUILD)/images/python/dev
DRIVER_SRC := $(filter-out %/launch.c,$(wildcard python-agent-driver/*.c))
DRIVER_OBJ := $(DRIVER_SRC:python-agent-driver/%.c=$(BUILD)/driver/%.o) $(BUILD)/driver/runframe.o

# -isystem: CPython's internal headers do not compile with our warnings. -fno-plt: every function is bound when the
# driver starts, before the snapshot.
DRIVER_CFLAGS := $(HOST_CFLAGS) -fPIC -fvisibility=hidden -fno-plt \
    -isystem $(DRIVER_DEV)/usr/include/python3.11 -isystem $(DRIVER_DEV)/usr/include/x86_64-linux-gnu/python3.11 \
    -isystem $(DRIVER_DEV)/usr/include

$(BUILD)/driver/%.o: python-agent-driver/%.c | $(DRIVER_DEV)/usr/include/python3.11/Python.h
	@mkdir -p $(@D)
	$(CC) $(DRIVER_CFLAGS) -c -o $@ $<

# The reader of the run frame, which the kernel uses, too.
$(BUILD)/driver/runframe.o: images/runframe.c
	@mkdir -p $(@D)
	$(CC) $(DRIVER_CFLAGS) -c -o $@ $<

$(BUILD)/driver/driver.so: $(DRIVER_OBJ)
	$(CC) $(CFLAGS) -shared -Wl,-O1,-z,now,--as-needed -o $@ $^

$(BUILD)/driver/driver: python-agent-driver/launch.c
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -o $@ $<

.PHONY: driver
driver: $(addprefix $(BUILD)/driver/,driver driver.so)

-include $(DRIVER_OBJ:.o=.d) $(BUILD)/driver/driver.d
