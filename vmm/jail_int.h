// SPDX-License-Identifier: Apache-2.0
/*
 * The jail inside: a table of rows (jail_table.c) becomes one seccomp program (jail_filter.c),
 * which jail.c puts on together with the rest.
 */
#ifndef VMM_JAIL_INT_H
#define VMM_JAIL_INT_H

#include "vmm.h"

#include <linux/filter.h>

/* What must hold of an argument. Its lower half is looked at: more the kernel does not take of a
 * descriptor, a request, an operation or flags. */
enum jail_must {
    JAIL_ANY,
    JAIL_MASKED,  /* (argument & mask) is value */
    JAIL_INPUT,   /* the descriptor to read from */
    JAIL_OUTPUT,  /* one of those to write to */
    JAIL_FILE,    /* the file of a snapshot */
    JAIL_PAGEMAP, /* the page map of the VM to inspect */
    JAIL_IMAGE,   /* the snapshot of the VM to renew, */
    JAIL_INITRD,  /* and its initrd */
    JAIL_SELF,    /* this process */
    JAIL_KICK,    /* VMM_SIGNAL */
};

struct jail_arg {
    uint8_t number; /* 0-5 */
    uint8_t must;   /* enum jail_must */
    uint32_t mask;
    uint32_t value;
};
#define JAIL_ARGS 2

/* A way to make a system call that is allowed. A call is allowed by any of its rows. */
struct jail_row {
    int call;
    unsigned set; /* 0: always; else the bit of enum vmm_jail_extra or JAIL_THREAD to go with */
    struct jail_arg args[JAIL_ARGS];
    const char *reason;
};
#define JAIL_THREAD (1u << 31)

/* jail_table.c */
extern const struct jail_row jail_rows[];
extern const size_t jail_row_count;

/* What the rows' words stand for in one jail. */
struct jail_terms {
    unsigned sets; /* of jail_row.set, those that hold */
    int32_t self;
    int input_fd; /* -1: none, for all of these */
    int outputs[VMM_JAIL_OUTPUTS];
    size_t output_count;
    int file_fd;
    int pagemap_fd;
    int image_fd;
    int initrd_fd;
};

#define JAIL_CODE_MAX 1024
struct jail_program {
    struct sock_filter code[JAIL_CODE_MAX];
    size_t len;
    bool overflow;   /* it had no room */
    unsigned loaded; /* the argument at hand, while it is made */
};

/* jail_filter.c */
void jail_compile(const struct jail_row *rows, size_t count, const struct jail_terms *terms,
                  struct jail_program *program);

#endif
