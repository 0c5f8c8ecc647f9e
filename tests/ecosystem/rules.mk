# SPDX-License-Identifier: Apache-2.0
# `make test-ecosystem`: as the head of run.sh says.

.PHONY: test-ecosystem
test-ecosystem: all image .pyhl/pyhl.ini
	@tests/prereqs.sh ecosystem
	@tests/ecosystem/run.sh
