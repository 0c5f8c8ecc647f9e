#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes what the emulated machine boots: build/hardware/vmlinuz, Debian's stock kernel, and build/hardware/initramfs,
# which is busybox, the modules of modules.txt and `init`. The kernel's package is downloaded and unpacked here, never
# installed; build/cache/hardware keeps it, so a network is needed once.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly out=build/hardware cache=build/cache/hardware
readonly root=$out/root

die() {
    echo "test-hardware: $*" >&2
    exit 1
}

# The package that linux-image-amd64 stands for.
kernel_package() {
    apt-cache show --no-all-versions linux-image-amd64 2>/dev/null | sed -En 's/^Depends: (linux-image-[^ ,]*).*/\1/p'
}

fetch_kernel() {
    local package
    package=$(kernel_package)
    [ -n "$package" ] || { apt-get update -qq && package=$(kernel_package); }
    [ -n "$package" ] || die "apt knows no package linux-image-amd64 (is this Debian?)"
    echo "test-hardware: downloading $package"
    (cd $cache && apt-get download -qq -o "APT::Sandbox::User=$(id -un)" "$package") ||
        die "$package could not be downloaded (is there a network?)"
}

mkdir -p $cache
[ -n "$(find $cache -name 'linux-image-*.deb')" ] || fetch_kernel
package=$(find $cache -name 'linux-image-*.deb' | sort -V | tail -n 1)

mapfile -t modules < <(sed '/^#/d' tests/hardware/modules.txt)
rm -rf $out/package $root
mkdir -p $out/package $root/{bin,etc,modules}
patterns=("${modules[@]/%/.ko}")
dpkg-deb --fsys-tarfile "$package" |
    tar -x -C $out/package --wildcards './boot/vmlinuz-*' "${patterns[@]/#/*/}" || die "$package lacks something"
find $out/package/lib -name '*.ko' -exec mv -t $root/modules {} +
mv $out/package/boot/vmlinuz-* $out/vmlinuz
rm -r $out/package

cp "$(command -v busybox)" $root/bin/
install -m 755 tests/hardware/init $root/init
cp tests/hardware/modules.txt $root/
# What programs look for in /etc: nothing of it is secret.
(cd /etc && cp -a --parents -t "$OLDPWD/$root/etc" alternatives ld.so.cache passwd group nsswitch.conf mime.types)
(cd $root && find . | cpio -o -H newc -R 0:0 --quiet) >$out/initramfs.new
mv $out/initramfs.new $out/initramfs
