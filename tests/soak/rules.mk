# SPDX-License-Identifier: Apache-2.0
.PHONY: soak
soak: image .pyhl/pyhl.ini
	@tests/soak/soak.sh
