#!/usr/bin/env python3
"""Doc."""
print(__doc__)
