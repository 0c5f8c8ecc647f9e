#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `pyhl serve --listen` by clients of HTTP: what it does, and what hostile clients do to it.
#
# usage: tests/http/run.sh [CASE...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2

. tests/served.sh
python_suite http "$@"
