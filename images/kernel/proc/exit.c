// SPDX-License-Identifier: Apache-2.0
/*
 * The end of the process, which is the end of the run. Nothing is torn down: the
 * host throws the machine away or rewinds it.
 */
#include "proc/proc.h"

void process_exit(int status)
{
    hv_exit(HV_EXIT_STATUS, status & 0xff, NULL);
}

void process_kill(int sig)
{
    hv_exit(HV_EXIT_SIGNAL, sig, NULL);
}
