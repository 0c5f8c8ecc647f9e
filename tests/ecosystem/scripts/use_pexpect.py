# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["pexpect"]
# ///
import re
import sys

import pexpect
from pexpect import replwrap

print(pexpect.run("sh -c 'test -t 1 && echo on a terminal; exit 3'", withexitstatus=True))
shell = pexpect.spawn("/bin/sh", ["-i"], env={"PS1": "prompt> ", "PATH": "/usr/bin", "TERM": "dumb"}, timeout=30)
shell.setwinsize(30, 90)
shell.expect_exact("prompt> ")
shell.sendline("stty size; echo $((6 * 7))")
print(shell.expect([r"(\d+) (\d+)\r\n", pexpect.EOF]), shell.match.groups())
shell.expect_exact("prompt> ")
print(shell.before)
shell.sendline("cat")
shell.expect_exact("cat\r\n")
shell.delaybeforesend = 0.3
shell.sendline("echoed")
shell.expect_exact("echoed\r\nechoed\r\n")
shell.sendintr()
shell.expect_exact("prompt> ")
shell.sendline("sleep 60")
try:
    shell.expect("never", timeout=0.5)
except pexpect.TIMEOUT:
    print("a time-out")
shell.sendcontrol("c")
shell.expect_exact("prompt> ")
shell.sendline("exit 5")
shell.expect(pexpect.EOF)
shell.close()
print(shell.exitstatus, shell.signalstatus, shell.isalive())

python = pexpect.spawn(sys.executable, ["-q"], encoding="utf-8", env={"PYTHON_BASIC_REPL": "1", "TERM": "dumb"}, timeout=30)
repl = replwrap.REPLWrapper(python, ">>> ", None)
print(repl.run_command("sum(range(5))").split())
print(re.findall("ZeroDivisionError.*", repl.run_command("1 / 0")))
python.sendline("import getpass; print(getpass.getpass('word: ')[::-1])")
python.expect("word: ")
print(python.waitnoecho(10))
python.sendline("hidden")
print(python.expect(["hidden", "neddih"]))
python.sendeof()
python.expect(pexpect.EOF)
python.close()
print(python.exitstatus)

child = pexpect.spawn("sleep 60")
print(child.isalive(), child.terminate(), child.signalstatus)
