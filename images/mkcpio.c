// SPDX-License-Identifier: Apache-2.0
/*
 * mkcpio [-o] [-t SECONDS] ROOT_DIR OUT.cpio: writes a directory tree as a newc CPIO archive that
 * can be mapped.
 *
 * Same tree, same bytes: entries come in strcmp order of their names, directory before content,
 * owner 0:0 or with -o that of the file, inode numbers counted up from 1, and one time for all,
 * from -t SECONDS or SOURCE_DATE_EPOCH (else 0). The data of each file that is worth mapping, ELF
 * files of a page or more and large files, begins on a page boundary of the archive; where it would
 * not, an entry named ".align" (mode 0, skipped by the guest) fills the gap. Hard links become
 * independent files. The output appears under its name only when complete.
 */

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PAGE = 4096,
    LARGE = 1 << 16,   /* a file that is aligned whatever is in it */
    NEWC_HEADER = 110, /* fixed part; the name with its NUL follows, padded to 4 */
    COPY_CHUNK = 1 << 20,
};

static const char align_name[] = ".align";

struct writer {
    struct archive *archive;
    struct archive_entry *entry;
    const char *out;      /* the name it will have, for messages */
    char tmp[PATH_MAX];   /* the output until it is complete; removed on failure */
    struct stat tmp_stat; /* to notice the output inside the tree */
    time_t time;          /* of every entry */
    bool owners;          /* files keep theirs */
    int64_t ino;          /* last one given out */
    char *buffer;         /* COPY_CHUNK bytes */
};

static struct writer w;

static void remove_tmp(void)
{
    if (w.tmp[0]) {
        unlink(w.tmp);
    }
}

/* Removes the unfinished output and dies by the same signal, which the caller then sees. */
static void on_signal(int sig)
{
    remove_tmp();
    signal(sig, SIG_DFL);
    raise(sig);
}

static void check(int status)
{
    if (status != ARCHIVE_OK) {
        errx(1, "%s: %s", w.out, archive_error_string(w.archive));
    }
}

static int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* The bytes that a newc entry of this name has before its data. */
static int64_t header_size(const char *name)
{
    return round_up(NEWC_HEADER + (int64_t)strlen(name) + 1, 4);
}

/* st: of the file, for its owner; NULL: it has none. */
static void write_header(const char *name, mode_t mode, int64_t size, const char *link,
                         const struct stat *st)
{
    struct archive_entry *e = archive_entry_clear(w.entry);

    archive_entry_set_pathname(e, name);
    archive_entry_set_mode(e, mode);
    archive_entry_set_nlink(e, S_ISDIR(mode) ? 2 : 1);
    archive_entry_set_ino64(e, ++w.ino);
    archive_entry_set_mtime(e, w.time, 0);
    archive_entry_set_size(e, size);
    if (w.owners && st != NULL) {
        archive_entry_set_uid(e, st->st_uid);
        archive_entry_set_gid(e, st->st_gid);
    }
    if (link != NULL) {
        archive_entry_set_symlink(e, link);
    }
    check(archive_write_header(w.archive, e));
}

static void write_data(const char *data, size_t size)
{
    la_ssize_t n = archive_write_data(w.archive, data, size);

    if (n < 0 || (size_t)n != size) {
        errx(1, "%s: %s", w.out, n < 0 ? archive_error_string(w.archive) : "short write");
    }
}

/* Brings the data of the next entry, called `name`, to a page boundary. */
static void align_data(const char *name)
{
    static const char zeros[PAGE];
    int64_t data = archive_filter_bytes(w.archive, 0) + header_size(name);

    if (data % PAGE == 0) {
        return;
    }
    data += header_size(align_name);
    int64_t gap = round_up(data, PAGE) - data;
    write_header(align_name, S_IFREG, gap, NULL, NULL);
    write_data(zeros, (size_t)gap);
    check(archive_write_finish_entry(w.archive));
}

/* Whether the guest maps pages of this file where they lie. Bytecode and other small files are
 * read, and a mapping of one is a copy of few pages. */
static bool worth_mapping(int fd, int64_t size)
{
    char magic[SELFMAG] = "";
    return size >= LARGE || (size >= PAGE && pread(fd, magic, SELFMAG, 0) == SELFMAG &&
                             memcmp(magic, ELFMAG, SELFMAG) == 0);
}

static void write_file(const FTSENT *node, const char *name)
{
    int64_t size = node->fts_statp->st_size;
    int64_t left = size;
    int fd = open(node->fts_accpath, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        err(1, "%s", node->fts_path);
    }
    const bool aligned = worth_mapping(fd, size);
    if (aligned) {
        align_data(name);
    }
    write_header(name, node->fts_statp->st_mode, size, NULL, node->fts_statp);
    if (aligned && archive_filter_bytes(w.archive, 0) % PAGE != 0) {
        errx(1, "%s: data of %s is not aligned: libarchive wrote another header than expected",
             w.out, name);
    }
    while (left > 0) {
        ssize_t n = read(fd, w.buffer, left < COPY_CHUNK ? (size_t)left : COPY_CHUNK);
        if (n < 0) {
            err(1, "%s", node->fts_path);
        }
        if (n == 0) {
            errx(1, "%s: shrank while it was read", node->fts_path);
        }
        write_data(w.buffer, (size_t)n);
        left -= n;
    }
    close(fd);
}

static void write_symlink(const FTSENT *node, const char *name)
{
    char target[PATH_MAX];
    ssize_t n = readlink(node->fts_accpath, target, sizeof target);

    if (n < 0) {
        err(1, "%s", node->fts_path);
    }
    if (n == sizeof target) {
        errx(1, "%s: link target too long", node->fts_path);
    }
    target[n] = '\0';
    write_header(name, S_IFLNK | 0777, 0, target, node->fts_statp);
}

static void write_node(const FTSENT *node, const char *name)
{
    const struct stat *st = node->fts_statp;

    if (st->st_dev == w.tmp_stat.st_dev && st->st_ino == w.tmp_stat.st_ino) {
        errx(1, "%s: the output lies inside the tree", w.out);
    }
    if (strcmp(node->fts_name, align_name) == 0) {
        errx(1, "%s: this name is reserved for padding", node->fts_path);
    }
    switch (node->fts_info) {
    case FTS_D:
        write_header(name, st->st_mode, 0, NULL, st);
        break;
    case FTS_F:
        write_file(node, name);
        break;
    case FTS_SL:
    case FTS_SLNONE:
        write_symlink(node, name);
        break;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        errx(1, "%s: %s", node->fts_path, strerror(node->fts_errno));
    default:
        errx(1, "%s: neither file, directory nor symbolic link", node->fts_path);
    }
    check(archive_write_finish_entry(w.archive));
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void write_tree(char *root)
{
    char *const roots[] = {root, NULL};
    size_t skip = strlen(root);
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    FTSENT *node;

    if (tree == NULL) {
        err(1, "%s", root);
    }
    while ((errno = 0, node = fts_read(tree)) != NULL) {
        if (node->fts_level == FTS_ROOTLEVEL) {
            if (node->fts_info != FTS_D && node->fts_info != FTS_DP) {
                errx(1, "%s: %s", root, strerror(node->fts_errno ? node->fts_errno : ENOTDIR));
            }
        } else if (node->fts_info != FTS_DP) {
            const char *name = node->fts_path + skip;
            write_node(node, name + strspn(name, "/"));
        }
    }
    if (errno != 0) {
        err(1, "%s", root);
    }
    fts_close(tree);
}

static int open_output(void)
{
    int len = snprintf(w.tmp, sizeof w.tmp, "%s.XXXXXX", w.out);

    if (len < 0 || (size_t)len >= sizeof w.tmp) {
        w.tmp[0] = '\0';
        errx(1, "%s: name too long", w.out);
    }
    int fd = mkstemp(w.tmp);
    if (fd < 0) {
        w.tmp[0] = '\0';
        err(1, "%s", w.out);
    }
    if (fstat(fd, &w.tmp_stat) != 0 || fchmod(fd, 0644) != 0) {
        err(1, "%s", w.tmp);
    }
    return fd;
}

static void open_archive(int fd)
{
    w.archive = archive_write_new();
    w.entry = archive_entry_new();
    w.buffer = malloc(COPY_CHUNK);
    if (w.archive == NULL || w.entry == NULL || w.buffer == NULL) {
        errx(1, "out of memory");
    }
    check(archive_write_set_format_cpio_newc(w.archive));
    check(archive_write_add_filter_none(w.archive));
    /* unbuffered: archive_filter_bytes() is then the offset in the file */
    check(archive_write_set_bytes_per_block(w.archive, 0));
    check(archive_write_open_fd(w.archive, fd));
}

static time_t parse_time(const char *text, const char *source)
{
    char *end;

    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || n < 0 || n > UINT32_MAX) {
        errx(2, "%s: '%s' is not a time in seconds", source, text);
    }
    return (time_t)n;
}

int main(int argc, char **argv)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    int opt;

    if (epoch != NULL) {
        w.time = parse_time(epoch, "SOURCE_DATE_EPOCH");
    }
    opterr = 0;
    while ((opt = getopt(argc, argv, "ot:")) != -1) {
        if (opt == 'o') {
            w.owners = true;
        } else if (opt == 't') {
            w.time = parse_time(optarg, "-t");
        } else {
            argc = 0;
            break;
        }
    }
    if (argc - optind != 2) {
        fprintf(stderr, "usage: mkcpio [-o] [-t SECONDS] ROOT_DIR OUT.cpio\n");
        return 2;
    }
    w.out = argv[optind + 1];
    atexit(remove_tmp);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    int fd = open_output();
    open_archive(fd);
    write_tree(argv[optind]);
    check(archive_write_close(w.archive));
    if (close(fd) != 0 || rename(w.tmp, w.out) != 0) {
        err(1, "%s", w.out);
    }
    w.tmp[0] = '\0';
    archive_write_free(w.archive);
    archive_entry_free(w.entry);
    free(w.buffer);
    return 0;
}
