// SPDX-License-Identifier: Apache-2.0
/*
 * Path walking. A walk gives the directory of the last component, the
 * component's name, and its inode if there is one; open, mkdir, rename and the
 * others go on from there.
 */
#include "fs/access.h"

#define LINKS_MAX      40  /* path_resolution(7) */
#define PATH_LEN_SHORT 192 /* with the NUL */

struct walker {
    struct inode *dir;
    char *buf; /* owned; what is left of the path starts at p */
    const char *p;
    unsigned flags;
    int links;
};

static void walker_enter(struct walker *k, struct inode *dir)
{
    inode_put(k->dir);
    k->dir = dir;
}

static struct inode *with_ref(struct inode *i)
{
    inode_ref(i);
    return i;
}

/* Puts the text of a link in front of the rest of the path. */
static int splice_link(struct walker *k, struct inode *link)
{
    size_t rest = strlen(k->p);
    char *fresh = kmalloc(PATH_LEN_MAX + rest + 1);

    if (fresh == NULL) {
        return -ENOMEM;
    }
    ssize_t n = link->ops->readlink(link, fresh, PATH_LEN_MAX);
    if (n <= 0) {
        kfree(fresh);
        return n < 0 ? (int)n : -ENOENT;
    }
    memcpy(fresh + n, k->p, rest + 1);
    kfree(k->buf);
    k->buf = fresh;
    k->p = fresh;
    if (fresh[0] == '/') {
        walker_enter(k, with_ref(fs_root));
    }
    return 0;
}

/* Follows a link met on the way; *target is set when it leads straight to an inode. */
static int follow(struct walker *k, struct inode *link, struct inode **target)
{
    *target = NULL;
    if (++k->links > LINKS_MAX) {
        return -ELOOP;
    }
    if (link->ops->jump != NULL) {
        return link->ops->jump(link, target);
    }
    return splice_link(k, link);
}

struct component {
    const char *name;
    size_t len;
    enum walk_end kind;
    bool slash, last; /* a slash follows; no other component follows */
};

static struct component namei_component(struct walker *k)
{
    struct component c;

    while (*k->p == '/') {
        k->p++;
    }
    c.name = k->p;
    while (*k->p && *k->p != '/') {
        k->p++;
    }
    c.len = (size_t)(k->p - c.name);
    c.slash = *k->p == '/';
    const char *rest = k->p;
    while (*rest == '/') {
        rest++;
    }
    c.last = *rest == 0;
    if (c.len == 0) {
        c.kind = END_ROOT;
    } else if (c.name[0] != '.' || c.len > 2 || (c.len == 2 && c.name[1] != '.')) {
        c.kind = END_NAME;
    } else {
        c.kind = c.len == 1 ? END_DOT : END_DOTDOT;
    }
    return c;
}

/* Hands what the walker has found over to *w. Returns 1: the walk is over. */
static int namei_finish(struct walker *k, struct walk *w, struct inode *inode,
                        const struct component *c)
{
    w->dir = k->dir;
    w->inode = inode;
    w->buf = k->buf;
    w->name = k->buf + (c->name - k->buf);
    w->len = c->kind == END_NAME ? c->len : 0;
    w->end = c->kind;
    w->want_dir = c->slash;
    k->dir = NULL;
    k->buf = NULL;
    return 1;
}

/* Walks one component. Returns 1 when the walk is over, 0 to go on. */
static int step(struct walker *k, struct walk *w)
{
    struct component c = namei_component(k);
    struct inode *i, *target;
    bool to_dir = c.slash && !(k->flags & WALK_NAME); /* if it is the last */

    if (k->dir->type != INODE_DIR) {
        return -ENOTDIR;
    }
    if (!(k->flags & WALK_KERNEL) && c.kind != END_ROOT && inode_permission(k->dir, MAY_EXEC) < 0) {
        return -EACCES;
    }
    if (c.len > NAME_LEN_MAX) {
        return -ENAMETOOLONG;
    }
    if (c.kind == END_DOTDOT) {
        walker_enter(k, with_ref(k->dir->parent));
    }
    if (c.kind != END_NAME) {
        return c.last ? namei_finish(k, w, with_ref(k->dir), &c) : 0;
    }
    int rc = k->dir->ops->lookup(k->dir, c.name, c.len, &i);
    if (rc == -ENOENT && c.last) {
        return namei_finish(k, w, NULL, &c);
    }
    if (rc < 0) {
        return rc;
    }
    if (i->type == INODE_LNK && (!c.last || to_dir || (!c.slash && (k->flags & WALK_FOLLOW)))) {
        rc = follow(k, i, &target);
        inode_put(i);
        if (rc < 0 || target == NULL) {
            return rc;
        }
        i = target;
    }
    if (!c.last) {
        walker_enter(k, i);
        return 0;
    }
    if (to_dir && i->type != INODE_DIR) {
        inode_put(i);
        return -ENOTDIR;
    }
    return namei_finish(k, w, i, &c);
}

int walk_path(struct inode *start, const char *path, unsigned flags, struct walk *w)
{
    size_t len = strlen(path);
    struct walker k = {.flags = flags};
    int rc;

    *w = (struct walk){0};
    if (len == 0) {
        return -ENOENT;
    }
    if (len >= PATH_LEN_MAX) {
        return -ENAMETOOLONG;
    }
    k.buf = kstrdup(path);
    if (k.buf == NULL) {
        return -ENOMEM;
    }
    k.p = k.buf;
    k.dir = with_ref(path[0] == '/' ? fs_root : start);
    do {
        rc = step(&k, w);
    } while (rc == 0);
    inode_put(k.dir);
    kfree(k.buf);
    return rc < 0 ? rc : 0;
}

void walk_done(struct walk *w)
{
    inode_put(w->dir);
    inode_put(w->inode);
    kfree(w->buf);
}

int walk_inode(struct inode *start, const char *path, unsigned flags, struct inode **out)
{
    struct walk w;
    int rc = walk_path(start, path, flags, &w);

    if (rc < 0) {
        return rc;
    }
    *out = w.inode;
    w.inode = NULL;
    walk_done(&w);
    return *out != NULL ? 0 : -ENOENT;
}

int walk_start(int dirfd, const char *path, struct inode **out)
{
    if (path[0] == '/' || dirfd == AT_FDCWD) {
        *out = with_ref(path[0] == '/' ? fs_root : cur_proc()->fs->cwd);
        return 0;
    }
    struct file *f = fd_get(dirfd);
    if (f == NULL) {
        return -EBADF;
    }
    if (f->inode->type != INODE_DIR && path[0]) {
        file_put(f);
        return -ENOTDIR;
    }
    *out = with_ref(f->inode);
    file_put(f);
    return 0;
}

static long path_copy(vaddr_t upath, size_t size, char **out)
{
    char *path = kmalloc(size);

    if (path == NULL) {
        return -ENOMEM;
    }
    long n = strncpy_from_user(path, upath, size);
    if (n < 0) {
        kfree(path);
    } else {
        *out = path;
    }
    return n;
}

/* Most paths are short. A buffer for the longest path takes frames of its own, so a small one is
 * tried first. */
int path_from_user(vaddr_t upath, bool allow_empty, char **out)
{
    long n = path_copy(upath, PATH_LEN_SHORT, out);

    if (n == -ENAMETOOLONG) {
        n = path_copy(upath, PATH_LEN_MAX, out);
    }
    if (n == 0 && !allow_empty) {
        kfree(*out);
        n = -ENOENT;
    }
    return n < 0 ? (int)n : 0;
}

int lookup_at(int dirfd, vaddr_t upath, u32 at_flags, bool follow_last, struct inode **out)
{
    struct inode *start;
    char *path;
    int rc;

    /* fstat() is newfstatat(fd, "", AT_EMPTY_PATH); Linux lets the path be NULL then, too. */
    if (upath == 0 && (at_flags & AT_EMPTY_PATH)) {
        return walk_start(dirfd, "", out);
    }
    rc = path_from_user(upath, at_flags & AT_EMPTY_PATH, &path);
    if (rc < 0) {
        return rc;
    }
    rc = walk_start(dirfd, path, &start);
    if (rc == 0 && path[0] == 0) {
        *out = start;
    } else if (rc == 0) {
        rc = walk_inode(start, path, follow_last ? WALK_FOLLOW : 0, out);
        inode_put(start);
    }
    kfree(path);
    return rc;
}

int path_lookup(const char *path, bool follow_last, struct inode **out)
{
    struct inode *start = path[0] == '/' ? fs_root : cur_proc()->fs->cwd;

    return walk_inode(start, path, follow_last ? WALK_FOLLOW : 0, out);
}

int fs_context_create(struct fs_context **out)
{
    struct fs_context *c = kzalloc(sizeof(*c));

    if (c == NULL) {
        return -ENOMEM;
    }
    c->cwd = with_ref(fs_root);
    c->umask = 022;
    *out = c;
    return 0;
}
