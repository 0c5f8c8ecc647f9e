#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# An hour of mixed calls by 50 clients of `pyhl serve`, while workers are killed (soak.py). Not part of `make test`.
#
# usage: tests/soak/soak.sh      SOAK_SECONDS (3600) and SOAK_SEED say how long, and which calls
set -u
cd "$(dirname "$0")/../.." || exit 2
tests/home.sh "${PYHL_HOME:-.pyhl}" || exit 2
PYHL_HOME=$(realpath "${PYHL_HOME:-.pyhl}") || exit 2
export PYHL_HOME
PYTHONPATH=tests exec python3 -B tests/soak/soak.py "${SOAK_SECONDS:-3600}" "${SOAK_SEED:-$RANDOM$RANDOM}"
