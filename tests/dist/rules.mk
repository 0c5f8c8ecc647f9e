# SPDX-License-Identifier: Apache-2.0
# A release, made and tried. What makes a bare Debian is no prerequisite of anything else.

.PHONY: test-dist
test-dist:
	@tests/prereqs.sh kvm
	@tests/prereqs.sh build wheel dist
	@$(SUBMAKE) dist
	@$(SUBMAKE) wheel wheel-image
	@tests/dist/run.sh
