# SPDX-License-Identifier: Apache-2.0
"""CPU-bound Python: builds and takes apart text, and the time it took by its own clock on the last line."""
import time

WORDS = "the quick brown fox jumps over a lazy dog while seven wizards hex them".split()


def report(rows):
    lines = []
    for n in range(rows):
        name = WORDS[n % len(WORDS)].capitalize() + "-" + WORDS[n * 7 % len(WORDS)]
        lines.append(f"{n:>6},{name:<20},{n * 1.25:10.2f},{'yes' if n % 3 else 'no'}")
    return "\n".join(lines)


def wrap(words, width):
    out, line = "", ""
    for word in words:
        if len(line) + len(word) + 1 > width:
            out += line.rstrip() + "\n"
            line = ""
        line += word + " "
    return out + line


began = time.perf_counter()
totals = {}
for line in report(20000).splitlines():
    number, name, value, flag = (field.strip() for field in line.split(","))
    key = name.replace("-", "_").upper()
    totals[key] = totals.get(key, 0) + float(value) if flag == "yes" else totals.get(key, 0)
text = wrap([WORDS[n * n % len(WORDS)] for n in range(40000)], 72)
print(len(totals), round(sum(totals.values()), 2), len(text), text.count("lazy"))
print(time.perf_counter() - began)
