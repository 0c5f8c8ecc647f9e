# SPDX-License-Identifier: Apache-2.0
# CPython's own suite, natively and in the guest: tests/conformance/README.md. MODULES="test_os test_json": only those.

.PHONY: conformance conformance-share
conformance: image
	@tests/conformance/image.sh
	@tests/conformance/run.py $(MODULES)

# What every change must pass (.ci/run): always all of it, so its results are not kept.
conformance-share: image
	@tests/conformance/image.sh
	@rm -f build/conformance/share.jsonl
	@tests/conformance/run.py --share --results build/conformance/share.jsonl --jobs 2
