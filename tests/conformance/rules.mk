# SPDX-License-Identifier: Apache-2.0
# CPython's own suite, natively and in the guest: tests/conformance/README.md. MODULES="test_os test_json": only those.

.PHONY: conformance conformance-share
conformance: image
	@tests/conformance/image.sh
	@tests/conformance/run.py $(MODULES)

# What every change must pass (.ci/run): from nothing, so its results are not kept. CONFORMANCE_TIMEOUT=SECONDS: after so
# many no module is begun, and those that are left are named.
conformance-share: image
	@tests/conformance/image.sh
	@rm -f build/conformance/share.jsonl
	@tests/conformance/run.py --share --results build/conformance/share.jsonl --jobs 2 \
	    $(if $(CONFORMANCE_TIMEOUT),--seconds $(CONFORMANCE_TIMEOUT))
