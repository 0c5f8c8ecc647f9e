# SPDX-License-Identifier: Apache-2.0
#
# build/driver/driver.so is preloaded into the image's own python3, and makes that the program in the guest that runs
# Python. build/driver/driver starts it. CPython's headers and the C library come from the image's development tree, not
# from the host: what is built with a newer C library asks for functions that the image's own does not have.

DRIVER_DEV := $(BUILD)/images/python/dev
DRIVER_SRC := $(filter-out %/launch.c,$(wildcard python-agent-driver/*.c))
DRIVER_OBJ := $(DRIVER_SRC:python-agent-driver/%.c=$(BUILD)/driver/%.o) $(BUILD)/driver/runframe.o
DRIVER_LAUNCH := $(BUILD)/driver/launch.o

# -isystem: CPython's internal headers do not compile with our warnings. -fno-plt: every function is bound when the
# driver starts, before the snapshot. -Wfatal-errors: with another version's Python.h, one line tells that.
DRIVER_CFLAGS := $(HOST_CFLAGS) --sysroot=$(DRIVER_DEV) -fPIC -fvisibility=hidden -fno-plt -Wfatal-errors \
    -isystem $(DRIVER_DEV)/usr/include/python$(IMAGE_PYTHON) -isystem $(DRIVER_DEV)/usr/include/x86_64-linux-gnu/python$(IMAGE_PYTHON)

# --sysroot gives the compiler the tree's headers. Debian's gcc would take the host's libraries all the same, so
# everything that is linked is named here: $(call driver_link,FLAGS,START FILES).
DRIVER_LIB := $(DRIVER_DEV)/usr/lib/x86_64-linux-gnu
driver_crt = $(shell $(CC) -print-file-name=$(1))
driver_link = $(CC) $(CFLAGS) -nostdlib $(1) -Wl,-O1,-z,now,--as-needed -o $@ $(addprefix $(DRIVER_LIB)/,$(2) crti.o) \
    $(call driver_crt,crtbeginS.o) $(filter %.o,$^) $(addprefix $(DRIVER_LIB)/,libc.so.6 libc_nonshared.a) \
    $(DRIVER_LIB)/ld-linux-x86-64.so.2 -lgcc $(call driver_crt,crtendS.o) $(DRIVER_LIB)/crtn.o

$(BUILD)/driver/%.o: python-agent-driver/%.c python-agent-driver/rules.mk $(DRIVER_DEV).stamp
	@mkdir -p $(@D)
	$(CC) $(DRIVER_CFLAGS) -c -o $@ $<

# The reader of the run frame, which the kernel uses, too.
$(BUILD)/driver/runframe.o: images/runframe.c python-agent-driver/rules.mk $(DRIVER_DEV).stamp
	@mkdir -p $(@D)
	$(CC) $(DRIVER_CFLAGS) -c -o $@ $<

$(BUILD)/driver/driver.so: $(DRIVER_OBJ)
	$(call driver_link,-shared)

$(BUILD)/driver/driver: $(DRIVER_LAUNCH)
	$(call driver_link,-pie,Scrt1.o)

.PHONY: driver
driver: $(addprefix $(BUILD)/driver/,driver driver.so)

-include $(DRIVER_OBJ:.o=.d) $(DRIVER_LAUNCH:.o=.d)
