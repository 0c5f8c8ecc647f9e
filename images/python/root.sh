#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes the root of a guest, OUT/root, from the packages of OUT/root.list:
#     root.sh [WHEELS]

set -e
images/python/unpack.sh root
images/python/configure.sh "$@"
images/python/check.sh
