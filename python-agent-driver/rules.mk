# SPDX-License-Identifier: Apache-2.0
#
# build/driver/driver: the program in the guest that embeds the image's CPython, linked like Debian's
# python3.11: static libpython, not position-independent, its symbols exported to extension modules.
# Headers and libraries come from the image's development tree, not from the host.

DRIVER_DEV := $(BUILD)/images/python/dev
DRIVER_LIB := $(DRIVER_DEV)/usr/lib/x86_64-linux-gnu
DRIVER_SRC := $(wildcard python-agent-driver/*.c)
DRIVER_OBJ := $(DRIVER_SRC:python-agent-driver/%.c=$(BUILD)/driver/%.o)

# -isystem: CPython's internal headers do not compile with our warnings. -fno-pie, -no-pie: absolute
# addresses are a little faster, and Debian's python3.11 has them too.
DRIVER_CFLAGS := $(HOST_CFLAGS) -fno-pie \
    -isystem $(DRIVER_DEV)/usr/include/python3.11 -isystem $(DRIVER_DEV)/usr/include/x86_64-linux-gnu/python3.11 \
    -isystem $(DRIVER_DEV)/usr/include
# noseparate-code, max-page-size: code and constants in one piece from a 2 MiB boundary, which the guest
# kernel maps with large pages (vmm/README.md, "A cold run"). --wrap: see final.c and run.c.
DRIVER_LDFLAGS := -no-pie -rdynamic -Wl,-O1,-z,now,--as-needed \
    -Wl,-z,noseparate-code,-z,max-page-size=0x200000 \
    -Wl,--wrap=Py_FinalizeEx,--wrap=Py_Exit,--wrap=PyImport_GetImporter
DRIVER_LIBS := -L$(DRIVER_LIB) -L$(DRIVER_DEV)/lib/x86_64-linux-gnu \
    -Wl,--whole-archive -l:libpython3.11.a -Wl,--no-whole-archive -lz -lexpat -lm

$(BUILD)/driver/%.o: python-agent-driver/%.c | $(DRIVER_DEV)/usr/include/python3.11/Python.h
	@mkdir -p $(@D)
	$(CC) $(DRIVER_CFLAGS) -c -o $@ $<

$(BUILD)/driver/driver: $(DRIVER_OBJ)
	$(CC) $(CFLAGS) $(DRIVER_LDFLAGS) -o $@ $^ $(DRIVER_LIBS)

.PHONY: driver
driver: $(BUILD)/driver/driver

-include $(DRIVER_OBJ:.o=.d)
