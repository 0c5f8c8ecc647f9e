# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What every root that is made of Debian packages needs, besides the packages. Sourced, after lib.sh.

ROOT=$OUT/root

# The files that programs expect in /etc, and the directories that no package has.
make_etc() {
    mkdir -p "$ROOT"/{dev,proc,sys,run,home,root,tmp,var/tmp,etc/ssl/certs}
    chmod 1777 "$ROOT/tmp" "$ROOT/var/tmp"
    chmod 700 "$ROOT/root"
    cat >"$ROOT/etc/passwd" <<'EOF'
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
EOF
    cat >"$ROOT/etc/group" <<'EOF'
root:x:0:
daemon:x:1:
bin:x:2:
tty:x:5:
nogroup:x:65534:
EOF
    printf '127.0.0.1\tlocalhost pyhl\n::1\tlocalhost ip6-localhost\n' >"$ROOT/etc/hosts"
    echo pyhl >"$ROOT/etc/hostname"
    printf 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\n%s\n' \
        'protocols: files' >"$ROOT/etc/nsswitch.conf"
    echo Etc/UTC >"$ROOT/etc/timezone"
    ln -sf /usr/share/zoneinfo/Etc/UTC "$ROOT/etc/localtime"
    rm -rf "$ROOT/var/run" "$ROOT/var/lock"
    ln -s /run "$ROOT/var/run"
    ln -s /run/lock "$ROOT/var/lock"
    mkdir -p "$ROOT/run/lock"
}

# Removes what is useless in a guest: the patterns of prune.txt.
prune() {
    local pattern
    shopt -s extglob globstar
    while read -r pattern; do
        # shellcheck disable=SC2086 # a shell pattern below the root
        rm -rf "${ROOT:?}"/$pattern
    done < <(words $RECIPE/prune.txt)
    # links whose target went with the above, except those into directories the guest fills
    find "$ROOT" -xtype l ! -lname '/proc/*' -printf '%P %l\n' | while read -r link target; do
        case $target in
        /*) [ -e "$ROOT$target" ] || [ -L "$ROOT$target" ] || rm "$ROOT/$link" ;;
        *) rm "$ROOT/$link" ;;
        esac
    done
}

# The time that every file of the image gets: that of the newest file in any package.
newest_file() {
    find "$1" -type f -printf '%T@\n' | sort -n | tail -1 | cut -d. -f1
}
