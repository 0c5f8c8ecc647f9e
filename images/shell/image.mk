# SPDX-License-Identifier: Apache-2.0
#
# The root of shell: Debian's dash and coreutils with what scripts call beside them. The Python image's scripts fetch and
# unpack the packages, from the same release and mirrors (../python/image.mk).

SHELL_OUT := $(BUILD)/images/shell

$(SHELL_OUT)/fetch.stamp: $(addprefix images/python/,fetch.sh apt.sh lib.sh) $(addprefix images/shell/,packages.txt present.txt) \
    $(wildcard images/shell/*.lock) $(BUILD)/images/python/settings
	$(IMAGE_STEP) images/python/fetch.sh

$(SHELL_OUT)/root.list: $(SHELL_OUT)/fetch.stamp ;

$(SHELL_OUT)/root.stamp: $(SHELL_OUT)/root.list images/shell/root.sh images/shell/prune.txt \
    $(addprefix images/python/,unpack.sh tree.sh)
	$(IMAGE_STEP) images/shell/root.sh

$(SHELL_OUT)/image.ini: images/shell/image.ini $(SHELL_OUT)/root.list images/built.sh $(BUILD)/kernel/kernel.elf
	@{ cat $< && printf '\n[packages]\n' && awk '{ print $$1 "=" $$2 }' $(SHELL_OUT)/root.list && $(IMAGE_BUILT); } >$@
