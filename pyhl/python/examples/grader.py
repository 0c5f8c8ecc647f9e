#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Grades many programs that nobody has looked at: each runs in a VM that nothing has run in, and nothing is left of it.

The task is median(numbers). What a program gives for the inputs is compared on this side, so that it cannot know what is
expected, and what one does, as to loop for ever, has no effect on another.

usage: grader.py [PROGRAMS]     1000 if not said
"""

import collections
import itertools
import statistics
import sys
import time

import pyhl

INPUTS = [[3, 1, 2], [4, 1, 3, 2], [5], [2, 2, 9, 1, 7], list(range(99, 0, -1))]
EXPECTED = [statistics.median(numbers) for numbers in INPUTS]

# What people hand in. The first ones are right.
BODIES = {
    "sorts": """
    ordered = sorted(numbers)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2""",
    "imports": """
    import statistics
    return statistics.median(numbers)""",
    "forgets an even length": """
    return sorted(numbers)[len(numbers) // 2]""",
    "forgets to sort": """
    return numbers[len(numbers) // 2]""",
    "has a typo": """
    return sorted(nubmers)[len(numbers) // 2]""",
    "prints": """
    print(sorted(numbers)[len(numbers) // 2])""",
    "ends the process": """
    import os
    os._exit(0)""",
    "looks for the answers": """
    return open("/expected").read()""",
}
SLOW = """
    while True: pass"""


def submissions(count):
    """Every hundredth loops for ever."""
    bodies = itertools.cycle(BODIES.values())
    for i in range(count):
        body = SLOW if i % 100 == 99 else next(bodies)
        yield f"def median(numbers):{body}\n[median(numbers) for numbers in {INPUTS}]"


def verdict(execution):
    if execution.limit:
        return f"over the limit: {execution.limit}"
    if execution.error:
        return f"raises {execution.error.name}"
    if execution.text is None:
        return "gives nothing"
    return "right" if execution.text == repr(EXPECTED) else "wrong"


def main(count):
    verdicts = collections.Counter()
    began = time.monotonic()
    with pyhl.Pool(cpu=0.2, timeout=10, output_limit=10000) as pool:
        for execution in pool.map_code(submissions(count)):
            verdicts[verdict(execution)] += 1
    seconds = time.monotonic() - began
    for what, number in verdicts.most_common():
        print(f"{number:6} {what}")
    print(f"{count} programs in {seconds:.1f} s, each in a VM of its own: {count / seconds:.0f} a second")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
