// SPDX-License-Identifier: Apache-2.0
/*
 * The inline metadata of a script (PEP 723): what lies in comments between `# /// script` and
 * `# ///`, and names the packages that the script needs. The host only finds the block. Nobody
 * vouches for what is in it, so a VM of its own reads it as TOML.
 */
#ifndef PYHL_METADATA_H
#define PYHL_METADATA_H

#include "vmm/vmm.h"

#define METADATA_MAX (64u << 10) /* bytes of a block's TOML */

/* The TOML of a block, without the comment signs. */
struct metadata_block {
    char *text;  /* NUL-terminated; free() it; NULL: the script has no metadata */
    size_t line; /* of the script, counted from 1, where it begins */
};

struct metadata {
    const char **requirements; /* NULL-terminated; each as PEP 508 has it */
    const char *exclude_newer; /* of [tool.uv]; NULL: it has none */
    bool satisfied;            /* the home's packages meet all requirements */
    char *text;                /* where the strings lie */
};

/* metadata.c */
/* Finds the block in a script's text, by the rules of PEP 723; a block without an end is none. In a
 * text without the first line of a block this is one search. EINVAL for a second block and for one
 * that is too long or has a NUL byte. name is the script's, for messages. */
int metadata_find(const char *name, const char *text, size_t len, struct metadata_block *block,
                  struct vmm_err *err);

/* metadata_read.c */
/* What the block says to a VM of the home that pyhl_home_open() finds, or has said before. EINVAL:
 * the metadata is wrong, or wants another Python; the message has the script's name and line. Every
 * other error is the home's or the VM's. */
int metadata_read(const char *home, const char *name, const struct metadata_block *block,
                  struct metadata *out, struct vmm_err *err);
void metadata_free(struct metadata *metadata);

#endif
