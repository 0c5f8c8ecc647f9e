// SPDX-License-Identifier: Apache-2.0
/*
 * Properties of execve(2): which files are programs, what scripts become, what stays and what goes,
 * and errors after which the old program goes on. Linux says what each line must be.
 */
#include "tell.h"

#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static char self[300];
static char *none[] = {NULL};

static void file_of(const char *name, const char *text, size_t size, mode_t mode)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0700);

    T_MUST(name, fd >= 0 && write(fd, text, size) == (ssize_t)size && fchmod(fd, mode) == 0);
    close(fd);
}

static void script(const char *name, const char *text)
{
    file_of(name, text, strlen(text), 0755);
}

static void copy_self(const char *name)
{
    int in = open(self, O_RDONLY), out = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    struct stat st;

    T_MUST("copy", fstat(in, &st) == 0 &&
                       copy_file_range(in, NULL, out, NULL, (size_t)st.st_size, 0) == st.st_size);
    close(in);
    close(out);
}

static int run(const char *path)
{
    char *argv[] = {(char *)(uintptr_t) "zero", (char *)(uintptr_t) "arguments",
                    (char *)(uintptr_t) "one two", NULL};

    execve(path, argv, none);
    return -1;
}

static void refused(void)
{
    char deep[5000];
    int fd;

    file_of("empty", "", 0, 0755);
    file_of("text", "hello\n", 6, 0755);
    file_of("plain", "#!/bin/true\n", 12, 0644);
    file_of("short", "\177ELF", 4, 0755);
    script("bare", "#!\n");
    script("spaces", "#!   \t \n");
    script("missing", "#!/no/such/interpreter\n");
    script("loop", "#!loop\n");
    memset(deep, 'x', sizeof(deep));
    memcpy(deep, "#!/", 3);
    deep[4999] = '\0';
    script("long", deep);
    mkdir("directory", 0755);
    symlink("round", "round");
    T_MUST("fifo", mkfifo("fifo", 0755) == 0);
    TELL("nothing", run("nothing"));
    TELL("no name", run(""));
    TELL("below a file", run("text/x"));
    TELL("a directory", run("directory"));
    TELL("a FIFO", run("fifo"));
    TELL("a link to itself", run("round"));
    TELL("without permission", run("plain"));
    TELL("empty", run("empty"));
    TELL("text", run("text"));
    TELL("the start of a program", run("short"));
    TELL("a script without interpreter", run("bare"));
    TELL("spaces alone", run("spaces"));
    TELL("a missing one", run("missing"));
    TELL("its own", run("loop"));
    TELL("a line that is too long", run("long"));
    memset(deep, 'y', sizeof(deep) - 1);
    TELL("a name that is too long", run(deep));
    deep[255] = '\0';
    TELL("of 255 bytes", run(deep));
    TELL("no memory for the name", syscall(SYS_execve, 16, none, none));
    TELL("none for arguments", syscall(SYS_execve, self, 16, none));
    TELL("none for the environment", syscall(SYS_execve, self, none, 16));
    TELL("none for an argument", syscall(SYS_execve, self, (char *[]){(char *)16, NULL}, none));
    copy_self("busy");
    fd = open("busy", O_WRONLY);
    TELL("open to write", run("busy"));
    close(fd);
}

static int long_arguments(void)
{
    size_t size = 131072;
    char *one = malloc(size + 1), **argv = calloc(3000, sizeof(*argv));

    memset(one, 'a', size);
    one[size] = '\0';
    argv[0] = one;
    TELL("an argument of 128 KiB", execve(self, argv, none));
    one[2000] = '\0';
    for (int i = 0; i < 2000; i++) {
        argv[i] = one;
    }
    setrlimit(RLIMIT_STACK, &(struct rlimit){1 << 20, RLIM_INFINITY});
    TELL("more than a quarter of the stack", execve(self, argv, none));
    return 0;
}

static int by_script(void)
{
    char text[400];

    snprintf(text, sizeof(text), "#!%s   arguments  with one \t\nrest\n", self);
    script("first", text);
    script("second", "#!./first x\n");
    return run("./first");
}

static int by_two_scripts(void)
{
    return run("./second");
}

static int five_scripts(void)
{
    char name[10], text[400];

    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof(name), "nest%d", i);
        if (i == 5) {
            snprintf(text, sizeof(text), "#!%s arguments\n", self);
        } else {
            snprintf(text, sizeof(text), "#!./nest%d\n", i + 1);
        }
        script(name, text);
    }
    TELL("six scripts", run("nest0"));
    TELL("five", run("nest1"));
    return 0;
}

static int by_descriptor(void)
{
    int fd = open(self, O_RDONLY | O_CLOEXEC);
    char path[40];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return run(path);
}

static int writes_itself(void)
{
    if (fork() == 0) {
        execl("./busy", "busy", "open", NULL);
        _exit(9);
    }
    int status;
    wait(&status);
    return WEXITSTATUS(status);
}

static int without_arguments(void)
{
    execve(self, none, none);
    return 1;
}

static void *execs(void *arg)
{
    run(self);
    return arg;
}

static int from_a_thread(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, execs, NULL);
    pthread_join(thread, NULL);
    return 1;
}

static int fails_in_a_thread(void)
{
    run("nothing");
    return gettid() == getpid() ? 33 : 34;
}

static int what_stays(void)
{
    int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct sched_param p = {0};

    umask(027);
    setpriority(PRIO_PROCESS, 0, 3);
    prctl(PR_SET_NAME, "other");
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_KEEPCAPS, 1);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_DUMPABLE, 0);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){50, 60});
    sched_setscheduler(0, SCHED_BATCH, &p);
    fcntl(0, F_DUPFD, 20);
    fcntl(0, F_DUPFD_CLOEXEC, 30);
    *shared = 1;
    execl(self, "argv0", "stays", NULL);
    return 1;
}

static int tell_stays(void)
{
    char name[17] = "";
    int subreaper = 7;
    struct rlimit r;

    prctl(PR_GET_NAME, name);
    prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
    getrlimit(RLIMIT_NOFILE, &r);
    TELL("umask", umask(0));
    TELL("nice", getpriority(PRIO_PROCESS, 0));
    TELL("the file's name", strcmp(name, "execprops"));
    TELL("no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    TELL("keepcaps", prctl(PR_GET_KEEPCAPS));
    TELL("subreaper", subreaper);
    TELL("dumpable", prctl(PR_GET_DUMPABLE));
    TELL("limits", (long)r.rlim_cur * 100 + (long)r.rlim_max);
    TELL("scheduling", sched_getscheduler(0));
    TELL("descriptor", fcntl(20, F_GETFD));
    TELL("CLOEXEC", fcntl(30, F_GETFD));
    return 0;
}

static int tell_arguments(int argc, char *argv[])
{
    for (int i = 1; i < argc; i++) {
        t_line(1, "argument %d: %s\n", i, argv[i]);
    }
    t_line(1, "%d arguments, the first is %s\n", argc,
           strrchr(argv[0], '/') != NULL ? "a path" : argv[0]);
    return argc;
}

/* A program whose interpreter is a file without a program in it. */
static void program_without_loader(void)
{
    static char bytes[4096];
    struct {
        Elf64_Ehdr head;
        Elf64_Phdr part[2];
        char loader[8];
    } f = {.head = {.e_ident = ELFMAG "\2\1\1",
                    .e_type = ET_DYN,
                    .e_machine = EM_X86_64,
                    .e_version = EV_CURRENT,
                    .e_phoff = sizeof(Elf64_Ehdr),
                    .e_ehsize = sizeof(Elf64_Ehdr),
                    .e_phentsize = sizeof(Elf64_Phdr),
                    .e_phnum = 2},
           .part = {{.p_type = PT_INTERP, .p_filesz = 6, .p_memsz = 6},
                    {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_align = 4096}},
           .loader = "bytes"};

    f.part[0].p_offset = offsetof(__typeof__(f), loader);
    f.part[1].p_filesz = f.part[1].p_memsz = sizeof(f);
    file_of("bytes", bytes, sizeof(bytes), 0755);
    file_of("unloadable", (const char *)&f, sizeof(f), 0755);
}

static void *answers(void *pipe)
{
    char c;

    return (void *)(uintptr_t)read(*(int *)pipe, &c, 1);
}

/* No program is started: the old one goes on with all its threads. */
static int fails_beside_a_thread(void)
{
    pthread_t thread;
    void *got = NULL;
    int fd[2];

    program_without_loader();
    script("lost", "#!/no/interpreter\n");
    T_MUST("pipe", pipe(fd) == 0 && pthread_create(&thread, NULL, answers, &fd[0]) == 0);
    TELL("  text", run("text"));
    TELL("  empty", run("empty"));
    TELL("  no interpreter", run("lost"));
    TELL("  no loader", run("unloadable"));
    T_MUST("write", write(fd[1], "", 1) == 1 && pthread_join(thread, &got) == 0);
    return got == (void *)1 ? 35 : 36;
}

int main(int argc, char *argv[])
{
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    T_MUST("self", n > 0);
    if (argc == 0 || (argc == 1 && argv[0][0] == '\0')) {
        return 70 + argc;
    }
    if (argc > 1 && strncmp(argv[1], "arguments", 9) == 0) {
        return tell_arguments(argc, argv);
    }
    if (argc > 1 && strcmp(argv[1], "stays") == 0) {
        return tell_stays();
    }
    if (argc > 1 && strcmp(argv[1], "open") == 0) {
        TELL("a running program cannot be written", open("busy", O_WRONLY));
        TELL("nor cut", truncate("busy", 0));
        TELL("but removed", unlink("busy"));
        return 0;
    }
    t_scratch();
    refused();
    tell_child("long arguments", long_arguments);
    tell_child("a script", by_script);
    tell_child("a script's script", by_two_scripts);
    tell_child("nested", five_scripts);
    tell_child("by a descriptor", by_descriptor);
    tell_child("itself", writes_itself);
    tell_child("no arguments", without_arguments);
    tell_child("from a thread", from_a_thread);
    tell_child("fails", fails_in_a_thread);
    tell_child("fails beside a thread", fails_beside_a_thread);
    tell_child("stays", what_stays);
    return t_done();
}
