#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks the finished root OUT/root:
#     check.sh
# every library that a file asks for is there, and every package works natively, in a chroot of the
# root (check.py). It also says which libraries nothing asks for: candidates for prune.txt.

. images/python/lib.sh

ROOT=$OUT/root
LIB=$ROOT/usr/lib/x86_64-linux-gnu
# parts of the C library, and what is opened by name at run time
BY_NAME='^(ld-linux|libBrokenLocale|libanl|libc_malloc_debug|libdl|libgcc_s|libmemusage|libmvec'
BY_NAME+='|libnss_|libpcprofile|libpthread|libresolv|librt|libthread_db|libutil)'

# `user library` for each dependency of each ELF file; readelf objects to all other files
list_needed() {
    find "$ROOT/usr" -type f \( -name '*.so*' -o -perm -100 \) -print0 |
        { xargs -0 readelf -d 2>/dev/null || true; } | awk '
        /^File: / { file = $2 }
        /\(NEEDED\)/ { gsub(/[][]/, "", $NF); print file, $NF }'
}

main() {
    local user library path unused
    need_tool readelf binutils
    list_needed >"$OUT/needed"
    while read -r user library; do
        [ -e "$LIB/$library" ] || [ -e "$LIB/openblas-pthread/$library" ] || [ -e "${user%/*}/$library" ] ||
            die "${user#"$ROOT"} needs $library, which is not in the image"
    done <"$OUT/needed"
    unused=$(find "$LIB" -maxdepth 1 -name '*.so.*' -type f -printf '%f\n' | while read -r path; do
        [[ $path =~ $BY_NAME ]] || grep -q " ${path%%.so.*}\\.so" "$OUT/needed" || echo "$path"
    done | sort | tr '\n' ' ')
    [ -z "$unused" ] || say "note: nothing asks for $unused"
    env -i PATH=/usr/bin:/usr/sbin HOME=/root LANG=C.UTF-8 chroot "$ROOT" \
        /usr/bin/$PYTHON -B -W error::ImportWarning - <$RECIPE/check.py >"$OUT/check.log" 2>&1 ||
        { cat "$OUT/check.log" >&2; die "the image's python fails (above)"; }
}

main
