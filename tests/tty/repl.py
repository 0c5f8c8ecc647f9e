# SPDX-License-Identifier: Apache-2.0
"""Cases of `pyhl repl` and `pyhl run -i`: typing on a terminal, and cells from a pipe."""
import glob
import os
import re
import stat
import struct
import subprocess
import tempfile
import time

from terminal import ENV, HOME, LIMIT, PYHL, Terminal

REPL = [PYHL[0], "repl", "--dest", HOME]
PLAIN = REPL + ["--no-history"]


def screen(shown):
    """What was shown, without what moves the cursor and clears."""
    return re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]|\x08|\r", b"", shown)


class Typing:
    """A session on a terminal."""

    def __init__(self, command, env=()):
        self.wrong = []
        self.terminal = Terminal([*env, *command])
        self.seen = 0
        self.prompt()

    def wait(self, text):
        """Wait until the text is shown after what was waited for before."""
        terminal = self.terminal
        while text not in terminal.shown[self.seen:] and terminal.read():
            pass
        at = terminal.shown.find(text, self.seen)
        if at < 0:
            self.wrong.append(f"{text} was not shown: {terminal.shown[self.seen:][-500:]}")
        self.seen = len(terminal.shown) if at < 0 else at + len(text)

    def prompt(self, text=b">>> "):
        self.wait(text)

    def type(self, typed, *shown, prompt=b">>> "):
        self.terminal.type(typed)
        for text in shown:
            self.wait(text)
        if prompt:
            self.prompt(b"\n" + prompt if typed.endswith(b"\n") else prompt)

    def end(self, typed=b"\x04", status=0):
        self.terminal.type(typed)
        _, found = self.terminal.finish()
        if found != status:
            self.wrong.append(f"status {found}, not {status}: {self.terminal.shown[-500:]}")
        return self.wrong


def case_repl_results():
    session = Typing(PLAIN)
    session.type(b"x = 6\n")
    session.type(b"x * 7\n", b"\n42")
    session.type(b"x;\n")
    session.type(b"print('a'); 'b'\n", b"\r\na\r\n'b'")
    session.type(b"None\n")
    session.type(b"await __import__('asyncio').sleep(0, 'slept')\n", b"'slept'")
    if b"\r\n6\r\n" in session.terminal.shown or b"\r\nNone" in session.terminal.shown:
        session.wrong.append(f"shown although it was silenced: {session.terminal.shown}")
    return session.end()


def case_repl_blocks():
    session = Typing(PLAIN)
    session.type(b"for i in range(2):\n", prompt=b"... ")
    session.type(b"print('no', i)\n", prompt=b"... ")
    session.type(b"\n", b"no 0", b"no 1")
    session.type(b"for i in range(2):\n    j = i\n    print('past' + 'ed', j)\n\n", b"\npasted 1")  # at once
    session.type(b"(1 +\n", prompt=b"... ")
    session.type(b"2)\n", b"3")
    session.type(b"def f(:\n", b"SyntaxError")
    session.type("'äöü' + 'é'\n".encode(), "'äöüé'".encode())
    return session.end()


def case_repl_errors():
    session = Typing(PLAIN)
    session.type(b"def f(): return 1 / 0\n", prompt=None)
    session.type(b"\n")
    session.type(b"f()\n", b"Traceback (most recent call last)", b'File "<cell ', b"~~^~~",
                 b"ZeroDivisionError: division by zero")
    session.type(b"raise SystemExit('words')\n", b"words", prompt=None)
    return session.end(b"", 1)


def case_repl_exits():
    wrong = []
    for line, status in (b"exit()", 0), (b"quit()", 0), (b"exit(3)", 3), (b"import sys; sys.exit(4)", 4), \
            (b"import os; os._exit(5)", 5):
        wrong += Typing(PLAIN).end(line + b"\n", status)
    return wrong


def case_repl_interrupts():
    session = Typing(PLAIN)
    session.type(b"x = 1\n")
    session.type(b"some words", prompt=b"some words")
    session.type(b"\x03", b"KeyboardInterrupt")
    session.type(b"for i in range(3):\n", prompt=b"... ")
    session.type(b"\x03", b"KeyboardInterrupt")
    for loop in (b"while True: pass", b"import time; time.sleep(60)"):
        session.terminal.type(loop + b"\n" + (b"\n" if b"while" in loop else b""))
        time.sleep(1)
        for _ in range(2):  # the second may come while the first is being told of
            session.terminal.type(b"\x03")
        session.wait(b"KeyboardInterrupt")
        session.prompt()
    session.type(b"x + 1\n", b"\n2")
    return session.end()


def case_repl_completes():
    session = Typing(PLAIN)
    session.type(b"import os\n")
    session.type(b"os.getc\tb()\n", b"\nb'")
    session.type(b"os.getcwd\t", b"getcwd   getcwdb")
    session.type(b"\x03")
    session.type(b"'\xc3\xa4', os.getp\ti\t()\n", b"('\xc3\xa4', ")
    session.type(b"if True:\n", prompt=b"... ")
    session.type(b"some = 1\n", prompt=b"... ")
    session.type(b"\n")
    session.type(b"som\t + 1\n", b"\n2")
    session.type(b"nothing_like_it\t\x03", b"KeyboardInterrupt")
    return session.end()


def case_repl_input():
    session = Typing(PLAIN)
    session.type(b"name = input('wh' + 'o? ')\n", b"who? ", prompt=None)
    session.type(b"joe\n")
    session.type(b"name\n", b"'joe'")
    return session.end()


def case_repl_history():
    """Lines are there again in the next session, and only the user can read them."""
    with tempfile.TemporaryDirectory() as state:
        env = [f"XDG_STATE_HOME={state}"]
        session = Typing(REPL, env)
        session.type(b"'first line'\n", b"'first line'")
        session.type(b"'second line'\n", b"'second line'")
        wrong = session.end()
        session = Typing(REPL, env)
        session.type(b"\x1b[A\x1b[A\n", b"\n'first line'")
        session.type(b"\x1b[A\x1b[A\n", b"\n'second line'")
        wrong += session.end()
        path = os.path.join(state, "pyhl", "history")
        kept = open(path).read()
        if kept != "'first line'\n'second line'\n'first line'\n'second line'\n":
            wrong.append(f"the history is {kept!r}")
        modes = [stat.S_IMODE(os.stat(name).st_mode) for name in (path, os.path.dirname(path))]
        if modes != [0o600, 0o700]:
            wrong.append(f"modes {modes}")
        with open(path, "w") as file:
            file.writelines(f"line {i}\n" for i in range(5000))
        wrong += Typing(REPL, env).end()
        kept = open(path).read().splitlines()
        if kept != [f"line {i}" for i in range(4000, 5000)]:
            wrong.append(f"5000 lines became {len(kept)}, from {kept[:1]} to {kept[-1:]}")
        wrong += Typing(PLAIN, env).end()
        os.unlink(path)
        os.symlink("/etc/passwd", path)
        session = Typing(REPL, env)
        if b"pyhl: " not in session.terminal.shown or b"no history is kept" not in session.terminal.shown:
            session.wrong.append(f"history through a link: {session.terminal.shown}")
        wrong += session.end()
    return wrong


def case_repl_images():
    session = Typing(PLAIN)
    session.type(b"import matplotlib.pyplot as plt; plt.plot([1, 2]);\n", b"[image/png, ")
    return session.end()


def fed(command, text, status=0, out=None, err=b""):
    done = subprocess.run(["env", *command], input=text, capture_output=True, timeout=LIMIT, env=ENV)
    wrong = [] if done.returncode == status else [f"status {done.returncode}, not {status}"]
    if out is not None and done.stdout != out:
        wrong.append(f"stdout {done.stdout}, not {out}")
    if err not in done.stderr or (not err and done.stderr):
        wrong.append(f"stderr {done.stderr}, without {err}")
    return [f"{text}: {line}" for line in wrong]


def case_repl_pipe():
    return [*fed(REPL, b"x = 1\nfor i in range(2):\n    print(i)\n\nx + 1\n", out=b"0\n1\n2\n"),
            *fed(REPL, b"'no newline'", out=b"'no newline'\n"),
            *fed(REPL, b"for i in range(2):\n    print(i)", out=b"0\n1\n"),
            *fed(REPL, b"1/0\n'goes on'\n", out=b"'goes on'\n", err=b"ZeroDivisionError"),
            *fed(REPL, b"print(1)\nexit(7)\nprint(2)\n", status=7, out=b"1\n"),
            *fed(REPL, b"", out=b"")]


def case_repl_limits():
    return [*fed([*REPL, "--timeout", "0.5"], b"print(1)\nwhile True: pass\n\nprint(2)\n", 124, b"1\n",
                 b"pyhl repl: stopped: --timeout of 0.5 s is over; the session is over"),
            *fed([*REPL, "--output-limit", "100"], b"print(1)\nprint('x' * 200)\n", 153, None,
                 b"--output-limit; the session is over")]


def case_repl_tools():
    tools = ["--tool", "add=python3 -c 'import json, sys; print(sum(json.load(sys.stdin).values()))'",
             "--tool", "fail=echo no such city >&2; exit 1"]
    session = Typing([*PLAIN, *tools])
    session.type(b"add(a=1, b=2)\n", b"\n3")
    session.type(b"await add.aio(a=3)\n", b"\n3")
    session.type(b"fail()\n", b"host.HostError: ToolError: no such city")
    session.type(b"\x03", b"KeyboardInterrupt")
    session.type(b"import host; host.call_tool('add', a=5)\n", b"\n5")
    return session.end()


def case_repl_copies():
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "in.txt"), "w", encoding="utf-8") as file:
            file.write("from here\n")
        out = os.path.join(folder, "out.txt")
        copies = ["--copy-in", f"{folder}/in.txt:/data/in.txt", "--copy-out", f"/data/out.txt:{out}"]
        wrong = fed([*REPL, *copies], b"open('/data/in.txt').read()\nopen('/data/out.txt', 'w').write('from there')\n",
                    out=b"'from here\\n'\n10\n")
        kept = open(out, encoding="utf-8").read() if os.path.exists(out) else None
        if kept != "from there":
            wrong.append(f"copied out: {kept}")
        wrong += fed([*REPL, "--copy-out", f"/nowhere:{out}"], b"exit(3)\n", 125, b"", b"/nowhere")
    return wrong


def case_repl_image_files():
    with tempfile.TemporaryDirectory() as folder:
        images = os.path.join(folder, "images")
        os.mkdir(images)
        open(os.path.join(images, "image-1.png"), "w").close()
        os.symlink(os.path.join(folder, "elsewhere"), os.path.join(images, "image-3.png"))
        plot = b"import matplotlib.pyplot as plt; plt.plot([1, 2]);\n"
        large = (b"import PIL.Image, random; PIL.Image.frombytes('RGB', (1000, 1000), random.randbytes(3000000))\n")
        done = subprocess.run([*REPL, "--images", images], input=plot + plot + large, capture_output=True, timeout=LIMIT)
        wrong = [] if done.returncode == 0 and not done.stderr else [f"{done}"]
        shown = re.findall(rb"\[image/png, (\d+)x(\d+): (.*)\]", done.stdout)
        if [path.decode() for _, _, path in shown] != [f"{images}/image-{i}.png" for i in (2, 4, 5)]:
            wrong.append(f"shown: {done.stdout}")
        for width, height, path in shown:
            data = open(path, "rb").read()
            if (data[:8], data[-8:-4]) != (b"\x89PNG\r\n\x1a\n", b"IEND") or \
                    struct.unpack(">II", data[16:24]) != (int(width), int(height)):
                wrong.append(f"{path}: no PNG of {width}x{height}, {len(data)} bytes")
        if shown and os.path.getsize(shown[-1][2]) < 3000000:
            wrong.append("the large image is too small")
        if os.path.getsize(os.path.join(images, "image-1.png")) or os.path.exists(os.path.join(folder, "elsewhere")):
            wrong.append("something that was there was written over")
        return wrong + fed([*REPL, "--images", "/dev/null"], b"1\n", 2, b"", b"--images /dev/null: Not a directory")


def case_repl_from():
    with tempfile.TemporaryDirectory() as folder:
        state = os.path.join(folder, "state")
        subprocess.run([*PYHL, "--save", state, "-c", "x = 20\nimport json"], check=True, timeout=LIMIT)
        wrong = fed([*REPL, "--from", state], b"x + 1\njson.dumps([x])\n", out=b"21\n'[20]'\n")
        session = Typing([*PYHL, "--from", state, "-i", "-c", "x += 1"])
        session.type(b"x\n", b"\n21")
        wrong += session.end()
        wrong += fed([*REPL, "--from", "/nowhere"], b"1\n", 125, b"", b"pyhl repl: --from: /nowhere: No such file")
    return wrong


def case_repl_save():
    """The state that a session ends with goes on in the next one, in the branch that it was in."""
    with tempfile.TemporaryDirectory() as folder:
        state = os.path.join(folder, "state")
        wrong = fed([*REPL, "--save", state], b"x = 1\n%fork b\nx = 2\nexit(3)\n", 3, b"")
        wrong += fed([*REPL, "--from", state, "--save", state], b"x\nx += 1\n%checkpoint a\nx += 1\n%rewind\n", out=b"2\n")
        wrong += fed([*REPL, "--from", state, "--save", state, "--copy-out", f"/tmp/y:{folder}/y"],
                     b"x\nx += 1\nopen('/tmp/y', 'w').close()\n", out=b"3\n")
        wrong += fed([*REPL, "--from", state, "--save", state], b"import os; os._exit(0)\n", 125, b"",
                     f"pyhl repl: {state} is not saved: the session was ended\n".encode())
        session = Typing([*PYHL, "--from", state, "--save", state, "-i", "-c", "x += 1"])
        session.type(b"x\n", b"\n5")
        wrong += session.end()
        wrong += fed([*REPL, "--from", state], b"x\n", out=b"5\n")
        wrong += fed([*REPL, "--save", folder], b"1\n", 2, b"", b"no regular file")
        wrong += fed([*REPL, "--save", state], b"x = 7\n%save\nx = 8\n%save\n%save x\nimport os; os._exit(0)\n", 125, b"",
                     b"pyhl repl: %save: write %save\n")
        wrong += fed([*REPL, "--from", state, "--save", state], b"x\n%save\nx = 9\n", out=b"8\n")
        wrong += fed([*REPL, "--from", state], b"x\n%save\n", out=b"9\n", err=b"%save: not in this session: pyhl repl --save")
        hangs = b"import builtins; real = print; builtins.print = lambda *words: exec('while True: pass')\n"
        wrong += fed([*REPL, "--timeout", "0.5", "--save", state], hangs, out=b"")  # so does a run from the state
        wrong += fed([*REPL, "--from", state], b"real(1)\n", out=b"1\n")
        if sorted(os.listdir(folder)) != ["state", "y"]:
            wrong.append(f"left: {os.listdir(folder)}")
    return wrong


def case_repl_checkpoints():
    """%checkpoint and %rewind at a prompt: names, the numbers of cells, the Tab key."""
    session = Typing(PLAIN)
    session.type(b"x = [1]\n")
    session.type(b"%checkpoint one\n")
    session.type(b"x.append(2); y = 1\n")
    session.type(b"%checkpoint two\n")
    session.type(b"x.append(3)\n")
    session.type(b"%rewind\n")
    session.type(b"x\n", b"\n[1, 2]")
    session.type(b"%rew\t o\t\n")
    session.type(b"x, 'y' in globals()\n", b"\n([1], False)")
    session.type(b"1/0\n", b'File "<cell 3>"')
    session.type(b"%checkpoints\n", b"branch      main", b"here", b"checkpoint  one ", b" KiB ", b" s ago", b"checkpoint  two ")
    session.type(b"%check\t\t", b"%checkpoint   %checkpoints", prompt=None)
    session.type(b"\x03", b"KeyboardInterrupt")
    session.type(b"%rewind nope\n", b"pyhl repl: %rewind nope: there is no such checkpoint")
    session.type(b"x = '''\n", prompt=b"... ")
    session.type(b"%rewind one\n", prompt=b"... ")
    session.type(b"'''; x\n", b"'\\n%rewind one\\n'")
    return session.end()


def case_repl_fork():
    """Branches: each goes on from where it was left, with random numbers of its own; the prompt names it."""
    session = Typing(PLAIN)
    session.type(b"import random; x = 'old'; random.seed(1)\n")
    session.type(b"%fork try\n", prompt=b"try >>> ")
    session.type(b"x = 'new'; a = random.random()\n", prompt=b"try >>> ")
    session.type(b"%switch m\t\n")
    session.type(b"x\n", b"\n'old'")
    session.type(b"%fork\n", b"\nfork-1", prompt=b"fork-1 >>> ")
    session.type(b"x = 'third'\n", prompt=b"fork-1 >>> ")
    session.type(b"%switch try\n", prompt=b"try >>> ")
    session.type(b"x, a == random.Random(1).random()\n", b"\n('new', False)", prompt=b"try >>> ")
    session.type(b"%drop fork-1\n", prompt=b"try >>> ")
    session.type(b"%switch fork-1\n", b"there is no such branch", prompt=b"try >>> ")
    session.type(b"import os; os._exit(3)\n", b"the session's state is lost", prompt=b"try >>> ")
    session.type(b"x\n", b"the session's state is lost", prompt=b"try >>> ")
    session.type(b"%switch main\n")
    session.type(b"x\n", b"\n'old'")
    session.type(b"exit(4)\n", prompt=None)
    return session.end(b"", 4)


def case_repl_host_lines():
    """Lines of pyhl in a pipe: what is wrong with one is said in a line, and the session goes on."""
    wrong = fed(REPL, b"x = 1\n%checkpoint a\nx = 2\n  %rewind  a \nx\nprint('%rewind')\nx\n", out=b"1\n%rewind\n1\n")
    wrong += fed(REPL, b"x = 1\n%checkpoint a\nx = 2\n%checkpoint a\nx = 3\n%rewind\nx\n%fork\nx = 4\n%switch main\nx\n",
                 out=b"2\nfork-1\n2\n")
    wrong += fed(REPL, b"if True:\n    x = (5\n%rewind\n)\n\n", err=b"NameError")  # Python's: x = 5 % rewind
    for line, said in (b"%nothing", b"there is no such line; %help"), (b"%rewind", b"there is no checkpoint"), \
            (b"%checkpoint a b", b"%checkpoint: write %checkpoint NAME"), (b"%switch", b"write %switch NAME"), \
            (b"%checkpoint \xc3\xa4", b"a name has 1 to 64"), (b"%checkpoint " + b"x" * 65, b"a name has 1 to 64"), \
            (b"%checkpoint -a", b"begins with another"), (b"%checkpoint main", b"the name of a branch"), \
            (b"%fork main", b"that name is taken"), (b"%switch main", b""), (b"%drop main", b"is in that branch"), \
            (b"%drop \x1b[2J", b"%drop ?[2J: there is no such name"), (b"%", b"%: there is no such line"), (b"%help", b""):
        wrong += fed(REPL, line + b"\nprint('goes on')\n", err=said, out=None if line == b"%help" else b"goes on\n")
    return wrong


def case_repl_lost_state():
    """A run that ends the machine ends the session, unless a state was kept."""
    lost = b"the session's state is lost: %rewind or %switch NAME goes on from another\n"
    limits = [*REPL, "--timeout", "2", "--memory", "700M"]
    wrong = []
    for bad in b"while True: pass\n", b"import os; os._exit(0)", b"x = bytearray(b'1') * (800 << 20)", \
            b"import ctypes; ctypes.string_at(0)":
        wrong += fed(limits, b"x = 1\n%checkpoint a\n" + bad + b"\n%rewind\nx\n", out=b"1\n", err=lost)
    return [*wrong,
            *fed(limits, b"x = 1\n%fork b\nimport os; os._exit(0)\n%checkpoint c\n%switch main\nx\n%switch b\n", out=b"1\n",
                 err=b"%checkpoint: the state is lost"),
            *fed(limits, b"print(1)\n%checkpoint a\nwhile True: pass\n\nprint(2)\n%rewind\n", 124, b"1\n",
                 b"the session's state is lost: the session is over"),
            *fed(limits, b"%checkpoint a\nimport os; os._exit(5)\n", 5, b"", lost)]


def case_repl_checkpoint_limits():
    """Number and memory of kept states are bounded; one that is forgotten makes room."""
    many = b"".join(b"%%checkpoint c%d\n" % i for i in range(65))
    wrong = fed(REPL, many + b"%checkpoint c0\n%drop c1\n%checkpoint d\n%rewind\n'on'\n", out=b"'on'\n",
                err=b"pyhl repl: %checkpoint c64: 64 states are kept, which is the most; %drop NAME forgets one\n")
    big = b"x = bytearray(b'1') * (20 << 20)\n"
    return wrong + fed([*REPL, "--checkpoint-limit", "30M"], big + b"%checkpoint a\n%checkpoint b\n" + big +
                       b"%checkpoint c\n%fork d\n%rewind b\nlen(x)\n%drop a\n%drop b\n" + big + b"%checkpoint e\n%rewind e\n",
                       out=b"20971520\n", err=b" MiB of memory, and --checkpoint-limit is 30.0 MiB; %drop NAME forgets one\n")


def case_repl_checkpoint_doors():
    """Tools answer in each branch, and what is copied out is of the branch that the session ends in."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        doors = ["--tool", "add=python3 -c 'import json, sys; print(sum(json.load(sys.stdin).values()))'",
                 "--copy-in", "/etc/hostname:/name", "--copy-out", f"/data:{out}"]
        wrong = fed([*REPL, *doors], b"open('/data', 'w').write('one')\n%checkpoint a\nopen('/data', 'w').write('three')\n"
                    b"add(a=1)\n%rewind\nadd(a=2)\nopen('/name').close()\n", out=b"3\n5\n1\n2\n")
        with open(out, encoding="utf-8") as file:
            kept = file.read()
    return wrong + ([] if kept == "one" else [f"copied out: {kept}"])


def case_repl_jail():
    done = subprocess.run(["tests/jailed.sh", "bash", "-c", 'sleep 20 | "$@"; :', "-", *REPL], capture_output=True, text=True,
                          timeout=LIMIT)
    parent = subprocess.run(["tests/jailed.sh", "bash", "-c", 'exec "$@" < <(sleep 20)', "-", *REPL, "--pip"], capture_output=True,
                            text=True, timeout=LIMIT)
    return [out.stdout for out in (done, parent) if out.returncode]


def case_tool_interrupt():
    """Ctrl-C reaches a script that waits for a tool, and ends the tool."""
    terminal = Terminal([*PYHL, "--tool", "nap=sleep 4321.5", "-c", "import host\nprint('go')\nhost.nap()"])
    terminal.wait_for(b"go")
    time.sleep(1)
    terminal.type(b"\x03")
    shown, status = terminal.finish()
    wrong = [] if b"KeyboardInterrupt" in shown and status == -2 else [f"{shown}, status {status}"]
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                if b"4321.5" in file.read().split(b"\0"):
                    wrong.append("the tool's process is still there")
        except OSError:
            pass  # it has gone
    return wrong


def case_run_interactive():
    session = Typing([*PYHL, "-i", "-c", "x = 20"])
    session.type(b"x + 1\n", b"\n21")
    wrong = session.end()
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write("import sys\nprint(sys.argv[1:])\ny = 1 / 0\n")
        file.flush()
        session = Typing([*PYHL, "--copy-in", "/etc/hostname:/data", "-O", "-i", file.name, "a", "b"])
        if b"['a', 'b']" not in session.terminal.shown or b"ZeroDivisionError" not in session.terminal.shown:
            wrong.append(f"the script: {session.terminal.shown}")
        session.type(b"sys.argv[1], __debug__, open('/data').close()\n", b"('a', False, None)")
        wrong += session.end()
    return wrong + [*fed([*PYHL, "-i", "-m", "this"], b"", 2, b"", b"-i goes with"),
                    *fed([*PYHL, "-i", "--repeat", "1", "-c", "1"], b"", 2, b"", b"does not go with")]
