// SPDX-License-Identifier: Apache-2.0
/*
 * Mappings of files: a private one never writes back, a shared one is the file, the tail of the
 * last page is zero, beyond it is SIGBUS, the descriptor may be closed, and shared anonymous
 * memory is seen by every thread.
 */
#include "t.h"
#include "fault.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { PAGE = 4096, SIZE = 3 * PAGE + 100, RW = PROT_READ | PROT_WRITE };

static int make_file(const char *name)
{
    static char data[SIZE];
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

    for (int i = 0; i < SIZE; i++) {
        data[i] = (char)(i / 100 + 1);
    }
    T_MUST("create", fd >= 0 && write(fd, data, SIZE) == SIZE);
    return fd;
}

static bool holds(const char *p, int from, int to)
{
    for (int i = from; i < to; i++) {
        if (p[i - from] != (char)(i / 100 + 1)) {
            return false;
        }
    }
    return true;
}

static char file_byte(int fd, off_t at)
{
    char c = 0;

    return pread(fd, &c, 1, at) == 1 ? c : '?';
}

static void check_private(void)
{
    int fd = make_file("private");
    char *p = mmap(NULL, SIZE, RW, MAP_PRIVATE, fd, 0);
    char *q = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 2 * PAGE);

    T_MUST("private maps", p != MAP_FAILED && q != MAP_FAILED);
    T_CHECK("contents", holds(p, 0, SIZE));
    T_CHECK("contents at an offset", holds(q, 2 * PAGE, 3 * PAGE));
    bool tail = true;
    for (int i = SIZE; i < 4 * PAGE; i++) {
        tail = tail && p[i] == 0;
    }
    T_CHECK("the tail of the last page is zero", tail);
    p[10] = 'X';
    p[2 * PAGE] = 'Y';
    T_CHECK("a private write stays private",
            file_byte(fd, 10) == 1 && holds(q, 2 * PAGE, 3 * PAGE));
    T_EQ("read-only is read-only", t_try_write(q, 1), SIGSEGV);
    T_EQ("si_code", t_fault.code, SEGV_ACCERR);
    close(fd);
    unlink("private");
    T_CHECK("lives on without descriptor and name",
            p[10] == 'X' && holds(p + PAGE, PAGE, 2 * PAGE));
    T_EQ("unmap", munmap(p, SIZE) | munmap(q, PAGE), 0);
}

static void check_shared(void)
{
    int fd = make_file("shared");
    char *p = mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);
    char *q = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);

    T_MUST("shared maps", p != MAP_FAILED && q != MAP_FAILED);
    T_CHECK("contents of both", holds(p, 0, SIZE) && holds(q, 0, SIZE));
    p[5000] = 'S';
    T_CHECK("a write is seen in the other mapping", q[5000] == 'S');
    T_CHECK("and by read", file_byte(fd, 5000) == 'S');
    T_CHECK("write is seen in the mapping", pwrite(fd, "W", 1, 6000) == 1 && p[6000] == 'W');
    T_EQ("msync", msync(p, SIZE, MS_SYNC), 0);
    T_ERR("msync unaligned", msync(p + 1, 10, MS_SYNC), EINVAL);
    struct stat st;
    T_CHECK("the size did not change", fstat(fd, &st) == 0 && st.st_size == SIZE);
    T_EQ("unmap one", munmap(p, SIZE), 0);
    T_CHECK("the other still shows it", q[5000] == 'S');
    munmap(q, SIZE);
    close(fd);
    fd = open("shared", O_RDONLY);
    T_CHECK("written for good", file_byte(fd, 5000) == 'S' && file_byte(fd, 6000) == 'W');
    T_CHECK("no shared writing through a read-only descriptor",
            mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EACCES);
    T_CHECK("private writing through it", mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0) != MAP_FAILED);
    close(fd);
    fd = open("shared", O_WRONLY);
    T_CHECK("no mapping of a write-only descriptor",
            mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EACCES);
    close(fd);
}

/* A file that nothing has written. In the guest it is one of the image, whose pages are the
 * CPIO's until they are written. */
static void check_unwritten(void)
{
    static char page[PAGE];
    int fd = open("/bin/plugin.so", O_RDWR);

    fd = fd >= 0 ? fd : make_file("unwritten");
    const volatile char *p = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    const volatile char *q = mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    T_MUST("maps of an unwritten file", p != MAP_FAILED && q != MAP_FAILED);
    char other = (char)~p[PAGE + 5], next = p[PAGE + 6];
    T_CHECK("both show it",
            q[PAGE + 5] == p[PAGE + 5] && q[5] == p[5] && q[2 * PAGE] == p[2 * PAGE]);
    T_MUST("write a byte", pwrite(fd, &other, 1, PAGE + 5) == 1);
    T_CHECK("a shared mapping to read sees it", p[PAGE + 5] == other && p[PAGE + 6] == next);
    T_CHECK("and a private one without a page of its own", q[PAGE + 5] == other);
    memset(page, 'P', PAGE);
    T_MUST("write a page", pwrite(fd, page, PAGE, 0) == PAGE);
    T_CHECK("both see all of it", p[5] == 'P' && q[PAGE - 1] == 'P');
    T_MUST("shrink", ftruncate(fd, 2 * PAGE) == 0);
    T_EQ("a page that is cut off is SIGBUS", t_try_read(p + 2 * PAGE), SIGBUS);
    T_EQ("in both", t_try_read(q + 2 * PAGE), SIGBUS);
    T_CHECK("what is left stays", p[PAGE + 5] == other && q[5] == 'P');
    close(fd);
}

static void check_beyond_the_end(void)
{
    int fd = make_file("short");
    char *p = mmap(NULL, 8 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);

    T_MUST("map beyond the end", p != MAP_FAILED);
    T_EQ("the last page of the file", t_try_read(p + 3 * PAGE + 200), 0);
    T_EQ("beyond it is SIGBUS", t_try_read(p + 5 * PAGE), SIGBUS);
    T_EQ("si_code of SIGBUS", t_fault.code, BUS_ADRERR);
    T_CHECK("si_addr of SIGBUS", t_fault.addr == p + 5 * PAGE);
    munmap(p, 8 * PAGE);
    close(fd);
}

static void *increment(void *shared)
{
    for (int i = 0; i < 1000; i++) {
        __atomic_fetch_add((int *)shared, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void check_shared_anonymous(void)
{
    int *p = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_t thread;

    T_MUST("shared anonymous", p != MAP_FAILED && *p == 0);
    T_MUST("thread", pthread_create(&thread, NULL, increment, p) == 0);
    increment(p);
    pthread_join(thread, NULL);
    T_EQ("both threads counted", *p, 2000);
}

static void check_memfd(void)
{
    int fd = memfd_create("name", MFD_CLOEXEC);

    T_MUST("memfd", fd >= 0);
    T_EQ("ftruncate", ftruncate(fd, 2 * PAGE), 0);
    char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    T_MUST("map it", p != MAP_FAILED);
    strcpy(p + PAGE, "through the mapping");
    char text[32] = "";
    T_CHECK("read it", pread(fd, text, 20, PAGE) == 20 && strcmp(text, p + PAGE) == 0);
    close(fd);
}

/* Checks that a mapping of the file is refused with this error, and closes the file. */
static void check_refused(const char *what, int fd, int prot, int flags, int error)
{
    T_CHECK(what, fd >= 0 && mmap(NULL, PAGE, prot, flags, fd, 0) == MAP_FAILED && errno == error);
    close(fd);
}

static void check_without_pages(void)
{
    int ends[2];

    check_refused("a text of /proc", open("/proc/self/status", O_RDONLY), PROT_READ, MAP_PRIVATE,
                  ENODEV);
    check_refused("a directory", open(".", O_RDONLY), PROT_READ, MAP_PRIVATE, ENODEV);
    check_refused("a path only", open(".", O_PATH), PROT_READ, MAP_PRIVATE, EBADF);
    check_refused("/dev/zero, shared, not to be written", open("/dev/zero", O_RDONLY), RW,
                  MAP_SHARED, EACCES);
    T_MUST("pipe", pipe(ends) == 0);
    check_refused("the end of a pipe to read", ends[0], PROT_READ, MAP_PRIVATE, ENODEV);
    check_refused("the end of a pipe to write", ends[1], PROT_READ, MAP_PRIVATE, EACCES);
}

int main(void)
{
    t_scratch();
    t_fault_install();
    check_private();
    check_shared();
    check_unwritten();
    check_beyond_the_end();
    check_shared_anonymous();
    check_memfd();
    check_without_pages();
    return t_done();
}
