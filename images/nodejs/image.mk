# SPDX-License-Identifier: Apache-2.0
#
# The root of nodejs: Debian's Node.js with what it depends on. The Python image's scripts fetch and unpack the packages,
# from the same release and mirrors (../python/image.mk).

NODE_OUT := $(BUILD)/images/nodejs

$(NODE_OUT)/fetch.stamp: $(addprefix images/python/,fetch.sh apt.sh lib.sh) $(addprefix images/nodejs/,packages.txt present.txt) \
    $(wildcard images/nodejs/*.lock) $(BUILD)/images/python/settings
	$(IMAGE_STEP) images/python/fetch.sh

$(NODE_OUT)/root.list: $(NODE_OUT)/fetch.stamp ;

$(NODE_OUT)/root.stamp: $(NODE_OUT)/root.list images/nodejs/root.sh images/nodejs/prune.txt \
    $(addprefix images/python/,unpack.sh tree.sh)
	$(IMAGE_STEP) images/nodejs/root.sh

$(NODE_OUT)/image.ini: images/nodejs/image.ini $(NODE_OUT)/root.list images/built.sh $(BUILD)/kernel/kernel.elf
	@{ cat $< && printf '\n[packages]\n' && awk '{ print $$1 "=" $$2 }' $(NODE_OUT)/root.list && $(IMAGE_BUILT); } >$@
