# SPDX-License-Identifier: Apache-2.0
"""What a session shows: each cell of display_cases.py under the image's python3, with its packages."""
import json
import os
import shutil
import subprocess

import display_cases

HERE = os.path.dirname(os.path.abspath(__file__))
SESSION = "/tmp/session"


def run(root, cells):
    """Runs cells in one session in the chroot. Returns what was seen of each."""
    shutil.rmtree(root + SESSION, ignore_errors=True)
    shutil.copytree(os.path.join(HERE, "../../python-agent-driver/session"), root + SESSION)
    with open(os.path.join(HERE, "display_run.py"), encoding="utf-8") as file:
        program = file.read()
    command = ["python3", os.path.join(HERE, "inroot.py"), root, "/tmp", "python3", "-B", "-W", "ignore", "-c", program]
    done = subprocess.run([*command, SESSION], input=json.dumps(cells), capture_output=True, text=True, timeout=120,
                          env={"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"})
    if done.returncode:
        raise SystemExit(f"display_run.py: status {done.returncode}\n{done.stderr}")
    return [display_cases.Seen(**seen) for seen in json.loads(done.stdout)]


def check(root):
    """A list of what is wrong."""
    wrong = []
    for (_, test), seen in zip(display_cases.CASES, run(root, [code for code, _ in display_cases.CASES]), strict=True):
        try:
            test(seen)
        except (AssertionError, KeyError, IndexError, TypeError, ValueError) as error:
            wrong.append(f"  {test.__name__}: {type(error).__name__}: {str(error)[:1500]}")
    return wrong
