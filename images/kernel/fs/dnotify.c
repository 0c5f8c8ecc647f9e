// SPDX-License-Identifier: Apache-2.0
/*
 * Directory notification (fcntl(2): F_NOTIFY): a signal when something happens to a directory's
 * entries. A watch belongs to an open file and a descriptor table, and goes with any descriptor
 * that the table has of that file.
 */
#include "fs/lock.h"

#define EVENTS (DN_ACCESS | DN_MODIFY | DN_CREATE | DN_DELETE | DN_RENAME | DN_ATTRIB)

struct dir_watch {
    LIST_ENTRY(dir_watch) link;
    struct file *f; /* no reference: it goes before the file does */
    const struct fdtable *table;
    int fd;
    u32 events;
};

static u32 watches; /* of all directories */

static void watch_free(struct dir_watch *w)
{
    LIST_REMOVE(w, link);
    kfree(w);
    watches--;
}

static struct dir_watch *watch_of(const struct fdtable *t, const struct file *f)
{
    struct dir_watch *w = NULL;

    if (f->inode->locks != NULL) {
        LIST_FOREACH (w, &f->inode->locks->watches, link) {
            if (w->table == t && w->f == f) {
                break;
            }
        }
    }
    return w;
}

void dnotify_close(const struct fdtable *t, const struct file *f)
{
    struct dir_watch *w = watch_of(t, f);

    if (w != NULL) {
        watch_free(w);
    }
}

long dnotify_set(struct file *f, int fd, u32 events)
{
    struct file_locks *l;
    struct dir_watch *w;

    if ((events & ~(u32)DN_MULTISHOT) == 0) {
        dnotify_close(cur_proc()->fds, f);
        return 0;
    }
    if (f->inode->type != INODE_DIR) {
        return -ENOTDIR;
    }
    l = inode_locks(f->inode);
    w = watch_of(cur_proc()->fds, f);
    if (l == NULL || owner_default(f) < 0) {
        return -ENOMEM;
    }
    if (w == NULL) {
        w = kzalloc(sizeof(*w));
        if (w == NULL) {
            return -ENOMEM;
        }
        w->f = f;
        w->table = cur_proc()->fds;
        LIST_INSERT_HEAD(&l->watches, w, link);
        watches++;
    }
    w->fd = fd;
    w->events |= events & (EVENTS | DN_MULTISHOT);
    return 0;
}

void dnotify_dir(struct inode *dir, u32 event)
{
    struct dir_watch *w, *next;

    if (watches == 0 || dir->locks == NULL) {
        return;
    }
    for (w = LIST_FIRST(&dir->locks->watches); w != NULL; w = next) {
        next = LIST_NEXT(w, link);
        if ((w->events & event) != 0) {
            owner_tell(w->f, w->fd);
            if ((w->events & DN_MULTISHOT) == 0) {
                watch_free(w);
            }
        }
    }
}

void dnotify_inode(struct inode *i, u32 event)
{
    if (watches == 0) {
        return;
    }
    if (i->type == INODE_DIR) {
        dnotify_dir(i, event);
    }
    if (i->dentry != NULL) {
        dnotify_dir(i->dentry->dir, event);
    }
}
