#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Standard streams as a user has them: on a terminal, in one place, closed, from a file. Each case runs under the image's
# own python3 in a chroot of the image and under pyhl, with the same streams, and must show the same.
#
# usage: tests/tty/run.sh [CASE...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2
[ "${1:-}" = --list ] || tests/home.sh "${PYHL_HOME:-.pyhl}" || exit 2
PYTHONPATH=tests exec python3 -B tests/tty/run.py "$@"
