# SPDX-License-Identifier: Apache-2.0
#
# The root of rust: one program, static and dynamic, with the host's Rust compiler. RUSTC names another.

RUSTC ?= rustc
RUST_OUT := $(BUILD)/images/rust
RUST_BUILD = $(RUSTC) --edition 2021 -O --remap-path-prefix='$(CURDIR)=.' -o $(RUST_OUT)/root/bin

$(RUST_OUT)/root.stamp: images/rust/work.rs images/hostlibs.sh
	@command -v $(RUSTC) >/dev/null || { echo "image: no Rust compiler '$(RUSTC)'; it is in the Debian package rustc" >&2; exit 1; }
	@rm -rf $(RUST_OUT)/root
	@mkdir -p $(RUST_OUT)/root/bin
	@$(RUST_BUILD)/work-static -C target-feature=+crt-static $<
	@$(RUST_BUILD)/work-dynamic $<
	@images/hostlibs.sh $(RUST_OUT)/root bin/work-dynamic
	@touch $@
