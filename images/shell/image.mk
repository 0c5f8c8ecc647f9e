# SPDX-License-Identifier: Apache-2.0
#
# The root of shell: Debian's dash and coreutils with what scripts call beside them. The Python image's scripts fetch and
# unpack the packages, from the same release and mirrors (../python/image.mk).

$(eval $(call DEBIAN_IMAGE,shell))
