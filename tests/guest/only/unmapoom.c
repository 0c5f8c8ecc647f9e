// SPDX-License-Identifier: Apache-2.0
/*
 * Unmapping one page out of memory that was made read-only as a whole, when there is no memory for
 * a page table. The guest keeps such memory in large pages, and must split one: ENOMEM, and nothing
 * is unmapped. On Linux the amounts of memory differ, hence guest only.
 */
#include "only.h"
#include "fault.h"

#include <sys/mman.h>

enum { PAGE = 4096, LARGE = 2 << 20, SIZE = 2 * LARGE, RW = PROT_READ | PROT_WRITE };

int main(void)
{
    char *region = mmap(NULL, SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *page = (char *)(((uintptr_t)region + LARGE - 1) & ~(uintptr_t)(LARGE - 1)) + PAGE;

    t_fault_install();
    T_MUST("region", region != MAP_FAILED);
    memset(region, 1, SIZE);
    T_MUST("read-only", mprotect(region, SIZE, PROT_READ) == 0);
    char *chain = take(PAGE, take(64 << 10, take(16 << 20, NULL)));
    errno = 0;
    int refused = munmap(page, PAGE), code = errno;
    bool kept = *page == 1 && t_try_write(page, 2) == SIGSEGV;
    give_back(chain);
    T_CHECK("no memory for the table: ENOMEM", refused == -1 && code == ENOMEM);
    T_CHECK("the page is still there, and read-only", kept);
    T_CHECK("with memory it goes", munmap(page, PAGE) == 0 && t_unmapped(page));
    T_CHECK("and no other", page[-PAGE] == 1 && page[PAGE] == 1);
    T_EQ("all of it goes", munmap(region, SIZE), 0);
    return t_done();
}
