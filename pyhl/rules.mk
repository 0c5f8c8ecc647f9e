# SPDX-License-Identifier: Apache-2.0
# build/pyhl: one static program, because loading shared libraries would cost more than restoring a VM. It is position
# independent all the same: static-pie places it at random, and makes the memory that relocations wrote read-only.

PYHL_OUT := $(BUILD)/pyhl.d
PYHL_SRC := $(wildcard pyhl/*.c)
PYHL_OBJ := $(PYHL_SRC:pyhl/%.c=$(PYHL_OUT)/%.o)
# The part of the objects that is libpyhl: what lies between a home and the result of a run.
PYHL_LIB := $(BUILD)/libpyhl.a
PYHL_LIB_OBJ := $(patsubst %,$(PYHL_OUT)/%.o,pyhl env home config value folder files cache lock layers layers_list packages_dist)
PYHL_INSTALLED := $(BUILD)/lib/libpyhl.a
PYHL_LIBS := -larchive -ledit -lelf -levent_extra -levent_core -linih -ljansson -ltinfo -lbsd -lmd -lxxhash -lz -lbz2 -llzma -lzstd -lpthread

all: $(BUILD)/pyhl $(PYHL_INSTALLED)

# elfsearch.o by itself: libelf.a, for which it is there, comes after the archive that it is in.
$(BUILD)/pyhl: $(filter-out $(PYHL_LIB_OBJ),$(PYHL_OBJ)) $(BUILD)/vmm/elfsearch.o $(PYHL_LIB) $(BUILD)/libvmm.a
	$(CC) $(HOST_CFLAGS) $(HARDENED) -static-pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections -o $@ $^ $(PYHL_LIBS)

$(PYHL_LIB): $(PYHL_LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(PYHL_INSTALLED): $(PYHL_LIB) pyhl/pyhl.h
	$(call one_object,pyhl/pyhl.h)

PYHL_EXAMPLES := $(patsubst pyhl/examples/%.c,$(BUILD)/examples/%,$(wildcard pyhl/examples/*.c))

examples: $(PYHL_EXAMPLES)

$(PYHL_EXAMPLES): $(BUILD)/examples/%: pyhl/examples/%.c $(PYHL_INSTALLED) $(VMM_INSTALLED)
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -o $@ $< $(PYHL_INSTALLED) $(VMM_INSTALLED) -linih $(filter -l%,$(VMM_LIBS))

$(PYHL_OUT)/%.o: pyhl/%.c pyhl/rules.mk
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) $(HARDENED) -ffunction-sections -c -o $@ $<

$(PYHL_OUT)/metadata_guest.o: pyhl/metadata.py # which it includes as data

-include $(PYHL_OBJ:.o=.d) $(PYHL_EXAMPLES:=.d)
