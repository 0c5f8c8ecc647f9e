# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # sourced by run.sh, which sets what is used here
# Cases of packages that cannot be used, and of what a user can get wrong.

# lacks "REQUIREMENT..." PATTERN: these packages are not to be had, and the first line says why.
lacks() {
    with "$1" -c 'print(1)'
    expect_status "${3:-125}"
    head -n 1 "$scratch/err" | grep -Eq -- "^pyhl run: .*$2" || problem "$1: not '$2', but: $(head -n 3 "$scratch/err")"
    [ -s "$scratch/out" ] && problem "$1: it ran"
    [ -z "$(find "$XDG_CACHE_HOME/pyhl/work" -mindepth 1 -type d 2>/dev/null)" ] || problem "$1: something is left in work"
}

case_lacks() {
    begin "what is not there, or not for this Python or platform, says so"
    lacks tnowhere "'tnowhere'"
    lacks tpure==3 "version that was asked for"
    lacks 'told tpure>=1.1' "do not go together|version that was asked for"
    lacks tbadneeds "'tnowhere'"
    lacks tbadpython "'tbadpython.*is for another Python; the image has 3\.13"
    lacks tbadtag "'tbadtag' has no wheel for this image's Python, which is 3\.13"
    lacks tbadglibc "'tbadglibc' has no wheel for this image: Linux on x86-64 with glibc 2\.41"
    lacks tbadsource "'tbadsource' has no wheel, only its source"
    [ -e /tmp/tbadsource_ran ] && problem "setup.py ran"
    lacks tbadzip "."
}

case_harm() {
    begin "a package with a link out of it, or with a device, does no harm"
    if is_real; then # which makes a file of either
        with tbadlink -c "import tbadlink, os; print(open('/$place/tbadlink_at').read())"
        grep -q root: "$scratch/out" && problem "it reads the host's /etc/passwd"
        with tbaddevice -c "import os; print(os.path.isfile('/$place/tbaddevice_at'))"
        expect_out True
    else
        lacks tbadlink 'link'
        lacks tbaddevice 'pipe|FIFO'
    fi
    begin "names out of the folder reach nothing"
    rm -f /tmp/tbadroot_evil
    with 'tbaddots tbadroot' -c 'import tbaddots, tbadroot; print(1)'
    expect_out 1
    [ -z "$(find /tmp/tbadroot_evil "$XDG_CACHE_HOME" "$scratch" -name '*_evil' 2>/dev/null)" ] || problem "a file was made"
}

case_large() {
    begin "a package that is too large for the VM's memory is refused, and what it took is given back"
    lacks tbadlarge "too large for the VM's memory|larger than the memory of a VM"
    [ "$(du -sm "$XDG_CACHE_HOME/pyhl" | cut -f1)" -lt 500 ] || problem "$(du -sm "$XDG_CACHE_HOME/pyhl")"
}
