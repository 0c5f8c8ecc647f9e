#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Does what INSTALL.md tells a newcomer to do, on a bare Debian: a chroot with nothing but the essential packages of one
# release, and a clone of HEAD in it.
#
# usage: tests/bare.sh SUITE [COMMAND...]     as root; SUITE is bookworm or trixie, COMMAND is `make demo` unless named
#
# The chroot is in build/bare/SUITE and is made again by each call. What it is unpacked from, build/cache/bare-SUITE.tar,
# is kept. Packages come from the mirror that the host's apt uses.
set -eu
cd "$(dirname "$0")/.."

die() {
    echo "tests/bare.sh: $*" >&2
    exit 1
}

suite=${1:-}
[ -n "$suite" ] || { echo "usage: tests/bare.sh SUITE [COMMAND...]" >&2; exit 2; }
shift
[ $# -gt 0 ] || set -- make demo
readonly root=build/bare/$suite tar=build/cache/bare-$suite.tar
export PATH=$PATH:/usr/sbin:/sbin

# Debian's own form of the list since release 13 (deb822).
stanza() {
    printf '%s\n' 'Types: deb' "URIs: $1" "Suites: $2" 'Components: main' \
        'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg' ''
}

sources() {
    local mirrors mirror security
    mirrors=$(apt-get indextargets --no-release-info --format "\$(REPO_URI)" | sort -u)
    mirror=$(grep -E -m 1 '^http.*/debian/?$' <<<"$mirrors") || die "the host's apt knows no Debian mirror (http://.../debian)"
    stanza "$mirror" "$suite $suite-updates"
    security=$(grep -E -m 1 '^http.*/debian-security/?$' <<<"$mirrors") || return 0
    stanza "$security" "$suite-security"
}

# The host's ways to the mirror (proxies, whether old lists are accepted) go into the chroot's apt, too.
make_tar() {
    local options=() line new=${tar%.tar}.new.tar
    while read -r line; do
        options+=("--aptopt=$line")
    done < <(apt-config dump | grep -E '^Acquire::(https?|Check-Valid-Until|Check-Date)(::| )')
    echo "bare: making a Debian $suite"
    mkdir -p build/cache
    sources >"$tar.sources"
    mmdebstrap --quiet --variant=minbase "${options[@]}" "$suite" "$new" - <"$tar.sources" || die "mmdebstrap failed"
    mv "$new" "$tar"
}

# Runs in a mount namespace of its own: what it mounts is gone with it, and never in the way of removing the chroot.
# shellcheck disable=SC2016 # the inner shells' variables
inside='
    root=$1
    shift
    mount --bind "$root" "$root" # the root of a namespace, so that tests can have mounts of their own
    mount --rbind /dev "$root/dev"
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    exec env -i HOME=/tmp TERM="${TERM:-dumb}" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        DEBIAN_FRONTEND=noninteractive chroot "$root" sh -ec "
            { apt-get update && apt-get install -y git gcc make; } >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; exit 1; }
            cd /pyhl
            exec \"\$@\"" sh "$@"
'

[ "$(id -u)" = 0 ] || die "must be run as root: it makes a chroot"
for program in mmdebstrap apt-get unshare; do
    command -v $program >/dev/null || die "$program not found: apt-get install -y mmdebstrap util-linux"
done
tests/prereqs.sh kvm
[ -e "$tar" ] || make_tar
rm -rf "$root"
mkdir -p "$root"
tar -xf "$tar" -C "$root"
cp /etc/resolv.conf "$root/etc/"
git clone -q . "$root/pyhl"
echo "bare: Debian $(cat "$root/etc/debian_version"), $(git log -1 --format='%h %s'): $*"
unshare --mount bash -euc "$inside" bash "$root" "$@"
