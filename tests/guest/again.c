// SPDX-License-Identifier: Apache-2.0
/*
 * Programs that are executed one after the other, or at the same time, from one file. What one of
 * them does to its memory, its text or its stack is not seen by another, and a file that is changed
 * or replaced between two of them is seen by the second. The program executes itself and copies of
 * itself; its first argument says what the child does.
 */
#include "t.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PAGE  4096ul
#define LEFT  0x150000000000ul /* where a child maps memory */
#define LOW   0x10000000000ul  /* and another place */
#define PARTS 64
#define TAG   "here is the version: "

extern char **environ;
static char self[4096];
static const char marker[64] = TAG "A";
static sigjmp_buf back;

static void on_fault(int sig)
{
    siglongjmp(back, sig);
}

/* Has a read of this address no memory? */
static bool faults(const volatile char *at)
{
    if (sigsetjmp(back, 1) == 0) {
        (void)*at;
        return false;
    }
    return true;
}

static char *map_at(unsigned long at)
{
    return mmap((char *)at, PARTS * PAGE, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
}

static int leave(unsigned long where)
{
    char *at = map_at(where);

    if (at != (char *)where) {
        return 1;
    }
    memset(at, 'x', PARTS * PAGE);
    return mprotect(at, PAGE, PROT_NONE) != 0;
}

static int look(unsigned long where)
{
    char *at = (char *)where;

    for (unsigned i = 0; i < PARTS; i++) {
        if (!faults(at + i * PAGE)) {
            return 1;
        }
    }
    if (map_at(where) != at) {
        return 2;
    }
    for (unsigned i = 0; i < PARTS * PAGE; i++) {
        if (at[i] != 0) {
            return 3;
        }
    }
    return 0;
}

static int child_look(void)
{
    signal(SIGSEGV, on_fault);
    int high = look(LEFT);
    return high != 0 ? high : look(LOW);
}

static int deep(int depth)
{
    volatile char page[PAGE];
    page[0] = (char)depth;
    return depth == 0 ? 0 : deep(depth - 1) + (page[0] == (char)depth);
}

static int child_overflow(void)
{
    struct rlimit none = {0, 0};
    return setrlimit(RLIMIT_CORE, &none) != 0 || deep(1 << 30) != 0;
}

/* What is called here is overwritten in some children. */
__attribute__((noinline, aligned(64))) static int answer(void)
{
    static volatile int one = 1;
    return one;
}

/* Makes a function return 77, as a debugger writes to text. */
static int overwrite(void *function)
{
    static const unsigned char code[] = {0xb8, 77, 0, 0, 0, 0xc3};
    char *page = (char *)((uintptr_t)function & ~(PAGE - 1));

    if (mprotect(page, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
        return 1;
    }
    memcpy(function, code, sizeof(code));
    return mprotect(page, 2 * PAGE, PROT_READ | PROT_EXEC) != 0;
}

static void *address_of(int (*function)(void))
{
    void *p;
    memcpy(&p, &function, sizeof(p));
    return p;
}

/* `times` system calls through the C library: are its calls what they should be? */
static bool calls_work(int times)
{
    while (times-- > 0) {
        if (getppid() != (int)syscall(SYS_getppid) || getpid() != (int)syscall(SYS_getpid)) {
            return false;
        }
    }
    return answer() == 1;
}

/* Overwrites its own text and the C library's, says so, and lives until it is told to end. */
static int child_overwrites(void)
{
    char byte = 0;

    if (!calls_work(1) || overwrite(address_of(answer)) != 0 ||
        overwrite(address_of(getppid)) != 0 || answer() != 77 || getppid() != 77) {
        return 1;
    }
    if (write(1, "x", 1) != 1 || read(0, &byte, 1) != 1) {
        return 2;
    }
    return answer() != 77 || getppid() != 77;
}

static int child(const char *what)
{
    /* The compiler must not know what the file says. */
    static const char *const volatile where[] = {marker};

    if (strcmp(what, "marker") == 0) {
        return puts(strrchr(*where, ' ') + 1) == EOF;
    }
    return strcmp(what, "leave") == 0        ? leave(LEFT) || leave(LOW)
           : strcmp(what, "look") == 0       ? child_look()
           : strcmp(what, "deep") == 0       ? deep(1500) != 1500
           : strcmp(what, "overflow") == 0   ? child_overflow()
           : strcmp(what, "calls") == 0      ? !calls_work(100)
           : strcmp(what, "overwrites") == 0 ? child_overwrites()
                                             : 99;
}

static pid_t start(const char *program, const char *what, int in, int out)
{
    char *argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)what, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;

    posix_spawn_file_actions_init(&actions);
    if (in >= 0) {
        posix_spawn_file_actions_adddup2(&actions, in, 0);
    }
    if (out >= 0) {
        posix_spawn_file_actions_adddup2(&actions, out, 1);
    }
    T_MUST("posix_spawn", posix_spawn(&pid, program, &actions, NULL, argv, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static int wait_for(pid_t pid)
{
    int status = -1;
    T_MUST("waitpid", waitpid(pid, &status, 0) == pid);
    return status;
}

static int run(const char *what)
{
    return wait_for(start(self, what, -1, -1));
}

static void check_memory(void)
{
    for (int i = 0; i < 3; i++) {
        T_MUST("a child maps memory", run("leave") == 0);
        T_MUST("the next has none there, and then zeroes", run("look") == 0);
    }
    t_check("memory that a child left is not the next one's", true, "", __FILE__, __LINE__);
}

static void check_stack(void)
{
    for (int i = 0; i < 3; i++) {
        int status = run("deep");
        T_MUST("six megabytes of stack", status == 0);
        status = run("overflow");
        T_MUST("more than the stack has", WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    }
    t_check("deep stacks and too deep ones, by turns", true, "", __FILE__, __LINE__);
}

static void check_text(void)
{
    for (int i = 0; i < 3; i++) {
        int in[2], out[2];
        char byte;

        T_MUST("pipes", pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
        pid_t pid = start(self, "overwrites", in[0], out[1]);
        T_MUST("text is overwritten", read(out[0], &byte, 1) == 1);
        T_MUST("not the parent's", calls_work(1));
        T_MUST("not that of another child meanwhile", run("calls") == 0);
        T_MUST("it may end", write(in[1], "x", 1) == 1);
        T_MUST("it still had its own text", wait_for(pid) == 0);
        T_MUST("not that of the next child", run("calls") == 0);
        for (int n = 0; n < 2; n++) {
            close(in[n]);
            close(out[n]);
        }
    }
    t_check("text that a child overwrites is its own", true, "", __FILE__, __LINE__);
}

static void copy_file(const char *from, const char *to)
{
    static char buffer[1 << 16];
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_RDWR | O_CREAT | O_CLOEXEC, 0755);
    ssize_t n;

    T_MUST("files", in >= 0 && out >= 0);
    while ((n = read(in, buffer, sizeof(buffer))) > 0) {
        T_MUST("write", write(out, buffer, (size_t)n) == n);
    }
    close(in);
    close(out);
}

/* Changes the letter of the marker in a file. */
static void change_file(const char *path, char letter)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC);

    T_MUST("the file", fd >= 0 && fstat(fd, &st) == 0);
    char *text = malloc((size_t)st.st_size), *at;
    T_MUST("its text", text != NULL && read(fd, text, (size_t)st.st_size) == st.st_size);
    at = memmem(text, (size_t)st.st_size, marker, strlen(marker) - 1);
    T_MUST("the marker", at != NULL);
    T_MUST("one byte", pwrite(fd, &letter, 1, at - text + (ssize_t)strlen(marker) - 1) == 1);
    free(text);
    close(fd);
}

static const char *says(const char *program)
{
    static char text[64];
    int fds[2];
    ssize_t n;

    T_MUST("pipe", pipe2(fds, O_CLOEXEC) == 0);
    pid_t pid = start(program, "marker", -1, fds[1]);
    close(fds[1]);
    T_MUST("what it says", (n = read(fds[0], text, sizeof(text) - 1)) > 0);
    text[n - 1] = '\0';
    close(fds[0]);
    T_MUST("its status", wait_for(pid) == 0);
    return text;
}

static void check_file(void)
{
    copy_file(self, "program");
    T_STR("a copy", says("./program"), "A");
    T_STR("the same once more", says("./program"), "A");
    change_file("program", 'B');
    T_STR("a changed file", says("./program"), "B");
    copy_file(self, "other");
    change_file("other", 'C');
    T_MUST("rename", rename("other", "program") == 0);
    T_STR("a file that took its place", says("./program"), "C");
    T_MUST("unlink", unlink("program") == 0);
    copy_file(self, "program");
    T_STR("a new file of that name", says("./program"), "A");
    T_MUST("the copy's calls", wait_for(start("./program", "calls", -1, -1)) == 0);
    T_MUST("unlink", unlink("program") == 0);
    T_STR("the first", says(self), "A");
}

/* A program's file that is mapped for reading, not as the loader does it. */
static void check_mapped(void)
{
    struct stat st;
    int fd = open(self, O_RDONLY | O_CLOEXEC);

    T_MUST("the program", fd >= 0 && fstat(fd, &st) == 0);
    char *read_in = malloc((size_t)st.st_size);
    T_MUST("read", read_in != NULL && read(fd, read_in, (size_t)st.st_size) == st.st_size);
    char *mapped = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    T_MUST("mmap", mapped != MAP_FAILED);
    T_CHECK("a program that is mapped reads as its file",
            memcmp(mapped, read_in, (size_t)st.st_size) == 0);
    munmap(mapped, (size_t)st.st_size);
    free(read_in);
    close(fd);
}

int main(int argc, char **argv)
{
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    T_MUST("its own path", n > 0);
    if (argc > 1) {
        return child(argv[1]);
    }
    check_memory();
    check_stack();
    check_text();
    check_file();
    check_mapped();
    return t_done();
}
