// SPDX-License-Identifier: Apache-2.0
/*
 * The program that the guest boots. It starts the image's own python3 with the driver preloaded,
 * which takes over before python3's main (driver.c). That python3 is optimised as a whole, but
 * Python's static library is not: linked into a program of ours the interpreter would be a tenth
 * slower. Calls into libraries are bound at the start. Otherwise the first call of each function
 * would be a look-up in each run, through a page of symbols for every library.
 */
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRIVER "/usr/lib/pyhl/driver.so"

int main(int argc, char **argv)
{
    const char *others = getenv("LD_PRELOAD");
    char *preload;
    (void)argc;
    if (asprintf(&preload, "%s%s%s", DRIVER, others == NULL ? "" : ":",
                 others == NULL ? "" : others) >= 0 &&
        setenv("LD_PRELOAD", preload, 1) == 0 && setenv("LD_BIND_NOW", "1", 1) == 0) {
        execv(DRV_PYTHON, argv);
    }
    perror("pyhl: " DRV_PYTHON);
    return DRV_FAILED;
}
