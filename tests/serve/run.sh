#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `pyhl serve --stdio` by a client that is written from its protocol (client.py): what it does, and what hostile clients,
# guests and workers do to it.
#
# usage: tests/serve/run.sh [CASE...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2

. tests/served.sh
python_suite serve "$@"
