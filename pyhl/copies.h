// SPDX-License-Identifier: Apache-2.0
/*
 * Files that a command line copies into a run and out of it: what the two processes (parent.h) know
 * of them before they split, and what they say to each other. The parent reads and writes the files
 * of the host; the child, which has the VM, only their list.
 */
#ifndef PYHL_COPIES_H
#define PYHL_COPIES_H

#include "opts.h"
#include "vmm/vmm.h"

struct copy_options {
    struct opt_list in, out;         /* --copy-in, --copy-out; items are to be freed */
    uint64_t max_bytes, max_entries; /* in each direction; 0: the defaults */
    bool with_dir;
};
#define COPY_MAX_BYTES   (4ull << 30)
#define COPY_MAX_ENTRIES 100000ull

/* A --copy-out. */
struct copy_target {
    char *guest; /* relative to the guest's root; "": all of it */
    char *host;  /* as given */
    char *name;  /* in the directory folder_fd; NULL: it is that directory itself */
    int folder_fd;
};

struct copies {
    struct vmm_files_in in; /* read() is the child's to set */
    struct vmm_file *files; /* in.files: paths, targets and the list are to be freed */
    char **names;           /* of in's files on this host; NULL: not a regular file */
    bool *sparse;           /* which of them may have holes */
    size_t room;
    uint64_t bytes;              /* of all of in */
    struct copy_target *targets; /* target_count of them */
    size_t target_count;
    uint64_t max_bytes, max_entries;
};

enum copies_message {
    /* Reads a file of in: number[0] which, [1] offset, [2] bytes. The answer's bytes are the data;
     * result -errno. */
    COPIES_READ = 0x200,
    /* Where its next data is: number[0] which, [1] offset. The answer's number[0] is where. */
    COPIES_DATA,
    /* An entry of a target: number[0] which target, with COPIES_WHOLE when the file before it is
     * whole; [1] size, [2] mtime in ns, [3] mode. The bytes are its path, a NUL, the text of a link
     * and a NUL. */
    COPIES_MAKE,
    /* Data of the file made last: number[0] offset. */
    COPIES_WRITE,
    /* The run is over. number[0]: COPIES_WHOLE or 0. result: how many entries could not be
     * written. */
    COPIES_END,
};
#define COPIES_WHOLE (1ull << 32)

/* Lists what is to be copied. cwd is the run's; script the script's name, or NULL. EINVAL for words
 * that are none, EFBIG past a limit, ENOTSUP for a file that is neither a regular one, a directory
 * nor a link, and what reading the directories gives. After an error free it, too. */
int copies_list(const struct copy_options *options, const char *cwd, const char *script,
                struct copies *copies, struct vmm_err *err);
void copies_free(struct copies *copies);

#endif
