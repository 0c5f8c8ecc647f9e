// SPDX-License-Identifier: Apache-2.0
/*
 * The image's index of system call sites (include/sites.h). The kernel reads it once at boot, in
 * place in the CPIO, checks all of it and looks up its paths. An error in it is told in the trace
 * and costs only speed: without an index every system call takes the trap.
 */
#include "fs/sitefile.h"
#include "fs/vfs.h"

struct indexed {
    struct inode *inode; /* referenced for good */
    const struct sites_file *file;
};

static struct indexed *files;
static unsigned file_count;
static const struct sites_site *sites;

static void say(const char *what, const char *name)
{
    char line[200];
    if (!hv_trace_enabled) {
        return;
    }
    int n = snprintf(line, sizeof(line), "sites: %s %s", name, what);
    hv_trace_line(line, MIN((size_t)n, sizeof(line) - 1));
}

/* Does the file still show the image's bytes? An own copy of its last page is allowed: mapping
 * that page makes one. */
static bool pristine(const struct inode *i, u64 size)
{
    const struct ramdata *d = &i->u.data;
    return i->ops == &ramfs_reg_ops && i->size == size && d->ext_len == size &&
           (d->owned == 0 || (d->owned == 1 && radix_get(d, size / PAGE_SIZE)));
}

static void add_files(const struct sitefile *f)
{
    sites = f->sites;
    files = kzalloc(f->file_count * sizeof(*files));
    for (u32 n = 0; files != NULL && n < f->file_count; n++) {
        struct inode *i;
        const char *path = f->paths + f->files[n].path;
        if (walk_inode(fs_root, path, WALK_FOLLOW | WALK_KERNEL, &i) < 0) {
            say("is in the index only", path);
            continue;
        }
        if (!pristine(i, f->files[n].size)) {
            say("is not what was indexed", path);
            inode_put(i);
            continue;
        }
        files[file_count++] = (struct indexed){.inode = i, .file = &f->files[n]};
    }
}

void sites_index_init(void)
{
    struct sitefile f;
    struct inode *i;
    if (walk_inode(fs_root, SITES_PATH, WALK_FOLLOW | WALK_KERNEL, &i) < 0) {
        return;
    }
    if (i->type == INODE_REG && pristine(i, i->size) &&
        sitefile_check(i->u.data.ext, i->size, &f)) {
        add_files(&f);
    } else {
        say("is damaged, or of another version: every system call will trap", SITES_PATH);
    }
    inode_put(i);
}

/* Compares the file with the index: it may have been replaced after the index was made, or its
 * last page written. */
static bool bytes_agree(const struct indexed *x)
{
    const struct sites_site *s = sites + x->file->first;
    u8 there[SITES_MAX];
    for (u32 n = 0; n < x->file->count; n++) {
        if (inode_read(x->inode, there, s[n].len, s[n].offset) != s[n].len ||
            memcmp(there, s[n].bytes, s[n].len) != 0) {
            return false;
        }
    }
    return true;
}

const struct sites_site *sites_of_inode(struct inode *i, unsigned *count)
{
    for (unsigned n = 0; n < file_count; n++) {
        const struct indexed *x = &files[n];
        if (x->inode != i) {
            continue;
        }
        if (!pristine(i, x->file->size) || !bytes_agree(x)) {
            say("is not what was indexed", "a file");
            return NULL;
        }
        *count = x->file->count;
        return sites + x->file->first;
    }
    return NULL;
}
