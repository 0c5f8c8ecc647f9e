#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Turns the unpacked tree OUT/root into the root of a guest:
#     configure.sh [WHEELS]
# does what maintainer scripts would have done (certificates, alternatives, ld.so.cache), writes the
# files that programs expect in /etc, removes what is useless in a guest, changes a module
# (amend.py), unpacks the pure-Python wheels of the directory WHEELS, and makes matplotlib's font
# cache and bytecode. Everything depends only on the content of the packages, so that the same
# packages give the same tree.

. images/python/lib.sh
. images/python/tree.sh

LIB=usr/lib/x86_64-linux-gnu
# A chroot of nothing but the image, with a fixed hash seed: sets must come out in the same order.
GUEST="env -i PATH=/usr/bin:/usr/sbin HOME=/root LANG=C.UTF-8 PYTHONHASHSEED=0 chroot $ROOT"

# Does what update-ca-certificates and the package openssl do, with the bundle alone: OpenSSL looks
# for cert.pem first, so the thousand hashed links are not needed.
make_certificates() {
    local crt
    for crt in "$ROOT"/usr/share/ca-certificates/mozilla/*.crt; do
        cat "$crt"
        echo
    done | sed '/^$/d' >"$ROOT/etc/ssl/certs/ca-certificates.crt"
    mkdir -p "$ROOT/usr/lib/ssl"
    ln -sf /etc/ssl/certs "$ROOT/usr/lib/ssl/certs"
    ln -sf /etc/ssl/certs/ca-certificates.crt "$ROOT/usr/lib/ssl/cert.pem"
}

# The users and groups that Debian begins with, nobody with a password, and the stacks of PAM that pam-auth-update makes
# for local users.
make_users() {
    local bases=$ROOT/usr/share/base-passwd pam=$ROOT/etc/pam.d
    sed 's/:\*:/:x:/; s:/bin/bash$:/bin/sh:' "$bases/passwd.master" >"$ROOT/etc/passwd"
    sed 's/:\*:/:x:/' "$bases/group.master" >"$ROOT/etc/group"
    (
        umask 137
        awk -F: '{ print $1 ":*::0:99999:7:::" }' "$ROOT/etc/passwd" >"$ROOT/etc/shadow"
        awk -F: '{ print $1 ":*::" }' "$ROOT/etc/group" >"$ROOT/etc/gshadow"
    )
    chgrp 42 "$ROOT"/etc/{shadow,gshadow} # shadow
    printf '%s\n' 'auth [success=1 default=ignore] pam_unix.so nullok' 'auth requisite pam_deny.so' \
        'auth required pam_permit.so' >"$pam/common-auth"
    printf '%s\n' 'account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so' \
        'account requisite pam_deny.so' 'account required pam_permit.so' >"$pam/common-account"
    printf '%s\n' 'password [success=1 default=ignore] pam_unix.so obscure yescrypt' \
        'password requisite pam_deny.so' 'password required pam_permit.so' >"$pam/common-password"
    printf '%s\n' 'session required pam_permit.so' 'session required pam_unix.so' |
        tee "$pam/common-session" >"$pam/common-session-noninteractive"
    # There is no bash.
    sed -i 's:^#* *DSHELL=.*:DSHELL=/bin/sh:' "$ROOT/etc/adduser.conf"
    grep -q '^DSHELL=/bin/sh$' "$ROOT/etc/adduser.conf" || die "/etc/adduser.conf has no line for the shell"
}

# The links that update-alternatives would have made, and the cache of the dynamic linker.
link_libraries() {
    local so
    # One library has all of BLAS and LAPACK. Debian's two with these names hold most of LAPACK a second time.
    for so in libblas.so.3 liblapack.so.3 libopenblas.so.0; do
        [ -e "$ROOT/$LIB/openblas-pthread/$so" ] || die "openblas has no $so"
        ln -sf openblas-pthread/libopenblas.so.0 "$ROOT/$LIB/$so"
    done
    rm "$ROOT/$LIB"/openblas-pthread/lib{blas,lapack}.so.3
}

# Pure-Python wheels of the directory $1, for what Debian does not package.
unpack_wheels() {
    local wheel
    for wheel in "$1"/*.whl; do
        case $wheel in
        *-none-any.whl) ;;
        *) die "$wheel: only pure-Python wheels (*-none-any.whl) can be used" ;;
        esac
        say "unpacking ${wheel##*/}"
        $GUEST /usr/bin/$PYTHON -B -c 'import io, sys, zipfile
data = io.BytesIO(sys.stdin.buffer.read())
zipfile.ZipFile(data).extractall("/usr/lib/python3/dist-packages")' <"$wheel" ||
            die "$wheel: cannot be unpacked"
    done
}

# A module that starts a program which is not here reads a file instead: amend.py.
amend_modules() {
    $GUEST /usr/bin/$PYTHON -B - <$RECIPE/amend.py || die "joblib cannot be changed as amend.py says"
}

# matplotlib has DejaVu fonts of its own, of the same version as the distribution's: the latter become links to them.
share_fonts() {
    local font own
    for font in "$ROOT"/usr/share/fonts/truetype/dejavu/*.ttf; do
        own=/usr/share/matplotlib/mpl-data/fonts/ttf/${font##*/}
        [ -e "$ROOT$own" ] || die "matplotlib has no ${font##*/}"
        ln -sf "$own" "$font"
    done
}

prepare_matplotlib() {
    local rc=$ROOT/etc/matplotlibrc
    [ -e "$rc" ] || die "matplotlib's /etc/matplotlibrc is not where it was"
    sed -i 's/^#* *backend *:.*/backend: Agg/' "$rc"
    grep -q '^backend: Agg' "$rc" || die "/etc/matplotlibrc has no line for the back end"
    $GUEST /usr/bin/$PYTHON -B -W error -c 'import matplotlib.font_manager' 2>"$OUT/fonts.log" ||
        { cat "$OUT/fonts.log" >&2; die "matplotlib's font cache cannot be made"; }
    ls "$ROOT/root/.cache/matplotlib/"fontlist-*.json >/dev/null || die "no font cache was written"
}

# Unchecked: the guest's modules never change under it, so an import need not look at the source. Two parts of the standard
# library that hardly a script imports stay without bytecode, which is as large as their source.
compile_python() {
    say "compiling bytecode"
    find "$ROOT/usr/lib/python3" "$ROOT/usr/lib/$PYTHON" -name __pycache__ -exec rm -rf {} +
    $GUEST /usr/bin/$PYTHON -B -m compileall -f -q --invalidation-mode unchecked-hash \
        -x "badsyntax|bad_coding|lib2to3/tests/data|/$PYTHON/(test|pydoc_data)/" /usr/lib/$PYTHON /usr/lib/python3 ||
        die "bytecode compilation failed"
}

main() {
    need_root
    newest_file "$ROOT" >"$OUT/epoch"
    make_etc
    make_users
    make_certificates
    link_libraries
    prune
    mkdir -p "$ROOT/etc/skel" # of a new user's home: empty
    ln -s which.debianutils "$ROOT/usr/bin/which" # as Debian's update-alternatives does
    $GUEST /usr/sbin/ldconfig || die "ldconfig failed"
    rm -rf "$ROOT/var/cache/ldconfig"
    amend_modules
    [ -z "${1:-}" ] || unpack_wheels "$1"
    share_fonts
    prepare_matplotlib
    compile_python
    say "root: $(du -sm "$ROOT" | cut -f1) MiB in $ROOT"
}

main "$@"
