# SPDX-License-Identifier: Apache-2.0
#
# The root of tools: shells, git, make, busybox and small programs, which tests/programs runs. The Python image's scripts
# fetch and unpack the packages, from the same release and mirrors (../python/image.mk).

$(eval $(call DEBIAN_IMAGE,tools))
