// SPDX-License-Identifier: Apache-2.0
/*
 * Memory is used up: which process must end. It is the child with the most memory of its own; the
 * first process, with which the run ends, only when there is no child. The child dies of SIGKILL,
 * as on Linux, and a line on stderr says so. Whoever wanted the memory waits until it is gone, and
 * tries again.
 */
#include "proc/proc.h"

#define LINES_MAX 10u /* a program that makes children without end does not fill the host's log */

static KERNEL_COLD unsigned lines;

static bool ending(const struct process_full *pf)
{
    return pf->oom_pages != 0 && pf->p.mm != NULL;
}

/* A child that shares its memory with the first process (vfork(2)) has none of its own. */
static bool can_end(const struct process_full *pf)
{
    return &pf->p != process_first && pf->p.mm != NULL && pf->p.mm != process_first->mm &&
           pf->oom_score_adj > -OOM_ADJ_MAX;
}

/* oom_score_adj adds so many thousandths of all memory (proc_pid_oom_score_adj(5)). */
static struct process_full *largest_child(u64 *pages)
{
    struct process_full *pf, *largest = NULL;
    s64 most = 0;

    LIST_FOREACH (pf, &processes, link) { /* of two that are alike the younger one */
        u64 own = can_end(pf) ? mm_own_pages(pf->p.mm) + 1 : 0;
        s64 size = (s64)own + (s64)pmm_total_pages() * pf->oom_score_adj / OOM_ADJ_MAX;
        if (own != 0 && (largest == NULL || size > most)) {
            largest = pf;
            most = size;
            *pages = own;
        }
    }
    return largest;
}

bool oom_kill(void)
{
    struct process_full *pf, *self = process_full(cur_proc());
    u64 pages = 0;

    LIST_FOREACH (pf, &processes, link) {
        if (ending(pf)) {
            return pf != self && pf->p.mm != self->p.mm;
        }
    }
    pf = largest_child(&pages);
    if (pf == NULL) {
        return false;
    }
    if (pf->p.mm == self->p.mm) {
        pf = self; /* of those that share memory, the one that is here */
    }
    pf->oom_pages = pages;
    if (pf != self) {
        (void)signal_send(&pf->p, NULL, SIGKILL, SI_KERNEL, 0);
    }
    return pf != self;
}

static bool nobody_ends(void *arg)
{
    struct process_full *pf;

    LIST_FOREACH (pf, &processes, link) {
        if (ending(pf) && &pf->p != arg) {
            return false;
        }
    }
    return true;
}

int oom_wait(void)
{
    return waitq_wait(&process_ends, nobody_ends, cur_proc(), HV_NO_DEADLINE, true);
}

void oom_tell(const struct process_full *pf, const char *name)
{
    char line[100];

    if (pf->oom_pages == 0 || lines > LINES_MAX) {
        return;
    }
    int n = lines == LINES_MAX
                ? snprintf(line, sizeof(line), "out of memory: more processes are killed\n")
                : snprintf(line, sizeof(line), "out of memory: killed process %d (%s), %lu MiB\n",
                           pf->p.pid, name, pf->oom_pages * PAGE_SIZE >> 20);
    lines++;
    hv_console_write(2, line, (size_t)n);
}
