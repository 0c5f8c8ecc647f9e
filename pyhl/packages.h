// SPDX-License-Identifier: Apache-2.0
/*
 * Python packages that the image does not have. uv, a program of this host, decides which ones and
 * unpacks them; no code of theirs runs here. Whoever calls this makes a layer of what comes out:
 * a tree of files for PACKAGES_SITE, and the modules to import.
 */
#ifndef PYHL_PACKAGES_H
#define PYHL_PACKAGES_H

#include "config.h"
#include "opts.h"

#include <limits.h>

#define PACKAGES_SITE    "/usr/local/lib/python3.13/dist-packages"
#define PACKAGES_ENTRIES 100000u /* the most files and directories of a tree */

/* What a command line says. */
struct package_options {
    struct opt_list with, files, find_links;
    bool upgrade, offline;
    const char *exclude_newer; /* a script's: nothing that was published after this; NULL: all */
};

/* The rows of a table of options; FIELD is a struct package_options in the STRUCT to fill. */
#define PACKAGE_OPTIONS(STRUCT, FIELD)                                                             \
    {.name = "with",                                                                               \
     .kind = OPT_LIST,                                                                             \
     .offset = offsetof(STRUCT, FIELD.with),                                                       \
     .arg = "REQUIREMENT",                                                                         \
     .help =                                                                                       \
         "a package that the image lacks: NAME, 'NAME>=2', a wheel; uv fetches it; repeatable"},   \
        {.name = "requirements",                                                                   \
         .letter = 'r',                                                                            \
         .kind = OPT_LIST,                                                                         \
         .offset = offsetof(STRUCT, FIELD.files),                                                  \
         .arg = "FILE",                                                                            \
         .help = "packages that a requirements.txt names; repeatable"},                            \
        {.name = "find-links",                                                                     \
         .kind = OPT_LIST,                                                                         \
         .offset = offsetof(STRUCT, FIELD.find_links),                                             \
         .arg = "DIR",                                                                             \
         .help = "a folder of wheels, beside the package index; repeatable"},                      \
        {.name = "offline",                                                                        \
         .kind = OPT_FLAG,                                                                         \
         .offset = offsetof(STRUCT, FIELD.offline),                                                \
         .help = "packages without network: from --find-links and uv's cache"},                    \
    {                                                                                              \
        .name = "upgrade", .letter = 'U', .kind = OPT_FLAG,                                        \
        .offset = offsetof(STRUCT, FIELD.upgrade),                                                 \
        .help = "look for newer versions of the packages named"                                    \
    }

/* Requirements in one form, whatever they came from. */
struct package_request {
    char *text; /* lines of a requirements file, NUL-terminated. A line "#= ..." tells the content
                   of a file that a requirement names, so that equal texts want equal things.
                   "#n TIME": nothing that was published later */
    size_t len; /* 0: nothing is wanted */
    char **find_links; /* absolute paths of folders */
    size_t find_links_count;
    bool upgrade, offline;
    unsigned verbose; /* the caller's; 1 and more: uv's command is shown */
};

/* packages_request.c: Reads and normalises what is asked for; more has further requirements, or is
 * NULL. EINVAL with one line for what cannot work here (source trees, version control), and what
 * opening a file gives. Call package_request_free() after an error, too. */
int packages_request(const struct package_options *options, const char *const *more,
                     struct package_request *request, struct vmm_err *err);
void package_request_free(struct package_request *request);

/* Frees what the table of options has put there. */
void package_options_free(struct package_options *options);

/* What the packages are for. */
struct package_dists {
    int initrd_fd;                   /* of the home: its packages are taken as installed */
    const struct packages *versions; /* of the home: home_open() with packages */
    const char *more_dir; /* of further NAME-VERSION.dist-info, which come first; or NULL */
    uint64_t max_bytes;   /* the most that the files may have together; 0: no limit */
    bool keep; /* an older version of what is asked for, rather than replace what is there */
};

struct package_tree {
    char dir[PATH_MAX]; /* files and directories for PACKAGES_SITE; no links, no special files */
    char **modules;     /* to import, sorted: those of the packages that were asked for by name */
    size_t module_count;
    char *lock; /* sorted lines "NAME==VERSION sha256:HEX", the hash of the package's RECORD, and
                   "tree sha512:HEX", of all names and contents. Equal locks are equal trees */
    size_t lock_len;
    bool replaces;           /* a package that was there was replaced by another version */
    uint64_t bytes, entries; /* 0 entries: everything was there already */
    char *said; /* after an error: lines of uv, to be shown after the error's; or NULL */
};

/* packages.c: Lets uv find and unpack the packages into work_dir/site, which must not exist, and
 * checks what came. ENOENT without uv, with a line that says how to get it; EINVAL when there is no
 * such set of packages, E2BIG when they are too large, EINTR after a signal that was handled. Call
 * package_tree_end() after an error, too. */
int packages_resolve(const struct package_request *request, const struct package_dists *dists,
                     const char *work_dir, struct package_tree *tree, struct vmm_err *err);

/* Says, after E2BIG, that the packages do not fit into a VM of so much memory, and which option
 * gives more. What uv has said goes: it was stopped. */
int packages_too_large(struct package_tree *tree, uint64_t memory, const char *option,
                       struct vmm_err *err);

/* Puts the metadata of the tree's packages, as NAME-VERSION.dist-info, into a folder, where
 * package_dists.more_dir finds it. */
int packages_dists(const struct package_tree *tree, const char *into, struct vmm_err *err);

/* Removes the folder and frees the rest. */
void package_tree_end(struct package_tree *tree);

#endif
