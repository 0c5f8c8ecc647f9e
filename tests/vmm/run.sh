#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds and runs the tests of libvmm: all, or those named; --list prints their names. Last line: N passed, N failed, N skipped.
set -u
cd "$(dirname "$0")/../.." || exit 2
make --no-print-directory -s build/tests/vmm_test || exit 1
exec timeout -s9 "${SUITE_TIMEOUT:-300}" build/tests/vmm_test build/tests/vmm "$@"
