# SPDX-License-Identifier: Apache-2.0
"""Options of python3 and PYTHON* variables, valid and not: a probe under each must print what it prints under python3.
-X importtime must name the script's imports, nested as under python3."""
import re

# Words before the script; a word with '=' after PYTHON is a variable.
RUNS = """
-u
-O
-OO
-B
-W error
-Werror
-W error::DeprecationWarning -W ignore::UserWarning
-W nonsense
-W default::a:b:c:d:e
-X utf8
-X utf8=1
-Xutf8=0
-X utf8=2
-X dev
-X tracemalloc
-X tracemalloc=7
-X tracemalloc=x
-X faulthandler
-X int_max_str_digits=640
-X int_max_str_digits=0
-X int_max_str_digits=5
-X no_debug_ranges
-X warn_default_encoding
-X pycache_prefix=/tmp/pyc
-X showrefcount
-X utf8=1 -X utf8=0
-X int_max_str_digits=640 -X int_max_str_digits=0
-X int_max_str_digits=640 -X int_max_str_digits=5
-X frozen_modules=foo
-X frozen_modules=off
-X frozen_modules
-X some=thing -X other
-I
-E
-P
-s
-b
-bb
-d
-q
-uBO
-I PYTHONOPTIMIZE=1 PYTHONWARNINGS=error PYTHONPATH=/usr/share PYTHONUTF8=1
-E PYTHONOPTIMIZE=1 PYTHONIOENCODING=bogus PYTHONTRACEMALLOC=foo
-E PYTHONINTMAXSTRDIGITS=0 PYTHONSAFEPATH=1
-O PYTHONOPTIMIZE=2
-W error PYTHONWARNINGS=ignore
-X int_max_str_digits=0 PYTHONINTMAXSTRDIGITS=700
PYTHONTRACEMALLOC=0
PYTHONTRACEMALLOC=3
PYTHONTRACEMALLOC=-1
PYTHONTRACEMALLOC=foo
PYTHONTRACEMALLOC=70000
PYTHONINTMAXSTRDIGITS=0
PYTHONINTMAXSTRDIGITS=640
PYTHONINTMAXSTRDIGITS=100
PYTHONINTMAXSTRDIGITS=x
PYTHONIOENCODING=bogus
PYTHONIOENCODING=latin-1
PYTHONIOENCODING=ascii:replace
PYTHONIOENCODING=:backslashreplace
PYTHONHASHSEED=x
PYTHONMALLOC=foo
PYTHONMALLOC=malloc
PYTHONHASHSEED=-1
PYTHONHASHSEED=random
PYTHONUTF8=1
PYTHONUTF8=0
PYTHONUTF8=2
PYTHONDEVMODE=1
PYTHONNOUSERSITE=1
PYTHONDEBUG=1
PYTHONDEBUG=x
PYTHONOPTIMIZE=2
PYTHONOPTIMIZE=x
PYTHONDONTWRITEBYTECODE=1
PYTHONUNBUFFERED=1
PYTHONFAULTHANDLER=1
PYTHONNODEBUGRANGES=1
PYTHONWARNDEFAULTENCODING=1
PYTHONPYCACHEPREFIX=/tmp/pyc
PYTHONSAFEPATH=1
PYTHONPATH=/usr/share:here
PYTHONWARNINGS=error,default
PYTHONWARNINGS=
PYTHONOPTIMIZE=
""".strip().splitlines()


def import_lines(result):
    """The lines of -X importtime, without head and times."""
    out, err, status = result
    return [re.sub(rb"[ \d]+\|", b"|", line) for line in err.splitlines() if b"[us]" not in line]


def check_import_time(case, oracle, runner):
    """python3 also tells of the imports of its start, which come first."""
    case.options, case.source = ["-X", "importtime"], b"import json, html.parser, colorsys, email.message\n"
    expected, got = import_lines(oracle(case)), import_lines(runner(case))
    if len(got) > 10 and expected[-len(got):] == got:
        return []
    return [f"  -X importtime: expected {expected[-len(got):]}", f"  -X importtime:      got {got}"]


def check(case, oracle, runner, differences):
    """Lines about each of RUNS in which `runner(case)` and `oracle(case)` do not agree."""
    wrong = []
    env = dict(case.env)
    for line in RUNS:
        words = line.split()
        case.options = [word for word in words if not word.startswith("PYTHON")]
        case.env = {**env, **dict(word.split("=", 1) for word in words if word.startswith("PYTHON"))}
        expected, got = oracle(case), runner(case)
        wrong += [f"  {line}: {text.strip()}" for text in differences(expected, got)]
    case.env = env
    return wrong + check_import_time(case, oracle, runner)
