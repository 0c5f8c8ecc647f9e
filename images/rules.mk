# SPDX-License-Identifier: Apache-2.0
#
# Images: a kernel, a CPIO of the guest's root and an image.ini each, under $(BUILD)/images/NAME.
#
#   make image-NAME        the image of the folder images/NAME
#   make image-NAME-root   only its root directory (needs neither kernel nor archive)
#   make image             the Python image and helloworld-c
#   make image-lock        renews the lock files of the images of Debian packages: images/NAME/SUITE.lock
#
# A folder with an image.mk is an image. image.mk has the rule for $(BUILD)/images/NAME/root.stamp, which makes the
# directory root beside it. This file has what is the same for all images: the archive, the kernel, and image.ini,
# which is the folder's own unless image.mk has a rule for it. If the archive depends on anything else, image.mk adds
# that as a prerequisite.
#
# Each step leaves a file that the next one depends on, so that a change redoes what follows from it and nothing else.

MKCPIO := $(BUILD)/images/mkcpio
SITES := $(BUILD)/images/sites
IMAGES := $(patsubst images/%/image.mk,%,$(wildcard images/*/image.mk))

# A step, under a lock: the tree may be built by two makes at once.
IMAGE_STEP = @BUILD=$(BUILD) IMAGE=$(notdir $(@D)) images/once.sh $@ "$^"

# $(eval $(call DEBIAN_IMAGE,NAME)): the root and the image.ini of an image of Debian packages alone, those of packages.txt.
# The Python image's scripts fetch and unpack them; the folder's root.sh does the rest.
define DEBIAN_IMAGE
$(BUILD)/images/$1/fetch.stamp: $$(addprefix images/python/,fetch.sh apt.sh lib.sh) $$(addprefix images/$1/,packages.txt present.txt) \
    $$(wildcard images/$1/*.lock) $(BUILD)/images/python/settings
	$$(IMAGE_STEP) images/python/fetch.sh

$(BUILD)/images/$1/root.list: $(BUILD)/images/$1/fetch.stamp ;

$(BUILD)/images/$1/root.stamp: $(BUILD)/images/$1/root.list images/$1/root.sh images/$1/prune.txt \
    $$(addprefix images/python/,unpack.sh tree.sh)
	$$(IMAGE_STEP) images/$1/root.sh

$(BUILD)/images/$1/image.ini: images/$1/image.ini $(BUILD)/images/$1/root.list images/built.sh $(BUILD)/kernel/kernel.elf
	@{ cat $$< && printf '\n[packages]\n' && awk '{ print $$$$1 "=" $$$$2 }' $(BUILD)/images/$1/root.list && $$(IMAGE_BUILT); } >$$@
endef

.PHONY: $(IMAGES:%=image-%) $(IMAGES:%=image-%-root)
all: $(MKCPIO) $(SITES)
image: image-python image-helloworld-c
$(IMAGES:%=image-%): image-%: $(addprefix $(BUILD)/images/%/,kernel initrd.cpio image.ini)
$(IMAGES:%=image-%-root): image-%-root: $(BUILD)/images/%/root.stamp

include $(IMAGES:%=images/%/image.mk)

.PHONY: image-lock
image-lock:
	@$(foreach name,$(patsubst images/%/packages.txt,%,$(wildcard images/*/packages.txt)), \
	    BUILD=$(BUILD) IMAGE=$(name) images/python/lock.sh &&) true

$(MKCPIO): images/mkcpio.c
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) $< -o $@ -larchive

-include $(MKCPIO).d

$(SITES): images/sites.c images/elfcode.c images/elfcode.h images/kernel/include/sites.h
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(HOST_CFLAGS)) images/sites.c images/elfcode.c -o $@ -lZydis

# The index of system call sites goes into the root just before the archive is written. All files of the archive have
# one time: that in the file epoch, if the recipe leaves one.
$(BUILD)/images/%/initrd.cpio: $(BUILD)/images/%/root.stamp $(MKCPIO) $(SITES)
	@echo "image: writing $@"
	$(IMAGE_STEP) sh -c '$(SITES) $(@D)/root && $(MKCPIO) $(CPIO_OPTIONS) -t "$$(cat $(@D)/epoch 2>/dev/null || echo 0)" $(@D)/root $@'

$(BUILD)/images/%/kernel: $(BUILD)/kernel/kernel.elf
	@install -D -m 644 $< $@

# What compiled it is named in image.ini, which is written again when that may have changed.
IMAGE_BUILT = CC='$(CC)' KERNEL_CC='$(KERNEL_CC)' CFLAGS='$(CFLAGS)' images/built.sh

$(BUILD)/images/%/image.ini: images/%/image.ini images/built.sh $(BUILD)/kernel/kernel.elf
	@{ cat $< && $(IMAGE_BUILT); } >$@
