// SPDX-License-Identifier: Apache-2.0
/*
 * How system calls get into the kernel, by its own count. Those in the image's index do not trap;
 * generated code traps and works. The areas to which the jumps lead are unmapped with the text that
 * they serve.
 */
#include "only.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static int areas(void)
{
    char line[400];
    int n = 0;
    FILE *f = fopen("/proc/self/maps", "r");

    T_MUST("/proc/self/maps", f != NULL);
    while (fgets(line, sizeof(line), f) != NULL) {
        n += strstr(line, " r-xp ") != NULL && strstr(line, "[syscalls]") != NULL;
    }
    fclose(f);
    return n;
}

/* getppid, with only the instruction before the call that a jump could replace. */
__asm__(".text\n.type stored, @function\nstored: .cfi_startproc\n mov %rdi, %rax\n mov %r11, "
        "-16(%rsp)\n"
        "syscall\n ret\n .cfi_endproc\n.size stored, .-stored\n");
long stored(long nr);

static void check_counts(void)
{
    static const unsigned char code[] = {0xb8, 110, 0, 0, 0, 0x0f, 0x05, 0xc3};
    long trapped = count_of("trapped "), rewritten = count_of("rewritten ");
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long (*function)(void);

    for (int n = 0; n < 1000; n++) {
        getppid();
        T_MUST("the same by other code", stored(SYS_getppid) == getppid());
    }
    T_EQ("the C library's calls do not trap", count_of("trapped ") - trapped, 0);
    T_CHECK("but are counted", count_of("rewritten ") - rewritten >= 1000);
    memcpy(p, code, sizeof(code));
    memcpy(&function, &p, sizeof(p));
    mprotect(p, 4096, PROT_READ | PROT_EXEC);
    for (int n = 0; n < 10; n++) {
        T_MUST("generated code works", function() == getppid());
    }
    T_EQ("and traps", count_of("trapped ") - trapped, 10);
}

static void check_areas(void)
{
    int before = areas();
    int fd = open("/lib/x86_64-linux-gnu/libc.so.6", O_RDONLY);
    off_t size = lseek(fd, 0, SEEK_END);
    void *p;

    T_CHECK("there are areas", before >= 2);
    for (int n = 0; n < 100; n++) {
        p = mmap(NULL, (size_t)size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
        T_MUST("another mapping of the C library", p != MAP_FAILED);
        T_MUST("has an area of its own", areas() == before + 1);
        T_MUST("munmap of the first page", munmap(p, 4096) == 0);
        T_MUST("it stays", areas() == before + 1);
        T_MUST("munmap", munmap(p, (size_t)size) == 0);
        T_MUST("it goes with the mapping", areas() == before);
    }
    T_CHECK("areas come and go", areas() == before);
    p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    T_EQ("text to be read has none", areas(), before);
    munmap(p, (size_t)size);
    p = mmap(NULL, (size_t)size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    T_EQ("shared text has none", areas(), before);
    munmap(p, (size_t)size);
    close(fd);
    T_ERR("no memory file", open("/proc/self/mem", O_RDWR), ENOENT);
}

int main(void)
{
    check_counts();
    check_areas();
    return t_done();
}
