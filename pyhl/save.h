// SPDX-License-Identifier: Apache-2.0
/*
 * pyhl run --save: the state in which a run has left its session, in a file
 * (vmm_checkpoint_save()). The file is made under another name before the process splits in two
 * (parent.h). The child, which has the VM and is in jail, writes it. The parent adds its working
 * set (probe.h) and gives it its name when it is whole, or removes it.
 */
#ifndef PYHL_SAVE_H
#define PYHL_SAVE_H

#include "parent.h"

#include <limits.h>

struct save {
    char path[PATH_MAX];
    char temporary[PATH_MAX];
    const char *dest; /* of the home, or NULL: pyhl_home_open() finds it */
    int fd;
};

/* Makes the file, readable by its user alone. dest is that of the run's home. */
int save_begin(const char *path, const char *dest, struct save *save, struct vmm_err *err);

/* In the child: writes the state of a VM that is between two runs, and has the parent give the file
 * its name. again: there may be a later state, which then takes the place of this one. */
int save_write(const struct save *save, struct channel *channel, struct vmm *vm, bool again,
               struct vmm_err *err);

/* Opens a state that was saved, for vmm_restore(). path NULL: there is none, and *out is NULL. The
 * base must outlive it. EKEYREJECTED: it was saved with another home; else as
 * vmm_checkpoint_open(). */
int save_open(struct vmm_snapshot *base, const char *path, struct vmm_snapshot **out,
              struct vmm_err *err);

/* In the parent. save_end() removes a file that has not got its name. */
int save_offer(struct save *save, struct parent *parent);
void save_end(const struct save *save);

#endif
