# SPDX-License-Identifier: Apache-2.0
"""Cases of %pip install in a session. What is on PATH as uv is a stand-in: what is tested here is what becomes of its
packages."""
import os
import subprocess
import time

from repl import REPL, PLAIN, Typing, fed
from toypackages import packages, seen


def case_pip_install():
    """What was installed can be imported in the next cell; a rewind takes it away, and it can come again."""
    with packages() as (before, after, links, wrong):
        command = [*before, *REPL, "--pip", *after]
        wrong += fed(command, b"x = 1\ntry: import alpha\nexcept ImportError: print('none')\n\n%checkpoint clean\n"
                     b"%pip install 'alpha==1.0'\nalpha = __import__('alpha'); alpha.version, alpha.__file__, x\n"
                     b"import importlib.metadata; importlib.metadata.version('alpha')\n%fork\n%switch main\nalpha.version\n"
                     b"%rewind clean\ntry: import alpha\nexcept ImportError: print('gone')\n\n!pip install alpha beta\n"
                     b"import beta; beta.alpha.version\n",
                     out=b"none\n(1.0, '/usr/local/lib/python3.13/dist-packages/alpha/__init__.py', 1)\n'1.0'\nfork-1\n1.0\n"
                         b"gone\n2.0\n")
        wrong += fed(command, b"%pip install alpha\nimport alpha; alpha.version\n", out=b"2.0\n")  # before any other run
    return wrong


def case_pip_sets():
    """uv is told what the session has in the state that it is in, and no other version of that comes."""
    with packages() as (before, after, links, wrong):
        command = [*before, *REPL, "--pip", *after]
        for lines, have, said in (
                (b"%pip install alpha\n%pip install beta\n", ["alpha-2.0.dist-info"], b""),
                (b"%pip install alpha\n%pip install beta\n%pip install click==99.0\n",
                 ["alpha-2.0.dist-info", "beta-1.0.dist-info"], b"click"),
                (b"%fork\n%pip install alpha\n%switch main\n%pip install beta\n", [], b""),
                (b"%fork\n%pip install alpha\n%switch main\n%switch fork-1\n%pip install beta\n", ["alpha-2.0.dist-info"], b""),
                (b"%pip install alpha==1.0\n%pip install alpha==2.0\nimport alpha; assert alpha.version == 1.0\n",
                 ["alpha-1.0.dist-info"], b"alpha==2.0 would take the place of alpha 1.0, which the session has: ")):
            wrong += fed(command, lines, err=b"another version" if said == b"click" else said,
                         out=None if b"%fork" in lines else b"")
            if [name for name in seen(links) if name.split("-")[0] in ("alpha", "beta")] != have:
                wrong.append(f"{lines}: uv saw {seen(links)}")
        state = os.path.join(links, "state")
        wrong += fed([*command, "--save", state], b"%pip install alpha==1.0\n", out=b"")
        wrong += fed([*command, "--from", state], b"%pip install beta\nimport beta; beta.alpha.version\n%pip install alpha==2.0\n",
                     out=b"1.0\n", err=b"alpha==2.0 would take the place of alpha 1.0")
        if "beta-1.0.dist-info" not in seen(links):
            wrong.append(f"with a saved state uv saw {seen(links)}")
        hostile = (b"import os\nat = '/usr/local/lib/python3.13/dist-packages'\n"
                   b"for name in '..', '.', 'a', '-1', 'a-', 'a-1 2', 'a\\nb-1', 'x@y-1', 'gamma-3':\n"
                   b"    os.makedirs(f'{at}/{name}.dist-info')\n\n"
                   b"os.makedirs(f'{at}/' + 'n' * 200 + '-1.dist-info'); open(f'{at}/delta-4.dist-info', 'w').close()\n")
        wrong += fed(command, hostile + b"%pip install beta\nimport sys; 'alpha' in sys.modules\n", out=b"False\n")
        made = [name for name in seen(links) if name.startswith(("gamma-", "delta-", "a-", "b-", "x@", "-", ".", "nnn"))]
        if made != ["gamma-3.dist-info"]:
            wrong.append(f"of names that the guest has made uv saw {made}")
        many = (b"import os\nfor i in range(4000): os.makedirs(f'/usr/local/lib/python3.13/dist-packages/some{i}-1.dist-info')\n\n")
        wrong += fed(command, many + b"%pip install beta\n", out=b"", err=b"too many packages")
    return wrong


def case_pip_refused():
    """What cannot be installed is said in a line, and the session is as it was."""
    with packages() as (before, after, links, wrong):
        lines = ((b"nothing", b"there is no package 'nothing'"), (b"-U alpha", b"'-U' is no NAME"),
                 (b"./alpha.whl", b"'./alpha.whl' is no NAME"), (b"alpha.whl", b"is no NAME"), (b"a@b", b"is no NAME"),
                 (b"\x1b[1m", b"'?[1m' is no NAME"), (b"", b"write %pip install PACKAGE"), (b"x" * 4100, b"too long"),
                 (b"leaves", b"the session cannot take the packages: "), (b"large", b"the session cannot take the packages: "))
        for words, said in lines:
            wrong += fed([*before, *REPL, "--pip", "--memory", "700M", *after],
                         b"x = 1\n%pip install " + words + b"\nx\n%pip install alpha\nimport alpha; x\n", out=b"1\n1\n", err=said)
        wrong += fed([*before, *REPL, "--memory", "700M", *after], b"%pip install alpha\n'on'\n", out=b"'on'\n",
                     err=b"not in this session: ")
        wrong += fed(["PATH=/usr/bin:/bin", before[1], *REPL, "--pip", *after], b"%pip install alpha\n'on'\n", out=b"'on'\n",
                     err=b"packages need uv")
        wrong += fed([*before, *REPL, "--pip", "--from", "/nowhere"], b"1\n", 125, b"", b"/nowhere")
    return wrong


def case_pip_typed():
    """On a terminal it needs no option, and tells what has come. Ctrl-C ends uv and gives the prompt back."""
    with packages() as (before, after, links, wrong):
        session = Typing([*PLAIN, *after], before)
        session.type(b"x = 1\n")
        session.type(b"%pip install alpha==1.0\n", b"installed alpha==1.0")
        session.type(b"import alpha; alpha.version, x\n", b"\n(1.0, 1)")
        session.type(b"%pip install alpha\n", b"nothing is missing")
        session.terminal.type(b"%pip install slow\n")
        while not os.path.exists(os.path.join(links, "slow")) and session.terminal.read():
            pass
        time.sleep(0.2)
        session.type(b"\x03", b"interrupted while uv ran\r\n>>> ", prompt=None)
        session.type(b"%pip install click==99.0\n", b"installed click==99.0", b"another version")
        session.type(b"x\n", b"\n1")
        wrong += session.end()
        if subprocess.run(["pgrep", "-f", "target site.*slow|1234.5"], capture_output=True).stdout:
            wrong.append("uv is still there")
    return wrong
