// SPDX-License-Identifier: Apache-2.0
/*
 * Prototypes of all system call handlers, grouped by the file that has them.
 * A handler only decodes: it takes the six argument registers and returns the
 * result or -errno. The user registers are in current->tf.
 */
#ifndef SYSPROTO_H
#define SYSPROTO_H

/* sys/sys_mm.c */
long sys_brk(const long a[6]);
long sys_mmap(const long a[6]);
long sys_munmap(const long a[6]);
long sys_mprotect(const long a[6]);
long sys_mremap(const long a[6]);
long sys_madvise(const long a[6]);
long sys_msync(const long a[6]);
long sys_mincore(const long a[6]);
long sys_mlock(const long a[6]);
long sys_munlock(const long a[6]);
long sys_mlockall(const long a[6]);
long sys_munlockall(const long a[6]);

/* sys/sys_vm.c */
long sys_process_vm_readv(const long a[6]);
long sys_process_vm_writev(const long a[6]);

/* sys/sys_rw.c */
long sys_read(const long a[6]);
long sys_write(const long a[6]);
long sys_readv(const long a[6]);
long sys_writev(const long a[6]);
long sys_pread64(const long a[6]);
long sys_pwrite64(const long a[6]);
long sys_preadv(const long a[6]);
long sys_pwritev(const long a[6]);
long sys_preadv2(const long a[6]);
long sys_pwritev2(const long a[6]);
long sys_lseek(const long a[6]);

/* sys/sys_open.c */
long sys_open(const long a[6]);
long sys_openat(const long a[6]);
long sys_creat(const long a[6]);
long sys_close(const long a[6]);
long sys_close_range(const long a[6]);
long sys_memfd_create(const long a[6]);
long sys_truncate(const long a[6]);
long sys_ftruncate(const long a[6]);
long sys_fallocate(const long a[6]);

/* sys/sys_stat.c */
long sys_stat(const long a[6]);
long sys_lstat(const long a[6]);
long sys_newfstatat(const long a[6]);
long sys_fstat(const long a[6]);
long sys_statx(const long a[6]);
long sys_access(const long a[6]);
long sys_faccessat(const long a[6]);
long sys_faccessat2(const long a[6]);
long sys_readlink(const long a[6]);
long sys_readlinkat(const long a[6]);
long sys_getdents64(const long a[6]);
long sys_getdents(const long a[6]);
long sys_statfs(const long a[6]);
long sys_fstatfs(const long a[6]);

/* sys/sys_path.c */
long sys_mkdir(const long a[6]);
long sys_mkdirat(const long a[6]);
long sys_mknod(const long a[6]);
long sys_mknodat(const long a[6]);
long sys_symlink(const long a[6]);
long sys_symlinkat(const long a[6]);
long sys_link(const long a[6]);
long sys_linkat(const long a[6]);
long sys_unlink(const long a[6]);
long sys_unlinkat(const long a[6]);
long sys_rmdir(const long a[6]);
long sys_rename(const long a[6]);
long sys_renameat(const long a[6]);
long sys_renameat2(const long a[6]);
long sys_chmod(const long a[6]);
long sys_fchmod(const long a[6]);
long sys_fchmodat(const long a[6]);
long sys_chown(const long a[6]);
long sys_lchown(const long a[6]);
long sys_fchown(const long a[6]);
long sys_fchownat(const long a[6]);
long sys_utime(const long a[6]);
long sys_utimes(const long a[6]);
long sys_futimesat(const long a[6]);
long sys_utimensat(const long a[6]);
long sys_chdir(const long a[6]);
long sys_fchdir(const long a[6]);
long sys_getcwd(const long a[6]);
long sys_umask(const long a[6]);

/* sys/sys_fd.c */
long sys_dup(const long a[6]);
long sys_dup2(const long a[6]);
long sys_dup3(const long a[6]);
long sys_fcntl(const long a[6]);
long sys_ioctl(const long a[6]);
long sys_flock(const long a[6]);
long sys_fsync(const long a[6]);
long sys_fdatasync(const long a[6]);
long sys_sync(const long a[6]);
long sys_syncfs(const long a[6]);
long sys_sync_file_range(const long a[6]);
long sys_fadvise64(const long a[6]);
long sys_readahead(const long a[6]);

/* sys/sys_xfer.c */
long sys_sendfile(const long a[6]);
long sys_splice(const long a[6]);
long sys_tee(const long a[6]);
long sys_copy_file_range(const long a[6]);

/* sys/sys_xattr.c */
long sys_getxattr(const long a[6]);
long sys_lgetxattr(const long a[6]);
long sys_fgetxattr(const long a[6]);
long sys_listxattr(const long a[6]);
long sys_llistxattr(const long a[6]);
long sys_flistxattr(const long a[6]);
long sys_setxattr(const long a[6]);
long sys_lsetxattr(const long a[6]);
long sys_fsetxattr(const long a[6]);
long sys_removexattr(const long a[6]);
long sys_lremovexattr(const long a[6]);
long sys_fremovexattr(const long a[6]);

/* sys/sys_event.c */
long sys_pipe(const long a[6]);
long sys_pipe2(const long a[6]);
long sys_eventfd(const long a[6]);
long sys_eventfd2(const long a[6]);
long sys_timerfd_create(const long a[6]);
long sys_timerfd_settime(const long a[6]);
long sys_timerfd_gettime(const long a[6]);

/* sys/sys_poll.c */
long sys_poll(const long a[6]);
long sys_ppoll(const long a[6]);
long sys_select(const long a[6]);
long sys_pselect6(const long a[6]);
long sys_epoll_create(const long a[6]);
long sys_epoll_create1(const long a[6]);
long sys_epoll_ctl(const long a[6]);
long sys_epoll_wait(const long a[6]);
long sys_epoll_pwait(const long a[6]);
long sys_epoll_pwait2(const long a[6]);

/* sys/sys_socket.c */
long sys_socket(const long a[6]);
long sys_socketpair(const long a[6]);
long sys_connect(const long a[6]);
long sys_bind(const long a[6]);
long sys_listen(const long a[6]);
long sys_accept(const long a[6]);
long sys_accept4(const long a[6]);
long sys_sendto(const long a[6]);
long sys_recvfrom(const long a[6]);
long sys_sendmsg(const long a[6]);
long sys_recvmsg(const long a[6]);
long sys_sendmmsg(const long a[6]);
long sys_recvmmsg(const long a[6]);
long sys_shutdown(const long a[6]);
long sys_getsockname(const long a[6]);
long sys_getpeername(const long a[6]);
long sys_getsockopt(const long a[6]);
long sys_setsockopt(const long a[6]);

/* sys/sys_clone.c, sys/sys_exec.c */
long sys_clone(const long a[6]);
long sys_clone3(const long a[6]);
long sys_fork(const long a[6]);
long sys_vfork(const long a[6]);
long sys_exit(const long a[6]);
long sys_exit_group(const long a[6]);
long sys_set_tid_address(const long a[6]);
long sys_execve(const long a[6]);
long sys_execveat(const long a[6]);

/* sys/sys_wait.c */
long sys_wait4(const long a[6]);
long sys_waitid(const long a[6]);

/* sys/sys_proc.c */
long sys_setsid(const long a[6]);
long sys_getpid(const long a[6]);
long sys_getppid(const long a[6]);
long sys_gettid(const long a[6]);
long sys_getpgrp(const long a[6]);
long sys_getpgid(const long a[6]);
long sys_getsid(const long a[6]);
long sys_setpgid(const long a[6]);
long sys_arch_prctl(const long a[6]);
long sys_prctl(const long a[6]);
long sys_personality(const long a[6]);
long sys_rseq(const long a[6]);

/* sys/sys_sched.c */
long sys_sched_yield(const long a[6]);
long sys_sched_getaffinity(const long a[6]);
long sys_sched_setaffinity(const long a[6]);
long sys_sched_getscheduler(const long a[6]);
long sys_sched_getparam(const long a[6]);
long sys_sched_setscheduler(const long a[6]);
long sys_sched_setparam(const long a[6]);
long sys_sched_getattr(const long a[6]);
long sys_sched_get_priority_max(const long a[6]);
long sys_sched_get_priority_min(const long a[6]);
long sys_sched_rr_get_interval(const long a[6]);
long sys_getpriority(const long a[6]);
long sys_setpriority(const long a[6]);
long sys_getcpu(const long a[6]);
long sys_membarrier(const long a[6]);

/* sys/sys_futex.c */
long sys_futex(const long a[6]);
long sys_set_robust_list(const long a[6]);
long sys_get_robust_list(const long a[6]);

/* sys/sys_signal.c */
long sys_rt_sigaction(const long a[6]);
long sys_rt_sigprocmask(const long a[6]);
long sys_rt_sigpending(const long a[6]);
long sys_rt_sigreturn(const long a[6]);
long sys_rt_sigsuspend(const long a[6]);
long sys_pause(const long a[6]);
long sys_rt_sigtimedwait(const long a[6]);
long sys_sigaltstack(const long a[6]);
long sys_restart_syscall(const long a[6]);

/* fs/signalfd.c */
long sys_signalfd(const long a[6]);
long sys_signalfd4(const long a[6]);

/* sys/sys_kill.c */
long sys_kill(const long a[6]);
long sys_tkill(const long a[6]);
long sys_tgkill(const long a[6]);
long sys_rt_sigqueueinfo(const long a[6]);
long sys_rt_tgsigqueueinfo(const long a[6]);
long sys_pidfd_open(const long a[6]);
long sys_pidfd_send_signal(const long a[6]);
long sys_pidfd_getfd(const long a[6]);

/* sys/sys_time.c */
long sys_clock_gettime(const long a[6]);
long sys_clock_getres(const long a[6]);
long sys_gettimeofday(const long a[6]);
long sys_time(const long a[6]);
long sys_nanosleep(const long a[6]);
long sys_clock_nanosleep(const long a[6]);
long sys_times(const long a[6]);

/* sys/sys_timer.c */
long sys_getitimer(const long a[6]);
long sys_setitimer(const long a[6]);
long sys_alarm(const long a[6]);
long sys_timer_create(const long a[6]);
long sys_timer_settime(const long a[6]);
long sys_timer_gettime(const long a[6]);
long sys_timer_getoverrun(const long a[6]);
long sys_timer_delete(const long a[6]);

/* sys/sys_cred.c */
long sys_getuid(const long a[6]);
long sys_geteuid(const long a[6]);
long sys_getgid(const long a[6]);
long sys_getegid(const long a[6]);
long sys_setuid(const long a[6]);
long sys_setgid(const long a[6]);
long sys_setreuid(const long a[6]);
long sys_setregid(const long a[6]);
long sys_setresuid(const long a[6]);
long sys_setresgid(const long a[6]);
long sys_getresuid(const long a[6]);
long sys_getresgid(const long a[6]);
long sys_setfsuid(const long a[6]);
long sys_setfsgid(const long a[6]);
long sys_getgroups(const long a[6]);
long sys_setgroups(const long a[6]);

/* sys/sys_cap.c */
long sys_capget(const long a[6]);
long sys_capset(const long a[6]);
long caps_prctl(int option, const long a[6]); /* those options of prctl(2) */

/* sys/sys_info.c */
long sys_uname(const long a[6]);
long sys_sethostname(const long a[6]);
long sys_setdomainname(const long a[6]);
long sys_sysinfo(const long a[6]);
long sys_getrusage(const long a[6]);
long sys_getrlimit(const long a[6]);
long sys_setrlimit(const long a[6]);
long sys_prlimit64(const long a[6]);
long sys_getrandom(const long a[6]);

/* sys/sys_fixed.c */
long sys_clock_settime(const long a[6]);
long sys_clock_adjtime(const long a[6]);
long sys_adjtimex(const long a[6]);
long sys_settimeofday(const long a[6]);
long sys_reboot(const long a[6]);
long sys_iopl(const long a[6]);
long sys_ioperm(const long a[6]);
long sys_ptrace(const long a[6]);
long sys_seccomp(const long a[6]);
long sys_vhangup(const long a[6]);
long sys_ioprio_get(const long a[6]);

#endif
