# SPDX-License-Identifier: Apache-2.0
"""The modules that scripts use most are held aside: an import of one of them runs no code of a module and opens no file."""

USED = """os sys re json math random datetime time collections itertools functools typing pathlib logging argparse subprocess
threading string copy io csv statistics dataclasses enum abc contextlib decimal fractions hashlib base64 uuid tempfile shutil
glob pickle struct operator heapq bisect textwrap urllib.parse urllib.request asyncio unittest sqlite3 traceback inspect types
collections.abc xml.etree.ElementTree numpy pandas matplotlib.pyplot""".split()

SCRIPT = """
import sys
seen = []
def hear(event, args):
    if event == "exec" and args[0].co_name == "<module>" or event == "open" or event == "import" and args[1] is not None:
        seen.append((name, event, str(args[0])))
at_start = len(sys.modules)
name = None
sys.addaudithook(hear)
for name in NAMES:
    __import__(name)
print(at_start <= 120, seen)
"""


def check(case, oracle, runner):
    """A list of what is wrong. Under python3 the script must see something."""
    case.mode, case.source = "file", SCRIPT.replace("NAMES", repr(USED)).encode()
    wrong = []
    if b"'exec'" not in oracle(case)[0]:
        wrong.append("  the script does not see that modules are loaded")
    out, err, status = runner(case)
    if (out, err, status) != (b"True []\n", b"", 0):
        wrong.append(f"  expected True [], got {out[:1000]}, {err[-1000:]}, status {status}")
    return wrong
