# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # sourced by run.sh, which sets what is used here
# Cases of packages that are as they should be: which are taken, and that they do what they do natively.

case_pure() {
    begin "a package with data and entry points"
    same tpure 'import tpure, importlib.metadata, importlib.resources' 'print(tpure.__version__, tpure.where().read_text())' \
        'print(importlib.metadata.version("tpure"), *importlib.metadata.entry_points(group="tpure.plug"))' \
        'print(importlib.resources.files("tpure").joinpath("data.txt").read_text(), tpure.__spec__.origin, tpure.__file__)'
    begin "a version that is named, and the newest one that fits"
    same tpure==1.0 'import tpure; print(tpure.__version__)'
    same 'tpure>=1.0,<1.2' 'import tpure; print(tpure.__version__)'
    begin "a package of 3,000 files"
    same tmany 'import os, tmany; print(sum(len(names) for *_, names in os.walk(os.path.dirname(tmany.__file__))))'
}

case_chain() {
    begin "dependencies come along, by their versions and markers"
    same tchain 'import tchain, tleaf, importlib.util; print(tchain.told, tleaf.leaf, importlib.util.find_spec("tnever"))'
    same told 'import told, tpure; print(tpure.__version__)'
    begin "a package of the image is used where its version fits"
    same tneeds_numpy 'import numpy, tneeds_numpy; print(tneeds_numpy.ten, numpy.__version__, numpy.__file__)'
}

case_replaces() {
    begin "a package of the image gives way to another version"
    same tabulate==99.0 'import tabulate, importlib.metadata' 'print(tabulate.__version__, tabulate.__file__)' \
        'print(importlib.metadata.version("tabulate"))' 'import pandas; print(pandas.DataFrame({"x": [1]}))'
    with tpure -c 'import tabulate; print(tabulate.__version__)' # a layer without it has the image's
    grep -q '^0\.' "$scratch/out" || problem "$(cat "$scratch/out" "$scratch/err")"
}

case_forms() {
    begin "namespace packages of two wheels"
    same 'tspace_a tspace_b' 'import tspace.a, tspace.b; print(tspace.a.half, tspace.b.half, list(tspace.__path__))'
    begin "lines of .pth files"
    same tpth 'import sys, tpth, tpth_inner; print(sys.tpth, tpth.outer, tpth_inner.inner, sys.path)'
    begin "scripts and data of a wheel"
    same tdata 'import tdata, tdata_pure, os; print(tdata_pure.pure, open(os.path.dirname(tdata.__file__) + "/share/tdata.txt").read())'
    begin "extension modules, of this Python and of the stable ABI"
    same 'tnative tstable' 'import tnative, tstable; print(tnative.sum(2, 3), tstable.sum(40, 2), tnative._native)' \
        'print(tstable.sum("x"))'
}
