# SPDX-License-Identifier: Apache-2.0
#
# make            build/pyhl, libvmm, the guest kernel, mkcpio
# make demo       everything from a bare Debian 12 or 13 to a pandas script run in its own VM (./.pyhl)
# make test       the same set-up, then every test suite
# make home       sets up ./.pyhl again from that image, where the image or pyhl is newer
# make image      build/images/python/{kernel,initrd.cpio,image.ini}; make image-NAME: that of the folder images/NAME
# make test-hardware  the tests on hardware KVM, which QEMU emulates (tests/hardware/README.md)
# make test-ecosystem  packages from the registry, used natively and in a VM (tests/ecosystem/README.md)
# make test-bare  make demo in a bare chroot of each Debian it must build on, or of SUITE=trixie (tests/bare.sh)
# make test-reproducible  the images, built in two directories, must be the same bytes (tests/reproducible.sh)
# make conformance  CPython's own test suite, natively and in the guest (tests/conformance/README.md)
# make conformance-share  six minutes of it, a part of .ci/run
# make fuzz-long  fuzz for HOURS=N or to RUNS=N executions a target, with what earlier calls found (tests/fuzz/long.sh)
# make bench      the figures of the README, measured here (BENCH=quick: fewer repetitions)
# make chaos      SEEDS=10000: hostile runs from so many seeds (200 are in make test), FIRST=N: from that one on
# make lint       formatter, static analysers and repository checks
# make format     rewrite the C sources in the house format
# make install    the command, libvmm, their manuals; DESTDIR, PREFIX and LIBDIR as usual; make uninstall removes them
# make dist       build/dist/: a release, the command and the image as archives with checksums; as root, like image
# make wheel      build/wheels/: the Python package with the command in it; make wheel-image: the image for it, as root
# make test-dist  that release and the wheels, installed and used where nothing else is (tests/dist/run.sh)
# make examples   build/examples/, programs that embed VMs
# make clean      what was built, but for downloaded packages; make distclean: those and ./.pyhl, too
# make prereqs    install the Debian packages that the above need (as root); of GROUPS="build test lint" only
#
# Each component has its own rules.mk, included below. Fragments use CC, AR, CFLAGS (free for the user; a change of
# one compiles again what it concerns), BUILD (fixed: tests name it), HOST_CFLAGS (what host code is compiled with),
# HARDENED (what is added for code that holds a VM) and add prerequisites to `all`, `image`.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
# root by `su` alone has the user's PATH: without dpkg's and chroot's directory.
export PATH := $(PATH):/usr/sbin:/sbin

ifneq ($(filter command% environment%,$(origin BUILD)),)
ifneq ($(BUILD),build)
$(error BUILD=$(BUILD): everything is built in build/; to build elsewhere, use another clone)
endif
endif
BUILD := build
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
OBJCOPY ?= objcopy
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wcast-qual -Wwrite-strings \
    -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wformat=2 -Wvla
# The same bytes wherever the tree lies.
SAME_PATHS := -ffile-prefix-map='$(CURDIR)=.'
HOST_CFLAGS := -std=c17 -D_GNU_SOURCE $(WARNINGS) -fno-strict-aliasing $(SAME_PATHS) -MMD -MP -I. $(CFLAGS)
# Text at a place of its own in each process, canaries, checked buffers (which need an optimising compiler).
HARDENED := -fPIE -fstack-protector-strong -fstack-clash-protection \
    $(if $(filter -O1 -O2 -O3 -Os -Og,$(CFLAGS)),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)

.PHONY: all examples image home demo test test-bare test-reproducible chaos bench lint format clean distclean dist wheel \
    wheel-image install uninstall prereqs
all:
image: all

# $(call one_object,HEADER[,FILE]): an archive of the objects in the first prerequisite, as one object in which only the
# functions of the header are global. A program that links it may give its own functions any other name. FILE, if there
# is one, has functions for libelf (eu_...), which stay global, too.
define one_object
@mkdir -p $(@D)
grep -ohE '\b($(basename $(notdir $(1)))|eu)_[a-z_]+\(' $(1) $(2) | tr -d '(' | sort -u >$(@:.a=.names)
$(LD) -r -o $(@:.a=.o) --whole-archive $<
$(OBJCOPY) --keep-global-symbols=$(@:.a=.names) $(@:.a=.o)
@rm -f $@
$(AR) rcs $@ $(@:.a=.o)
endef

-include vmm/rules.mk
-include pyhl/rules.mk
-include images/rules.mk
-include images/kernel/rules.mk
-include python-agent-driver/rules.mk
-include $(wildcard tests/rules.mk tests/*/rules.mk)

ifneq ($(wildcard images/kernel/rules.mk),)
all: $(BUILD)/kernel/kernel.elf
endif

# The compiler and its flags, in a file that is rewritten when they change.
FLAGS := $(BUILD)/flags
FLAGS_NOW := $(CC) $(HOST_CFLAGS)
ifneq ($(FLAGS_NOW),$(shell cat $(FLAGS) 2>/dev/null))
$(shell mkdir -p $(BUILD) && printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' >$(FLAGS))
endif
$(VMM_OBJECTS) $(BUILD)/vmmrun $(PYHL_OBJ) $(MKCPIO) $(SITES) $(DRIVER_OBJ) $(DRIVER_LAUNCH) \
    $(VMM_TEST_OBJECTS) $(REWIND_TEST_OBJECTS) $(BENCH_PROGRAMS): $(FLAGS)

# What `demo` and `test` begin with. Sub-makes, because `prereqs` brings the headers and tools that the rest
# is decided by; silent ones, because the steps say themselves what they do.
SUBMAKE = $(MAKE) -s --no-print-directory
HOME_FROM := $(addprefix $(BUILD)/,pyhl $(addprefix images/python/,kernel initrd.cpio image.ini))
define whole_setup
@tests/prereqs.sh kvm
@tests/prereqs.sh $(1)
@mkdir -p $(BUILD) && [ -w $(BUILD) ] || { echo "build: cannot write $(BUILD)/ (made by another user?)" >&2; exit 1; }
@touch $(BUILD)/began
@echo "build: command, library, guest kernel"
@$(SUBMAKE) -j2 all
@$(SUBMAKE) -j2 image
@[ -n "$$(find $(HOME_FROM) -newer $(BUILD)/began)" ] || echo "build: everything was up to date"
endef

demo:
	$(call whole_setup,build)
	@$(SUBMAKE) .pyhl/pyhl.ini
	@tests/demo.sh

test:
	$(call whole_setup,build test)
	-@$(SUBMAKE) .pyhl/pyhl.ini
	@tests/run-all.sh

SUITE ?= bookworm trixie
test-bare:
	@for suite in $(SUITE); do tests/bare.sh $$suite || exit; done

test-reproducible:
	@tests/reproducible.sh

SEEDS ?= 10000
chaos: image .pyhl/pyhl.ini
	@CHAOS_SEEDS=$(SEEDS) $(if $(FIRST),CHAOS_FIRST=$(FIRST)) tests/chaos/run.sh bare python

home: .pyhl/pyhl.ini

# A home is made again when the image it came from, or pyhl, has changed.
.pyhl/pyhl.ini: $(HOME_FROM)
	$(BUILD)/pyhl setup --from $(BUILD)/images/python --dest .pyhl --force

bench: image bench-programs $(BUILD)/vmmrun
	@python3 tests/bench/bench.py $(BUILD)/pyhl $(BUILD)/images/python $(if $(filter quick,$(BENCH)),--quick)

prereqs:
	@tests/prereqs.sh $(GROUPS)

lint:
	@tests/prereqs.sh build lint
	@$(SUBMAKE) -j2 all driver
	@tests/lint.sh

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	[ ! -d $(BUILD) ] || find $(BUILD) -mindepth 1 -maxdepth 1 ! -name cache -exec rm -rf {} +

distclean:
	rm -rf $(BUILD) .pyhl

# What is installed, and where.
DOC := $(PREFIX)/share/doc/pyhl
COMPLETION := $(PREFIX)/share/bash-completion/completions
LINKED := $(shell sed -nE 's/^\| lib.*\| ([a-z0-9.+-]+)[^|]*\|$$/\1/p' pyhl/LICENSES.md)
VERSION := $(shell sed -n 's/^#define PYHL_VERSION "\(.*\)"/\1/p' pyhl/pyhl.h)
HEADERS := vmm/vmm.h vmm/doors.h vmm/abi.h pyhl/pyhl.h
LIBRARIES := vmm pyhl

install: all
	install -D -m 755 $(BUILD)/pyhl $(DESTDIR)$(PREFIX)/bin/pyhl
	install -D -m 644 pyhl/pyhl.1 $(DESTDIR)$(PREFIX)/share/man/man1/pyhl.1
	install -d $(DESTDIR)$(COMPLETION) $(DESTDIR)$(DOC)/copyright $(DESTDIR)$(LIBDIR)/pkgconfig
	$(BUILD)/pyhl completion bash >$(DESTDIR)$(COMPLETION)/pyhl
	install -m 644 LICENSE pyhl/LICENSES.md $(DESTDIR)$(DOC)
	for package in $(LINKED); do [ ! -e /usr/share/doc/$$package/copyright ] || \
	    install -m 644 /usr/share/doc/$$package/copyright $(DESTDIR)$(DOC)/copyright/$$package; done
	for header in $(HEADERS); do install -D -m 644 $$header $(DESTDIR)$(PREFIX)/include/$$header || exit; done
	for name in $(LIBRARIES); do \
	    install -m 644 $(BUILD)/lib/lib$$name.a $(DESTDIR)$(LIBDIR) && \
	    sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|' $$name/lib$$name.pc.in \
	        >$(DESTDIR)$(LIBDIR)/pkgconfig/lib$$name.pc || exit; done

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/pyhl $(DESTDIR)$(PREFIX)/share/man/man1/pyhl.1 $(DESTDIR)$(COMPLETION)/pyhl
	rm -f $(HEADERS:%=$(DESTDIR)$(PREFIX)/include/%) $(LIBRARIES:%=$(DESTDIR)$(LIBDIR)/lib%.a) \
	    $(LIBRARIES:%=$(DESTDIR)$(LIBDIR)/pkgconfig/lib%.pc)
	for directory in $(sort $(dir $(HEADERS))); do \
	    [ ! -d $(DESTDIR)$(PREFIX)/include/$$directory ] || \
	    rmdir --ignore-fail-on-non-empty $(DESTDIR)$(PREFIX)/include/$$directory; done
	rm -rf $(DESTDIR)$(DOC)

# The image is packed with the copyright files of its packages, which are in the cache.
dist:
	@tests/prereqs.sh build
	@$(SUBMAKE) -j2 all image-python
	@rm -rf $(BUILD)/dist && mkdir -p $(BUILD)/dist
	@$(SUBMAKE) -o all install DESTDIR=$(BUILD)/dist/stage PREFIX= LIBDIR=/lib >/dev/null
	@pyhl/dist.sh $(BUILD)/dist $(VERSION) $(BUILD)/images/python $(BUILD)/cache/deb $(LINKED)

WHEELS := $(BUILD)/wheels
IMAGE_ARCHIVE := $(BUILD)/dist/pyhl-image-python-$(VERSION).tar.zst

wheel:
	@tests/prereqs.sh build wheel
	@$(SUBMAKE) -j2 all
	@rm -rf $(WHEELS)/stage $(WHEELS)/pyhl-*.whl
	@$(SUBMAKE) -o all install DESTDIR=$(WHEELS)/stage PREFIX= LIBDIR=/lib >/dev/null
	@pyhl/python/wheel.py pyhl $(WHEELS) $(WHEELS)/stage
	@rm -rf $(WHEELS)/stage

wheel-image:
	@tests/prereqs.sh build wheel
	@$(SUBMAKE) -j2 all image-python
	@$(SUBMAKE) $(IMAGE_ARCHIVE)
	@rm -f $(WHEELS)/pyhl_image-*.whl
	@pyhl/python/wheel.py image $(WHEELS) $(IMAGE_ARCHIVE)

$(IMAGE_ARCHIVE): $(addprefix $(BUILD)/images/python/,kernel initrd.cpio image.ini)
	@$(SUBMAKE) dist
