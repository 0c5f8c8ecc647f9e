# What the image's shell and programs do together: pipelines, xargs, tar, dd, ps, kill, timeout, nohup, and the rest.
import os
import subprocess

COMMANDS = r"""
seq 1 1000 | sort -rn | head -n 3
printf '%s\n' pear apple pear fig apple pear | sort | uniq -c | sort -rn
seq 1 40 | xargs -P4 -n5 sh -c 'for x; do echo $((x * x)); done' sh | sort -n | tail -n 2
mkdir -p t/a/b && for i in 1 2 3 4 5 6 7 8; do echo file $i >t/a/f$i; done; find t -type f | sort | xargs -P4 -I{} cp {} t/a/b/; ls t/a/b | wc -l
find t -name 'f[1-3]' -exec grep -l 'file 2' {} + | sort
find t -name 'f1' -execdir sh -c 'basename $(pwd)' \; | sort
tar czf t.tgz t && mkdir u && tar xzf t.tgz -C u && find u -type f | wc -l
tar cf - t | (cd u && tar xf - && echo unpacked); rm -r u/t && echo gone
tar --create --gzip t | tar --list --gzip | sort | head -n 3
gzip -c t/a/f1 | gzip -dc; zcat t.tgz | tar tf - | wc -l
dd if=/dev/zero of=zeros bs=4096 count=100 status=none; stat -c '%s %F' zeros; du --apparent-size -k zeros; wc -c <zeros
dd if=/etc/passwd bs=1 skip=5 count=4 2>/dev/null; echo
df -P / >/dev/null; echo df $?; df --output=target / | tail -n 1
stat -c '%n %a %F' t t/a/f1; chmod 640 t/a/f1; stat -c %a t/a/f1; ln -s f1 t/a/link; readlink t/a/link; realpath t/a/../a/link | sed 's,.*/tmp,/tmp,'
date -u -d @86400 '+%F %T'; TZ=Europe/Paris date -d '2024-07-01 12:00 UTC' +%H:%M; date -d 'not a date'
sleep 0.05; sleep 0.01s && echo slept
timeout 0.2 sleep 30; echo timeout $?; timeout -s KILL 0.2 sleep 30; echo $?; timeout 5 sh -c 'exit 3'; echo $?
timeout --preserve-status 0.2 sh -c 'trap "exit 7" TERM; while :; do sleep 0.02; done' 2>/dev/null; echo $?
nohup sh -c 'echo through nohup; kill -HUP $$; echo still here' 2>&1 | grep -v '^nohup:'
env -i A=1 B=2 sh -c 'echo $A$B$C'; env A=x printenv A; env -u HOME sh -c 'echo "[$HOME]"'; env no-such-program; echo $?
echo both | tee one two | tr a-z A-Z; cat one two; echo more | tee -a one >/dev/null; wc -l <one
yes | head -n 2; yes no | head -c 5; (trap '' PIPE; yes 2>/dev/null | head -n 1)
exec 2>/dev/null; sleep 30 & pid=$!; kill $pid; wait $pid; echo $?; kill -0 $pid; echo $?
exec 2>/dev/null; sleep 30 & kill -STOP $! && kill -CONT $! && kill -9 $!; wait $!; echo $?
sh -c 'sleep 3 >/dev/null 2>&1 & echo started' | cat
(sleep 0.2; echo second) & echo first; wait; echo third
for i in 1 2 3; do (exit $i) & eval p$i=$!; done; for i in 3 1 2; do eval wait \$p$i; echo $?; done
ps -o pid= -p $$ | grep -cw $$; ps -o comm=,args= -p $$ | cut -c1-20; ps -o ppid= -p $$ | grep -c .
exec 2>/dev/null; sleep 31 & sleep 0.2; ps -o stat=,comm=,nlwp= --ppid $$ | grep sleep; pgrep -P $$ sleep | wc -l; pkill -P $$ sleep; wait $!; echo $?
export TERM=dumb; top -b -n1 | head -n 1 | cut -c1-5; top -b -n1 -p $$ | tail -n 1 | grep -cw sh
free | head -n 1 | tr -s ' '; uptime | grep -c load; nproc | grep -c .; uname -s; id; whoami; groups
cat <<X | while read -r a b; do echo "$b $a"; done
1 one
2 two
X
exec 3>fd3; echo three >&3; exec 3>&-; cat fd3; cat /dev/fd/0 <fd3; echo x | cat /dev/stdin
mkfifo p; (echo through a pipe >p) & cat p; wait
echo 'a-b-c' | sed 's/-/+/g' | cut -d+ -f2,3; sed -i 's/file/FILE/' t/a/f3; cat t/a/f3
expr 6 \* 7; test 1 -lt 2 && [ -d t ] && echo yes; basename /a/b.c .c; dirname /a/b.c; factor 91; numfmt --to=iec 2048
paste -d, one two | head -n 1; join -t: one one | head -n 1; comm -12 one two; split -l 20 -d /etc/services part.; ls part.* | wc -l
sha256sum two | cut -c1-16; md5sum <two | cut -c1-8; base64 two; od -An -c two | head -n 1; cksum two
mktemp -d /tmp/made.XXXX | cut -c1-9; truncate -s 5 cut; shred -u cut; ls cut; install -m 600 one deep; stat -c %a deep; touch -d @0 deep; date -u -r deep +%s
ulimit -n | grep -c .; (ulimit -f 1; dd if=/dev/zero of=big bs=1024 count=9 2>/dev/null; echo $?); umask 077; touch private; stat -c %a private
nice -n 5 nice; stdbuf -oL echo buffered; setsid -w sh -c 'exit 4' 2>/dev/null; which sh; command -v cd
trap 'echo at the end' EXIT; trap 'echo got it' USR1; kill -USR1 $$; exit 9
getent hosts localhost | wc -l; getent passwd root; cat /etc/os-release | grep -c NAME; grep -c processor /proc/cpuinfo | grep -c .
find / -xdev -maxdepth 1 -name usr; find t -newer one -type f | wc -l; find t -type l -printf '%f %l\n'; find t -empty; find t -delete; ls t
"""

os.makedirs("/tmp/tools", exist_ok=True)
os.chdir("/tmp/tools")
joined = COMMANDS.strip().replace("<<X | while read -r a b; do echo \"$b $a\"; done\n1 one\n2 two\nX",
                                  "<<X | while read -r a b; do echo \"$b $a\"; done\v1 one\v2 two\vX")
for line in joined.split("\n"):
    line = line.replace("\v", "\n")
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=50)
    print(line[:50].split("\n")[0], done.returncode, done.stdout, done.stderr, sep=" | ")
