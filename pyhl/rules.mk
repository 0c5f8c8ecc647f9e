# SPDX-License-Identifier: Apache-2.0
# build/pyhl: one static program, because loading shared libraries would cost more than restoring a VM. Position
# independent all the same: static-pie places it at random, and what its relocations wrote is read-only from then on.

PYHL_OUT := $(BUILD)/pyhl.d
PYHL_SRC := $(wildcard pyhl/*.c)
PYHL_OBJ := $(PYHL_SRC:pyhl/%.c=$(PYHL_OUT)/%.o)
PYHL_LIBS := -larchive -lelf -linih -ljansson -lxxhash -lz -lbz2 -llzma -lzstd -lpthread

all: $(BUILD)/pyhl

$(BUILD)/pyhl: $(PYHL_OBJ) $(BUILD)/libvmm.a
	$(CC) $(HOST_CFLAGS) $(HARDENED) -static-pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections -o $@ $^ $(PYHL_LIBS)

$(PYHL_OUT)/%.o: pyhl/%.c pyhl/rules.mk
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) $(HARDENED) -ffunction-sections -c -o $@ $<

-include $(PYHL_OBJ:.o=.d)
