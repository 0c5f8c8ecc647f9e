// SPDX-License-Identifier: Apache-2.0
/*
 * libpyhl: from a home, which `pyhl setup` makes, to the result of a Python script. This header is
 * its manual. vmm/vmm.h is that of the VMs themselves, and its rules hold here: the library never
 * prints and never exits; functions that can fail return 0 or a negative errno and fill *err (may
 * be NULL) once, in one line fit for a user; what a script does is never an error, but a struct
 * vmm_outcome. There is no global state but libvmm's signal handler.
 *
 *     struct pyhl_run run = {.code = "print(6 * 7)", .timeout_ns = 2000000000};
 *     struct vmm_io io = {.stdin_fd = -1, .write = on_output, .write_arg = &text};
 *     int rc = pyhl_home_open(NULL, &home, &err);
 *     if (rc == 0) {
 *         rc = vmm_restore(pyhl_home_snapshot(home), &io, false, &vm, &err);
 *     }
 *     if (rc == 0) {
 *         rc = pyhl_run(vm, &run, &end, &err);
 *     }
 *     vmm_destroy(vm);
 *     pyhl_home_close(home);
 *
 * Cells share one VM, and each has its result: records, when vmm_io has a function for them.
 *
 *     pyhl_run(vm, &(struct pyhl_run){.cell = "x = 6"}, &end, &err);
 *     pyhl_run(vm, &(struct pyhl_run){.cell = "x * 7"}, &end, &err);
 *
 * Packages for a session that goes on are files below PYHL_PACKAGES, as pip install --target makes
 * them. A run of its own puts them there, and the next cell can import them:
 *
 *     pyhl_run(vm, &(struct pyhl_run){.preload = "", .files_in = &files}, &end, &err);
 *
 * If they do not fit, or code of theirs (.pth files) ends the process, the VM has ended as well:
 * make a checkpoint before, and vmm_rewind_to() it.
 *
 * A script calls functions of the host by module `host`: pyhl_run.tools is a set that
 * vmm_tools_create() has made. Where it waits for an answer pyhl_run() returns with the outcome
 * VMM_CALLED, and vmm_resume() goes on. pyhl/examples/tools.c shows both.
 *
 * A VM that was restored with rewindable true runs again after vmm_rewind(), from the same state.
 * A process that runs code it does not trust calls vmm_jail() between vmm_restore() and pyhl_run().
 */
#ifndef PYHL_H
#define PYHL_H

#include "vmm/vmm.h"

#define PYHL_VERSION "0.1.0"

/* An open home. It does not change: any number of threads may restore VMs from it at once. */
struct pyhl_home;

/* Opens the home in a directory. NULL finds one as the command does: $PYHL_HOME, else the first of
 * ./.pyhl, $XDG_DATA_HOME/pyhl (or ~/.local/share/pyhl); no other thread may change the environment
 * meanwhile. The files are opened and checked here, and are not looked up again. So a home that is
 * replaced later goes on to work for those who have opened it.
 *
 * ENOENT: there is none, and the message names all places. EPERM: others can change it, or it was
 * found in ./.pyhl and not made there. EBADMSG, EPROTO, EKEYREJECTED, ENOTSUP: it is damaged, or of
 * another version, kernel or CPU (see vmm_snapshot_open()). On failure *out is NULL. */
int pyhl_home_open(const char *dir, struct pyhl_home **out, struct vmm_err *err);

/* Call it after the last VM that was restored from the home is destroyed. NULL is allowed. */
void pyhl_home_close(struct pyhl_home *home);

/* The snapshot that VMs are restored from. It belongs to the home: do not close it. */
struct vmm_snapshot *pyhl_home_snapshot(const struct pyhl_home *home);

struct pyhl_home_info {
    const char *path;    /* of the directory, as it was given or found */
    const char *image;   /* the name of the image it was made from */
    const char *version; /* of the pyhl that made it */
    uint64_t memory;     /* of a VM, bytes */
    struct vmm_key key;
};

/* Strings are the home's. */
void pyhl_home_info(const struct pyhl_home *home, struct pyhl_home_info *info);

/* A layer upon the home: its snapshot with packages in it, as `pyhl run --with PACKAGE` makes it in
 * the user's cache folder ($XDG_CACHE_HOME/pyhl or ~/.cache/pyhl). packages is NULL-terminated,
 * each "NAME" or "NAME==VERSION". Of several layers that have them all it is the one that was used
 * last. VMs are restored from it as from pyhl_home_snapshot(), and find modules imported that the
 * layer was made for. Give it back by vmm_snapshot_close(), before the home.
 *
 * ENOENT: there is none, and the message has the command that makes one. EPERM: others can change
 * the cache. EBADMSG and the like: it is damaged. On failure *out is NULL. */
int pyhl_layer_open(const struct pyhl_home *home, const char *const *packages,
                    struct vmm_snapshot **out, struct vmm_err *err);

/* What to run, and how. A field that is 0 or NULL has a default. All of it belongs to the caller
 * and is only read. */
struct pyhl_run {
    /* One of these five, the first three as python3 takes them. */
    const char *code;   /* -c */
    const char *module; /* -m: a module of the image */
    /* A script's name, its text is in source; "-": one from stdin. A directory of files_in, with no
     * source: its __main__.py. */
    const char *script;
    /* Code of a session, which ends as VMM_READY: the next cell goes on with its names. vmm.h says
     * more (Sessions). It has no args, and only the first may have options. */
    const char *cell;
    const char *context; /* of a cell: whose names; NULL: "default" */
    /* Modules that the next run finds imported already, a line each, from packages that files_in
     * puts below PYHL_PACKAGES; vmm.h says more (Packages). It ends as VMM_READY, with records
     * "preload". */
    const char *preload;
    const void *source; /* source_len bytes; NULL if 0 */
    size_t source_len;
    const char *const *args;    /* sys.argv from 1 on; NULL-terminated */
    const char *const *options; /* python3's own: "-O", "-W", "error"; NULL-terminated */
    /* NULL-terminated "KEY=VALUE", added to PATH, HOME and LANG, which are always there. Of several
     * with one name the last wins. Nothing of the process's own environment gets in. */
    const char *const *env;
    const char *cwd;     /* absolute; made in the guest when missing. NULL: "/" */
    uint64_t timeout_ns; /* 0: none; else as vmm_run.timeout_ns, with a grace of PYHL_GRACE_NS */
    const struct vmm_tools *tools; /* functions of the host: module `host`; NULL: none */
    void *tools_arg;
    uint64_t max_calls;  /* of them; 0: no limit */
    uint64_t memory;     /* as vmm_run.memory; 0: the VM's */
    uint64_t cpu_ns;     /* 0: no limit; else as vmm_run.cpu_ns, with the same grace */
    uint64_t max_output; /* bytes of stdout, stderr and records together; 0: no limit */
    const struct vmm_files_in *files_in;   /* as vmm_run.files_in; NULL: none */
    const struct vmm_files_out *files_out; /* as vmm_run.files_out; NULL: none */
    /* The code or the script is a cell, with args, and with the script's name in tracebacks. */
    bool as_cell;
    bool deterministic; /* the same random numbers in every run */
    bool trace;         /* lines as vmm_io.trace says */
};

/* The guest's directory of packages that were not in its image. */
#define PYHL_PACKAGES "/usr/local/lib/python3.13/dist-packages"

/* How long a run may still write what it has buffered when its timeout is over, ns. */
#define PYHL_GRACE_NS 30000000u

/* Runs it to its end in a VM that was restored from a home, or rewound, since its last run, or
 * whose last run was a cell and ended as VMM_READY, if this is a cell or a preload, too. After a
 * preload that was the first run, any kind may come. EINVAL for a struct that says no run, ENOMEM,
 * and the errors of vmm_run(). *outcome tells how the script ended. With VMM_EXITED its status is
 * 0, or 1 after an exception, whose traceback went to stderr. */
int pyhl_run(struct vmm *vm, const struct pyhl_run *run, struct vmm_outcome *outcome,
             struct vmm_err *err);

/* The same in two steps, for a caller that gives vmm_run() the same run again and again, or one
 * that is not quite as pyhl_run() would make it. *out points to the strings of *run, which must
 * live as long. EINVAL, ENOMEM; then *out is empty. */
int pyhl_run_make(const struct pyhl_run *run, struct vmm_run *out, struct vmm_err *err);
void pyhl_run_free(struct vmm_run *out);

#endif
