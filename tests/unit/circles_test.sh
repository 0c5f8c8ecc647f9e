#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/circles.py, in a tree of its own: a sound one passes; a circle, a call upwards and each way to declare a name
# wrongly are found and named.
set -u
cd "$(dirname "$0")/../.." || exit 2
here=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 2

# unit FILE CODE: a source of the kernel or of vmm, with its object.
unit() {
    local out=build/kernel/${1#images/kernel/}.o
    [ "${1%%/*}" = images ] || out=build/${1%.c}.o
    mkdir -p "$(dirname "$1")" "$(dirname "$out")"
    printf '%s\n' "$2" >"$1"
    cc -c -o "$out" "$1" || exit 1
}

# sees PART STATUS LINE...: each line is said.
sees() {
    local part=$1 want=$2 line
    shift 2
    "$here/tests/circles.py" "$part" >said 2>&1
    [ $? = "$want" ] || { echo "$part: status not $want:" && cat said && exit 1; }
    for line; do
        grep -qxF "$line" said || { echo "not said: $line" && cat said && exit 1; }
    done
}

sees vmm 1 'circles: no objects in build/vmm: make first'
unit vmm/a.c 'int a(void); int b(void); int a(void) { return b(); }'
unit vmm/b.c 'int b(void); int b(void) { return 1; }'
cat >vmm/vmm_int.h <<'END'
// SPDX-License-Identifier: Apache-2.0
static inline int of_the_header(void) { return 1; }
/* a.c, b.c. Both. */
int a(void);
/* b.c */
int b(int (*how)(void), /* int c(void); */
      struct x *z) __attribute__((format(printf, 1, 2)));
END
sees vmm 0 'vmm: 0 files in circles, at most 0' 'vmm: 0 names declared wrongly, at most 0'
unit vmm/b.c 'int a(void); int b(void); int b(void) { return a(); }'
sees vmm 1 'vmm: 2 files in circles, at most 0: too many' '  in a circle: a.c b.c' '    a.c -> b.c: b' '    b.c -> a.c: a'
unit vmm/b.c 'int b(void); int b(void) { return 1; }'
printf '/* b.c */\nint a(void);\nextern int gone[2];\n' >vmm/other.h
printf '/* b.c */\nint a(void);\n' >vmm/vmm_int.h
sees vmm 1 'vmm: 3 names declared wrongly, at most 0: too many' \
    "  other.h: a is a.c's, and stands under b.c" '  other.h: gone is defined nowhere' \
    '  vmm_int.h: a is declared in other.h, too'
touch -d '1 hour' vmm/a.c
sees vmm 1 'circles: build/vmm/a.o is older than its source: make first'

# Upwards: more often than today's tree does.
up='' calls=''
for i in {1..200}; do
    up+="int f$i(void); int f$i(void) { return 1; } "
    calls+="int f$i(void); "
done
unit images/kernel/sys/high.c "$up"
unit images/kernel/mm/low.c "$calls int low(void); int low(void) { return $(printf 'f%d() + ' {1..200}) 0; }"
"$here/tests/circles.py" kernel >said && { echo "200 references upwards pass" && exit 1; }
grep -q '^  upwards: mm/low.c -> sys/high.c: f1 f10 ' said || { cat said && exit 1; }
