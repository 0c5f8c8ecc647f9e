# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# Pipes, redirections, command substitution and here documents.
set -u
cd "$(mktemp -d)" || exit 9

echo "stdin: $(cat)"
seq 100 | grep 7 | sort -rn | head -n 4 | tr '\n' ' '
echo
yes | head -n 100000 | wc -l
seq 200000 | sha256sum
false | true && echo "status of the last"
true | false || echo "and only of it: $?"

echo one >file
echo two >>file
cat <file
cat file missing 2>errors
echo "status $?, $(wc -l <errors) line of errors"
{ echo out; echo err >&2; } >both 2>&1
sort both
{ echo out; echo err >&2; } 2>/dev/null
exec 3>numbers
seq 3 >&3
exec 3>&-
exec 4<numbers
read -r first <&4
read -r second <&4
exec 4<&-
echo "$first $second"
set -C
(echo again >file) 2>/dev/null || echo "noclobber"
set +C
echo forced >|file
cat file
: >empty
[ -s empty ] || echo "an empty file"
echo "dd: $(head -c 5000000 /dev/urandom | dd bs=4096 2>/dev/null | wc -c)"

name=world
cat <<END
hello $name, $((6 * 7)) $(echo nested "$(echo deeper)")
END
cat <<'END'
literally $name
END
cat <<-END | tr a-z A-Z
	without tabs
	END
lines=$(printf 'a\nb\n\n\n')
echo "[$lines]"
mkfifo pipe
(echo through the fifo >pipe) &
cat pipe
wait
find . -type f | sort | xargs -n 3 echo
tar cf - file numbers | gzip | gunzip | tar tf -
for word in *e*; do
    case $word in
    e*) echo "begins: $word" ;;
    *) echo "has: $word" ;;
    esac
done
exit 3
