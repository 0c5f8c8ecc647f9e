// SPDX-License-Identifier: Apache-2.0
/*
 * What the files of fs/ share: inodes, directory entries, open files, path
 * walking. Every directory entry, open file, mapping and working directory that
 * names an inode holds a reference to it; the inode is freed with the last one.
 * nlink is only what stat shows. The kernel is not preempted, so there are no
 * locks. But code that may have blocked or touched program memory must look up
 * again what it knew before. Access times stay those of creation: reading a
 * file writes nothing.
 */
#ifndef FS_VFS_H
#define FS_VFS_H

#include "kernel.h"

#include <asm/poll.h>
#include <asm/stat.h>
#include <linux/stat.h>

#define NAME_LEN_MAX 255
#define PATH_LEN_MAX 4096 /* with the NUL */
#define RAM_FILE_MAX (1ull << 44)

/* st_dev of each file system. */
enum { DEV_RAMFS = 2, DEV_PROC = 3, DEV_ANON = 4 };
#define RDEV(major, minor) ((u32)(((major) << 8) | (minor)))

struct dentry {
    struct dentry *hash_next;
    struct inode *inode; /* referenced */
    struct inode *dir;   /* not referenced: a directory outlives its entries */
    u64 cookie;          /* position for getdents; grows, never reused */
    u32 hash;
    u32 len;
    char name[];
};

/* Contents of a regular file: the pages of its own, in a radix tree of frames (512 a node), on
 * top of an extent of the CPIO, which counts where the tree has no page. */
struct ramdata {
    const u8 *ext; /* never written, never freed */
    u64 ext_len;
    u64 root;  /* frame of the root node; at height 0 the frame of page 0 */
    u64 owned; /* pages in the tree */
    u32 height;
    bool mapped; /* mappings have used pages: these stay until the inode is freed */
    u8 seals;    /* F_SEAL_* and SEAL_MEMFD, fs/memfd.c */
};

struct dir_slot {
    u64 cookie;
    struct dentry *d; /* NULL: removed */
};

struct dirdata {
    struct dentry **buckets;
    struct dir_slot *slots; /* in cookie order */
    u64 next_cookie;
    u32 bucket_count, slot_count, slot_cap, live;
};

/* Receives directory entries. emit() returns false when it has no room; the next readdir begins
 * with that entry again. `next` is the position after the entry. */
struct dir_sink {
    bool (*emit)(struct dir_sink *s, const char *name, size_t len, u64 ino, u32 mode, u64 next);
};

struct inode_ops {
    /* Directories. lookup gives a reference or -ENOENT; readdir goes on at *pos. */
    int (*lookup)(struct inode *dir, const char *name, size_t len, struct inode **out);
    int (*readdir)(struct inode *dir, u64 *pos, struct dir_sink *s);
    /* May the current process look into the directory, whatever its mode says? */
    bool (*allows)(const struct inode *dir);
    /* Symbolic links. readlink gives the text and returns its length; jump, which only /proc's
     * links have, gives the inode itself. */
    ssize_t (*readlink)(struct inode *i, char *buf, size_t size);
    int (*jump)(struct inode *i, struct inode **out);
    /* Sets f->ops and f->priv; may block (FIFOs). */
    int (*open)(struct inode *i, struct file *f);
    /* Files with pages. read: buf is program memory, as in file_ops.read. page: see vma_ops.page
     * (mm/mm.h). blocks: how many of 512 bytes, for stat. allocate: mode is fallocate(2)'s. */
    ssize_t (*read)(struct inode *i, vaddr_t buf, size_t n, u64 off);
    int (*page)(struct inode *i, u64 pgoff, bool for_write, paddr_t *out);
    u64 (*blocks)(const struct inode *i);
    int (*truncate)(struct inode *i, u64 size);
    int (*allocate)(struct inode *i, u64 off, u64 len, int mode);
    void (*free)(struct inode *i);
};

struct inode {
    u32 refs;
    u32 nlink;
    u32 mode;                  /* with the S_IFMT bits */
    enum inode_type type : 16; /* small: an image has many inodes */
    bool linkable;             /* of O_TMPFILE: it has no name and may get one */
    u32 dev, rdev;
    u32 uid, gid;
    u64 ino, size;
    u64 atime, mtime, ctime, btime; /* ns since the epoch */
    const struct inode_ops *ops;
    struct dentry *dentry; /* one of the names; NULL when there is none */
    struct inode *parent;  /* of directories, and all of /proc: referenced; the root is its own */
    struct file_locks *locks; /* fs/lock.c; NULL: it never had one */
    struct xattr *attrs;      /* fs/xattr.c */
    union {
        struct ramdata data;
        struct dirdata dir;
        char *target;
        void *priv;
        const char *label; /* INODE_ANON: for readlink of /proc/self/fd */
        struct {
            u32 a, b;
        } id;
    } u;
};

/* ---- poll ---- */

/* Collects the wait queues of polled files: a file's poll() calls poll_on() for each of its
 * queues. Without a table (NULL) that does nothing. */
struct poll_table {
    void (*add)(struct poll_table *pt, struct waitq *q);
};
static inline void poll_on(struct poll_table *pt, struct waitq *q)
{
    if (pt != NULL) {
        pt->add(pt, q);
    }
}

/* ---- open files ---- */

struct file_ops {
    const char *name;
    /* buf is program memory. pos is the file's or a call's own position; streams ignore it. */
    ssize_t (*read)(struct file *f, vaddr_t buf, size_t n, u64 *pos);
    ssize_t (*write)(struct file *f, vaddr_t buf, size_t n, u64 *pos);
    s64 (*lseek)(struct file *f, s64 off, int whence);
    u32 (*poll)(struct file *f, struct poll_table *pt); /* POLL* bits; absent: always ready */
    long (*ioctl)(struct file *f, u32 cmd, vaddr_t arg);
    void (*release)(struct file *f);
    bool stream;    /* no position: lseek and pread are ESPIPE */
    bool anon_mmap; /* maps as anonymous memory */
    /* Not 0: a write is one message, of so many bytes at most. A vectored write gives its buffers
     * as one, or fails with EMSGSIZE. */
    size_t whole;
};

/* A watcher of an open file, without a reference to it. closed() is called when the file's last
 * reference goes, and takes the watch off the file's list. */
struct file_watch {
    struct file_watch *next;
    void (*closed)(struct file_watch *w);
};

struct file {
    u32 refs;
    u32 flags; /* O_* as given, without the creation flags */
    u64 pos;
    struct inode *inode;
    const struct file_ops *ops;
    void *priv;
    struct file_watch *watches; /* fs/epoll.c */
    struct file_owner *owner;   /* fs/owner.c; NULL: nobody */
};

static inline bool file_readable(const struct file *f)
{
    return (f->flags & O_ACCMODE) != O_WRONLY && !(f->flags & O_PATH);
}

static inline bool file_writable(const struct file *f)
{
    return (f->flags & O_ACCMODE) != O_RDONLY && !(f->flags & O_PATH);
}

struct fs_context {
    struct inode *cwd;
    u32 umask;
    u32 sharers; /* processes that use it, beside the first */
};

/* inode.c */
extern struct inode *fs_root;
struct inode *inode_new(u32 mode, const struct inode_ops *ops);
void inode_touch(struct inode *i); /* mtime and ctime become now */
void inode_stat(const struct inode *i, struct stat *st);
u32 inode_dtype(u32 mode); /* DT_* for getdents */
enum inode_type mode_type(u32 mode);

/* dir.c */
extern const struct inode_ops ramfs_dir_ops;
struct dentry *dir_find(struct inode *dir, const char *name, size_t len);
int dir_add(struct inode *dir, const char *name, size_t len, struct inode *i);
void dir_remove(struct inode *dir, struct dentry *d);
void dir_adopt(struct inode *dir, struct inode *child); /* ".." of child is dir from now on */
bool dir_empty(const struct inode *dir);
struct dentry *dir_next(const struct inode *dir, u64 cookie); /* the first from there on, or NULL */
struct dentry *dentry_new(struct inode *dir, const char *name, size_t len);

/* radix.c */
paddr_t radix_get(const struct ramdata *d, u64 index);
int radix_set(struct ramdata *d, u64 index, paddr_t frame);
/* The first page at or after `first` that the tree has; UINT64_MAX for none. */
u64 radix_next(const struct ramdata *d, u64 first);
/* Frees (or, when pages are lent to mappings, clears) pages [first, end). */
void radix_drop(struct ramdata *d, u64 first, u64 end);

/* ramfs.c */
extern const struct inode_ops ramfs_reg_ops, ramfs_lnk_ops;
struct inode *ramfs_new(u32 mode);
struct inode *ramfs_symlink(const char *target, size_t len);

/* namei.c */
#define WALK_FOLLOW 1u /* follows a link that is the last component, too */
/* For a call that makes or removes a name: a slash after the last component does not make the
 * walk follow a link there, and does not ask for a directory. */
#define WALK_NAME 2u
/* For the kernel itself, which may search every directory. */
#define WALK_KERNEL 4u
enum walk_end { END_NAME, END_ROOT, END_DOT, END_DOTDOT };
struct walk {
    struct inode *dir;   /* directory of the last component, referenced */
    struct inode *inode; /* what that component names, referenced; NULL when missing */
    char *name;          /* last component; len 0 when it is "." or "..", or the path is "/" */
    size_t len;
    bool want_dir;     /* a slash followed */
    enum walk_end end; /* what the path ends in */
    char *buf;
};
int walk_path(struct inode *start, const char *path, unsigned flags, struct walk *w);
void walk_done(struct walk *w);
/* The whole path to an existing inode, with a reference. */
int walk_inode(struct inode *start, const char *path, unsigned flags, struct inode **out);
/* The directory a dirfd names; AT_FDCWD is the working directory. */
int walk_start(int dirfd, const char *path, struct inode **out);
/* Copies a path from the program into a new buffer (kfree it); empty paths are -ENOENT unless
 * allowed. */
int path_from_user(vaddr_t upath, bool allow_empty, char **out);
/* walk_start(), path_from_user() and walk_inode() in one, for system calls. Flags are AT_*. */
int lookup_at(int dirfd, vaddr_t upath, u32 at_flags, bool follow, struct inode **out);

/* nsops.c: changes of the name space. */
int vfs_mknod(int dirfd, vaddr_t upath, u32 mode, u32 rdev, const char *target);
int vfs_link(struct inode *i, int dirfd, vaddr_t upath);
int vfs_unlink(int dirfd, vaddr_t upath, bool rmdir);
int vfs_rename(int olddir, vaddr_t oldpath, int newdir, vaddr_t newpath, unsigned flags);

/* chdir.c: makes the directories above a path, from the root, where they are missing. */
int fs_make_parents(const char *path);
/* filesio.c: the files of a run. files_take: those of the host, before the program goes on.
 * files_give: what the host wants, at the run's end. */
void files_take(void);
void files_give(void);

/* dir.c: as nsops.c. */
bool dir_writable(const struct inode *dir, int *err);
/* Gives a new inode its name; consumes the reference `ready`. */
int vfs_make(struct walk *w, u32 mode, struct inode *ready);

/* open.c */
int vfs_open(int dirfd, const char *path, u32 flags, u32 mode, struct file **out);
int inode_open(struct inode *i, u32 flags, struct file **out);

/* file.c */
struct file *file_new(struct inode *i, u32 flags, const struct file_ops *ops);
struct inode *anon_inode(u32 mode); /* for pipes, eventfds, ...: an inode without a name */
ssize_t file_read(struct file *f, vaddr_t buf, size_t n, u64 *pos);
ssize_t file_write(struct file *f, vaddr_t buf, size_t n, u64 *pos);
s64 file_seek(struct file *f, s64 off, int whence, u64 end);
u32 file_poll(struct file *f, struct poll_table *pt);

/* fdtab.c */
int fdtable_create(struct file *const std[3], struct fdtable **out); /* consumes the references */
int fdtable_copy(const struct fdtable *from, struct fdtable **out);
void fdtable_share(struct fdtable *t); /* one more process uses it */
bool fdtable_is_shared(const struct fdtable *t);
void fdtable_put(struct fdtable *t);
struct file *fdtable_get(struct fdtable *t, int fd);   /* as fd_get(), of that table */
bool fdtable_cloexec(const struct fdtable *t, int fd); /* of a descriptor that is there */
/* Consumes the reference, also when it fails. */
int fd_install(struct file *f, int min, bool cloexec);
int fd_install_pair(struct file *a, struct file *b, bool cloexec, vaddr_t ufds);
int fd_close(int fd);
int fd_dup_to(int from, int to, bool cloexec);
int fd_flags(int fd); /* FD_CLOEXEC or 0 */
int fd_set_flags(int fd, int flags);
int fd_close_range(u32 first, u32 last, bool cloexec);
/* The next used descriptor at or after fd; -1 for none. */
int fd_next(struct fdtable *t, int fd);
u32 fd_room(const struct fdtable *t); /* descriptors the table has room for */

/* devfs.c, streams.c */
int devfs_init(void);
extern const struct inode_ops devfs_ops;
bool stream_is_pipe(const struct file *f); /* a stream of the host that looks like a pipe */
/* terminal.c: for a stream (0, 1 or 2) that is a terminal. */
long terminal_ioctl(u32 stream, u32 cmd, vaddr_t arg);
bool terminal_drops_input(u32 cmd, vaddr_t arg); /* true: drops unread input if it succeeds */
/* rundev.c, recorddev.c, tooldev.c, procfs.c */
int rundev_open(struct inode *i, struct file *f);
extern const struct file_ops record_ops;
int tooldev_open(struct inode *i, struct file *f);
void tooldev_run_ends(void); /* the host forgets all calls: those that are open have failed */
int procfs_init(void);
/* pipe.c */
extern const struct inode_ops fifo_inode_ops;
int pipe_create(u32 flags, struct file *out[2]);
bool pipe_is(const struct file *f);
long pipe_size(struct file *f, long set); /* set < 0: only ask */
/* For splice(2), in steps that lose no byte. pipe_room: the free room; with `wait` it waits for
 * some. pipe_peek: copies the next bytes and leaves them in the pipe; 0 at end of file.
 * pipe_skip: takes out n bytes. */
long pipe_room(struct file *f, bool wait);
ssize_t pipe_peek(struct file *f, vaddr_t buf, size_t n, bool wait);
void pipe_skip(struct file *f, size_t n);

/* memfd.c. memfd_seals: F_SEAL_*; 0 for any other file. */
#define SEAL_MEMFD     0x80 /* the file is one of memfd_create(2) */
#define SEAL_ANY_WRITE (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
int memfd_new(u32 flags, struct file **out);
u32 memfd_seals(const struct inode *i);
long memfd_get_seals(const struct file *f);
long memfd_add_seals(struct file *f, u32 seals);

/* xattr.c: extended attributes, as in xattr(7). With size 0, get and list only tell the size. */
ssize_t xattr_get(const struct inode *i, const char *name, void *value, size_t size);
ssize_t xattr_list(const struct inode *i, char *names, size_t size);
int xattr_set(struct inode *i, const char *name, const void *value, size_t size, u32 flags);
int xattr_remove(struct inode *i, const char *name);
void xattr_inode_free(struct inode *i);

/* lock.c: only for inodes that have had locks. lock_release: the last reference to the open file
 * goes. lock_table_closes: a descriptor of the inode is closed. */
void lock_release(struct file *f);
void lock_table_closes(const struct fdtable *t, struct inode *i);
void lock_inode_free(struct inode *i);
/* owner.c: F_SETOWN and its like */
long owner_fcntl(struct file *f, int cmd, long arg);
/* dnotify.c. dnotify_dir: something (DN_*) happened to an entry of the directory; dnotify_inode: to
 * the inode. */
long dnotify_set(struct file *f, int fd, u32 events);
void dnotify_close(const struct fdtable *t, const struct file *f);
void dnotify_dir(struct inode *dir, u32 event);
void dnotify_inode(struct inode *i, u32 event);
/* lease.c. lease_set: open: somebody has the file open who is in the way. lease_break: before the
 * file is opened, or changed: -EWOULDBLOCK or -ERESTARTSYS. */
long lease_set(struct file *f, int fd, long type, bool open);
long lease_get(const struct file *f);
int lease_break(struct inode *i, bool write, bool wait);
void lease_release(const struct file *f);
/* openfiles.c: has a process the file open, other than by `except` (which may be NULL), or to
 * write? */
bool inode_is_open(const struct inode *i, const struct file *except, bool write);
/* lockcall.c */
long lock_flock(struct file *f, int op);
long lock_fcntl(struct file *f, int cmd, vaddr_t arg);

#endif
