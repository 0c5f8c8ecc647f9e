# SPDX-License-Identifier: Apache-2.0
"""Runs cells as a session does, without a VM: for display_check.py, under the image's python3 in its chroot.

usage: display_run.py SESSION: stdin is a JSON list of cells, stdout a list of {"records", "stdout", "stderr"}.
"""
import ast
import contextlib
import io
import json
import os
import sys
import traceback
import types

taken = []


def send(kind, record):
    taken.append([kind, json.loads(json.dumps(record, allow_nan=False))])
    return takes


def run(code, names):
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) and not code.rstrip().endswith(";") else None
    exec(compile(tree, "<cell>", "exec"), names)
    value = last and eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
    if value is not None:
        display.result(value, 1)


def run_cell(code, names):
    global takes
    takes = "# nobody takes records" not in code
    taken.clear()
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        display.begin_cell()
        try:
            run(code, names)
        except Exception:
            traceback.print_exc()
        display.end_cell()
    return {"records": [*taken], "stdout": out.getvalue(), "stderr": err.getvalue()}


backend = os.environ.pop("MPLBACKEND", None)  # matplotlib is imported before a session has an environment
sys.path.insert(0, sys.argv[1])
sys.modules["records"] = types.SimpleNamespace(send=send)
import display  # noqa: E402, from SESSION
for name in ("records", "display", "figures", "charts", "ipython"):
    del sys.modules[name]
del sys.path[0]
if backend is not None:
    os.environ["MPLBACKEND"] = backend
display.start()
names = {"__name__": "__main__"}
json.dump([run_cell(code, names) for code in json.load(sys.stdin)], sys.stdout)
