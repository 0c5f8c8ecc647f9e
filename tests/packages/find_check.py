#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether metadata_find() finds what the rules of PEP 723 say, written here as a regular expression.

usage: find_check.py PROGRAM [SEED]     PROGRAM is find.c, built
"""
import random
import re
import struct
import subprocess
import sys

BLOCK = re.compile(rb"^# /// ([a-zA-Z0-9-]+)\n((?:#(?: .*)?\n)+)# ///$", re.MULTILINE)
LINES = [b"# /// script", b"# /// script", b"# ///", b"# ///", b"#", b"# a", b"#b", b"", b"x = 1", b"# /// other",
         b"# /// script x", b"# /// ", b" # /// script", b"# /// script ", b"#  ///", b"# dependencies = []", b"## ///",
         b"# /// sc\0ript", b"# /// \xc3\xa9", b"# \xff"]
FIXED = [b"", b"#", b"# /// script", b"# /// script\n", b"# /// script\n# ///", b"# /// script\n#\n# ///",
         b"# /// script\n#\n# ///\n", b"x\n# /// script\n# a\n# ///\n# b\n# ///\n# c\n",
         b"# /// script\n# ///\n# ///", b"# /// other\n# /// script\n# a\n# ///\n", b"# /// script\n# a\0\n# ///\n",
         b"# /// script\n# a\n# ///\n\n# /// script\n# b\n# ///\n", b"# /// script\n# a\n\n# ///\n",
         b"# /// script\n" + b"# a\n" * 40000 + b"# ///\n", b"# /// script\n" * 300]


def expected(text):
    found = [match for match in BLOCK.finditer(text.replace(b"\r\n", b"\n")) if match[1] == b"script"]
    if not found:
        return b"none\n"
    text = found[0].string
    lines = [text.count(b"\n", 0, match.start(2)) for match in found]
    if len(found[0][2]) > 65536 or b"\0" in found[0][2]:
        what = b"of more than 64 KiB" if len(found[0][2]) > 65536 else b"with a NUL byte"
        return b"error name:%d: script metadata %s\n" % (lines[0] + 1, what)
    if len(found) > 1:
        return b"error name:%d: a second block of script metadata: the first is in line %d\n" % (lines[1], lines[0])
    content = b"".join(line[2:] or b"\n" for line in found[0][2].splitlines(keepends=True))
    return b"block %d %d\n%s" % (lines[0] + 1, len(content), content)


def main():
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    cases = list(FIXED)
    for _ in range(20000):
        end = rng.choice((b"\n", b"\n", b"\n", b"\r\n"))
        lines = [rng.choice(LINES) for _ in range(rng.randrange(12))]
        cases.append(end.join(lines) + rng.choice((b"", end)))
    given = b"".join(struct.pack("I", len(text)) + text for text in cases)
    said = subprocess.run([sys.argv[1]], input=given, capture_output=True, check=True).stdout
    at = 0
    for text in cases:
        want = expected(text)
        if not said.startswith(want, at):
            sys.exit(f"of {text[:300]!r}: {said[at:at + 300]!r}, expected {want[:300]!r}")
        at += len(want)
    counts = [sum(expected(text).startswith(word) for text in cases) for word in (b"none", b"block", b"error")]
    if at != len(said) or min(counts) < 100:
        sys.exit(f"{len(said) - at} bytes too many, or too few cases of one kind: {counts}")


main()
