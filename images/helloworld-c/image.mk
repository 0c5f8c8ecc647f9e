# SPDX-License-Identifier: Apache-2.0
#
# The root of helloworld-c: one program, linked in each of the ways that a program can be, with the host's compiler and
# C library.

HELLO_OUT := $(BUILD)/images/helloworld-c
HELLO_KINDS := static static-pie pie dynamic
HELLO_static := -static
HELLO_static-pie := -static-pie -fPIE
HELLO_pie := -pie -fPIE
HELLO_dynamic := -no-pie -fno-pie

$(HELLO_OUT)/root.stamp: images/helloworld-c/hello.c images/hostlibs.sh
	@rm -rf $(HELLO_OUT)/root
	@mkdir -p $(HELLO_OUT)/root/bin
	@$(foreach kind,$(HELLO_KINDS),$(CC) -std=c17 -D_GNU_SOURCE $(WARNINGS) -O2 -s \
	    $(HELLO_$(kind)) $< -o $(HELLO_OUT)/root/bin/hello-$(kind) &&) true
	@images/hostlibs.sh $(HELLO_OUT)/root bin/hello-dynamic
	@touch $@
