// SPDX-License-Identifier: Apache-2.0
/*
 * The end of the process, which is the end of the run. Nothing is torn down: the
 * host throws the machine away or rewinds it.
 */
#include "proc/proc.h"

void (*process_ending)(void);

static void process_end(void)
{
    if (process_ending != NULL) {
        process_ending();
    }
}

void process_exit(int status)
{
    process_end();
    hv_exit(HV_EXIT_STATUS, status & 0xff, NULL);
}

void process_kill(int sig)
{
    process_end();
    hv_exit(HV_EXIT_SIGNAL, sig, NULL);
}

void process_out_of_memory(const char *text)
{
    process_end();
    hv_exit(HV_EXIT_OOM, SIGKILL, text);
}
