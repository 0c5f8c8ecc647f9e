# SPDX-License-Identifier: Apache-2.0
"""Text as scripts do it: JSON, regular expressions, digests."""
import collections
import hashlib
import json
import re

rows = [{"id": n, "name": f"user{n % 37}", "tags": ["a", "b", str(n)]} for n in range(200)]
text = json.dumps(rows)
names = collections.Counter(re.findall(r'"name": "(user\d+)"', text))
print(names.most_common(2), len(json.loads(text)), hashlib.sha256(text.encode()).hexdigest()[:16])
