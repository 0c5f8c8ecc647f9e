# SPDX-License-Identifier: Apache-2.0
#
# The root of tools: shells, git, make, busybox and small programs, which tests/programs runs. The Python image's scripts
# fetch and unpack the packages, from the same release and mirrors (../python/image.mk).

TOOLS_OUT := $(BUILD)/images/tools

$(TOOLS_OUT)/fetch.stamp: $(addprefix images/python/,fetch.sh apt.sh lib.sh) $(addprefix images/tools/,packages.txt present.txt) \
    $(wildcard images/tools/*.lock) $(BUILD)/images/python/settings
	$(IMAGE_STEP) images/python/fetch.sh

$(TOOLS_OUT)/root.list: $(TOOLS_OUT)/fetch.stamp ;

$(TOOLS_OUT)/root.stamp: $(TOOLS_OUT)/root.list images/tools/root.sh images/tools/prune.txt \
    $(addprefix images/python/,unpack.sh tree.sh)
	$(IMAGE_STEP) images/tools/root.sh

$(TOOLS_OUT)/image.ini: images/tools/image.ini $(TOOLS_OUT)/root.list images/built.sh $(BUILD)/kernel/kernel.elf
	@{ cat $< && printf '\n[packages]\n' && awk '{ print $$1 "=" $$2 }' $(TOOLS_OUT)/root.list && $(IMAGE_BUILT); } >$@
