# SPDX-License-Identifier: Apache-2.0
# CPython's own suite, natively and in the guest: tests/conformance/README.md. MODULES="test_os test_json": only those.

.PHONY: conformance
conformance: image
	@tests/conformance/image.sh
	@tests/conformance/run.py $(MODULES)
