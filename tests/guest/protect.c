// SPDX-License-Identifier: Apache-2.0
/*
 * mprotect and what an access against it raises: the signal, si_code and si_addr; NULL and its
 * page, addresses outside user space, pages of the program itself.
 */
#include "t.h"
#include "fault.h"

#include <sys/mman.h>

enum {
    PAGE = 4096,
    LARGE = 2 << 20,
    RW = PROT_READ | PROT_WRITE,
    ANON = MAP_PRIVATE | MAP_ANONYMOUS
};

static const char constant[PAGE * 2] = "read-only data";
static char variable[PAGE * 4];

static void check_faults(char *p)
{
    T_EQ("write to read-only", t_try_write(p + 5, 1), SIGSEGV);
    T_EQ("its si_code", t_fault.code, SEGV_ACCERR);
    T_CHECK("its si_addr", t_fault.addr == p + 5);
    T_EQ("read of read-only", t_try_read(p + 5), 0);
}

static void check_mprotect(void)
{
    char *p = mmap(NULL, 8 * PAGE, RW, ANON, -1, 0);

    T_MUST("map", p != MAP_FAILED);
    memset(p, 'a', 8 * PAGE);
    T_EQ("read-only", mprotect(p, 8 * PAGE, PROT_READ), 0);
    check_faults(p);
    T_EQ("the middle writable", mprotect(p + 2 * PAGE, 2 * PAGE, RW), 0);
    T_EQ("below the middle", t_try_write(p + 2 * PAGE - 1, 1), SIGSEGV);
    T_EQ("the middle", t_try_write(p + 2 * PAGE, 'b'), 0);
    T_EQ("the end of the middle", t_try_write(p + 4 * PAGE - 1, 'b'), 0);
    T_EQ("above the middle", t_try_write(p + 4 * PAGE, 1), SIGSEGV);
    T_EQ("no access", mprotect(p, 8 * PAGE, PROT_NONE), 0);
    T_EQ("read of no access", t_try_read(p + 3 * PAGE), SIGSEGV);
    T_EQ("si_code of no access", t_fault.code, SEGV_ACCERR);
    T_EQ("readable again", mprotect(p, 8 * PAGE, RW), 0);
    T_CHECK("the contents survived", p[0] == 'a' && p[2 * PAGE] == 'b' && p[8 * PAGE - 1] == 'a');
}

static void check_refusals(void)
{
    char *p = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);

    T_ERR("unaligned", mprotect(p + 1, PAGE, RW), EINVAL);
    T_ERR("unknown protection", mprotect(p, PAGE, 0x4000), EINVAL);
    T_EQ("length 0", mprotect(p, 0, PROT_NONE), 0);
    T_EQ("and it changed nothing", t_try_write(p, 1), 0);
    munmap(p + 2 * PAGE, PAGE);
    T_ERR("across a hole", mprotect(p, 4 * PAGE, PROT_READ), ENOMEM);
    T_ERR("of nothing", mprotect(p + 2 * PAGE, PAGE, RW), ENOMEM);
    munmap(p, 4 * PAGE);
}

static void check_null(void)
{
    char *volatile null = NULL;

    T_EQ("read of NULL", t_try_read(null), SIGSEGV);
    T_EQ("si_code of NULL", t_fault.code, SEGV_MAPERR);
    T_CHECK("si_addr of NULL", t_fault.addr == NULL);
    T_EQ("write to NULL", t_try_write(null, 1), SIGSEGV);
    T_EQ("NULL with a field offset", t_try_read(null + 0x58), SIGSEGV);
    T_CHECK("its si_addr", t_fault.addr == (void *)0x58);
    T_EQ("the end of the first page", t_try_write(null + 4095, 1), SIGSEGV);
    T_EQ("further, still below 64 KiB", t_try_read(null + 0xf000), SIGSEGV);
}

static void check_null_call(void)
{
    void (*volatile function)(void) = NULL;

    t_fault.sig = 0;
    if (sigsetjmp(t_fault_back, 1) == 0) {
        function();
    }
    T_EQ("a call of NULL", t_fault.sig, SIGSEGV);
    T_CHECK("its address", t_fault.addr == NULL);
}

static void check_wild(void)
{
    T_EQ("a kernel address", t_try_read((char *)(uintptr_t)0xffffffff81000000), SIGSEGV);
    T_EQ("a non-canonical address", t_try_read((char *)(uintptr_t)0x8000000000000000), SIGSEGV);
    T_EQ("its si_code is the kernel's", t_fault.code, SI_KERNEL);
    T_CHECK("its si_addr is nil", t_fault.addr == NULL);
    T_EQ("the last user page", t_try_write((char *)(uintptr_t)0x7ffffffff000, 1), SIGSEGV);
}

static void check_no_execute(void)
{
    void *page = mmap(NULL, PAGE, RW, ANON, -1, 0);
    void (*function)(void);

    memset(page, 0xc3, PAGE); /* ret */
    memcpy(&function, &page, sizeof(page));
    t_fault.sig = 0;
    if (sigsetjmp(t_fault_back, 1) == 0) {
        function();
    }
    T_EQ("data is not executable", t_fault.sig, SIGSEGV);
    T_CHECK("the fault is at the instruction", t_fault.addr == page);
    T_EQ("made executable", mprotect(page, PAGE, PROT_READ | PROT_EXEC), 0);
    t_fault.sig = 0;
    if (sigsetjmp(t_fault_back, 1) == 0) {
        function();
    }
    T_EQ("it runs", t_fault.sig, 0);
}

static int call_of(char *code)
{
    void (*function)(void);

    memcpy(&function, &code, sizeof(code));
    t_fault.sig = 0;
    if (sigsetjmp(t_fault_back, 1) == 0) {
        function();
    }
    return t_fault.sig;
}

/* Rights of memory that fills large pages: a large page may get its rights as a whole, but parts
 * of it can still have rights of their own. */
static void check_large(void)
{
    char *p = mmap(NULL, 4 * (size_t)LARGE, RW, ANON, -1, 0);

    T_MUST("map large", p != MAP_FAILED);
    p += -(uintptr_t)p & (LARGE - 1);
    memset(p, 0xc3, 3 * (size_t)LARGE); /* ret */
    T_EQ("large: read and execute", mprotect(p, 2 * LARGE, PROT_READ | PROT_EXEC), 0);
    T_EQ("large: a call", call_of(p + LARGE), 0);
    check_faults(p + LARGE - PAGE);
    T_EQ("large: write at the end", t_try_write(p + 2 * LARGE - 1, 1), SIGSEGV);
    T_EQ("large: write after", t_try_write(p + 2 * LARGE, 1), 0);
    T_EQ("large: a call after", call_of(p + 2 * LARGE + 1), SIGSEGV);
    T_EQ("large: a page writable", mprotect(p + 5 * PAGE, PAGE, RW), 0);
    T_EQ("large: a call of it", call_of(p + 5 * PAGE), SIGSEGV);
    T_EQ("large: a write to it", t_try_write(p + 5 * PAGE, 1), 0);
    T_EQ("large: a write below", t_try_write(p + 5 * PAGE - 1, 1), SIGSEGV);
    T_EQ("large: a call above", call_of(p + 6 * PAGE), 0);
    T_EQ("large: a page of the other", mprotect(p + LARGE, PAGE, PROT_NONE), 0);
    T_EQ("large: a read of it", t_try_read(p + LARGE), SIGSEGV);
    T_EQ("large: no access", mprotect(p, 2 * LARGE, PROT_NONE), 0);
    T_EQ("large: a read", t_try_read(p + LARGE + 9), SIGSEGV);
    T_EQ("large: writable again", mprotect(p, 2 * LARGE, RW), 0);
    T_EQ("large: a call of data", call_of(p + LARGE), SIGSEGV);
    T_CHECK("large: the contents survived",
            p[0] == (char)0xc3 && p[5 * PAGE] == 1 && p[2 * LARGE - 1] == (char)0xc3);
    T_EQ("large: read-only", mprotect(p, 2 * LARGE, PROT_READ), 0);
    T_EQ("large: unmap", munmap(p, LARGE + PAGE), 0);
    T_EQ("large: the rest", t_try_write(p + LARGE + PAGE, 1), SIGSEGV);
    p = mmap(NULL, 4 * (size_t)LARGE, RW, ANON, -1, 0);
    T_EQ("large: new memory", t_try_write(p + 3 * LARGE, 1), 0);
}

static void check_program(void)
{
    int (*code)(void) = t_done;
    char *text;

    memcpy(&text, &code, sizeof(text));
    T_EQ("text is read-only", t_try_write(text, 0), SIGSEGV);
    T_EQ("constants are read-only", t_try_write((char *)(uintptr_t)constant, 0), SIGSEGV);
    T_EQ("variables are not", t_try_write(variable + 5000, 1), 0);
}

int main(void)
{
    t_fault_install();
    check_mprotect();
    check_refusals();
    check_null();
    check_null_call();
    check_wild();
    check_no_execute();
    check_large();
    check_program();
    return t_done();
}
