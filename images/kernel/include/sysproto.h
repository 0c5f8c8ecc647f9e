// SPDX-License-Identifier: Apache-2.0
/*
 * Prototypes of all system call handlers, grouped by the file that has them.
 * A handler only decodes: it takes the six argument registers and returns the
 * result or -errno. The user registers are in current->tf.
 */
#ifndef SYSPROTO_H
#define SYSPROTO_H

#define SYSCALL(name) long sys_##name(const long a[6])

/* sys/sys_mm.c */
SYSCALL(brk);
SYSCALL(mmap);
SYSCALL(munmap);
SYSCALL(mprotect);
SYSCALL(mremap);
SYSCALL(madvise);
SYSCALL(msync);
SYSCALL(mincore);
SYSCALL(mlock);
SYSCALL(munlock);
SYSCALL(mlockall);
SYSCALL(munlockall);

/* sys/sys_rw.c */
SYSCALL(read);
SYSCALL(write);
SYSCALL(readv);
SYSCALL(writev);
SYSCALL(pread64);
SYSCALL(pwrite64);
SYSCALL(preadv);
SYSCALL(pwritev);
SYSCALL(preadv2);
SYSCALL(pwritev2);
SYSCALL(lseek);

/* sys/sys_open.c */
SYSCALL(open);
SYSCALL(openat);
SYSCALL(creat);
SYSCALL(close);
SYSCALL(close_range);
SYSCALL(memfd_create);
SYSCALL(truncate);
SYSCALL(ftruncate);
SYSCALL(fallocate);

/* sys/sys_stat.c */
SYSCALL(stat);
SYSCALL(lstat);
SYSCALL(newfstatat);
SYSCALL(fstat);
SYSCALL(statx);
SYSCALL(access);
SYSCALL(faccessat);
SYSCALL(faccessat2);
SYSCALL(readlink);
SYSCALL(readlinkat);
SYSCALL(getdents64);
SYSCALL(getdents);
SYSCALL(statfs);
SYSCALL(fstatfs);

/* sys/sys_path.c */
SYSCALL(mkdir);
SYSCALL(mkdirat);
SYSCALL(mknod);
SYSCALL(mknodat);
SYSCALL(symlink);
SYSCALL(symlinkat);
SYSCALL(link);
SYSCALL(linkat);
SYSCALL(unlink);
SYSCALL(unlinkat);
SYSCALL(rmdir);
SYSCALL(rename);
SYSCALL(renameat);
SYSCALL(renameat2);
SYSCALL(chmod);
SYSCALL(fchmod);
SYSCALL(fchmodat);
SYSCALL(chown);
SYSCALL(lchown);
SYSCALL(fchown);
SYSCALL(fchownat);
SYSCALL(utime);
SYSCALL(utimes);
SYSCALL(futimesat);
SYSCALL(utimensat);
SYSCALL(chdir);
SYSCALL(fchdir);
SYSCALL(getcwd);
SYSCALL(umask);

/* sys/sys_fd.c */
SYSCALL(dup);
SYSCALL(dup2);
SYSCALL(dup3);
SYSCALL(fcntl);
SYSCALL(ioctl);
SYSCALL(flock);
SYSCALL(fsync);
SYSCALL(fdatasync);
SYSCALL(sync);
SYSCALL(syncfs);
SYSCALL(sync_file_range);
SYSCALL(fadvise64);
SYSCALL(readahead);

/* sys/sys_xfer.c */
SYSCALL(sendfile);
SYSCALL(splice);
SYSCALL(copy_file_range);

/* sys/sys_xattr.c */
SYSCALL(getxattr);
SYSCALL(lgetxattr);
SYSCALL(fgetxattr);
SYSCALL(listxattr);
SYSCALL(llistxattr);
SYSCALL(flistxattr);
SYSCALL(setxattr);
SYSCALL(lsetxattr);
SYSCALL(fsetxattr);
SYSCALL(removexattr);
SYSCALL(lremovexattr);
SYSCALL(fremovexattr);

/* sys/sys_event.c */
SYSCALL(pipe);
SYSCALL(pipe2);
SYSCALL(eventfd);
SYSCALL(eventfd2);
SYSCALL(timerfd_create);
SYSCALL(timerfd_settime);
SYSCALL(timerfd_gettime);

/* sys/sys_poll.c */
SYSCALL(poll);
SYSCALL(ppoll);
SYSCALL(select);
SYSCALL(pselect6);
SYSCALL(epoll_create);
SYSCALL(epoll_create1);
SYSCALL(epoll_ctl);
SYSCALL(epoll_wait);
SYSCALL(epoll_pwait);
SYSCALL(epoll_pwait2);

/* sys/sys_socket.c */
SYSCALL(socket);
SYSCALL(socketpair);
SYSCALL(connect);
SYSCALL(bind);
SYSCALL(listen);
SYSCALL(accept);
SYSCALL(accept4);
SYSCALL(sendto);
SYSCALL(recvfrom);
SYSCALL(sendmsg);
SYSCALL(recvmsg);
SYSCALL(shutdown);
SYSCALL(getsockname);
SYSCALL(getpeername);
SYSCALL(getsockopt);
SYSCALL(setsockopt);

/* sys/sys_clone.c, sys/sys_exec.c */
SYSCALL(clone);
SYSCALL(clone3);
SYSCALL(exit);
SYSCALL(exit_group);
SYSCALL(set_tid_address);
SYSCALL(execve);

/* sys/sys_proc.c */
SYSCALL(getpid);
SYSCALL(getppid);
SYSCALL(gettid);
SYSCALL(getpgrp);
SYSCALL(getpgid);
SYSCALL(getsid);
SYSCALL(setpgid);
SYSCALL(arch_prctl);
SYSCALL(prctl);
SYSCALL(personality);
SYSCALL(rseq);

/* sys/sys_sched.c */
SYSCALL(sched_yield);
SYSCALL(sched_getaffinity);
SYSCALL(sched_setaffinity);
SYSCALL(sched_getscheduler);
SYSCALL(sched_getparam);
SYSCALL(sched_setscheduler);
SYSCALL(sched_setparam);
SYSCALL(sched_getattr);
SYSCALL(sched_get_priority_max);
SYSCALL(sched_get_priority_min);
SYSCALL(sched_rr_get_interval);
SYSCALL(getpriority);
SYSCALL(setpriority);
SYSCALL(getcpu);
SYSCALL(membarrier);

/* sys/sys_futex.c */
SYSCALL(futex);
SYSCALL(set_robust_list);
SYSCALL(get_robust_list);

/* sys/sys_signal.c */
SYSCALL(rt_sigaction);
SYSCALL(rt_sigprocmask);
SYSCALL(rt_sigpending);
SYSCALL(rt_sigreturn);
SYSCALL(rt_sigsuspend);
SYSCALL(pause);
SYSCALL(rt_sigtimedwait);
SYSCALL(sigaltstack);
SYSCALL(restart_syscall);
SYSCALL(signalfd); /* fs/signalfd.c */
SYSCALL(signalfd4);

/* sys/sys_kill.c */
SYSCALL(kill);
SYSCALL(tkill);
SYSCALL(tgkill);
SYSCALL(rt_sigqueueinfo);
SYSCALL(rt_tgsigqueueinfo);

/* sys/sys_time.c */
SYSCALL(clock_gettime);
SYSCALL(clock_getres);
SYSCALL(gettimeofday);
SYSCALL(time);
SYSCALL(nanosleep);
SYSCALL(clock_nanosleep);
SYSCALL(times);

/* sys/sys_timer.c */
SYSCALL(getitimer);
SYSCALL(setitimer);
SYSCALL(alarm);
SYSCALL(timer_create);
SYSCALL(timer_settime);
SYSCALL(timer_gettime);
SYSCALL(timer_getoverrun);
SYSCALL(timer_delete);

/* sys/sys_cred.c */
SYSCALL(getuid);
SYSCALL(geteuid);
SYSCALL(getgid);
SYSCALL(getegid);
SYSCALL(setuid);
SYSCALL(setgid);
SYSCALL(setreuid);
SYSCALL(setregid);
SYSCALL(setresuid);
SYSCALL(setresgid);
SYSCALL(getresuid);
SYSCALL(getresgid);
SYSCALL(setfsuid);
SYSCALL(setfsgid);
SYSCALL(getgroups);
SYSCALL(setgroups);
SYSCALL(capget);
SYSCALL(capset);

/* sys/sys_info.c */
SYSCALL(uname);
SYSCALL(sysinfo);
SYSCALL(getrusage);
SYSCALL(getrlimit);
SYSCALL(setrlimit);
SYSCALL(prlimit64);
SYSCALL(getrandom);

/* sys/sys_fixed.c */
SYSCALL(fork);
SYSCALL(vfork);
SYSCALL(wait4);
SYSCALL(waitid);
SYSCALL(setsid);
SYSCALL(clock_settime);
SYSCALL(clock_adjtime);
SYSCALL(adjtimex);
SYSCALL(settimeofday);
SYSCALL(sethostname);
SYSCALL(setdomainname);
SYSCALL(reboot);
SYSCALL(iopl);
SYSCALL(ioperm);
SYSCALL(ptrace);
SYSCALL(seccomp);
SYSCALL(vhangup);
SYSCALL(ioprio_get);

#endif
