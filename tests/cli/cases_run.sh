# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # sourced by run.sh, which sets what is used here
# Cases of `pyhl run` and `pyhl boot`: options, scripts, exit statuses, streams, signals.

case_help() {
    local command
    begin "help of every command"
    for command in setup run boot info verify; do
        run "$pyhl" $command --help
        expect_status 0
        grep -q "^usage: pyhl $command" "$scratch/out" || problem "no usage line for $command"
        grep -q "^\.Ss $command$" pyhl/pyhl.1 || problem "the man page does not describe $command"
    done
    run "$pyhl" --help
    expect_status 0
    run "$pyhl" --version
    expect_status 0
    expect_out "$(sed -n 's/^#define PYHL_VERSION "\(.*\)"/pyhl \1/p' pyhl/pyhl.h)"
    begin "every option is in the man page"
    while read -r option; do
        grep -q -- "Fl Fl ${option#--}" pyhl/pyhl.1 || problem "$option is not in pyhl.1"
    done < <(for command in setup run boot info verify; do "$pyhl" $command --help; done |
        sed -n 's/^  \(--[a-z-]*\).*/\1/p' | sort -u)
    begin "no command, unknown command"
    run "$pyhl"
    expect_status 2
    run "$pyhl" script.py
    expect_error 2 "unknown command 'script.py'.*pyhl run script.py"
}

# expect_argv MODE WORD...: what the guest's first run got after argv[0].
expect_argv() {
    local mode=$1 got
    shift
    expect_status 0
    got=$(sed -n "/^mode $mode\$/,/^env/p" "$scratch/out" | sed -n 's/^argv //p;/^env/q' | tail -n +2 | paste -sd ' ')
    [ "$got" = "$*" ] || problem "arguments '$got', expected '$*'"
}

case_options() {
    echo show >"$scratch/show.py"
    begin "what follows the script is the script's"
    taker --repeat 1 --env X=1 "$scratch/show.py" a -v --timeout 5 --env Y=1 --repeat 3 --help -c x --size=3 -- -5
    expect_status 0
    [ "$(grep -c '^mode 1$' "$scratch/out")" = 2 ] || problem "not run twice"
    [ "$(grep -c '^env X=1$' "$scratch/out")" = 2 ] || problem "--env is lost"
    grep -q '^env Y' "$scratch/out" && problem "the script's --env was taken"
    expect_argv 1 a -v --timeout 5 --env Y=1 --repeat 3 --help -c x --size=3 -- -5
    taker -c show -v --timeout 5 -m x
    expect_argv 2 -v --timeout 5 -m x
    taker -m show --repeat 2 -c x
    expect_argv 3 --repeat 2 -c x
    [ "$(grep -c '^mode 3$' "$scratch/out")" = 1 ] || problem "--repeat of a module was taken"
    run "$pyhl" run --dest "$home" - -v < <(echo show)
    expect_argv 4 -v
    begin "-- right after it is dropped, --repeat right after a script is understood"
    taker "$scratch/show.py" -- --repeat 4 -- -v
    expect_argv 1 --repeat 4 -- -v
    taker -c show -- -v
    expect_argv 2 -v
    taker "$scratch/show.py" --repeat 2
    expect_argv 1
    [ "$(grep -c '^mode 1$' "$scratch/out")" = 3 ] || problem "--repeat 2 is not three runs"
    taker "$scratch/show.py" --repeat=1 -- --repeat 5 x
    expect_argv 1 --repeat 5 x
    [ "$(grep -c '^mode 1$' "$scratch/out")" = 2 ] || problem "--repeat=1 is not two runs"
    taker "$scratch/show.py" --repeat
    expect_error 2 "--repeat"
    taker "$scratch/show.py" --repeat many
    expect_error 2 "--repeat.*'many'|many"
    begin "-- before it leaves all to the script"
    taker --env X=1 -- "$scratch/show.py" --repeat 2 -- -v
    expect_argv 1 --repeat 2 -- -v
    [ "$(grep -c '^mode 1$' "$scratch/out")" = 1 ] || problem "--repeat was taken"
    begin "a script that names pyhl in its first line has options"
    printf '#!/usr/bin/env -S %s run --dest %s --\nshow\n' "$pyhl" "$home" >"$scratch/named"
    printf 'show\n' >"$scratch/show.py"
    chmod +x "$scratch/named"
    run "$scratch/named" -v --repeat 2
    expect_status 98 # the guest's word for a text that it does not know, for the first line is in it
    [ -s "$scratch/err" ] && problem "an option was taken: $(cat "$scratch/err")"
    begin "POSIXLY_CORRECT changes nothing"
    run env POSIXLY_CORRECT=1 "$pyhl" run --dest "$home" "$scratch/show.py" --repeat 1
    expect_argv 1
    begin "unknown options are explained"
    taker --size 3 "$scratch/show.py"
    expect_error 2 "unknown option '--size'.*stand after it"
    taker -y "$scratch/show.py"
    expect_error 2 "unknown option '-y'"
    taker --time 3 "$scratch/show.py"
    expect_error 2 "unknown option '--time'"
    begin "python3's options are passed on as they were written"
    taker -O -Werror -uBW ignore --repeat 1 -X dev -X utf8=0 -vO -W '' -c show -O
    expect_status 0
    [ "$(sed -n 's/^option //p' "$scratch/out" | head -n 11 | paste -sd '|')" = \
        '-O|-Werror|-uBW|ignore|-X|dev|-X|utf8=0|-O|-W|' ] || problem "$(grep option "$scratch/out")"
    [ "$(sed -n 's/^argv //p' "$scratch/out" | head -n 2 | paste -sd ' ')" = '-c -O' ] || problem "$(grep argv "$scratch/out")"
    [ "$(grep -c iteration "$scratch/err")" = 2 ] || problem "-v within -vO: $(cat "$scratch/err")"
    taker -X
    expect_error 2 "-X needs a value"
    begin "-c, -m and -"
    taker -c show x
    expect_status 0
    [ "$(head -n 3 "$scratch/out" | tr '\n' ' ')" = "mode 2 argv -c argv x " ] || problem "-c"
    taker -m show x
    [ "$(head -n 3 "$scratch/out" | tr '\n' ' ')" = "mode 3 argv -m argv x " ] || problem "-m"
    run "$pyhl" run --dest "$home" - x < <(echo show)
    [ "$(head -n 3 "$scratch/out" | tr '\n' ' ')" = "mode 4 argv - argv x " ] || problem "-"
    begin "a script through a pipe"
    taker <(echo show)
    expect_status 0
    begin "environment: the fixed set, and --env wins"
    run env LEAK=1 "$pyhl" run --dest "$home" --env HOME=/x --env A= --env A=b=c -c show
    [ "$(grep '^env' "$scratch/out" | sort | tr '\n' ' ')" = \
        "env A=b=c env HOME=/x env LANG=C.UTF-8 env PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin " ] ||
        problem "$(grep '^env' "$scratch/out")"
    begin "the working directory is the host's"
    mkdir -p "$scratch/work dir"
    run env -C "$scratch/work dir" "$pyhl" run --dest "$home" -c show
    grep -qx "cwd $scratch/work dir" "$scratch/out" || problem "$(grep cwd "$scratch/out")"
}

case_bad_options() {
    local value
    begin "bad --repeat"
    for value in -1 x 1x '' 1.5 0x10 ' 1' 99999999999999999999; do
        taker --repeat "$value" -c 'print(1)'
        expect_error 2 "--repeat '$value': give a whole number"
    done
    begin "bad --timeout"
    for value in -1 x 1s '' 0 0.0 1. .5 1e3 99999999999999999999 nan; do
        taker --timeout "$value" -c 'print(1)'
        expect_error 2 "--timeout '$value': give seconds"
    done
    begin "bad --env"
    for value in A '' =b; do
        taker --env "$value" -c 'print(1)'
        expect_error 2 "--env '$value': give it as KEY=VALUE"
    done
    begin "bad --memory"
    for value in -1 x 1X '' 0 0M 1MM 1.5G 99999999999T; do
        run "$pyhl" setup --from "$image" --dest "$scratch/none" --memory "$value"
        expect_error 2 "--memory '$value': give a size"
    done
    for value in 1M 15M 1T; do
        run "$pyhl" setup --from "$image" --dest "$scratch/none" --memory "$value"
        expect_error 2 "--memory .*: give 16 MiB to 64 GiB"
    done
    [ -e "$scratch/none" ] && problem "something was installed"
    begin "options without their value, and values for flags"
    taker -c
    expect_error 2 "-c needs a value"
    taker script.py --repeat
    expect_error 2 "--repeat needs a value"
    taker --trace=3 script.py
    expect_error 2 "--trace=3 takes no value"
    begin "boot: what is missing is named"
    run "$pyhl" boot
    expect_error 2 "give an image's directory, or a KERNEL with --initrd CPIO"
    run "$pyhl" boot "$kernel" -- /bin/taker
    expect_error 2 "--initrd"
    run "$pyhl" boot "$scratch/nokernel" --initrd "$image/initrd.cpio" -- /bin/taker
    expect_error 125 "nokernel"
    run "$pyhl" boot "$kernel" --initrd "$scratch/noinitrd" -- /bin/taker
    expect_error 125 "noinitrd"
    run "$pyhl" boot "$image/image.ini" --initrd "$image/initrd.cpio" -- /bin/taker
    expect_error 125 "image.ini"
}

case_scripts() {
    begin "a script that does not exist, is a directory, cannot be read"
    taker "$scratch/nothing.py"
    expect_error 2 "nothing.py: No such file"
    taker "$scratch"
    expect_error 2 "cannot run the directory .*: it has no __main__.py"
    if [ "$(id -u)" = 0 ]; then
        echo 'print(1)' >"$scratch/secret.py"
        chmod 0 "$scratch/secret.py"
        cp "$pyhl" "$scratch/pyhl"
        chmod 755 "$scratch"
        run "${nobody[@]}" "$scratch/pyhl" run --dest "$home" "$scratch/secret.py"
        expect_error 2 "secret.py: Permission denied"
    fi
    begin "an empty script is a script"
    : >"$scratch/empty.py"
    taker "$scratch/empty.py"
    expect_status 0
    expect_out ''
    begin "an endless script file is refused"
    taker /dev/zero
    expect_error 2 "/dev/zero: more than 256 MiB"
    begin "nothing to run"
    taker
    expect_error 2 "nothing to run"
}

case_exit_status() {
    begin "exit statuses"
    taker -c 'print(1)'
    expect_status 0
    expect_out 1
    taker -c fail
    expect_status 3
    taker -c segv
    expect_error 139 "signal 11"
    taker -c eat
    expect_status 137
    expect_err "memory"
    begin "timeout: 124, of a busy and of a sleeping guest"
    taker --timeout 0.3 -c loop
    expect_error 124 "timeout of 0.3 s"
    taker --timeout 0.3 -c sleep
    expect_error 124 "timeout of 0.3 s"
    begin "--repeat: N+1 pristine runs, ended by the first that fails"
    taker --repeat 20 -c mark
    expect_status 0
    [ "$(grep -cx clean "$scratch/out")" = 21 ] || problem "not 21 clean runs"
    taker -v --repeat 5 -c fail
    expect_status 3
    [ "$(grep -c iteration "$scratch/err")" = 1 ] || problem "it went on after a failure"
    begin "-v: a line per iteration"
    taker -v --repeat 2 -c 'print(1)'
    expect_out $'1\n1\n1'
    [ "$(wc -l <"$scratch/err")" = 3 ] || problem "more than a line an iteration: $(cat "$scratch/err")"
    [ "$(grep -Ec '^pyhl: iteration [123]/3: restore [0-9.]+ ms, run [0-9.]+ ms, status 0$' "$scratch/err")" = 3 ] ||
        problem "$(cat "$scratch/err")"
    begin "--trace: system calls on stderr"
    taker --trace -c 'print(1)'
    expect_out 1
    expect_err 'write|exit_group'
}

# figure NAME [ITERATION]: a count of -vv, of the last iteration by default, as `NAME N`.
figure() {
    sed -En 's/^  (counts|memory):.*[ (]'"$1"' ([0-9]*)([ ,)].*)?$/\2/p' "$scratch/err" | sed -n "${2:-\$}p"
}

# exactly N NAME [LINE]
exactly() {
    local have
    have=$(figure "$2" "${3:-}")
    [ "$have" = "$1" ] || problem "$2: '$have', not $1"
}

case_counts() {
    local base command line form memory process
    form='^  counts: exits [0-9]+ \(doorbell [0-9]+, signal [0-9]+, memory [0-9]+, other [0-9]+\), upcalls [0-9]+, '
    form+='calls [0-9]+, system calls [0-9]+ \(rewritten [0-9]+, trapped [0-9]+\), page faults [0-9]+$'
    memory='^  memory: pages prefaulted 0, working set [0-9]+, pages rewound [1-9][0-9]*, pages dropped 0, '
    memory+='bytes rewound [0-9]+, hot set ([0-9]+), new in it \1, shadow resets 0$'
    process='^pyhl: process: load [0-9.]+ ms \(CPU\), begin [0-9.]+ ms, jail [0-9.]+ ms, end [0-9.]+ ms$'
    begin "-vv: what a warm run costs"
    taker -vv --repeat 5 -c 'print(1)'
    [ "$(grep -Ec "$form" "$scratch/err")" = 6 ] || problem "$(cat "$scratch/err")"
    # A run of more than 20 ms, on a busy machine, is also interrupted.
    [ "$(figure exits 1,6 | sort -n | head -n 1)" = 1 ] || problem "exits: $(figure exits 1,6 | tr '\n' ' ')"
    exactly 1 doorbell
    exactly 0 other
    exactly 0 trapped
    exactly 0 'page faults'
    exactly 0 'pages prefaulted'
    exactly 0 'pages rewound' 1
    [ "$(figure 'pages rewound')" -gt 0 ] || problem "nothing was rewound"
    [ "$(figure 'pages prefaulted' 1)" -gt 0 ] || problem "nothing was prefaulted"
    begin "-vv: --renew has each iteration begin as the first did"
    taker -vv --repeat 3 --renew -c 'print(1)'
    expect_out $'1\n1\n1\n1'
    [ "$(figure 'pages prefaulted' 1,4 | uniq -c | tr -s ' ')" = " 4 $(figure 'pages prefaulted' 1)" ] ||
        problem "pages prefaulted: $(figure 'pages prefaulted' 1,4 | tr '\n' ' ')"
    [ "$(figure 'pages rewound' 1,4 | tr -d '\n')" = 0000 ] || problem "pages were rewound"
    exactly 1 doorbell
    exactly 0 other
    begin "-vv: the same system calls, cold and warm"
    taker -vv --repeat 5 -c 'print(1)'
    base=$(figure rewritten)
    [ "$(figure rewritten 1)" = "$base" ] || problem "system calls of the cold run: $(figure rewritten 1), not $base"
    begin "-vv: system calls by path, of each iteration"
    taker -vv --repeat 2 -c getppid
    for line in 1 2 3; do
        exactly $((base + 1000)) rewritten $line
        exactly 0 trapped $line
    done
    taker -vv --repeat 2 -c generated
    for line in 1 2 3; do
        exactly 10 trapped $line
    done
    begin "-vv: exits of a run that is stopped"
    taker -vv --timeout 0.2 -c loop
    [ "$(figure signal)" -ge 1 ] || problem "$(cat "$scratch/err")"
    begin "-vv: phases and memory"
    for command in '-vv' '-v -v'; do
        # shellcheck disable=SC2086 # one word or two
        taker $command --repeat 1 -c 'print(1)'
        expect_status 0
        [ "$(wc -l <"$scratch/err")" = 12 ] || problem "$(cat "$scratch/err")"
        sed -n 2p "$scratch/err" | grep -Eq '^  restore, ms: open [0-9.]+, .*state [0-9.]+$' || problem "cold"
        sed -n 7p "$scratch/err" | grep -Eq '^  rewind, ms: .*copy [0-9.]+, .*state [0-9.]+$' || problem "warm"
        sed -n 8p "$scratch/err" | grep -Eq '^  run, ms: handover [0-9.]+, .*guest [0-9.]+, finish [0-9.]+$' ||
            problem "run"
        sed -n 10p "$scratch/err" | grep -Eq "$memory" || problem "memory"
        sed -n 11p "$scratch/err" | grep -Eq '^  footprint, pages: changed [1-9][0-9]*, private [1-9][0-9]*$' ||
            problem "footprint"
        sed -n 12p "$scratch/err" | grep -Eq "$process" || problem "process"
        [ "$(sed -n 's/.*bytes rewound \([0-9]*\).*/\1/p' "$scratch/err" | tail -n 1)" = \
            $((4096 * $(figure 'pages rewound'))) ] || problem "bytes rewound: $(tail -n 1 "$scratch/err")"
    done
    begin "boot -vv: without a snapshot, and with one"
    run "$pyhl" boot "$kernel" --initrd "$image/initrd.cpio" --memory 32M -vv -- /bin/taker
    [ "$(grep -c '^  memory' "$scratch/err")" = 1 ] || problem "$(cat "$scratch/err")"
}

case_streams() {
    begin "stdin reaches the guest; each iteration reads a file from its start"
    printf 'one\ntwo\n' >"$scratch/in"
    run "$pyhl" run --dest "$home" --repeat 1 -c cat <"$scratch/in"
    expect_out $'one\ntwo\none\ntwo'
    run "$pyhl" run --dest "$home" -c cat < <(sleep 0.2; echo late)
    expect_out late
    begin "stdin is at its end when it was the script"
    run "$pyhl" run --dest "$home" - < <(echo cat)
    expect_status 0
    expect_out ''
    begin "closed standard streams are closed for the program"
    run bash -c '"$0" run --dest "$1" -c "print(1)" >&-' "$pyhl" "$home"
    expect_status 0
    run bash -c '"$0" run --dest "$1" -c cat <&-' "$pyhl" "$home"
    expect_status 1
    run bash -c '"$0" run --dest "$1" -c "print(1)" <&- 2>&-' "$pyhl" "$home"
    expect_status 0
    expect_out 1
    begin "| head ends quietly"
    run bash -c 'set -o pipefail; "$0" run --dest "$1" -c spam | head -n 2' "$pyhl" "$home"
    expect_status 141
    [ "$(wc -l <"$scratch/out")" = 2 ] || problem "not two lines"
    [ -s "$scratch/err" ] && problem "not quiet: $(cat "$scratch/err")"
    begin "a full disk that stdout goes to is an error, once"
    run bash -c '"$0" run --dest "$1" -c "print(1)" >/dev/full' "$pyhl" "$home"
    expect_error 125 "No space left"
    run bash -c '"$0" --version >/dev/full' "$pyhl"
    expect_error 125 "No space left"
}

# interrupted COMMAND SIGNAL...: starts it, waits for its "ready", sends the signals 0.3 s apart.
interrupted() {
    local command=$1 pid
    shift
    mkfifo "$scratch/fifo"
    # Not a job of this shell: bash would have it ignore SIGINT.
    timeout -s9 "$limit" python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$pyhl" run --dest "$home" -c "$command" \
        >"$scratch/fifo" 2>"$scratch/err" &
    local timeout_pid=$!
    exec 3<"$scratch/fifo"
    read -r -t 20 _ <&3 || problem "the guest did not get ready"
    read -r pid <"/proc/$timeout_pid/task/$timeout_pid/children"
    for signal in "$@"; do
        kill -s "$signal" "$pid"
        sleep 0.3
    done
    cat <&3 >"$scratch/out"
    exec 3<&-
    wait $timeout_pid
    status=$?
    rm "$scratch/fifo"
}

case_signals() {
    begin "Ctrl-C is the script's"
    interrupted interrupt INT
    expect_status 7
    expect_out interrupted
    begin "a second Ctrl-C ends the VM"
    interrupted stubborn INT INT
    expect_status 130
    begin "SIGTERM: the script's, then the VM's end"
    interrupted interrupt TERM
    expect_status 143
    interrupted stubborn TERM TERM
    expect_status 143
}

case_boot() {
    begin "boot: any program, statuses, repeat"
    run "$pyhl" boot "$kernel" --initrd "$image/initrd.cpio" --memory 32M -- /bin/nothing
    [ "$status" != 0 ] || problem "a missing program succeeds"
    run "$pyhl" boot "$kernel" --initrd "$image/initrd.cpio" --timeout 0.5 --memory 32M -- /bin/taker
    expect_status 125
    expect_err "asked for another run"
}
