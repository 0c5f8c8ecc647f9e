// SPDX-License-Identifier: Apache-2.0
/*
 * Fills the root file system from the CPIO: names and metadata are made here, file data stays where
 * it is. A later entry replaces an earlier one of the same name. Damage ends the boot with a
 * message that names the entry.
 */
#include "fs/cpio.h"
#include "fs/vfs.h"

#define LINK_BUCKETS 1024u

/* The inode of a file with several names: entries with more than one link and the same device
 * and inode number are names of one file. */
struct link_node {
    struct link_node *next;
    u32 ino, dev_major, dev_minor;
    struct inode *inode;
};

struct unpack {
    struct link_node **links;
};

static void refuse(const struct cpio_entry *e, const char *why)
{
    char name[160];
    size_t n = MIN(e->name_len, sizeof(name) - 1);

    memcpy(name, e->name, n);
    name[n] = 0;
    panic("initrd: entry \"%s\" %s", name, why);
}

static void set_meta(struct inode *i, const struct cpio_entry *e)
{
    i->mode = (i->mode & S_IFMT) | (e->mode & 07777);
    i->uid = e->uid;
    i->gid = e->gid;
    i->atime = i->mtime = i->ctime = i->btime = e->mtime * NSEC_PER_SEC;
}

/* The directory of this name in dir, made when missing. Symbolic links are followed, as Linux
 * does when it unpacks an initramfs. */
static struct inode *enter(struct inode *dir, const char *name, size_t len,
                           const struct cpio_entry *e)
{
    struct dentry *d = dir_find(dir, name, len);
    struct inode *i;
    char text[NAME_LEN_MAX + 1];

    if (len > NAME_LEN_MAX) {
        refuse(e, "has a name that is too long");
    }
    if (d == NULL) {
        i = ramfs_new(S_IFDIR | 0755);
        if (i == NULL || dir_add(dir, name, len, i) < 0) {
            panic("initrd: too little memory for the image");
        }
        inode_put(i);
        return i; /* its directory holds a reference */
    }
    i = d->inode;
    if (i->type == INODE_LNK) {
        memcpy(text, name, len);
        text[len] = 0;
        if (walk_inode(dir, text, WALK_FOLLOW | WALK_KERNEL, &i) < 0) {
            refuse(e, "lies after a symbolic link that leads nowhere");
        }
        inode_put(i);
    }
    if (i->type != INODE_DIR || i->ops != &ramfs_dir_ops) {
        refuse(e, "lies below something that is not a directory");
    }
    return i;
}

static struct inode *parent_of(const struct cpio_entry *e, const char **name, size_t *len)
{
    struct inode *dir = fs_root;
    const char *p = e->name, *end = e->name + e->name_len;

    for (;;) {
        const char *slash = p;
        while (slash < end && *slash != '/') {
            slash++;
        }
        if (slash == end) {
            break;
        }
        dir = enter(dir, p, (size_t)(slash - p), e);
        p = slash + 1;
    }
    *name = p;
    *len = (size_t)(end - p);
    if (*len > NAME_LEN_MAX) {
        refuse(e, "has a name that is too long");
    }
    return dir;
}

static struct link_node **link_slot(struct unpack *u, const struct cpio_entry *e)
{
    struct link_node **at = &u->links[e->ino % LINK_BUCKETS];

    while (*at != NULL && ((*at)->ino != e->ino || (*at)->dev_major != e->dev_major ||
                           (*at)->dev_minor != e->dev_minor)) {
        at = &(*at)->next;
    }
    return at;
}

/* A new regular file, or the file of which this entry is another name, with a reference. NULL:
 * out of memory. */
static struct inode *regular(struct unpack *u, const struct cpio_entry *e)
{
    struct link_node **at = e->nlink > 1 ? link_slot(u, e) : NULL;
    struct inode *i;

    if (at != NULL && *at != NULL) {
        i = (*at)->inode;
        inode_ref(i);
    } else {
        i = ramfs_new(S_IFREG);
        if (i != NULL && at != NULL) {
            struct link_node *n = kmalloc(sizeof(*n));
            if (n == NULL) {
                return NULL;
            }
            *n = (struct link_node){NULL, e->ino, e->dev_major, e->dev_minor, i};
            inode_ref(i);
            *at = n;
        }
    }
    /* An archive has the data of such a file with its last name, or with each. */
    if (i != NULL && e->size > 0) {
        i->u.data.ext = e->data;
        i->u.data.ext_len = i->size = e->size;
    }
    return i;
}

static struct inode *initrd_make(struct unpack *u, const struct cpio_entry *e)
{
    switch (e->mode & S_IFMT) {
    case S_IFREG:
        return regular(u, e);
    case S_IFDIR:
        return ramfs_new(S_IFDIR);
    case S_IFLNK:
        if (e->size == 0 || e->size >= PATH_LEN_MAX) {
            refuse(e, "is a symbolic link of impossible length");
        }
        return ramfs_symlink((const char *)e->data, e->size);
    default:
        return inode_new(S_IFIFO, &fifo_inode_ops);
    }
}

static int unpack_entry(void *arg, const struct cpio_entry *e)
{
    u32 type = e->mode & S_IFMT;
    const char *name;
    size_t len;

    if (type == S_IFCHR || type == S_IFBLK || type == S_IFSOCK) {
        return 0; /* /dev is the kernel's own */
    }
    if (type != S_IFREG && type != S_IFDIR && type != S_IFLNK && type != S_IFIFO) {
        refuse(e, "is of no known type");
    }
    if (e->name_len == 0) {
        if (type != S_IFDIR) {
            refuse(e, "names the root, which is a directory");
        }
        set_meta(fs_root, e);
        return 0;
    }
    struct inode *dir = parent_of(e, &name, &len);
    struct dentry *old = dir_find(dir, name, len);
    if (old != NULL && old->inode->type == INODE_DIR && type == S_IFDIR) {
        set_meta(old->inode, e);
        return 0;
    }
    if (old != NULL && old->inode->type == INODE_DIR && !dir_empty(old->inode)) {
        refuse(e, "replaces a directory that is not empty");
    }
    struct inode *i = initrd_make(arg, e);
    if (i != NULL && old != NULL) {
        dir_remove(dir, old);
    }
    if (i == NULL || dir_add(dir, name, len, i) < 0) {
        panic("initrd: too little memory for the image");
    }
    set_meta(i, e);
    inode_put(i);
    return 0;
}

static void free_links(struct unpack *u)
{
    for (u32 b = 0; b < LINK_BUCKETS; b++) {
        for (struct link_node *n = u->links[b], *next; n != NULL; n = next) {
            next = n->next;
            inode_put(n->inode);
            kfree(n);
        }
    }
    kfree(u->links);
}

static void unpack(const u8 *image, u64 size)
{
    struct unpack u = {.links = kzalloc(LINK_BUCKETS * sizeof(*u.links))};
    struct cpio_error err;

    if (u.links == NULL) {
        panic("initrd: too little memory for the image");
    }
    if (cpio_walk(image, size, unpack_entry, &u, &err) < 0) {
        panic("initrd: the CPIO %s (at offset %lu%s%s)", err.what, (unsigned long)err.offset,
              err.name[0] ? ", entry " : "", err.name);
    }
    free_links(&u);
}

void fs_init(paddr_t initrd, u64 size)
{
    fs_root = ramfs_new(S_IFDIR | 0755);
    if (fs_root == NULL) {
        panic("initrd: too little memory for the image");
    }
    fs_root->parent = fs_root;
    unpack(phys_ptr(initrd), size);
    if (devfs_init() < 0 || procfs_init() < 0) {
        panic("initrd: too little memory for /dev and /proc");
    }
    sites_index_init();
}
