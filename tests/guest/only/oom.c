// SPDX-License-Identifier: Apache-2.0
/*
 * All memory of the guest used up: ENOMEM, not a hang, not a kill, and everything is usable again
 * after it was given back. On Linux this depends on overcommit and the size of the machine, hence
 * guest only.
 */
#include "t.h"

#include <pthread.h>
#include <sys/mman.h>

enum { CHUNK = 16 << 20, MOST = 8192 };
static char *chunks[MOST];

/* Takes chunks until none is left. Each page is written, so that no memory is merely promised. */
static int take_all(void)
{
    int count = 0;

    while (count < MOST) {
        char *p = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) {
            return errno == ENOMEM ? count : -1;
        }
        for (size_t i = 0; i < CHUNK; i += 4096) {
            p[i] = 1;
        }
        chunks[count++] = p;
    }
    return -1;
}

static void give_back(int count)
{
    for (int i = 0; i < count; i++) {
        munmap(chunks[i], CHUNK);
    }
}

int main(void)
{
    char *small = malloc(1000);
    int first = take_all();

    T_CHECK("memory ends with ENOMEM", first > 0);
    /* More than the heap has set aside. volatile: the compiler may assume that a malloc nobody uses
     * succeeds. */
    char *volatile none = malloc(CHUNK * 8);
    T_CHECK("so does malloc", none == NULL && errno == ENOMEM);
    memset(small, 1, 1000);
    T_CHECK("what was had is still usable", small[999] == 1 && chunks[0][0] == 1);
    T_EQ("system calls still work", write(1, "writing\n", 8), 8);
    give_back(first);
    int second = take_all();
    T_CHECK("everything came back", second >= first - 1);
    give_back(second);
    char *volatile some = malloc(CHUNK);
    T_CHECK("and is usable", some != NULL);
    return t_done();
}
