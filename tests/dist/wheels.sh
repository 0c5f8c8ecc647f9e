# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # what run.sh and lib.sh set
# Sourced by run.sh: what `make wheel` and `make wheel-image` have left in build/wheels, and their use, as a user who is not
# root, where a Debian release has no more than python3-venv, and no network.

readonly wheels=$PWD/build/wheels tag=py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64
readonly command_wheel=$wheels/pyhl-$version-$tag.whl image_wheel=$wheels/pyhl_image-$version-$tag.whl

# What is in a wheel, as Python's own library reads it: names, modes, times, and that RECORD has each file's digest.
readonly look_into='
import base64, csv, hashlib, io, sys, time, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
names = wheel.namelist()
record = next(name for name in names if name.endswith(".dist-info/RECORD"))
assert wheel.testzip() is None and len(names) == len(set(names))
said = {name: (digest, size) for name, digest, size in csv.reader(io.StringIO(wheel.read(record).decode()))}
for name in names:
    data = wheel.read(name)
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    assert said.pop(name) == (("sha256=" + digest, str(len(data))) if name != record else ("", "")), name
assert not said, said
odd = [(name, oct(info.external_attr >> 16)) for name, info in zip(names, wheel.infolist())
       if info.external_attr >> 16 != (0o100755 if "/scripts/" in name else 0o100644)]
assert not odd, odd
times = {info.date_time for info in wheel.infolist()}
assert times == {time.gmtime(int(sys.argv[2]) // 2 * 2)[:6]}, times
print(*names, sep="\n")
'

case_wheels() {
    local file
    begin "what is in the wheels"
    [ "$(cd "$wheels" && echo *)" = "${command_wheel##*/} ${image_wheel##*/}" ] || problem "build/wheels has: $(ls -A "$wheels")"
    run python3 -c "$look_into" "$image_wheel" "$(git log -1 --format=%ct)"
    expect_status 0
    [ "$(head -n 2 "$scratch/out" | xargs)" = 'pyhl_image/__init__.py pyhl_image/image.tar.zst' ] || problem "$(cat "$scratch/out")"
    python3 -m zipfile -e "$image_wheel" "$scratch/image" && cmp "$scratch/image/pyhl_image/image.tar.zst" "$image_archive" ||
        problem "another image than make dist makes"
    run python3 -c "$look_into" "$command_wheel" "$(git log -1 --format=%ct)"
    expect_status 0
    for file in pyhl/{__init__.py,py.typed} pyhl-"$version".data/{scripts/pyhl,data/share/man/man1/pyhl.1} \
        pyhl-"$version".dist-info/{METADATA,WHEEL,licenses/{LICENSE,LICENSES.md,copyright/libc6-dev,common-licenses/LGPL-2.1}}; do
        grep -qx "$file" "$scratch/out" || problem "no $file"
    done
    grep -vE "^pyhl/[a-z_]*\.(py|typed)$|^pyhl-$version\.(data|dist-info)/" "$scratch/out" >"$scratch/odd" &&
        problem "$(cat "$scratch/odd")"
    python3 -m zipfile -e "$command_wheel" "$scratch/command" &&
        cmp "$scratch/command/pyhl-$version.data/scripts/pyhl" "$pyhl" || problem "another command than build/pyhl"
    rm -rf "$scratch/image" "$scratch/command"
    begin "a program that is not static gets no wheel"
    mkdir -p "$scratch/stage/bin" && cp "$(command -v env)" "$scratch/stage/bin/pyhl"
    run pyhl/python/wheel.py pyhl "$scratch" "$scratch/stage"
    expect_error 1 "^wheel: .*/bin/pyhl is not static, and the wheel's tag says that it needs no C library$"
}

# In a copy of the tree of which `make dist` has been made.
same_wheels() {
    begin "another directory, the same wheels"
    run env -u MAKEFLAGS -u MAKELEVEL make -s -C "$1" wheel wheel-image
    expect_status 0
    (cd "$wheels" && sha256sum ./*) >"$scratch/sums"
    (cd "$1/build/wheels" && sha256sum ./*) 2>&1 | diff "$scratch/sums" - >"$scratch/diff" || problem "$(cat "$scratch/diff")"
}

# A user who may use /dev/kvm because he is in its group.
add_user() {
    echo 'kvm:x:990:user' >>"$1/etc/group"
    echo 'user:x:1000:1000::/home/user:/bin/bash' >>"$1/etc/passwd"
    install -d -o 1000 -g 1000 "$1/home/user" && mknod -m 660 "$1/dev/kvm" c 10 232 && chown 0:990 "$1/dev/kvm"
}

# as_user ROOT LINE: by that user in the chroot, in his directory, without a network.
# shellcheck disable=SC2016 # variables of the inner shell
as_user() {
    run unshare -mn --propagation private bash -c 'mount -t proc proc "$0/proc" && mount -t devpts devpts "$0/dev/pts" &&
        exec chroot "$0" setpriv --reuid=user --regid=1000 --init-groups env -i -C /home/user HOME=/home/user \
            PATH=/usr/local/bin:/usr/bin bash -c "$1"' "$1" "$2"
}

# The first example of README.md in Python. Where a comment begins with a number, that is what the line prints.
example() {
    sed -n '/^```python$/,/^```$/{/^```/d;p}' README.md
}

try_wheels() {
    local release=$1 root=$2 line home=/home/user/.local/share/pyhl
    begin "Debian $release with python3-venv: a user in the group kvm"
    add_user "$root" && cp "$command_wheel" "$image_wheel" "$root/home/user" && example >"$root/home/user/example.py" ||
        problem "the root could not be prepared"
    as_user "$root" 'id -Gn; command -v pyhl cc; test -w /dev/kvm && test ! -w /usr && ! ping -c 1 127.0.0.1 2>/dev/null'
    expect_status 0
    [ "$(grep -c ' # [0-9]' "$root/home/user/example.py")" -ge 2 ] || problem "README.md: $(cat "$root/home/user/example.py")"
    sed -n '/^## With pip/,/^## /s/^    //p' INSTALL.md | sed "s/VERSION/$version/g; s/TAG/$tag/g" >"$scratch/lines"
    [[ "$(wc -l <"$scratch/lines")" = [2-3] ]] || problem "INSTALL.md: $(cat "$scratch/lines")"
    while IFS= read -r line; do
        begin "Debian $release: $line"
        as_user "$root" "$line"
        expect_status 0
    done <"$scratch/lines"
    begin "Debian $release: the first use of two processes at once, one at a terminal"
    as_user "$root" 'env/bin/python example.py >other & script -qec "env/bin/python example.py" said >/dev/null; wait $! &&
        cat other; tr -d "\r" <said | grep -v ^Script >&2; ls '$home
    sed -n 's/.* # \([0-9][0-9]*\).*/\1/p' "$root/home/user/example.py" >"$scratch/numbers"
    [ "$(head -n "$(wc -l <"$scratch/numbers")" "$scratch/out")" = "$(cat "$scratch/numbers")" ] &&
        [ "$(tail -n 5 "$scratch/out" | xargs)" = 'image.ini initrd.cpio kernel pyhl.ini snapshot' ] ||
        problem "stdout: $(cat "$scratch/out"), stderr: $(tail -n 5 "$scratch/err")"
    expect_err '^(pyhl setup: waiting for another setup|fetch image +[0-9.]+ MiB)'
    begin "Debian $release: the command of the environment"
    as_user "$root" '. env/bin/activate && pyhl --version && pyhl run -c "print(1)"'
    expect_out "pyhl $version"$'\n1'
}

# Once: another release has no other Python code.
try_renewal() {
    local root=$1 ini=.local/share/pyhl/pyhl.ini
    begin "a home that works stays, whatever version made it"
    as_user "$root" "stat -c %i $ini; chmod u+w $ini; sed -i 's/^version = .*/version = 0.0.1/' $ini; stat -c %i $ini
        env/bin/python -c 'import pyhl; print(pyhl.run(\"6 * 7\").text)'; stat -c %i $ini"
    [ "$(sed -n '2p' "$scratch/out")" = "$(sed -n 4p "$scratch/out")" ] || problem "$(cat "$scratch/out" "$scratch/err")"
    begin "one with packages of its own that this version cannot use is the user's to make again"
    as_user "$root" "sed -i 's/^key = .*/key = 00000000000000000000000000000000/; s/^layer_size = .*/layer_size = 1/' $ini
        env/bin/python -c 'import pyhl; print(pyhl.run(\"6 * 7\").text)'"
    expect_status 1
    expect_err 'pyhl setup --force --from'
    begin "another that this version cannot use is made again at the next use"
    as_user "$root" "sed -i 's/^layer_size = .*/layer_size = 0/' $ini
        env/bin/python -c 'import pyhl; print(pyhl.run(\"6 * 7\").text); print(pyhl.setup())' && grep '^version' $ini"
    expect_out "42"$'\n'"/home/user/.local/share/pyhl"$'\n'"version = $version"
}
