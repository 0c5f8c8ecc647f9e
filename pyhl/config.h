// SPDX-License-Identifier: Apache-2.0
/*
 * The ini files: `image.ini`, which comes with an image, `pyhl.ini`, which makes a directory a
 * home, and `layer.ini`.
 *
 * image.ini:
 *   [image] name, init (absolute path in the guest); optional: format,
 *     memory and memory_min (sizes), check (code that must run),
 *     check_output (what it must print), rehearsal (code that does what
 *     longer scripts do), eval (a command that takes code as its next word)
 *   [packages] NAME = VERSION ...
 *
 * layer.ini, of a layer (layers.h):
 *   [layer] format, version, key and content of the snapshot that it is made upon, files_size;
 *     optional: plain (1: that is the plain snapshot)
 *   [packages] as in the image
 *
 * pyhl.ini:
 *   [pyhl] format, version, image, memory, key, kernel_size, initrd_size,
 *     snapshot_size; optional: snapshot_inode, layer_size
 *   [packages] as in the image
 *
 * Both are read strictly where it matters. A value that is missing, wrong or given twice is an
 * error that names file and key. An unknown key of [image] is an error, too, since it may be a
 * misspelt one. Unknown sections are ignored. So are unknown keys of pyhl.ini, which nobody writes
 * by hand.
 */
#ifndef PYHL_CONFIG_H
#define PYHL_CONFIG_H

#include "vmm/vmm.h"

#define CONFIG_FORMAT 1u
#define CONFIG_MAX    (1u << 20) /* bytes of a file */
#define CONFIG_LINE   200u       /* room for a value that may fill its line */

/* "NAME = VERSION" lines, in the file's order. */
struct packages {
    char *text; /* free() it; NULL when there are none */
    size_t len;
    size_t count;
};

struct image_config {
    char name[64];
    char init[256];
    char check[CONFIG_LINE];        /* empty: the image takes no scripts */
    char check_output[CONFIG_LINE]; /* empty: check prints nothing */
    char rehearsal[CONFIG_LINE];    /* empty: none */
    char eval[CONFIG_LINE];         /* words with blanks between them; empty: none */
    uint64_t memory;                /* 0: not stated */
    uint64_t memory_min;            /* 0: not stated */
    struct packages packages;
};

struct home_config {
    char version[32]; /* of the pyhl that made the home */
    char image[64];
    uint64_t memory;
    struct vmm_key key;
    uint64_t kernel_size, initrd_size, snapshot_size; /* bytes */
    uint64_t layer_size;                              /* of the home's own layer; 0: it has none */
    uint64_t snapshot_inode; /* inode number of the snapshot as setup made it; 0: not stated */
    struct packages packages;
};

struct layer_config {
    char version[32];            /* of the pyhl that made the layer */
    struct vmm_key key, content; /* of the snapshot: vmm_snapshot_info's */
    uint64_t files_size;         /* of the packages, bytes */
    uint64_t plain;              /* 0, or 1: it is the plain snapshot (plain.h) */
    struct packages packages;
};

/* text is the file's content, NUL-terminated; path is for messages. EBADMSG when it is not an
 * image.ini. */
int config_parse_image(const char *text, const char *path, struct image_config *config,
                       struct vmm_err *err);

/* The same for pyhl.ini; EPROTO for another format. Packages are only collected when asked for. */
int config_parse_home(const char *text, const char *path, bool packages, struct home_config *config,
                      struct vmm_err *err);

int config_parse_layer(const char *text, const char *path, struct layer_config *config,
                       struct vmm_err *err);
int config_format_layer(const struct layer_config *config, char **text, size_t *len,
                        struct vmm_err *err);

/* The text of a pyhl.ini; free(*text). */
int config_format_home(const struct home_config *config, char **text, size_t *len,
                       struct vmm_err *err);

#endif
