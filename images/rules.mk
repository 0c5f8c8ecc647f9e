# SPDX-License-Identifier: Apache-2.0
#
# Images: a kernel, a CPIO of the guest's root and an image.ini each, under $(BUILD)/images/<name>.
#
#   make image             the Python image, with the driver in it
#   make image-root        only its root directory (needs neither kernel nor driver)
#   make image-dev         CPython's headers, to build the driver with
#   make image-helloworld  the smallest image
#
# Each step leaves a file that the next one depends on (*.list, *.stamp), so that a change redoes
# what follows from it and nothing else: a new driver costs an install and a CPIO.
#
# Variables: IMAGE_EXTRA, further Debian packages for the root (libpython3.11-testsuite for
# CPython's own tests); IMAGE_WHEELS, a directory of pure-Python wheels to unpack into it as well;
# IMAGE_MIRROR and IMAGE_SECURITY_MIRROR, where packages come from (else as the host's apt).

MKCPIO := $(BUILD)/images/mkcpio
SITES := $(BUILD)/images/sites
PY_RECIPE := images/python
PY_OUT := $(BUILD)/images/python
PY_DEV := $(PY_OUT)/dev.stamp
PY_DRIVER := $(addprefix $(BUILD)/driver/,driver driver.so) $(addprefix python-agent-driver/,preload.txt rehearsal.py)
HELLO_OUT := $(BUILD)/images/helloworld-c
HELLO_ROOT := $(HELLO_OUT)/root
HELLO_KINDS := static static-pie pie dynamic

IMAGE_EXTRA ?=
IMAGE_WHEELS ?=
export IMAGE_MIRROR IMAGE_SECURITY_MIRROR

.PHONY: image-root image-dev image-helloworld
all: $(MKCPIO) $(SITES)
image: $(PY_OUT)/initrd.cpio $(PY_OUT)/kernel $(PY_OUT)/image.ini image-helloworld
image-root: $(PY_OUT)/root.stamp
image-dev: $(PY_DEV)
image-helloworld: $(HELLO_OUT)/initrd.cpio $(HELLO_OUT)/kernel $(HELLO_OUT)/image.ini

$(MKCPIO): images/mkcpio.c
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) $< -o $@ -larchive

-include $(MKCPIO).d

$(SITES): images/sites.c images/elfcode.c images/elfcode.h images/kernel/include/sites.h
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(HOST_CFLAGS)) images/sites.c images/elfcode.c -o $@ -lZydis

# What decides about the root but lives in no file: kept in one, rewritten when it changes.
PY_SETTINGS := IMAGE_EXTRA=$(IMAGE_EXTRA) IMAGE_WHEELS=$(IMAGE_WHEELS)
ifneq ($(PY_SETTINGS),$(shell cat $(PY_OUT)/settings 2>/dev/null))
$(shell mkdir -p $(PY_OUT) && echo '$(PY_SETTINGS)' >$(PY_OUT)/settings)
endif

# A step, under a lock: the tree may be built by two makes at once.
PY_STEP = @BUILD=$(BUILD) $(PY_RECIPE)/once.sh $@ "$^"

# A list that did not change keeps its time.
$(PY_OUT)/fetch.stamp: $(PY_RECIPE)/fetch.sh $(PY_RECIPE)/lib.sh $(PY_RECIPE)/packages.txt \
    $(PY_RECIPE)/present.txt $(PY_RECIPE)/dev.txt $(PY_OUT)/settings
	$(PY_STEP) $(PY_RECIPE)/fetch.sh $(IMAGE_EXTRA)

$(PY_OUT)/root.list $(PY_OUT)/dev.list: $(PY_OUT)/fetch.stamp ;

$(PY_DEV): $(PY_OUT)/dev.list $(PY_RECIPE)/unpack.sh
	$(PY_STEP) $(PY_RECIPE)/unpack.sh dev

# What the driver's rules depend on.
$(PY_OUT)/dev/usr/include/python3.11/Python.h: $(PY_DEV) ;

$(PY_OUT)/root.stamp: $(PY_OUT)/root.list $(PY_OUT)/settings $(PY_RECIPE)/root.sh \
    $(PY_RECIPE)/unpack.sh $(PY_RECIPE)/configure.sh $(PY_RECIPE)/prune.txt \
    $(PY_RECIPE)/check.sh $(PY_RECIPE)/check.py \
    $(if $(IMAGE_WHEELS),$(wildcard $(IMAGE_WHEELS)/*.whl))
	$(PY_STEP) $(PY_RECIPE)/root.sh $(IMAGE_WHEELS)

$(PY_OUT)/driver.stamp: $(PY_OUT)/root.stamp $(PY_RECIPE)/driver.sh $(PY_DRIVER)
	$(PY_STEP) $(PY_RECIPE)/driver.sh $(PY_DRIVER)

# The index of system call sites goes into the root just before the archive is written.
$(PY_OUT)/initrd.cpio: $(PY_OUT)/driver.stamp $(MKCPIO) $(SITES)
	@echo "image: writing $@"
	$(PY_STEP) sh -c '$(SITES) $(PY_OUT)/root && $(MKCPIO) -t "$$(cat $(PY_OUT)/epoch)" $(PY_OUT)/root $@'

$(PY_OUT)/image.ini: $(PY_OUT)/root.stamp $(PY_RECIPE)/describe.sh
	@BUILD=$(BUILD) $(PY_RECIPE)/describe.sh >$@

$(PY_OUT)/kernel $(HELLO_OUT)/kernel: $(BUILD)/kernel/kernel.elf
	@install -D -m 644 $< $@

# The host's compiler and C library, each way a program can be linked.
HELLO_static := -static
HELLO_static-pie := -static-pie -fPIE
HELLO_pie := -pie -fPIE
HELLO_dynamic := -no-pie -fno-pie

$(HELLO_OUT)/root.stamp: images/helloworld-c/hello.c images/helloworld-c/root.sh
	@rm -rf $(HELLO_OUT)/root
	@mkdir -p $(HELLO_ROOT)/bin
	@$(foreach kind,$(HELLO_KINDS),$(CC) -std=c17 -D_GNU_SOURCE $(WARNINGS) -O2 -s \
	    $(HELLO_$(kind)) $< -o $(HELLO_ROOT)/bin/hello-$(kind) &&) true
	@images/helloworld-c/root.sh $(HELLO_OUT)/root
	@touch $@

$(HELLO_OUT)/initrd.cpio: $(HELLO_OUT)/root.stamp $(MKCPIO) $(SITES)
	@$(SITES) $(HELLO_OUT)/root
	@$(MKCPIO) -t 0 $(HELLO_OUT)/root $@

$(HELLO_OUT)/image.ini: images/helloworld-c/image.ini
	@install -D -m 644 $< $@
