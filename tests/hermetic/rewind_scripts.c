// SPDX-License-Identifier: Apache-2.0
/*
 * The scripts of the rewind test: small and large, well-behaved, killed, and hostile to the machine
 * below them. Addresses and call numbers are those of vmm/abi.h.
 */
#include "rewind_test.h"

/* Machine code from Python: f = code(bytes) makes a function, f(pointer) calls it. */
#define LESS (640ull << 20) /* memory of a run that is limited */

#define LOW                                                                                        \
    "import ctypes, mmap, struct\n"                                                                \
    "kept = []\n"                                                                                  \
    "def code(b):\n"                                                                               \
    "    page = mmap.mmap(-1, 4096, prot=7); page.write(b + b'\\xc3'); kept.append(page)\n"        \
    "    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(\n"                                        \
    "        ctypes.addressof(ctypes.c_char.from_buffer(page)))\n"                                 \
    "def call(nr, *args):\n"                                                                       \
    "    words = list(args) + [0] * (6 - len(args))\n"                                             \
    "    bell = code(b'\\xe6\\xe0')\n"                                                             \
    "    ctypes.memmove(0x1000 + 240, struct.pack('<IIq6Q', nr, 0, 0, *words), 64)\n"              \
    "    bell(None)\n"

/* Calls of the host's functions by the device. */
#define TOOL                                                                                       \
    "import os\n"                                                                                  \
    "def make(name, arguments):\n"                                                                 \
    "    fd = os.open('/dev/pyhl-tool', os.O_RDWR)\n"                                              \
    "    os.write(fd, name.encode() + b'\\0' + arguments)\n"                                       \
    "    return fd\n"                                                                              \
    "def take(fd): return os.read(fd, 1 << 21)[16:]\n"                                             \
    "def tool(name, arguments):\n"                                                                 \
    "    fd = make(name, arguments); reply = take(fd); os.close(fd); return reply\n"

const struct script scripts[] = {
    {.name = "print", .code = "print(1)", .kind = VMM_EXITED, .out = "1\n"},
    {.name = "status", .code = "import sys; sys.exit(7)", .kind = VMM_EXITED, .status = 7},
    {.name = "exception", .code = "{}['missing']", .kind = VMM_EXITED, .status = 1},
    {.name = "frame",
     .code = "import pandas as pd\n"
             "d = pd.DataFrame({'k': list('abcab') * 50, 'v': range(250)})\n"
             "print(d.groupby('k').v.sum().to_dict())",
     .kind = VMM_EXITED,
     .out = "{'a': 12400, 'b': 12500, 'c': 6225}\n"},
    {.name = "linear algebra",
     .code = "import numpy as np\n"
             "a = np.arange(10000.0).reshape(100, 100) % 17 + 100 * np.eye(100)\n"
             "print(round(float(np.trace(np.linalg.inv(a) @ a))))",
     .kind = VMM_EXITED,
     .out = "100\n"},
    {.name = "files",
     .code = "import os\n"
             "for i in range(200):\n"
             "    open(f'/tmp/f{i}', 'wb').write(os.urandom(3000))\n"
             "    os.rename(f'/tmp/f{i}', f'/g{i}')\n"
             "print(len(os.listdir('/tmp')) < 5)",
     .kind = VMM_EXITED,
     .out = "True\n"},
    {.name = "a child",
     .code = "import subprocess, sys\n"
             "print(subprocess.run([sys.executable, '-c', 'print(6 * 7)'],\n"
             "                     capture_output=True, text=True).stdout)",
     .kind = VMM_EXITED,
     .out = "42\n\n"},
    {.name = "forks",
     .code = "import os\n"
             "kept = bytearray(b'x') * (3 << 20)\n"
             "def child(n):\n"
             "    kept[:] = bytes([n]) * len(kept)\n"
             "    os._exit(0 if kept.count(n) == len(kept) else 1)\n"
             "pids = [os.fork() or child(n) for n in range(3)]\n"
             "print([os.waitpid(pid, 0)[1] for pid in pids], kept.count(b'x') == len(kept))\n"
             "if os.fork() == 0:\n"
             "    while True: kept[:] = os.urandom(len(kept))\n",
     .kind = VMM_EXITED,
     .out = "[0, 0, 0] True\n"},
    {.name = "children left",
     .code =
         "import os, sys, time\n"
         "run = lambda code: os.posix_spawn(sys.executable, [sys.executable, '-S', '-c', code],\n"
         "                                  os.environ)\n"
         "run('import time; time.sleep(100)')\n"
         "run('while True: pass')\n"
         "done = run('pass')\n"
         "os.waitid(os.P_PID, done, os.WEXITED | os.WNOWAIT)\n"
         "print(sum(n.isdigit() for n in os.listdir('/proc')))",
     .kind = VMM_EXITED,
     .out = "5\n"},
    {.name = "stopped children",
     .code = "import os, signal\n"
             "def child():\n"
             "    while True: pass\n"
             "pids = [os.fork() or child() for _ in range(2)]\n"
             "for pid in pids: os.kill(pid, signal.SIGSTOP)\n"
             "print(*(os.waitpid(pid, os.WUNTRACED)[1] for pid in pids))\n"
             "os.kill(os.getpid(), signal.SIGSTOP)\n"
             "os.kill(pids[0], signal.SIGCONT)\n"
             "print(os.waitpid(pids[0], os.WCONTINUED)[1])",
     .kind = VMM_EXITED,
     .out = "4991 4991\n65535\n"},
    {.name = "threads",
     .code = "import threading, os\n"
             "def spin():\n"
             "    while True: pass\n"
             "for _ in range(3): threading.Thread(target=spin, daemon=True).start()\n"
             "import time; time.sleep(0.02); os._exit(3)",
     .kind = VMM_EXITED,
     .status = 3},
    {.name = "cells",
     .before = "import os, threading, time, asyncio\n"
               "x = 6; os.environ['LEFT'] = '1'; os.makedirs('/tmp/d'); os.chdir('/tmp/d')\n"
               "threading.Thread(target=time.sleep, args=(1000,)).start()\n"
               "t = asyncio.create_task(asyncio.sleep(1000)); await asyncio.sleep(0)",
     .code = "print(x * 7)",
     .kind = VMM_READY,
     .out = "42\n"},
    {.name = "a cell that raises",
     .before = "x = [0] * 1000000",
     .code = "x[0] / x[1]",
     .kind = VMM_READY,
     .status = 1},
    {.name = "a cell to the deadline",
     .before = "import threading\n"
               "def spin():\n"
               "    while True: pass\n"
               "threading.Thread(target=spin, daemon=True).start()",
     .code = "while True: pass",
     .kind = VMM_TIMEOUT,
     .status = ANY_STATUS,
     .timeout_ns = 30 * NS_PER_MS},
    {.name = "a cell that ends the session",
     .before = "import os, numpy; a = numpy.ones(1000000)",
     .code = "os._exit(9)",
     .kind = VMM_EXITED,
     .status = 9},
    {.name = "a killed cell",
     .before = "import io; n = io.open('/tmp/x', 'w').write('x' * 100000)",
     .code = "n = 0\nwhile True: n += 1",
     .kind = VMM_KILLED,
     .status = ANY_STATUS,
     .kill_ms = 20},
    {.name = "long", .code = "print(2)", .comment = 300000, .kind = VMM_EXITED, .out = "2\n"},
    {.name = "input",
     .code = "import sys; print(len(sys.stdin.buffer.read()))",
     .kind = VMM_EXITED,
     .out = "300000\n"},
    {.name = "half of the input",
     .code = "import os; print(len(os.read(0, 150000)))",
     .kind = VMM_EXITED},
    {.name = "output", .code = "import sys; sys.stdout.write('x' * 300000)", .kind = VMM_EXITED},
    {.name = "vectors",
     .code = "import numpy as np\n"
             "a = np.random.rand(1000); np.seterr(all='ignore')\n" LOW
             "code(b'\\x0f\\xae\\x17')(ctypes.addressof(ctypes.c_int(0xffc0)))\n"
             "code(b'\\xd9\\xe8' * 8)(None); import os; os._exit(0)",
     .kind = VMM_EXITED},
    {.name = "kill self",
     .code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
     .kind = VMM_SIGNALED,
     .status = 9},
    {.name = "abort", .code = "import os; os.abort()", .kind = VMM_SIGNALED, .status = 6},
    {.name = "null",
     .code = "import ctypes; ctypes.string_at(0)",
     .kind = VMM_SIGNALED,
     .status = 11},
    {.name = "wild jump",
     .code = "import ctypes; ctypes.CFUNCTYPE(None)(0x123456789000)()",
     .kind = VMM_SIGNALED,
     .status = 11},
    {.name = "stack overflow",
     .code = LOW "code(b'\\x50\\xeb\\xfd')(None)", /* push; jmp -3 */
     .kind = VMM_SIGNALED,
     .status = 11},
    {.name = "spin to the deadline",
     .code = "while True: pass",
     .kind = VMM_TIMEOUT,
     .status = ANY_STATUS,
     .timeout_ns = 30 * NS_PER_MS},
    {.name = "CPU time",
     .code = "while True: pass",
     .kind = VMM_CPU,
     .status = ANY_STATUS,
     .cpu_ns = 30 * NS_PER_MS},
    {.name = "a cell that uses up its CPU time",
     .before = "x = [0] * 1000000",
     .code = "while True: x.append(1)",
     .kind = VMM_CPU,
     .status = ANY_STATUS,
     .cpu_ns = 30 * NS_PER_MS},
    {.name = "less memory",
     .code = "import mmap, os\n"
             "total = os.sysconf('SC_PHYS_PAGES') * 4096 >> 20; a = []\n"
             "try:\n"
             "    while True: a.append(mmap.mmap(-1, 8 << 20)); a[-1][1 << 20] = 1\n"
             "except OSError: print(620 < total <= 640, len(a) < 80)",
     .kind = VMM_EXITED,
     .memory = LESS,
     .out = "True True\n"},
    {.name = "out of less memory",
     .code = "a = bytearray(1 << 30)",
     .kind = VMM_OOM,
     .status = ANY_STATUS,
     .memory = LESS},
    {.name = "memory after the limit",
     .code = "import ctypes; ctypes.memset(700 << 20, 1, 100)",
     .kind = VMM_BROKEN,
     .status = ANY_STATUS,
     .memory = LESS},
    {.name = "records",
     .code = "import os\n"
             "fd = os.open('/dev/pyhl-record', os.O_WRONLY)\n"
             "for n in range(20): os.write(fd, b'kind\\0' + bytes(n * 10000))\n"
             "os.writev(fd, [b'ki', b'nd\\0', bytes(100000)]); print(1)",
     .kind = VMM_EXITED,
     .out = "1\n"},
    {.name = "sleep to the deadline",
     .code = "import time; time.sleep(1000)",
     .kind = VMM_TIMEOUT,
     .status = ANY_STATUS,
     .timeout_ns = 30 * NS_PER_MS},
    {.name = "write to the deadline",
     .code = "while True: print('x' * 1000)",
     .kind = VMM_TIMEOUT,
     .status = ANY_STATUS,
     .timeout_ns = 30 * NS_PER_MS},
    {.name = "a deadline while it starts",
     .code = "print(1)",
     .kind = VMM_TIMEOUT,
     .status = ANY_STATUS,
     .timeout_ns = 50000,
     .any_end = true},
    {.name = "killed computing",
     .code = "n = 0\nwhile True: n += 1",
     .kind = VMM_KILLED,
     .status = ANY_STATUS,
     .kill_ms = 20},
    {.name = "killed writing memory",
     .code = "import mmap\n"
             "while True:\n"
             "    a = mmap.mmap(-1, 1 << 24)\n"
             "    for at in range(0, 1 << 24, 4096): a[at] = 1\n"
             "    a.close()",
     .kind = VMM_KILLED,
     .status = ANY_STATUS,
     .kill_ms = 25},
    {.name = "killed in system calls",
     .code = "import os\nwhile True: os.stat('/etc/passwd'); os.close(os.open('/tmp/x', 66))",
     .kind = VMM_KILLED,
     .status = ANY_STATUS,
     .kill_ms = 15},
    {.name = "the kernel's panic",
     .code = LOW "call(0x102, 3, 0)",
     .kind = VMM_PANIC,
     .status = ANY_STATUS},
    {.name = "unknown call", .code = LOW "call(99)", .kind = VMM_BROKEN, .status = ANY_STATUS},
    {.name = "call outside of memory",
     .code = LOW "call(0x101, 0, 1 << 60, 4096)",
     .kind = VMM_BROKEN,
     .status = ANY_STATUS},
    {.name = "files",
     .code = "import os\nprint(os.path.exists('/out'), open('/in/b/c').read(), "
             "open('/etc/hostname').read())\n"
             "os.mkdir('/out')\nopen('/in/a', 'r+b').write(b'x' * 2000000); open('/out/new', "
             "'w').write('n' * 300000)",
     .kind = VMM_EXITED,
     .files = true,
     .out = "False ccccc eeeeeee\n"},
    {.name = "files, killed while they come",
     .code = "while True: pass",
     .kind = VMM_KILLED,
     .status = ANY_STATUS,
     .kill_ms = 1,
     .files = true},
    {.name = "files, taken of a run that dies",
     .code = "import os\nos.mkdir('/out'); os.link('/in/a', '/out/a'); os.kill(os.getpid(), 11)",
     .kind = VMM_SIGNALED,
     .status = 11,
     .files = true},
    {.name = "tool calls",
     .code = TOOL "print(sum(len(tool('echo', b'x' * n)) for n in (0, 1, 5000, 70000, 1 << 20)))",
     .kind = VMM_EXITED,
     .out = "1123577\n"},
    {.name = "tools answered late",
     .code = TOOL "fds = [make('open', b'%d' % n) for n in range(40)]\n"
                  "print(sum(int(take(fd)) for fd in fds))",
     .kind = VMM_EXITED,
     .answers = true,
     .out = "780\n"},
    {.name = "left while it waits for tools",
     .code = TOOL "fds = [make('open', b'x' * n) for n in range(40)]; take(fds[7])",
     .kind = VMM_CALLED},
    {.name = "tools left open",
     .code = TOOL "for n in range(256): make('open', b'x' * n)\n"
                  "os._exit(4)",
     .kind = VMM_EXITED,
     .status = 4},
    {.name = "killed while it calls tools",
     .code = TOOL "while True: tool('echo', b'x' * 3000)",
     .kind = VMM_KILLED,
     .status = ANY_STATUS,
     .kill_ms = 20},
    {.name = "a request that there is not",
     .code = LOW "call(0x600, 7, 0, 0)",
     .kind = VMM_BROKEN,
     .status = ANY_STATUS},
    {.name = "a table of requests outside of memory",
     .code = TOOL "tool('echo', b'')\n" LOW "ctypes.memset(0x1000 + 384, 0xff, 8)\n"
                  "call(0x600, 1, 0, 0)",
     .kind = VMM_BROKEN,
     .status = ANY_STATUS},
    {.name = "no interrupt table",
     .code = LOW "ctypes.memset(0x2100, 0, 512); ctypes.string_at(0)",
     .kind = VMM_BROKEN,
     .status = ANY_STATUS,
     .timeout_ns = 3000 * NS_PER_MS,
     .any_end = true},
    {.name = "vector page gone",
     .code = "import ctypes; ctypes.memset(0x3000, 0xcc, 4096); ctypes.string_at(0)",
     .kind = VMM_BROKEN,
     .status = ANY_STATUS,
     .timeout_ns = 3000 * NS_PER_MS,
     .any_end = true},
    {.name = "kernel data gone",
     .code = "import ctypes; ctypes.memset(0x1000, 0xff, 4096); import os; os.getppid()",
     .kind = VMM_BROKEN,
     .status = ANY_STATUS,
     .timeout_ns = 3000 * NS_PER_MS,
     .any_end = true},
};
const size_t script_count = sizeof(scripts) / sizeof(scripts[0]);

/* It has no machine code of its own. That would need a new executable page, and after a change
 * of page tables the rewind sets all state, the vector registers too. */
const struct script script_vectors = {
    .name = "vector state",
    .code = "import numpy as np\n"
            "print(np.longdouble(1) / 3 > 0.3, np.float32(1) / np.float32(3) > 0.3)",
    .kind = VMM_EXITED,
    .out = "True True\n"};

const struct script script_big = {
    .name = "200 MB",
    .code = "import mmap\n"
            "a = mmap.mmap(-1, 200 << 20)\n"
            "for at in range(0, len(a), 4096): a[at:at + 7] = b'written'\n"
            "print(a[-4096:-4089])",
    .kind = VMM_EXITED,
    .out = "b'written'\n"};

const struct script script_medium = {
    .name = "8 MB",
    .code = "import mmap\n"
            "a = mmap.mmap(-1, 8 << 20)\n"
            "for at in range(0, len(a), 4096): a[at:at + 7] = b'written'\n"
            "print(a[-4096:-4089])",
    .kind = VMM_EXITED,
    .out = "b'written'\n"};

const struct script script_small = {
    .name = "look",
    .code = "import os, sys, mmap, threading, decimal\n"
            "a = mmap.mmap(-1, 1 << 20)\n"
            "print(a[:] == bytes(1 << 20), sorted(os.listdir('/tmp')), len(os.listdir('/')),\n"
            "      threading.active_count(), 0.1 + 0.2, decimal.Decimal(1) / 3, os.getpid(),\n"
            "      len(os.listdir('/proc/self/fd')), 'left' in dir(sys))\n"
            "sys.left = 1; open('/tmp/left', 'w').write('x' * 9000)",
    .kind = VMM_EXITED};

const struct script script_clock = {.name = "clock",
                                    .code =
                                        "import time\n"
                                        "a = time.time(); m = time.monotonic(); time.sleep(0.03)\n"
                                        "print(a, m, time.time() - a, time.monotonic() - m)",
                                    .kind = VMM_EXITED};
