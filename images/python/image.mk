# SPDX-License-Identifier: Apache-2.0
#
# The Python image's root: Debian's packages, unpacked and configured, with the driver in it.
#
#   make image-python-dev  what the driver is built with: CPython's headers, the image's C library
#
# A new driver costs an install and a CPIO. Variables: IMAGE_EXTRA, further Debian packages for the root
# (libpython3.13-testsuite for CPython's own tests); IMAGE_WHEELS, a directory of pure-Python wheels to unpack into it
# as well; IMAGE_SUITE, the Debian release that packages are from, which need not be the host's; IMAGE_MIRROR and
# IMAGE_SECURITY_MIRROR, where they come from (else as the host's apt).

PY_RECIPE := images/python
PY_OUT := $(BUILD)/images/python
PY_DEV := $(PY_OUT)/dev.stamp
PY_DRIVER := $(addprefix $(BUILD)/driver/,driver driver.so) $(addprefix python-agent-driver/,preload.txt rehearsal.py) \
    $(wildcard python-agent-driver/session/*.py)

# The one version of CPython that the driver supports, and the releases that can be asked for, with theirs.
IMAGE_PYTHON := 3.13
PY_SUITES := bookworm:3.11 trixie:3.13

IMAGE_SUITE ?= trixie
IMAGE_EXTRA ?=
IMAGE_WHEELS ?=
export IMAGE_SUITE IMAGE_PYTHON IMAGE_MIRROR IMAGE_SECURITY_MIRROR

# Here, before any rule could make half an image of another version.
PY_OF_SUITE := $(patsubst $(IMAGE_SUITE):%,%,$(filter $(IMAGE_SUITE):%,$(PY_SUITES)))
PY_SUITES_FIT := $(patsubst %:$(IMAGE_PYTHON),%,$(filter %:$(IMAGE_PYTHON),$(PY_SUITES)))
ifneq ($(PY_OF_SUITE),$(IMAGE_PYTHON))
$(error IMAGE_SUITE=$(IMAGE_SUITE): $(if $(PY_OF_SUITE),it has Python $(PY_OF_SUITE),no Debian release that the recipe \
    knows), and the driver supports $(IMAGE_PYTHON); use IMAGE_SUITE=$(PY_SUITES_FIT))
endif

.PHONY: image-python-dev
image-python-dev: $(PY_DEV)

# Variables that decide about the root are kept in a file, which is rewritten when they change.
PY_SETTINGS := IMAGE_SUITE=$(IMAGE_SUITE) IMAGE_EXTRA=$(IMAGE_EXTRA) IMAGE_WHEELS=$(IMAGE_WHEELS)
ifneq ($(PY_SETTINGS),$(shell cat $(PY_OUT)/settings 2>/dev/null))
$(shell mkdir -p $(PY_OUT) && echo '$(PY_SETTINGS)' >$(PY_OUT)/settings)
endif

# A list that did not change keeps its time.
$(PY_OUT)/fetch.stamp: $(addprefix $(PY_RECIPE)/,fetch.sh apt.sh lib.sh packages.txt present.txt dev.txt) \
    $(wildcard $(PY_RECIPE)/$(IMAGE_SUITE).lock) $(PY_OUT)/settings
	$(IMAGE_STEP) $(PY_RECIPE)/fetch.sh $(IMAGE_EXTRA)

$(PY_OUT)/root.list $(PY_OUT)/dev.list: $(PY_OUT)/fetch.stamp ;

$(PY_DEV): $(PY_OUT)/dev.list $(PY_RECIPE)/unpack.sh
	$(IMAGE_STEP) $(PY_RECIPE)/unpack.sh dev

$(PY_OUT)/root.stamp: $(PY_OUT)/root.list $(PY_OUT)/settings $(PY_RECIPE)/root.sh \
    $(PY_RECIPE)/unpack.sh $(PY_RECIPE)/tree.sh $(PY_RECIPE)/configure.sh $(PY_RECIPE)/prune.txt $(PY_RECIPE)/amend.py \
    $(PY_RECIPE)/check.sh $(PY_RECIPE)/check.py \
    $(if $(IMAGE_WHEELS),$(wildcard $(IMAGE_WHEELS)/*.whl))
	$(IMAGE_STEP) $(PY_RECIPE)/root.sh $(IMAGE_WHEELS)

$(PY_OUT)/driver.stamp: $(PY_OUT)/root.stamp $(PY_RECIPE)/driver.sh $(PY_DRIVER)
	$(IMAGE_STEP) $(PY_RECIPE)/driver.sh $(PY_DRIVER)

$(PY_OUT)/initrd.cpio: $(PY_OUT)/driver.stamp
# Its files belong to whom the packages say: it is made by root.
$(PY_OUT)/initrd.cpio: CPIO_OPTIONS := -o

$(PY_OUT)/image.ini: $(PY_OUT)/driver.stamp $(PY_RECIPE)/describe.sh images/built.sh $(BUILD)/kernel/kernel.elf
	@{ BUILD=$(BUILD) $(PY_RECIPE)/describe.sh && $(IMAGE_BUILT); } >$@
