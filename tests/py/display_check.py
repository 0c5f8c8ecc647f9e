# SPDX-License-Identifier: Apache-2.0
"""What a session shows: each cell of display_cases.py under the image's python3, with its packages."""
import json
import os
import shutil
import subprocess

import display_cases

HERE = os.path.dirname(os.path.abspath(__file__))
SESSION = "/tmp/session"


def run(root, cells, **env):
    """Runs cells in one session in the chroot. Returns what was seen of each, and what the session's start printed."""
    shutil.rmtree(root + SESSION, ignore_errors=True)
    shutil.copytree(os.path.join(HERE, "../../python-agent-driver/session"), root + SESSION)
    with open(os.path.join(HERE, "display_run.py"), encoding="utf-8") as file:
        program = file.read()
    command = ["python3", os.path.join(HERE, "inroot.py"), root, "/tmp", "python3", "-B", "-W", "ignore", "-c", program]
    done = subprocess.run([*command, SESSION], input=json.dumps(cells), capture_output=True, text=True, timeout=120,
                          env={"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", **env})
    if done.returncode:
        raise SystemExit(f"display_run.py: status {done.returncode}\n{done.stderr}")
    return [display_cases.Seen(**seen) for seen in json.loads(done.stdout)], done.stderr


def check(root):
    """A list of what is wrong."""
    wrong = []
    seen_of_each, _ = run(root, [code for code, _ in display_cases.CASES])
    for (_, test), seen in zip(display_cases.CASES, seen_of_each, strict=True):
        try:
            test(seen)
        except (AssertionError, KeyError, IndexError, TypeError, ValueError) as error:
            wrong.append(f"  {test.__name__}: {type(error).__name__}: {str(error)[:1500]}")
    return wrong + check_backend(root)


def check_backend(root):
    """A back end that the environment names is taken, and its figures are shown, too."""
    wrong = []
    cell = "import matplotlib.pyplot as plt; plt.plot([1]); plt.show(); print(plt.get_backend())"
    for name, backend, words in (("svg", "svg", ""), ("nonsense", "agg", "MPLBACKEND=nonsense: ")):
        (seen,), said = run(root, [cell], MPLBACKEND=name)
        if seen.stdout.lower() != backend + "\n" or "image/png" not in seen.data("display") or not said.startswith(words):
            wrong.append(f"  MPLBACKEND={name}: {seen.stdout!r}, {seen.records!r:.200}, {said!r}")
    return wrong
