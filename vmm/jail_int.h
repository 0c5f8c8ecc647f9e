// SPDX-License-Identifier: Apache-2.0
/*
 * What the files of the jail share. A table of rows (jail_table.c) becomes one seccomp program
 * (jail_filter.c). jail.c installs the program together with the rest of the jail.
 */
#ifndef VMM_JAIL_INT_H
#define VMM_JAIL_INT_H

#include "snapshot_int.h"

#include <linux/filter.h>

/* What must hold of an argument. Only its lower 32 bits are looked at: the kernel takes no more of
 * a descriptor, a request, an operation or flags. */
enum jail_must {
    JAIL_ANY,
    JAIL_MASKED,  /* (argument & mask) is value */
    JAIL_INPUT,   /* the descriptor to read from */
    JAIL_OUTPUT,  /* one of those to write to */
    JAIL_FILE,    /* the file of a snapshot */
    JAIL_PAGEMAP, /* the page map of the VM to inspect */
    JAIL_IMAGE,   /* one of the files whose pages are the RAM of the VM to renew */
    JAIL_INITRD,  /* the initrd of that VM */
    JAIL_CHANNEL, /* the caller's socket */
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

/* A way in which a system call is allowed. A call is allowed if any of its rows allows it. */
struct jail_row {
    int call;
    unsigned set; /* 0: always; else bits, of which one must be in jail_terms.sets */
    struct jail_arg args[JAIL_ARGS];
    const char *reason;
};
#define JAIL_THREAD (1u << 31)

/* jail_table.c */
extern const struct jail_row jail_rows[];
extern const size_t jail_row_count;

/* The snapshot, and what a checkpoint may have besides. */
#define JAIL_IMAGES (1 + DELTA_PACKS)
_Static_assert(JAIL_IMAGES >= VMM_JAIL_OUTPUTS, "the most values that an argument may have");

/* What the words of enum jail_must stand for in one jail. */
struct jail_terms {
    unsigned sets; /* bits of enum vmm_jail_extra, and JAIL_THREAD */
    int32_t self;
    int input_fd; /* -1: none; the same for all descriptors here */
    int outputs[VMM_JAIL_OUTPUTS];
    size_t output_count;
    int file_fd;
    int pagemap_fd;
    int images[JAIL_IMAGES];
    size_t image_count;
    int initrd_fd;
    int channel_fd;
};

#define JAIL_CODE_MAX 1024
struct jail_program {
    struct sock_filter code[JAIL_CODE_MAX];
    size_t len;
    bool overflow;   /* it did not fit */
    unsigned loaded; /* while it is made: the argument in the accumulator */
};

/* jail_filter.c */
void jail_compile(const struct jail_row *rows, size_t count, const struct jail_terms *terms,
                  struct jail_program *program);

#endif
