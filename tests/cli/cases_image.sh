# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # sourced by run.sh, which sets what is used here
# A new image, as images/README.md tells a newcomer to make one: the files stand there.

# readme_file NAME: the indented block after the line that names it.
readme_file() {
    awk -v name="^\`$1\`" '$0 ~ name { inside = 1; next }
        inside && /^    / { print substr($0, 5); seen = 1; next }
        inside && seen && /./ { exit }
        inside && seen { print "" }' images/README.md
}

case_new_image() {
    local tree=$scratch/tree file out
    out=$tree/build/images/hi
    # made IMAGE: by a make of its own, though the tests may run under another.
    made() {
        run env -u MAKEFLAGS -u MAKELEVEL LC_ALL=C make -s -C "$tree" "image-$1"
    }
    # redone NAME...: these files, and no others, are what make has changed.
    redone() {
        local changed
        times >"$scratch/before"
        made hi
        expect_status 0
        changed=$(times | diff "$scratch/before" - | sed -n 's/^> //p' | cut -d' ' -f1 | xargs)
        [ "$changed" = "$*" ] || problem "redone: '$changed', expected '$*'"
    }
    times() {
        (cd "$out" && stat -c '%n %y' image.ini initrd.cpio kernel root.stamp)
    }
    begin "a new image: three files in a folder"
    # A copy of the tree, with its kernel as it is built.
    mkdir -p "$tree/build"
    cp -a Makefile vmm pyhl images python-agent-driver "$tree" && cp -a build/kernel "$tree/build"
    mkdir "$tree/images/hi"
    for file in hi.c image.mk image.ini; do
        readme_file "images/hi/$file" >"$tree/images/hi/$file"
        [ -s "$tree/images/hi/$file" ] || problem "images/README.md has no $file"
    done
    made hi
    expect_status 0
    [ -e "$tree/build/images/python/root" ] && problem "the Python image was made, too"
    run "$pyhl" boot "$out/kernel" --initrd "$out/initrd.cpio" -- /bin/hi
    expect_status 0
    expect_out hi
    begin "a new image: nothing is done twice, and a change redoes what follows from it"
    redone
    sed -i 's/"hi"/"hello"/' "$tree/images/hi/hi.c"
    redone initrd.cpio root.stamp
    run "$pyhl" boot "$out/kernel" --initrd "$out/initrd.cpio" -- /bin/hi
    expect_out hello
    begin "a new image that takes scripts"
    cp tests/cli/taker.c "$tree/images/hi/hi.c"
    sed -i 's,-static,-I. & images/runframe.c,' "$tree/images/hi/image.mk"
    printf '%s\n' 'memory=32M' 'check=print(1)' 'check_output=1\n' >>"$tree/images/hi/image.ini"
    redone image.ini initrd.cpio root.stamp
    run "$pyhl" setup --from "$out" --dest "$scratch/hi"
    expect_status 0
    run "$pyhl" run --dest "$scratch/hi" -c 'print(1)'
    expect_out 1
    begin "a folder that is no image"
    mkdir "$tree/images/nothing"
    made nothing
    expect_error 2 "No rule to make target 'image-nothing'"
    rm -rf "$tree"
}
