# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# An apt of the recipe's own: status file, lists and configuration under CACHE/apt. Neither the host's packages nor its
# apt settings matter, except its mirrors and how it reaches them, and nothing is changed on the host. Sourced after
# lib.sh, never run:
#     apt_begin            configures it; fetches the lists where there are none of these mirrors
#     apt_update           fetches the lists
#     apt_resolve WHAT...  writes CACHE/apt/uris, in apt's own format `'URI' FILE SIZE HASH`: these packages (NAME or
#                          NAME=VERSION) with all that they depend on, as far as present.txt does not have it
#     apt_uris WHAT...     the same of these packages alone
#     apt_list             prints what these two have written as lines `package version file`, sorted

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
APT=$(realpath -m "$CACHE/apt")

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
    mkdir -p "$APT/etc" "$APT/state/lists/partial" "$APT/cache/archives/partial"
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

apt_update() {
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

apt_begin() {
    need_tool apt-get apt
    mkdir -p "$CACHE"
    exec 8>>"$CACHE/lock" # the apt directory is that of all images
    flock 8
    [ -r $KEYRING ] || die "$KEYRING not found; it is in the Debian package debian-archive-keyring"
    find_mirrors
    configure_apt
    export APT_CONFIG=$APT/apt.conf
    [ -e "$APT/updated" ] || apt_update
    write_status
}

# apt leaves out files that are in its archive directory, which is empty.
apt_write_uris() {
    "$@" 2>"$APT/log" | grep "^'" >"$APT/uris" || {
        cat "$APT/log" >&2
        die "the packages cannot be resolved in Debian $SUITE"
    }
}

apt_resolve() {
    apt_write_uris apt-get install -y --print-uris "$@"
}

apt_uris() {
    apt_write_uris apt-get download --print-uris "$@"
}

apt_list() {
    awk '{ split($2, p, "_"); v = p[2]; gsub("%3a", ":", v); print p[1], v, $2 }' "$APT/uris" | sort
}
