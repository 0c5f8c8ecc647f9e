# SPDX-License-Identifier: Apache-2.0
#
# The root of nodejs: Debian's Node.js with what it depends on. The Python image's scripts fetch and unpack the packages,
# from the same release and mirrors (../python/image.mk).

$(eval $(call DEBIAN_IMAGE,nodejs))
