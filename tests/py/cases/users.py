"""Users and groups: made, changed, become and removed by Debian's programs, and seen by Python's modules."""
import getpass
import grp
import os
import pwd
import subprocess


def sh(text):
    done = subprocess.run(["sh", "-c", text], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    print(f"$ {text}\n{done.stdout}{done.stderr}= {done.returncode}", flush=True)


print(getpass.getuser(), pwd.getpwuid(0), grp.getgrgid(42).gr_name, len(pwd.getpwall()), len(grp.getgrall()))
sh("whoami; id; groups; id nobody; stat -c '%A %U %G' /etc/shadow /usr/bin/su /usr/bin/chage /root")
sh("su www-data -s /bin/sh -c 'id; cat /etc/shadow; cd /root; echo x >/etc/x'")
sh("useradd -m -s /bin/sh -G games,users ada && id ada && groups ada && stat -c '%A %U %G' /home/ada")
sh("adduser --disabled-password --comment 'Grace Hopper' grace && id grace && getent passwd grace")
sh("adduser grace ada; id grace; echo ada:secret | chpasswd && grep -c '^ada:.y' /etc/shadow")
sh("su - grace -c 'id; pwd; touch a; stat -c \"%A %U %G\" a; id -un; echo $HOME $USER; su root -c id'")
sh("su grace -c 'chage -l ada; python3 -c \"import os; print(os.getresuid(), os.getgroups())\"'")
sh("setpriv --reuid=ada --regid=ada --init-groups id; runuser -u grace -- id -un")
sh("setpriv --reuid=nobody --regid=nogroup --clear-groups --no-new-privs su -c id")
for user, more in ((1000, {}), ("grace", {"group": "games", "extra_groups": ["users"]})):
    done = subprocess.run(["sh", "-c", "id; kill -0 2 && echo may"], user=user, capture_output=True, text=True, **more)
    print(done.stdout, "No such" not in done.stderr, flush=True)
parent = os.getpid()
pid = os.fork()
if pid == 0:
    os.setgroups([])
    os.setresgid(1000, 1000, 1000)
    os.setresuid(1000, 1000, 1000)
    for call in (lambda: os.setuid(0), lambda: open("/etc/shadow"), lambda: os.mkdir("/etc/d"), lambda: os.kill(parent, 0),
                 lambda: os.listdir("/root"), lambda: os.chown("/home/ada", 0, 0), lambda: os.listdir(f"/proc/{parent}/fd")):
        try:
            print(call())
        except OSError as e:
            print(type(e).__name__, e.errno)
    print(getpass.getuser(), os.access("/etc/shadow", os.R_OK), os.access("/home/ada", os.W_OK), flush=True)
    os._exit(0)
os.waitpid(pid, 0)
sh("groupadd tools && usermod -aG tools ada && id ada && gpasswd -d ada tools")
sh("deluser grace ada; userdel -r grace; deluser --quiet ada; groupdel tools; getent passwd ada grace; rm -r /home/ada; ls /home")
