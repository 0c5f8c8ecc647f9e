# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # sourced by run.sh, which sets what is used here
# Cases of inline script metadata: the block is found by the rules of PEP 723, read in a VM, and what is wrong in it is
# said in one line.

# metadata LINE...: makes $scratch/script.py of a block with these lines, and code that prints "ran".
metadata() {
    {
        echo '# /// script'
        printf '# %s\n' "$@"
        echo '# ///'
        echo 'print("ran")'
    } >"$scratch/script.py"
}

# refuses LINE PATTERN: the script made last is refused, with its name and this line number.
refuses() {
    pyhl_run "$scratch/script.py"
    expect_error 2 "^pyhl run: $scratch/script.py:$1: script metadata.*$2"
}

runs() {
    pyhl_run "$@"
    expect_status 0
    expect_out ran
}

case_find() {
    begin "blocks are found as PEP 723 says, in any text"
    run cc -std=c17 -D_GNU_SOURCE -O1 -g -fsanitize=address,undefined -I. -o "$scratch/find" \
        tests/packages/find.c pyhl/metadata.c vmm/err.c
    expect_status 0
    run tests/packages/find_check.py "$scratch/find" "${TEST_SEED:-1}"
    expect_status 0
}

case_metadata_fits() {
    begin "a script whose metadata the image satisfies runs as without"
    metadata 'requires-python = ">=3.11, <4"' 'dependencies = [' '    "numpy >= 2",' '    "Python_Dateutil",' \
        '    "colorama; sys_platform == \"win32\"",' ']' '[tool.other]' 'x = 1'
    PATH=/usr/bin:/bin runs "$scratch/script.py" # without uv
    runs - <"$scratch/script.py"
    pyhl_run --repeat 2 "$scratch/script.py"
    expect_out "$(printf 'ran\nran\nran')"
    pyhl_run --json "$scratch/script.py"
    grep -q '"stdout": *"ran\\n"' "$scratch/out" || problem "--json: $(head -c 300 "$scratch/out")"
    [ -s "$scratch/err" ] && problem "stderr: $(cat "$scratch/err")"
    begin "an empty block, one with CR LF, one without an end"
    metadata ''
    runs "$scratch/script.py"
    metadata 'dependencies = ["numpy"]'
    sed -i 's/$/\r/' "$scratch/script.py"
    runs "$scratch/script.py"
    metadata 'dependencies = 3'
    sed -i '/^# \/\/\/$/d' "$scratch/script.py"
    runs "$scratch/script.py"
    begin "only the script has metadata: not -c, not a module that it imports"
    runs -c "$(metadata 'dependencies = 3' && cat "$scratch/script.py")"
    mkdir -p "$scratch/dir"
    cp "$scratch/script.py" "$scratch/dir/__main__.py"
    runs "$scratch/dir"
}

case_metadata_python() {
    begin "requires-python that excludes the image's Python is refused with both"
    metadata 'dependencies = []' 'requires-python = ">=3.14"'
    refuses 3 "requires-python '>=3.14' excludes the image's Python 3\.13\.[0-9]+$"
    metadata 'requires-python = "~=3.12.0"'
    refuses 2 "'~=3.12.0' excludes"
    metadata 'requires-python = "three"'
    refuses 2 "'three' is no list of version specifiers"
    metadata 'requires-python = 3.13'
    refuses 2 "requires-python must be a string, not 3\.13"
}

case_metadata_bad() {
    local address
    begin "bad TOML"
    metadata 'x = 1' 'dependencies = [' '"numpy"'
    refuses 5 "bad TOML"
    metadata 'dependencies = ["numpy", rich]'
    refuses 2 "bad TOML: Invalid value"
    metadata 'x = 1' 'x = 2'
    refuses 3 "bad TOML"
    metadata "x = $(printf '%05000d' 0 | tr 0 '[')"
    refuses 2 "bad TOML: it is nested too deeply"
    metadata "x = $(printf '%05000d' 1)"
    refuses 2 "bad TOML"
    metadata "$(printf 'x = "\xff"')"
    refuses 2 "it is not UTF-8"
    begin "wrong types and what is no requirement"
    metadata 'dependencies = "numpy"'
    refuses 2 "dependencies must be an array, not a string"
    metadata 'dependencies = ["numpy", 3]'
    refuses 2 "dependencies must have strings, not 3"
    metadata 'dependencies = [' '"numpy",' '"-r /etc/passwd",' ']'
    refuses 4 "'-r /etc/passwd', which is no requirement"
    metadata 'dependencies = ["numpy\n--index-url x"]'
    refuses 2 "which is no requirement"
    for address in x.whl 'x @ file:///etc/passwd' 'x @ https://example.org/x-1.0-py3-none-any.whl'; do
        metadata "dependencies = [\"$address\"]"
        refuses 2 "'$address': of a script only names and versions are taken"
    done
    metadata 'tool = 3'
    refuses 2 "tool must be a table, not 3"
    begin "settings of uv that a script may not choose"
    metadata '[tool.uv]' 'exclude-newer = "2030-01-01T00:00:00Z"'
    runs "$scratch/script.py"
    metadata '[[tool.uv.index]]' 'url = "https://example.org"'
    refuses 2 '\[tool\.uv\] has index, which pyhl does not take from a script'
    metadata '[tool.uv.sources]' 'numpy = { path = "/tmp" }'
    refuses 2 'has sources'
}

case_metadata_block() {
    local mib
    begin "two blocks, a NUL byte, a block without end or bounds"
    metadata 'dependencies = []'
    cat "$scratch/script.py" "$scratch/script.py" >"$scratch/two.py"
    pyhl_run "$scratch/two.py"
    expect_error 2 "two.py:5: a second block of script metadata: the first is in line 1$"
    metadata 'x = 1'
    printf '# /// script\n# x = \0\n# ///\n' >"$scratch/script.py"
    refuses 2 "with a NUL byte"
    for mib in 1 250; do
        {
            echo '# /// script'
            yes '# x = 1' | head -c "${mib}M"
            echo '# ///'
        } >"$scratch/script.py"
        refuses 2 "of more than 64 KiB"
    done
    begin "text of the metadata does not reach the terminal as it is"
    metadata "requires-python = \"$(printf '\\u001b')[31m\""
    refuses 2 "is no list of version specifiers"
    grep -q "$(printf '\033')" "$scratch/err" && problem "an escape sequence"
}

# entries: how many scripts the cache knows.
entries() {
    find "$XDG_CACHE_HOME/pyhl/scripts" -type f 2>/dev/null | wc -l
}

case_metadata_cache() {
    local file answer
    rm -rf "$XDG_CACHE_HOME"
    begin "metadata is read once, and what is wrong is not kept"
    metadata 'dependencies = 3'
    refuses 2 "must be an array"
    [ "$(entries)" = 0 ] || problem "$(entries) entries after an error"
    metadata 'dependencies = ["numpy"]'
    runs "$scratch/script.py"
    [ "$(entries)" = 1 ] || problem "$(entries) entries after a first run"
    file=$(echo "$XDG_CACHE_HOME"/pyhl/scripts/*)
    cp "$file" "$scratch/kept"
    { echo; cat "$scratch/script.py"; } >"$scratch/moved.py"
    runs "$scratch/moved.py"
    [ "$(entries)" = 1 ] || problem "$(entries) entries after the same block in another line"
    # That the second run asks no VM shows in what it does with an answer that no VM gives.
    printf 'requirement tnowhere\nend\n' >"$file"
    pyhl_run --offline "$scratch/script.py"
    [ "$status" = 0 ] && problem "the answer in the cache was not used"
    begin "an answer that is damaged or that others can change is not taken"
    for answer in '' 'end of it' 'requirement -r x' 'requirement x @ https://x' 'requirement /x' 'error x'; do
        printf '%s\n' "$answer" >"$file"
        runs "$scratch/script.py"
        cmp -s "$file" "$scratch/kept" || problem "'$answer' was not replaced"
    done
    chmod 666 "$file"
    printf 'requirement x\nend\n' >"$file"
    runs "$scratch/script.py"
    begin "a cache that cannot be is no error"
    rm -rf "$XDG_CACHE_HOME"
    echo >"$XDG_CACHE_HOME"
    runs "$scratch/script.py"
    rm "$XDG_CACHE_HOME"
}

# needs OPTION...: runs the script made last, with the wheels of the suite and these options.
needs() {
    pyhl_run --offline --find-links "$made/good" "$@" "$scratch/script.py"
}

case_metadata_packages() {
    local print='import tpure; print(tpure.__version__)'
    begin "dependencies that the image lacks come as a layer, with --with and -r"
    metadata 'dependencies = ["tpure < 1.1"]'
    echo "$print" >>"$scratch/script.py"
    needs
    expect_status 0
    expect_out $'ran\n1.0'
    echo 'import tleaf; print(tleaf.leaf)' >>"$scratch/script.py"
    echo 'tleaf' >"$scratch/more.txt"
    needs --with tleaf
    expect_out $'ran\n1.0\nTrue'
    needs -r "$scratch/more.txt" --repeat 1
    expect_out $'ran\n1.0\nTrue\nran\n1.0\nTrue'
    begin "the second run needs no uv, also from standard input, and in a session"
    PATH=/usr/bin:/bin needs --with tleaf
    expect_out $'ran\n1.0\nTrue'
    PATH=/usr/bin:/bin pyhl_run --offline --find-links "$made/good" --with tleaf - <"$scratch/script.py"
    expect_out $'ran\n1.0\nTrue'
    needs --with tleaf -i < <(echo 'tpure.__version__')
    expect_out $'ran\n1.0\nTrue\n'"'1.0'"
    begin "what the script and --with ask for must go together"
    needs --with 'tpure>1.1'
    expect_status 125
    expect_err "do not go together|version that was asked for"
    metadata 'dependencies = ["numpy<99"]'
    needs --with tleaf
    expect_status 0
    needs --with 'numpy>=99'
    expect_status 125
    begin "exclude-newer reaches uv"
    metadata 'dependencies = ["tpure"]' '[tool.uv]' 'exclude-newer = "2031-02-03T00:00:00Z"'
    echo "$print" >>"$scratch/script.py"
    needs -v
    expect_out $'ran\n1.2'
    expect_err 'uv pip install .* --exclude-newer 2031-02-03T00:00:00Z'
    begin "a saved state has its packages: metadata is not read"
    needs --save "$scratch/state"
    expect_status 0
    metadata 'dependencies = 3'
    echo 'print(tpure.__version__)' >>"$scratch/script.py"
    pyhl_run --from "$scratch/state" "$scratch/script.py"
    expect_out $'ran\n1.2'
    rm -f "$scratch/state"
}
