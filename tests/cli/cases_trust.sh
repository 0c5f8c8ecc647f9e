# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034 # sourced by run.sh, which sets what is used here
# Cases of trust: homes that others own or can change, links, pipes and devices where files should be, archives that
# unpack to more than they should, files that change while VMs use them.

readonly other_user=65534

# What is below this directory: names, owners, modes, inodes, times of change.
state_of() {
    find "$1" -printf '%P %U %m %i %s %T@\n' | sort
}

# refused_home PATTERN ARGS...: run, info and verify say so, in one line that matches.
refused_home() {
    local pattern=$1
    shift
    run "$pyhl" run "$@" -c 'print(1)'
    expect_error 125 "$pattern"
    run "$pyhl" verify "$@"
    expect_error 125 "$pattern"
    run "$pyhl" info "$@"
    expect_status 125
    grep -Eq "$pattern" "$scratch/out" || problem "info does not say '$pattern': $(head -n 3 "$scratch/out")"
}

case_home_of_others() {
    local bad=$scratch/theirs file mode before
    need_root "homes of other users" || return
    begin "a home, or any file of it, of another user is refused"
    copy_home "$bad"
    chown -R "$other_user" "$bad"
    refused_home 'theirs belongs to user 65534.*not trusted.*--dest' --dest "$bad"
    run env PYHL_HOME="$bad" "$pyhl" run -c 'print(1)'
    expect_error 125 'belongs to user 65534'
    chown -R 0 "$bad"
    for file in pyhl.ini snapshot initrd.cpio; do
        chown "$other_user" "$bad/$file"
        run "$pyhl" run --dest "$bad" -c 'print(1)'
        expect_error 125 "$file belongs to user 65534"
        chown 0 "$bad/$file"
    done
    run "$pyhl" run --dest "$bad" -c 'print(1)'
    expect_out 1
    begin "a home, or any file of it, that others can write is refused"
    for mode in g+w o+w; do
        for file in . pyhl.ini snapshot initrd.cpio; do
            chmod "$mode" "$bad/$file"
            run "$pyhl" run --dest "$bad" -c 'print(1)'
            expect_error 125 "can be changed by others .mode 0[0-7]+.: it is not trusted"
            chmod "${mode/+/-}" "$bad/$file"
        done
    done
    chmod o+w "$bad/kernel"
    run "$pyhl" verify --dest "$bad"
    expect_status 125
    expect_err 'kernel can be changed by others'
    begin "setup leaves another user's home alone"
    chown -R "$other_user" "$bad"
    before=$(state_of "$bad")
    for file in '' --force; do
        # shellcheck disable=SC2086 # no word or one
        run "$pyhl" setup --from "$image" --dest "$bad" $file
        expect_error 125 "belongs to user 65534, not to you .*left alone"
    done
    [ "$(state_of "$bad")" = "$before" ] || problem "it is not as it was"
    [ -e "$bad.tmp" ] || [ -e "$bad.lock" ] && problem "something is left"
    begin "setup makes a home again that others could write"
    chown -R 0 "$bad"
    chmod o+w "$bad/snapshot"
    run "$pyhl" setup --from "$image" --dest "$bad"
    expect_status 0
    run "$pyhl" run --dest "$bad" -c 'print(1)'
    expect_out 1
    begin "what setup makes is read-only, whatever the umask"
    for mode in 000 077; do
        run bash -c 'umask "$1"; shift; exec "$@"' umask $mode "$pyhl" setup --from "$image" --dest "$bad" --force
        expect_status 0
        [ -z "$(find "$bad" -perm /022)" ] && [ -z "$(find "$bad" -type f -perm /222)" ] ||
            problem "umask $mode: $(ls -la "$bad")"
        run "$pyhl" run --dest "$bad" -c 'print(1)'
        expect_out 1
    done
}

case_home_of_root() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    local as_nobody='mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/kvm c 10 232 || exit 99
        exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"'
    need_mounts "users other than root" || return
    begin "another user runs from root's home, and from his own"
    cp "$pyhl" "$scratch/pyhl"
    chmod 755 "$scratch" "$scratch/pyhl"
    copy_home "$scratch/nobodys"
    run "${namespace[@]}" "$as_nobody" namespace "$scratch/pyhl" run --dest "$home" -c 'print(1)'
    expect_status 0
    expect_out 1
    chown -R "$other_user" "$scratch/nobodys"
    run "${namespace[@]}" "$as_nobody" namespace "$scratch/pyhl" run --dest "$scratch/nobodys" -c 'print(1)'
    expect_status 0
    expect_out 1
    chown 1 "$scratch/nobodys/snapshot"
    run "${namespace[@]}" "$as_nobody" namespace "$scratch/pyhl" run --dest "$scratch/nobodys" -c 'print(1)'
    expect_error 125 'snapshot belongs to user 1, who is neither you .user 65534. nor root'
}

case_home_not_made_here() {
    local at=$scratch/checkout
    begin "a ./.pyhl that came with the directory is not used unless it is named"
    mkdir -p "$at"
    copy_home "$at/.pyhl"
    run env -C "$at" "$pyhl" run -c 'print(1)'
    expect_error 125 './.pyhl was not made here by pyhl setup.*--dest .pyhl.*pyhl setup --force'
    run env -C "$at" "$pyhl" run --dest .pyhl -c 'print(1)'
    expect_out 1
    run env -C "$at" PYHL_HOME=.pyhl "$pyhl" run -c 'print(1)'
    expect_out 1
    run env -C "$at" "$pyhl" verify
    expect_error 125 'was not made here'
    run env -C "$at" "$pyhl" info
    expect_status 125
    begin "a ./.pyhl that setup made there is used, and may be moved with its directory"
    run env -C "$at" "$pyhl" setup --force --from "$image"
    expect_status 0
    run env -C "$at" "$pyhl" run -c 'print(1)'
    expect_out 1
    mv "$at" "$at.moved"
    run env -C "$at.moved" "$pyhl" run -c 'print(1)'
    expect_out 1
    begin "a ./.pyhl without a statement of where it was made is not used"
    cp "$at.moved/.pyhl/pyhl.ini" "$scratch/ini"
    sed '/^snapshot_inode/d' "$scratch/ini" >"$scratch/ini.old"
    rm -f "$at.moved/.pyhl/pyhl.ini"
    cp "$scratch/ini.old" "$at.moved/.pyhl/pyhl.ini"
    run env -C "$at.moved" "$pyhl" run -c 'print(1)'
    expect_error 125 'was not made here'
}

# A pipe, a link to a secret, a device, a directory in a file's place: each a message, at once, without the secret.
case_home_no_files() {
    local bad=$scratch/odd file
    echo 'format = S3CRET' >"$scratch/secret"
    begin "pipes, devices, links and directories in place of a home's files"
    for file in pyhl.ini snapshot initrd.cpio; do
        copy_home "$bad"
        rm "$bad/$file"
        mkfifo "$bad/$file"
        run "$pyhl" run --dest "$bad" --timeout 1 -c 'print(1)'
        expect_error 125 "$file: not a regular file"
        rm "$bad/$file"
        mkdir "$bad/$file"
        run "$pyhl" run --dest "$bad" -c 'print(1)'
        expect_error 125 "$file: not a regular file"
        rmdir "$bad/$file"
        ln -s "$scratch/secret" "$bad/$file"
        run "$pyhl" run --dest "$bad" -c 'print(1)'
        expect_error 125 "$file: it is a link"
        grep -q S3CRET "$scratch/err" && problem "the secret is shown: $(cat "$scratch/err")"
        ln -sfn /dev/zero "$bad/$file"
        run "$pyhl" run --dest "$bad" -c 'print(1)'
        expect_error 125 "$file: it is a link"
    done
    copy_home "$bad"
    rm "$bad/kernel"
    mkfifo "$bad/kernel"
    run "$pyhl" verify --dest "$bad"
    expect_status 125
    expect_err 'kernel: not a regular file'
}

case_image_no_files() {
    local from=$scratch/oddimage at=$scratch/oddhome file
    echo 'name = S3CRET#' >"$scratch/secret"
    begin "pipes and links in place of an image's files"
    for file in kernel initrd.cpio image.ini; do
        rm -rf "$from" && cp -r "$image" "$from" && rm "$from/$file"
        mkfifo "$from/$file"
        run "$pyhl" setup --from "$from" --dest "$at"
        expect_error 2 "$file: not a regular file"
        [ -n "$(compgen -G "$at*")" ] && problem "something is left: $(compgen -G "$at*")"
    done
    rm "$from/image.ini"
    { echo '[image]' && cat "$scratch/secret"; } >"$scratch/secret.ini"
    ln -s "$scratch/secret.ini" "$from/image.ini"
    run "$pyhl" setup --from "$from" --dest "$at"
    expect_error 2 'image.ini: it is a link'
    grep -q S3CRET "$scratch/err" && problem "the secret is shown: $(cat "$scratch/err")"
    mkfifo "$scratch/pipe.tar"
    run "$pyhl" setup --from "$scratch/pipe.tar" --dest "$at"
    expect_error 2 'is neither'
    begin "a kernel or initrd that is a link is followed"
    rm -rf "$from" && mkdir "$from" && cp "$image/image.ini" "$from"
    ln -s "$image/kernel" "$image/initrd.cpio" "$from"
    run "$pyhl" setup --from "$from" --dest "$at"
    expect_status 0
    [ -z "$(find "$at" -type l)" ] || problem "a link was installed"
    begin "boot with a pipe as kernel or initrd; a script through a pipe"
    run "$pyhl" boot "$scratch/pipe.tar" --initrd "$image/initrd.cpio" -- /bin/taker
    expect_error 125 'pipe.tar: not a regular file'
    run "$pyhl" boot "$kernel" --initrd "$scratch/pipe.tar" -- /bin/taker
    expect_error 125 'pipe.tar: not a regular file'
    # shellcheck disable=SC2016 # expanded by the inner shell
    run bash -c '"$0" run --dest "$1" <(sleep 0.2; echo show)' "$pyhl" "$home"
    expect_status 0
    grep -q '^mode 1$' "$scratch/out" || problem "$(cat "$scratch/out")"
}

case_stage_of_others() {
    local at=$scratch/mine before pid
    begin "a link at HOME.tmp is not followed"
    copy_home "$scratch/victim"
    before=$(state_of "$scratch/victim")
    ln -sfn "$scratch/victim" "$at.tmp"
    run "$pyhl" setup --from "$image" --dest "$at"
    expect_error 125 'mine.tmp is in the way'
    [ "$(state_of "$scratch/victim")" = "$before" ] || problem "the home that it points to is not as it was"
    [ -e "$at" ] && problem "something was installed"
    rm "$at.tmp"
    begin "a link at HOME is not followed"
    ln -sfn "$scratch/victim" "$at"
    run "$pyhl" setup --from "$image" --dest "$at" --force
    expect_error 125 'did not make'
    [ "$(state_of "$scratch/victim")" = "$before" ] || problem "the home that it points to is not as it was"
    rm "$at"
    begin "setup uses and removes the lock file that a killed one left, and no other thing of that name"
    (umask 077 && : >"$at.lock")
    run "$pyhl" setup --from "$image" --dest "$at"
    expect_status 0
    [ -e "$at.lock" ] && problem "the lock file is left"
    ln -s "$scratch/secret" "$at.lock"
    run "$pyhl" setup --from "$image" --dest "$at"
    expect_error 125 'mine.lock: it is a link'
    rm "$at.lock"
    begin "a setup that waits for another one says so"
    (umask 077 && : >"$at.lock")
    flock "$at.lock" sleep 1 &
    pid=$!
    sleep 0.3
    run "$pyhl" setup --from "$image" --dest "$at"
    expect_status 0
    expect_err "waiting for another setup of '$at'"
    wait $pid
    need_root "staging directories of other users" || return
    begin "a staging directory or lock file of another user is left alone"
    mkdir "$at.tmp"
    : >"$at.tmp/snapshot"
    chown -R "$other_user" "$at.tmp"
    run "$pyhl" setup --from "$image" --dest "$at" --force
    expect_error 125 'mine.tmp. belongs to user 65534'
    [ -e "$at.tmp/snapshot" ] || problem "a file was removed"
    rm -r "$at.tmp"
    (umask 077 && : >"$at.lock")
    chown "$other_user" "$at.lock"
    run "$pyhl" setup --from "$image" --dest "$at" --force
    expect_error 125 'mine.lock is in the way'
    [ -e "$at.lock" ] || problem "it was removed"
    rm "$at.lock"
    begin "another user who locks the directory does not hold off setup"
    chmod 755 "$scratch"
    "${nobody[@]}" flock "$scratch" sleep 30 &
    pid=$!
    sleep 0.3
    run timeout 20 "$pyhl" setup --from "$image" --dest "$at" --force
    expect_status 0
    [ -s "$scratch/err" ] && grep -q waiting "$scratch/err" && problem "it waited"
    kill $pid 2>/dev/null
    wait $pid 2>/dev/null
}

case_archive_limits() {
    local at=$scratch/bombed from=$scratch/bomb
    # refuse PATTERN ARGS...: of bomb.tar.zst
    refuse() {
        local pattern=$1
        shift
        run "$pyhl" setup --from "$scratch/bomb.tar.zst" --dest "$at" "$@"
        expect_error 2 "$pattern"
        [ -n "$(compgen -G "$at*")" ] && problem "something is left: $(compgen -G "$at*")"
    }
    pack() {
        tar --zstd -cf "$scratch/bomb.tar.zst" -C "$from" "$@"
    }
    rm -rf "$from" && cp -r "$image" "$from"
    begin "archives: a kernel, an image.ini, an initrd larger than may be"
    truncate -s 200M "$from/kernel"
    pack kernel initrd.cpio image.ini
    [ "$(stat -c %s "$scratch/bomb.tar.zst")" -lt 4000000 ] || problem "it is no bomb"
    refuse "'kernel' has 209715200 bytes, at most 16777216"
    tar -Scf "$scratch/bomb.tar.zst" -C "$from" kernel initrd.cpio image.ini
    refuse "'kernel' has 209715200 bytes, at most 16777216"
    run "$pyhl" setup --from "$from" --dest "$at"
    expect_error 2 "'kernel' has 209715200 bytes, at most 16777216"
    cp "$image/kernel" "$from/kernel"
    truncate -s 2M "$from/image.ini"
    pack .
    refuse "'image.ini' has 2097152 bytes, at most 1048576"
    cp "$image/image.ini" "$from/image.ini"
    truncate -s 5000M "$from/initrd.cpio"
    tar -Scf "$scratch/bomb.tar.zst" -C "$from" kernel initrd.cpio image.ini
    refuse "'initrd.cpio' has 5242880000 bytes, at most 4294967296 are taken \(--max-initrd\)"
    cp "$image/initrd.cpio" "$from/initrd.cpio"
    pack .
    refuse "'initrd.cpio' has [0-9]+ bytes, at most 100000 are taken" --max-initrd 100000
    run "$pyhl" setup --from "$from" --dest "$at" --max-initrd 100000
    expect_error 2 "'initrd.cpio' has [0-9]+ bytes, at most 100000 are taken"
    run "$pyhl" setup --from "$from" --dest "$at" --max-initrd 1M
    expect_status 0
    rm -r "$at"
    begin "archives: what is not of an image counts, too"
    truncate -s 30M "$from/other"
    pack other kernel initrd.cpio image.ini
    refuse 'unpacks to more than 18874368 bytes.*--max-initrd' --max-initrd 1M
    run "$pyhl" setup --from "$scratch/bomb.tar.zst" --dest "$at"
    expect_status 0
    rm -r "$at"
    begin "archives: the kernel is looked at before the rest is unpacked"
    cp "$pyhl" "$from/kernel"
    tar -cf "$scratch/bomb.tar.zst" -C "$from" kernel initrd.cpio image.ini
    truncate -s "$(($(stat -c %s "$from/kernel") + 20000))" "$scratch/bomb.tar.zst"
    run "$pyhl" setup --from "$scratch/bomb.tar.zst" --dest "$at"
    expect_error 125 'kernel: ELF type|kernel: no ABI note'
    [ -n "$(compgen -G "$at*")" ] && problem "something is left: $(compgen -G "$at*")"
}

# A run that reads a line, has FILE of its home written to, and goes on to its second iteration.
case_changed_in_use() {
    local bad=$scratch/changing file pid
    begin "a home's file that is written to while VMs use it ends them at their next rewind"
    for file in snapshot initrd.cpio; do
        copy_home "$bad"
        mkfifo "$scratch/to" "$scratch/from"
        timeout -s9 "$limit" "$pyhl" run --dest "$bad" --repeat 3 -c cat <"$scratch/to" >"$scratch/from" \
            2>"$scratch/err" &
        pid=$!
        exec 4>"$scratch/to" 5<"$scratch/from"
        echo line >&4
        read -r -t 20 _ <&5 || problem "the guest did not get ready"
        flip "$bad/$file" 500000
        exec 4>&-
        wait $pid
        status=$?
        exec 5<&-
        : >"$scratch/out"
        expect_error 125 'was written to while it was in use'
        rm "$scratch/to" "$scratch/from"
    done
}
