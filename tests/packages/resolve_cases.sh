# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # sourced by run.sh, which sets what is used here
# Cases of pyhl/packages.h without a VM, through resolve_tool.c: how requirements are read, what uv is given and what is
# made of what it says, and which trees are refused. The cases that need uv are skipped where it is not on PATH; others
# have a script in its place.

readonly wheels=$scratch/wheels

# Makes the tool and the wheels, once.
resolve_setup() {
    [ -e "$scratch/resolve" ] && return
    cc -std=c17 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=all -I. \
        -o "$scratch/resolve" tests/packages/resolve_tool.c pyhl/packages.c pyhl/packages_[!m]*.c pyhl/opts.c pyhl/value.c pyhl/files.c \
        pyhl/folder.c pyhl/report.c pyhl/signals.c build/libvmm.a -larchive -lmd -lxxhash -lelf || exit 2
    mkdir -p "$wheels" "$scratch/stand-in"
    python3 tests/packages/resolve_wheels.py "$wheels" || exit 2
}

# resolve OPTION...: lets uv find packages for the home's image, in a new folder. The tree is copied to $scratch/tree.
resolve() {
    resolve_setup
    rm -rf "$scratch/work" "$scratch/tree"
    mkdir "$scratch/work"
    RESOLVE_COPY=$scratch/tree run "$scratch/resolve" "$@" "$home/initrd.cpio" "$scratch/work"
    [ ! -e "$scratch/work/site" ] || problem "$* has left its folder"
}

# The same from the wheels alone.
resolve_here() {
    resolve --offline --find-links "$wheels" "$@"
}

# The request that options make, without uv.
request() {
    resolve_setup
    run "$scratch/resolve" "$@"
}

need_uv() {
    is_real && return 0
    skip "$1" "uv is not on PATH (pip install uv)"
    return 1
}

# expect_line LINE...: lines that stdout must have.
expect_line() {
    local line
    for line; do
        grep -qxF -- "$line" "$scratch/out" || problem "no line '$line' in: $(head -c 600 "$scratch/out")"
    done
}

# refused PATTERN: the last run has failed, and its first line says this.
refused() {
    expect_status 1
    head -n 1 "$scratch/err" | grep -Eq -- "^error: $1" || problem "expected '$1': $(head -c 600 "$scratch/err")"
}

# stand_in SCRIPT: a shell script in the place of uv, in the folder that it works in. Its target is ./site.
stand_in() {
    resolve_setup
    printf '#!/bin/bash\n%s\n' "$1" >"$scratch/stand-in/uv"
    chmod +x "$scratch/stand-in/uv"
}

# What a stand-in does for a package that is as it should be.
readonly good_package='mkdir -p site/good site/good-1.0.dist-info; touch site/good/__init__.py
printf "Name: good\nVersion: 1.0\n\n" >site/good-1.0.dist-info/METADATA
printf "good/__init__.py,,\n" >site/good-1.0.dist-info/RECORD'

# It replaces a package of the image where no versions are fixed.
readonly good_package_of_image='[[ " $* " = *" -c fixed.txt "* ]] || { rm -r site/numpy-2.2.4.dist-info
mkdir site/numpy-3.dist-info; cp site/good-1.0.dist-info/* site/numpy-3.dist-info
printf "Name: numpy\nVersion: 3\n\n" >site/numpy-3.dist-info/METADATA; }'

with_stand_in() {
    PATH=$scratch/stand-in:$PATH resolve --with good "$@"
}

case_resolve_request() {
    begin "requirements in one form, from options and files"
    resolve_setup
    mkdir -p "$scratch/req/sub" "$scratch/req/with space"
    cp "$wheels/leaf-1.5-py3-none-any.whl" "$scratch/req/with space"
    printf '%s\n' '# a comment' 'tree >= 1  # trailing' 'leaf \' '>=1' '-r sub/more.txt' '--constraint=cons.txt' \
        "-f $wheels" '-i https://index.example/simple' '--no-index' >"$scratch/req/all.txt"
    printf 'other\r\n\r\n' >"$scratch/req/sub/more.txt"
    printf 'tree<2' >"$scratch/req/cons.txt"
    request --with 'numpy; python_version > "3"' -r "$scratch/req/all.txt"
    expect_status 0
    tr -s ' ' <"$scratch/out" >"$scratch/squeezed"
    [ "$(cat "$scratch/squeezed")" = "numpy; python_version > \"3\"
tree >= 1
leaf >=1
other
#c tree<2
-i https://index.example/simple
--no-index 
find-links: $wheels" ] || problem "$(cat "$scratch/out")"
    request --with "leaf @ $scratch/req/with space/leaf-1.5-py3-none-any.whl ; python_version > '3'"
    grep -q '^#= [0-9]' "$scratch/out" || problem "no content: $(cat "$scratch/out")"
    expect_line "leaf @ file://$scratch/req/with%20space/leaf-1.5-py3-none-any.whl ; python_version > '3'"
    request -r /dev/null
    expect_status 0
    expect_out ''
    request -r "$scratch/req/cons.txt" --with tree
    cp "$scratch/out" "$scratch/before"
    touch -d 2001-01-01 "$scratch/req/with space/leaf-1.5-py3-none-any.whl"
    request --with "$scratch/req/with space/leaf-1.5-py3-none-any.whl"
    cp "$scratch/out" "$scratch/before"
    touch "$scratch/req/with space/leaf-1.5-py3-none-any.whl"
    request --with "$scratch/req/with space/leaf-1.5-py3-none-any.whl"
    ! cmp -s "$scratch/out" "$scratch/before" || problem "another wheel makes the same text"
}

case_resolve_bad_request() {
    begin "requirements that cannot work are refused in one line"
    resolve_setup
    mkdir -p "$scratch/bad"
    bad() {
        request "${@:2}"
        expect_error 1 "^error: $1"
    }
    bad '--with: it is empty' --with ''
    bad "--with: '-r x' is no requirement" --with '-r x'
    bad '--with: .*control character.*0x0a' --with $'a\nb'
    bad "--with: 'git\+https://x/y' has to be built" --with git+https://x/y
    bad "--with: 'x @ git\+ssh://git@x/y' has to be built" --with 'x @ git+ssh://git@x/y'
    bad "--with: 'x@https://e.example/x.tar.gz' is no wheel" --with x@https://e.example/x.tar.gz
    bad "--with: '\.' is no wheel" --with .
    bad "--with: '/etc/passwd' is no wheel" --with /etc/passwd
    bad '--with: ./none.whl: No such file' --with ./none.whl
    bad "-r: $scratch/bad/none: No such file" -r "$scratch/bad/none"
    bad "-r: $scratch/bad: Is a directory" -r "$scratch/bad"
    bad "--find-links $scratch/none: No such file" --with x --find-links "$scratch/none"
    bad '--find-links /etc/passwd: give a folder' --with x --find-links /etc/passwd
    # bad_file TEXT PATTERN: the same of a file, whose text is one for printf %b.
    bad_file() {
        printf '%b' "$1" >"$scratch/bad/file"
        bad "$scratch/bad/file: line $2" -r "$scratch/bad/file"
    }
    bad_file '-e .\n' "1: '-e \.' cannot be had here"
    bad_file 'x\n\n--no-binary :all:\n' "3: '--no-binary :all:' cannot"
    bad_file 'x\n\\\\\n\\\\\ny\n\n-e z' "6: '-e z' cannot"
    bad_file '-r\n' "1: '-r' cannot"
    bad_file 'x \\\\ \ny\n' '1: there is nothing after its backslash'
    bad_file '-r file\n' '1: more than 64 files'
    bad_file 'x\n/etc/passwd' "2: '/etc/passwd' is no wheel"
    bad_file "$(printf 'x%.0s' {1..9000})" '1: a requirement of 9000 bytes'
    printf 'a\0b' >"$scratch/bad/file"
    bad "-r: $scratch/bad/file: not a file of requirements" -r "$scratch/bad/file"
    printf '[project]\nname = "x"\n' >"$scratch/bad/file"
    bad "-r: $scratch/bad/file: not a file of requirements" -r "$scratch/bad/file"
    head -c 2000000 /dev/zero | tr '\0' x >"$scratch/bad/file"
    bad "-r: $scratch/bad/file: more than 1 MiB" -r "$scratch/bad/file"
}

case_resolve_tree() {
    local before
    need_uv "packages are resolved" || return
    begin "packages are resolved, locked, and their modules named"
    resolve_here --with tree
    expect_status 0
    expect_line 'modules: tree' 'replaces: 0'
    grep -Eq '^leaf==1.5 sha256:[0-9a-f]{64}$' "$scratch/out" || problem "no leaf in the lock"
    grep -Eq '^tree==2.0 sha256:[0-9a-f]{64}$' "$scratch/out" || problem "no tree in the lock"
    grep -Eq '^tree sha512:[0-9a-f]{128}$' "$scratch/out" || problem "no hash of the tree in the lock"
    [ -f "$scratch/tree/leaf/__init__.py" ] || problem "no leaf in the tree"
    resolve_here --with leaf
    before=$(cat "$scratch/out")
    resolve --offline --with "$wheels/leaf-1.5-py3-none-any.whl"
    expect_out "$before"
    [ "$(find "$scratch/tree" -name '*.json')" = '' ] || problem "where the package came from is in the tree"
    resolve_here --with leaf --with tree --with 'other>=1'
    expect_line 'modules: leaf other tree'
    grep -q '^tree==1.0 ' "$scratch/out" || problem "tree<2 is not kept"
}

case_resolve_modules() {
    need_uv "names of modules" || return
    begin "names of modules"
    resolve_here --with many
    expect_line 'modules: many_a many_b many_c'
    resolve_here --with listed
    expect_line 'modules: alpha zeta'
    resolve_here --with Named
    expect_line 'modules: named'
}

case_resolve_image() {
    need_uv "packages of the image" || return
    begin "packages of the image are taken as they are, or replaced"
    resolve_here --with numpy==2.2.4 --with 'pandas>=2' --with lxml --with pyyaml
    expect_status 0
    expect_line 'entries: 0' 'modules:' 'replaces: 0'
    resolve_here --with 'numpy>=3'
    expect_status 0
    expect_line 'replaces: 1' 'modules: numpy'
    [ "$(cd "$scratch/tree" && echo *)" = "numpy numpy-99.0.dist-info" ] || problem "the tree has $(ls "$scratch/tree")"
    resolve --offline --with "$wheels/same/numpy-2.2.4-py3-none-any.whl"
    expect_line 'replaces: 1' 'modules: numpy'
    [ -s "$scratch/tree/numpy-2.2.4.dist-info/METADATA" ] || problem "the tree has $(find "$scratch/tree")"
    resolve_here --with numpy
    expect_line 'entries: 0'
    resolve_here --with numpy --upgrade
    expect_line 'replaces: 1'
}

case_resolve_fixed() {
    begin "what the image has stays where what is asked for comes out the same without another version of it"
    stand_in 't=site; [[ " $* " = *" --target fixed "* ]] && t=fixed'$'\n'"${good_package//site/\$t}"$'\n'"${good_package_of_image//site/\$t}"
    with_stand_in
    expect_status 0
    expect_line 'modules: good' 'replaces: 0'
    grep -qx 'pandas==2.2.3+dfsg' "$scratch/work/fixed.txt" || problem "$(cat "$scratch/work/fixed.txt")"
    [ "$(cd "$scratch/work" && echo *)" = "constraints.txt fixed.txt requirements.txt uv.toml" ] || problem "$(ls "$scratch/work")"
    need_uv "an older version of what is asked for" || return
    begin "an older version of what is asked for is taken only with keep"
    resolve_here --with elder
    expect_line 'replaces: 1'
    grep -q '^elder==2.0 ' "$scratch/out" || problem "not the newest: $(cat "$scratch/out")"
    resolve_here --with elder --keep
    expect_line 'replaces: 0'
    grep -q '^elder==1.0 ' "$scratch/out" || problem "not the one that fits: $(cat "$scratch/out")"
    resolve_here --with 'elder>=2' --keep
    expect_line 'replaces: 1'
}

case_resolve_layers() {
    need_uv "packages of a layer" || return
    begin "packages that a layer has are kept, and what it has replaced is not the image's"
    resolve_setup
    mkdir -p "$scratch/dists"
    rm -rf "$scratch/work" && mkdir "$scratch/work"
    run "$scratch/resolve" --offline --find-links "$wheels" --with 'tree<2' --with 'numpy>3' --dists "$scratch/dists" \
        "$home/initrd.cpio" "$scratch/work"
    expect_status 0
    [ -f "$scratch/dists/tree-1.0.dist-info/METADATA" ] || problem "no metadata: $(ls "$scratch/dists")"
    rm -rf "$scratch/work" && mkdir "$scratch/work"
    run "$scratch/resolve" --offline --find-links "$wheels" --with tree --with 'numpy>3' --with leaf "$home/initrd.cpio" \
        "$scratch/work" "$scratch/dists"
    expect_status 0
    expect_line 'modules: leaf' 'replaces: 0'
    ! grep -q '^tree==' "$scratch/out" || problem "tree is installed again: $(cat "$scratch/out")"
}

case_resolve_reasons() {
    need_uv "why packages cannot be had" || return
    begin "why packages cannot be had"
    because() {
        resolve_here "${@:2}"
        refused "$1"
        [ "$(wc -l <"$scratch/err")" -gt 1 ] || problem "uv's own words are missing"
    }
    because "'newglibc' has no wheel for this image: Linux on x86-64 with glibc 2\.41" --with newglibc
    because "'oldpython' has no wheel for this image's Python, which is 3\.13" --with oldpython
    because "'needspython==1.0' is for another Python; the image has 3\.13" --with needspython
    because "'sourceonly' has no wheel, only its source" --with sourceonly
    because "there is no 'no-such-thing' in the --find-links folders" --with no-such-thing
    because 'the packages do not go together' --with 'tree>=2' --with other
    because 'no package has a version that was asked for' --with 'tree==77'
    because 'a requirement is malformed' --with 'tree=1'
    because 'a requirement is malformed' --with '>>>'
    because 'a package asks for another one by an address' --with byaddress
    because "'sourceonly' has no wheel, only its source" --with "$wheels/byaddress-1.0-py3-none-any.whl"
    because 'a package asks for another one by the address' --with "$wheels/bygit-1.0-py3-none-any.whl"
    [ ! -e "$wheels/setup-ran" ] || problem "a package was built"
}

case_resolve_no_code() {
    local folder
    need_uv "no setting makes uv run code" || return
    begin "no setting makes uv run code"
    resolve_setup
    folder=$scratch/planted
    mkdir -p "$folder/.venv/bin" "$folder/config/uv" "$folder/work"
    printf '#!/bin/sh\ntouch %s/ran\nexec python3 "$@"\n' "$folder" >"$folder/.venv/bin/python"
    chmod +x "$folder/.venv/bin/python"
    ln -s python "$folder/.venv/bin/python3"
    printf 'home = /usr/bin\nversion = 3.11.0\n' >"$folder/.venv/pyvenv.cfg"
    printf '[pip]\nrequire-hashes = true\n' >"$folder/uv.toml"
    UV_NO_BINARY_PACKAGE=sourceonly UV_TARGET=/nonexistent run "$scratch/resolve" --offline --find-links "$wheels" --with leaf \
        "$home/initrd.cpio" "$folder/work"
    expect_status 0
    [ ! -e "$folder/ran" ] || problem "a Python above the work folder was run"
    UV_NO_BINARY_PACKAGE=sourceonly UV_NO_BINARY=1 resolve_here --with sourceonly
    refused "'sourceonly' has no wheel"
    printf '[pip]\nno-binary = ["sourceonly"]\n' >"$folder/config/uv/uv.toml"
    XDG_CONFIG_HOME=$folder/config resolve_here --with sourceonly
    refused "$folder/config/uv/uv.toml has 'no-binary'"
    UV_CONFIG_FILE=$folder/config/uv/uv.toml resolve_here --with sourceonly
    refused "$folder/config/uv/uv.toml has 'no-binary'"
    XDG_CONFIG_DIRS=/nonexistent:$folder/config resolve_here --with sourceonly
    refused "$folder/config/uv/uv.toml has 'no-binary'"
    printf '[pip]\ncompile-bytecode = true\nlink-mode = "symlink"\ntarget = "/nonexistent"\n' >"$folder/config/uv/uv.toml"
    XDG_CONFIG_HOME=$folder/config resolve_here --with leaf
    expect_status 0
    [ "$(find "$scratch/tree" -name '*.pyc' -o -type l)" = '' ] || problem "$(find "$scratch/tree")"
    [ ! -e "$wheels/setup-ran" ] || problem "a package was built"
}

case_resolve_wheels() {
    need_uv "wheels made by hand" || return
    begin "wheels made by hand: names that lead out, links, pipes, commands"
    resolve_here --with outside
    expect_status 0
    [ "$(find "$scratch/tree" ! -type f ! -type d -o -type f -perm /6000)" = '' ] || problem "$(find "$scratch/tree" -ls)"
    [ ! -e "$wheels/outside.py" ] && [ ! -e "$scratch/outside.py" ] && [ ! -e "$scratch/up" ] || problem "a file lies outside"
    resolve_here --with command
    [ "$(cd "$scratch/tree" && echo *)" = "command command-1.0.dist-info" ] || problem "the tree has $(ls "$scratch/tree")"
    ! grep -rq 'bin/hello' "$scratch/tree" || problem "RECORD names a command that is not there"
    UV_CACHE_DIR=$scratch/uvcache resolve --offline --find-links "$wheels/large" --with large --max 8M
    refused "the packages are too large for the VM's memory"
    UV_CACHE_DIR=$scratch/uvcache resolve --offline --find-links "$wheels/pieces" --with pieces --max 8M
    refused "the packages are too large for the VM's memory: uv was stopped"
    [ "$(du -sm "$scratch/uvcache" | cut -f1)" -lt 700 ] || problem "the cache has $(du -sm "$scratch/uvcache")"
    rm -rf "$scratch/uvcache"
}

case_resolve_unreachable() {
    need_uv "an index that cannot be reached" || return
    begin "an index that cannot be reached: --find-links is enough where it has everything"
    export HTTPS_PROXY=http://127.0.0.1:1 UV_HTTP_RETRIES=0 UV_CACHE_DIR=$scratch/uvcache
    resolve --find-links "$wheels" --with tree
    expect_status 0
    expect_line 'modules: tree'
    resolve --find-links "$wheels" --with tree --with no-such-thing
    refused 'the package index cannot be reached; .*--find-links DIR with --offline'
    resolve --with no-such-thing
    refused 'the package index cannot be reached'
    unset HTTPS_PROXY UV_HTTP_RETRIES UV_CACHE_DIR
}

case_resolve_no_uv() {
    local empty=$scratch/empty
    begin "without uv, or a Python for it, a line says how to get it"
    resolve_setup
    mkdir -p "$empty"
    rm -rf "$scratch/work" && mkdir "$scratch/work"
    without() {
        run env PATH="$1" HOME="$empty" "$scratch/resolve" --offline --find-links "$wheels" --with leaf "$home/initrd.cpio" "$scratch/work"
    }
    without "$empty"
    expect_error 1 '^error: packages need uv, which is not on PATH; get it with: pipx install uv, or: pip install uv$'
    # A relative entry is no place to look in.
    mkdir -p build/tests/packages
    cp /bin/true build/tests/packages/uv
    without build/tests/packages
    expect_error 1 '^error: packages need uv'
    rm -r build/tests/packages
    is_real || return
    ln -sf "$(command -v uv)" "$empty/uv"
    without "$empty"
    refused 'uv needs a Python of this host to start'
}

case_resolve_command() {
    begin "uv's command: arguments, environment, folder, verbose"
    stand_in "$good_package"'
env >'"$scratch"'/env; printf "%s\n" "$@" >'"$scratch"'/args; cp requirements.txt constraints.txt uv.toml '"$scratch"'; ls /proc/self/fd >'"$scratch"'/fds; cat; ls site'
    PYTHONPATH=/x PIP_INDEX_URL=x UV_NO_BUILD_ISOLATION=1 UV_NO_BINARY=1 UV_TARGET=x UV_INDEX=https://index.example OTHER=1 \
        with_stand_in -v --find-links "$wheels" --with 'a b; rm -rf /' --upgrade
    expect_status 0
    for name in PYTHONPATH PIP_INDEX_URL UV_NO_BUILD_ISOLATION UV_NO_BINARY UV_TARGET; do
        ! grep -q "^$name=" "$scratch/env" || problem "$name is passed"
    done
    grep -qx UV_INDEX=https://index.example "$scratch/env" || problem "UV_INDEX is not passed"
    grep -qx OTHER=1 "$scratch/env" || problem "OTHER is not passed"
    grep -qx UV_PYTHON_DOWNLOADS=never "$scratch/env" || problem "uv may download a Python"
    [ "$(grep -cx -- '--upgrade-package' "$scratch/args")" = 2 ] || problem "$(cat "$scratch/args")"
    [ "$(cat "$scratch/requirements.txt")" = $'good\na b; rm -rf /' ] || problem "$(cat "$scratch/requirements.txt")"
    [ ! -s "$scratch/constraints.txt" ] && [ ! -s "$scratch/uv.toml" ] || problem "a file is not empty"
    [ "$(wc -l <"$scratch/fds")" = 4 ] || problem "descriptors: $(cat "$scratch/fds")"
    expect_err "^pyhl: $scratch/stand-in/uv pip install .*--only-binary :all: .*--python-version 3\.13.* --python-platform x86_64-manylinux_2_41 .*--find-links $wheels"
    ! grep -q numpy "$scratch/err" || problem "-v shows what uv says"
    with_stand_in -vv
    expect_err '^numpy-2\.2\.4\.dist-info'
    begin "a uv that knows older platforms alone is given the newest of them"
    stand_in '[[ " $* " = *" x86_64-manylinux_2_28 "* ]] || { echo "error: invalid value for --python-platform
[possible values: linux, x86_64-manylinux_2_17, x86_64-manylinux_2_28, x86_64-manylinux_2_99]"; exit 2; }
'"$good_package"
    with_stand_in
    expect_status 0
    expect_line 'modules: good'
}

case_resolve_refused() {
    begin "trees that are refused, whatever made them"
    makes() {
        stand_in "$good_package"$'\n'"$2"
        with_stand_in "${@:3}"
        refused "$1"
    }
    makes 'a package has a symbolic link in it.*: good/link' 'ln -s /etc/passwd site/good/link'
    makes 'a package has a symbolic link in it.*: up' 'ln -s ../../.. site/up'
    makes 'a package has a pipe in it.*: good/p' 'mkfifo site/good/p'
    makes 'a package has a socket in it' 'python3 -c "import socket; socket.socket(socket.AF_UNIX).bind(\"site/s\")"'
    makes 'a package has a file that changes its user.*: good/s' 'touch site/good/s; chmod u+s site/good/s'
    makes 'a package has more than 64 directories in each other' 'cd site; for i in {1..70}; do mkdir d; cd d; done'
    makes 'a package has a path of more than 1023 bytes' 'cd site; for i in {1..5}; do mkdir $(printf "%0250d" 1); cd $(printf "%0250d" 1); done'
    makes 'the packages have more than 100000 files' 'mkdir site/d; cd site/d; seq 1 50001 | xargs touch; mkdir e; cd e; seq 1 50001 | xargs touch'
    makes 'the packages are too large for the VM.s memory: more than 1 MiB' 'head -c 700000 /dev/zero >site/a; cp site/a site/b' --max 1M
    makes 'the packages are too large for the VM.s memory' 'head -c 2000000 /dev/zero >site/a || { echo "File too large"; exit 1; }' --max 1M
    makes 'the package good-1.0.dist-info is damaged: it lacks a name' 'echo >site/good-1.0.dist-info/METADATA'
    makes '.*RECORD: No such file' 'rm site/good-1.0.dist-info/RECORD'
    makes '.*RECORD: it is a link' 'ln -sf /etc/passwd site/good-1.0.dist-info/RECORD'
    makes '.*RECORD: not a regular file' 'rm site/good-1.0.dist-info/RECORD; mkfifo site/good-1.0.dist-info/RECORD'
    makes '.*METADATA: it is a link|a package has a symbolic link' 'ln -sf /etc/passwd site/good-1.0.dist-info/METADATA'
    makes '.*other-1.0.dist-info: (Not a directory|Too many levels)' 'ln -s /etc site/other-1.0.dist-info'
    begin "a tree with odd names and hard links is taken"
    stand_in "$good_package"'
ln site/good/__init__.py site/good/again.py; touch "site/good/ü x" "site/good/$(printf "\x01")" site/bin; mkdir site/.hidden'
    with_stand_in
    expect_status 0
}

case_resolve_said() {
    begin "what uv says is bounded, fit for a terminal, and shown after our line"
    stand_in 'printf "\033[31mred\033[0m\303\274\302\233\n"; yes "a line" | head -c 5000000; echo "error: at the end"; exit 3'
    with_stand_in
    refused 'uv failed with status 3'
    [ "$(wc -c <"$scratch/err")" -lt 5000 ] || problem "$(wc -c <"$scratch/err") bytes"
    ! grep -q $'\033' "$scratch/err" || problem "an escape sequence"
    grep -qF '?[31mred?[0mü??' "$scratch/err" || problem "$(head -n 3 "$scratch/err")"
    begin "uv ends with the command, and a signal ends both"
    stand_in 'echo $$ >'"$scratch"'/pid; exec sleep 1000'
    rm -rf "$scratch/work" "$scratch/pid" && mkdir "$scratch/work"
    PATH=$scratch/stand-in:$PATH "$scratch/resolve" --with good "$home/initrd.cpio" "$scratch/work" >/dev/null 2>&1 &
    command=$!
    for _ in {1..100}; do
        [ -s "$scratch/pid" ] && break
        sleep 0.1
    done
    kill -KILL $command
    wait $command 2>/dev/null
    for _ in {1..50}; do
        kill -0 "$(cat "$scratch/pid")" 2>/dev/null || break
        sleep 0.1
    done
    ! kill -0 "$(cat "$scratch/pid")" 2>/dev/null || problem "uv goes on"
}
