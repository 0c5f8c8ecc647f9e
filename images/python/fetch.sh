#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Resolves packages to those of one Debian release and downloads them:
#     fetch.sh [PACKAGE...]
# for the root those in packages.txt and those named as arguments, with their dependencies; for the
# driver those in dev.txt, if the image has that file. Writes OUT/root.list and OUT/dev.list with one line
# `package version file` each, sorted, and leaves the files in CACHE/deb. The resolver has a status file, lists and
# configuration of its own under CACHE/apt. Neither the host's packages nor its apt settings matter,
# except its mirrors and how it reaches them, and nothing is changed on the host. Without a change in
# the recipe no network is needed again; remove CACHE/apt to take newer versions.

. images/python/lib.sh

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
APT=$(realpath -m "$CACHE/apt")
DEBS=$(realpath -m "$CACHE/deb")

# The mirrors are the host's own, unless IMAGE_MIRROR and IMAGE_SECURITY_MIRROR name others. Machines in a cloud
# have their mirrors in lists (mirror+file:/etc/apt/mirrors/debian.list). Without a security mirror, the release
# alone is used.
find_mirrors() {
    local targets
    # shellcheck disable=SC2016 # apt's variables, not the shell's
    targets=$(apt-get indextargets --no-release-info --format '$(COMPONENT) $(RELEASE) $(REPO_URI)' |
        sed -n 's/^main //p' | sort -u)
    MIRROR=${IMAGE_MIRROR:-$(awk '$1 !~ /-security/ && $2 ~ /\/debian(\.list)?\/?$/ { print $2; exit }' \
        <<<"$targets")}
    SECURITY=${IMAGE_SECURITY_MIRROR:-$(awk '$1 ~ /-security/ && $2 ~ /debian-security/ \
        { print $2; exit }' <<<"$targets")}
    [ -n "$MIRROR" ] || die "the host's apt knows no Debian mirror; set IMAGE_MIRROR=URL"
    [ -n "$SECURITY" ] || say "the host's apt knows no Debian security mirror: doing without"
}

# How the host's apt reaches mirrors: proxies, certificates, whether old lists are accepted.
host_access() {
    apt-config dump | grep -E '^Acquire::(https?|Check-Valid-Until|Check-Date)(::| )' || true
}

configure_apt() {
    mkdir -p "$APT/etc" "$APT/state/lists/partial" "$APT/cache/archives/partial" \
        "$DEBS/partial"
    : >"$APT/state/status"
    cat >"$APT/sources.new" <<EOF
deb [signed-by=$KEYRING] $MIRROR $SUITE main
deb [signed-by=$KEYRING] $MIRROR $SUITE-updates main
${SECURITY:+deb [signed-by=$KEYRING] $SECURITY $SUITE-security main}
EOF
    # lists of other mirrors are of no use
    cmp -s "$APT/sources.new" "$APT/etc/sources.list" || rm -f "$APT/updated"
    mv "$APT/sources.new" "$APT/etc/sources.list"
    cat >"$APT/apt.conf" <<EOF
Dir "$APT";
Dir::Etc "$APT/etc";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$APT/state";
Dir::State::status "$APT/state/status";
Dir::Cache "$APT/cache";
Dir::Log "$APT";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "$(id -un)";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
Acquire::Languages "none";
Acquire::Retries "2";
$(host_access)
EOF
}

update_lists() {
    say "fetching the package lists of Debian $SUITE"
    if ! apt-get -qq update >"$APT/log" 2>&1 || grep -q '^[WE]:' "$APT/log"; then
        cat "$APT/log" >&2
        die "the package lists could not be fetched (no network?); mirrors: $MIRROR $SECURITY"
    fi
    touch "$APT/updated"
}

# Packages in present.txt count as installed, in their true versions and without dependencies. They
# are on hold, so that the resolver does not replace them by the real ones.
write_status() {
    local unknown
    words $RECIPE/present.txt |
        { xargs apt-cache show --no-all-versions 2>"$APT/log" || true; } | awk '
        /^(Package|Version|Architecture|Multi-Arch|Provides):/
        /^Package:/ { print "Status: hold ok installed\nMaintainer: none\nDescription: present" }
        /^$/' >"$APT/status.new"
    unknown=$(comm -23 <(words $RECIPE/present.txt | sort) \
        <(sed -n 's/^Package: //p' "$APT/status.new" | sort))
    [ -z "$unknown" ] || die "$RECIPE/present.txt: unknown to Debian $SUITE: ${unknown//$'\n'/ }"
    mv "$APT/status.new" "$APT/state/status"
}

# apt_uris PACKAGE...: writes what to download, in apt's own format `'URI' FILE SIZE HASH`: the
# packages with all dependencies, for NAME=dev the packages alone. (apt leaves out files that are in
# its archive directory, which is empty.)
apt_uris() {
    if [ "$NAME" = dev ]; then
        apt-get download --print-uris "$@"
    else
        apt-get install -y --print-uris "$@"
    fi 2>"$APT/log" | grep "^'" >"$APT/uris" || {
        cat "$APT/log" >&2
        die "the packages cannot be resolved in Debian $SUITE"
    }
}

download() {
    local file size missing=0 bytes=0
    while read -r _ file size _; do
        [ -e "$DEBS/$file" ] || missing=$((missing + 1)) bytes=$((bytes + size))
    done <"$APT/uris"
    say "$NAME: $(wc -l <"$APT/uris") packages, $missing to download ($((bytes >> 20)) MiB)"
    [ $missing -gt 0 ] || return 0
    if [ "$NAME" = dev ]; then
        (cd "$DEBS" && apt-get -qq download "$@")
    else
        apt-get install -y -qq --download-only -o "Dir::Cache::archives=$DEBS" "$@"
    fi >"$APT/log" 2>&1
}

write_list() {
    awk '{ split($2, p, "_"); v = p[2]; gsub("%3a", ":", v); print p[1], v, $2 }' "$APT/uris" |
        sort >"$OUT/$NAME.list.new"
    # an unchanged list keeps its time, so that make redoes nothing for it
    if cmp -s "$OUT/$NAME.list.new" "$OUT/$NAME.list"; then
        rm "$OUT/$NAME.list.new"
    else
        mv "$OUT/$NAME.list.new" "$OUT/$NAME.list"
    fi
}

# fetch NAME PACKAGE...
fetch() {
    NAME=$1
    shift
    apt_uris "$@"
    download "$@" || {
        # the mirror may have moved on since the lists were fetched
        update_lists
        apt_uris "$@"
        download "$@" || { cat "$APT/log" >&2; die "download failed (no network, or disk full?)"; }
    }
    write_list
}

main() {
    local packages
    need_root # later steps do: said before anything is downloaded
    need_tool apt-get apt
    [ -r $KEYRING ] || die "$KEYRING not found; it is in the Debian package debian-archive-keyring"
    mkdir -p "$OUT" "$CACHE"
    exec 8>>"$CACHE/lock" # the apt directory is that of all images
    flock 8
    find_mirrors
    configure_apt
    export APT_CONFIG=$APT/apt.conf
    [ -e "$APT/updated" ] || update_lists
    write_status
    mapfile -t packages < <(words $RECIPE/packages.txt)
    fetch root "${packages[@]}" "$@"
    [ -e $RECIPE/dev.txt ] || return 0
    mapfile -t packages < <(words $RECIPE/dev.txt)
    fetch dev "${packages[@]}"
}

main "$@"
