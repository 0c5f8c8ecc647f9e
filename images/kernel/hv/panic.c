// SPDX-License-Identifier: Apache-2.0
/*
 * Ends the run because of a kernel bug or an image that cannot be run: the
 * message goes to the host with HV_EXIT_PANIC. The code touches nothing that
 * may itself be broken.
 */
#include "kernel.h"

void panic(const char *fmt, ...)
{
    static KERNEL_COLD char msg[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    hv_exit(HV_EXIT_PANIC, 0, msg);
}
