// SPDX-License-Identifier: Apache-2.0
/*
 * sites ROOT_DIR: finds the system call instructions of every x86-64 ELF file below ROOT_DIR that
 * the guest kernel can replace by a jump, and writes ROOT_DIR/usr/lib/pyhl/sites, the index of them
 * (images/kernel/include/sites.h). Same tree, same bytes. With -v it says what it found.
 *
 * A wrong site is worse than a slow call. So only functions (with an FDE or a sized symbol) are
 * decoded, each from its start up to the first byte that is no instruction. All addresses that
 * something could jump to are collected, from branches, addresses taken, jump tables, symbols and
 * relocations of all the code; only the first byte of a site may be among them. A system call that
 * is left out traps.
 */

#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <fts.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/elfcode.h"
#include "images/kernel/include/sites.h"

struct list {
    void *data;
    size_t count, size; /* elements, bytes of each */
};

static struct {
    struct list files, sites, paths; /* struct sites_file, struct sites_site, char */
    bool verbose;
} out = {.files.size = sizeof(struct sites_file),
         .sites.size = sizeof(struct sites_site),
         .paths.size = 1};

static void append(struct list *l, const void *items, size_t n)
{
    l->data = realloc(l->data, (l->count + n) * l->size);
    if (l->data == NULL) {
        err(1, "memory");
    }
    memcpy((char *)l->data + l->count * l->size, items, n * l->size);
    l->count += n;
}

/* Does the instruction load rax with a constant, and do nothing else that would show if it ran
 * twice? */
static bool loads_number(const struct insn *i)
{
    const uint8_t *b = i->bytes;
    return (i->len == 5 && b[0] == 0xb8) || (i->len == 7 && !memcmp(b, "\x48\xc7\xc0", 3)) ||
           (i->len == 2 && (b[0] == 0x31 || b[0] == 0x33) && b[1] == 0xc0);
}

/* Does the instruction load the number of rt_sigreturn? Unwinders know that code by its bytes. */
static bool is_sigreturn(const struct insn *i)
{
    return i->len >= 5 && i->bytes[i->len - 4] == 15 && !i->bytes[i->len - 3];
}

/* A site of the pre_len bytes before the syscall at[0], itself, and as many of the instructions
 * after it, of which there are `following`, as are needed. False when there is none. */
static bool make_site(const struct elf *e, unsigned pre_len, const struct insn *at,
                      size_t following, struct sites_site *s)
{
    unsigned len = pre_len + at->len, post = 0;
    for (size_t n = 1; len < SITES_JUMP; n++) {
        /* This instruction moves into the slot: nothing may jump to it, not even to its first
         * byte. */
        if (n > following || !at[n].movable || elf_is_target(e, at[n].addr)) {
            return false;
        }
        post += at[n].len;
        len += at[n].len;
    }
    if (post > SITES_POST || len > SITES_MAX) {
        return false;
    }
    uint64_t start = at->addr - pre_len;
    *s = (struct sites_site){
        .offset = (uint32_t)(at->offset - pre_len), .pre = (uint8_t)pre_len, .len = (uint8_t)len};
    memcpy(s->bytes, at->bytes - pre_len, len);
    for (uint64_t a = start + 1; a < start + len; a++) {
        if (elf_is_target(e, a)) {
            return false;
        }
    }
    return at->offset + len <= UINT32_MAX;
}

/* The best site around the syscall at[0], given the instruction before it in the same function
 * (or NULL). Where nothing after the syscall can be moved, any instruction before it will do that
 * has room for the jump. */
static bool find_site(const struct elf *e, const struct insn *before, const struct insn *at,
                      size_t following, struct sites_site *s)
{
    const bool number = before != NULL && loads_number(before);
    const bool pre = before != NULL && !elf_is_target(e, at->addr);
    if (number && is_sigreturn(before)) {
        return false;
    }
    if (make_site(e, number && pre ? before->len : 0, at, following, s)) {
        return true;
    }
    return pre && before->movable && before->len >= SITES_JUMP && before->len <= SITES_PRE &&
           make_site(e, before->len, at, following, s);
}

static int compare_sites(const void *a, const void *b)
{
    uint32_t x = ((const struct sites_site *)a)->offset, y = ((const struct sites_site *)b)->offset;
    return x < y ? -1 : x > y;
}

/* Sorts the sites, and drops those that occur twice (functions may overlap) or overlap another. */
static size_t tidy(struct sites_site *s, size_t n)
{
    size_t kept = 0;
    if (n > 0) {
        qsort(s, n, sizeof(*s), compare_sites);
    }
    for (size_t k = 0; k < n; k++) {
        if (kept == 0 || s[k].offset >= s[kept - 1].offset + s[kept - 1].len) {
            s[kept++] = s[k];
        }
    }
    return kept;
}

static void index_file(const struct elf *e, const char *path, uint64_t size)
{
    struct list found = {.size = sizeof(struct sites_site)};
    size_t seen = 0;
    for (size_t f = 0; f < e->function_count; f++) {
        const struct function *fn = &e->functions[f];
        for (size_t k = 0; k < fn->count; k++) {
            const struct insn *i = &e->insns[fn->first + k];
            struct sites_site s;
            if (!i->is_syscall) {
                continue;
            }
            seen++;
            if (find_site(e, k > 0 ? i - 1 : NULL, i, fn->count - k - 1, &s)) {
                append(&found, &s, 1);
            } else if (out.verbose) {
                printf("%s: %#lx stays\n", path, (unsigned long)i->addr);
            }
        }
    }
    size_t kept = tidy(found.data, found.count);
    if (out.verbose && seen > 0) {
        printf("%s: %zu of %zu\n", path, kept, seen);
    }
    if (kept > 0) {
        struct sites_file f = {.size = size,
                               .path = (uint32_t)out.paths.count,
                               .first = (uint32_t)out.sites.count,
                               .count = (uint32_t)kept};
        append(&out.files, &f, 1);
        append(&out.sites, found.data, kept);
        append(&out.paths, path, strlen(path) + 1);
    }
    free(found.data);
}

static void visit(const char *name, const char *path, uint64_t size)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        err(1, "%s", name);
    }
    const uint8_t *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
        err(1, "%s", name);
    }
    close(fd);
    struct elf e;
    if (elf_read(&e, data, size)) {
        index_file(&e, path, size);
        elf_free(&e);
    }
    munmap((void *)(uintptr_t)data, size);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void walk(const char *root)
{
    char *const roots[] = {(char *)(uintptr_t)root, NULL};
    FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, by_name);
    if (fts == NULL) {
        err(1, "%s", root);
    }
    FTSENT *f;
    while ((f = fts_read(fts)) != NULL) {
        if (f->fts_info == FTS_ERR || f->fts_info == FTS_DNR || f->fts_info == FTS_NS) {
            errx(1, "%s: %s", f->fts_path, strerror(f->fts_errno));
        }
        if (f->fts_info == FTS_F && (size_t)f->fts_statp->st_size > sizeof(Elf64_Ehdr)) {
            visit(f->fts_accpath, f->fts_path + strlen(root), (uint64_t)f->fts_statp->st_size);
        }
    }
    fts_close(fts);
}

static void write_all(FILE *f, const char *name, const void *data, size_t n)
{
    if (n > 0 && fwrite(data, 1, n, f) != n) {
        err(1, "%s", name);
    }
}

static void make_parents(char *path, size_t from)
{
    for (char *p = path + from + 1; *p; p++) {
        if (*p == '/') {
            *p = 0;
            if (mkdir(path, 0755) && access(path, F_OK)) {
                err(1, "%s", path);
            }
            *p = '/';
        }
    }
}

static void write_index(const char *root)
{
    char name[4096], tmp[4096 + 8];
    int n = snprintf(name, sizeof(name), "%s%s", root, SITES_PATH);
    if (n >= (int)sizeof(name)) {
        errx(1, "%s: name too long", root);
    }
    make_parents(name, strlen(root));
    snprintf(tmp, sizeof(tmp), "%s.tmp", name);
    FILE *f = fopen(tmp, "wb");
    if (f == NULL) {
        err(1, "%s", tmp);
    }
    struct sites_header h = {.magic = SITES_MAGIC,
                             .version = SITES_VERSION,
                             .file_count = (uint32_t)out.files.count,
                             .site_count = (uint32_t)out.sites.count};
    append(&out.paths, "", 1);
    size_t size = sizeof(h) + out.files.count * out.files.size + out.sites.count * out.sites.size +
                  out.paths.count;
    h.size = (uint32_t)size;
    write_all(f, tmp, &h, sizeof(h));
    write_all(f, tmp, out.files.data, out.files.count * out.files.size);
    write_all(f, tmp, out.sites.data, out.sites.count * out.sites.size);
    write_all(f, tmp, out.paths.data, out.paths.count);
    if (fclose(f) || rename(tmp, name)) {
        err(1, "%s", name);
    }
}

int main(int argc, char **argv)
{
    int first = 1;
    if (argc > 1 && !strcmp(argv[1], "-v")) {
        out.verbose = true;
        first++;
    }
    if (argc != first + 1) {
        fprintf(stderr, "usage: %s [-v] ROOT_DIR\n", argv[0]);
        return 2;
    }
    char *root = argv[first];
    for (size_t n = strlen(root); n > 1 && root[n - 1] == '/'; n--) {
        root[n - 1] = 0;
    }
    walk(root);
    write_index(root);
    free(out.files.data);
    free(out.sites.data);
    free(out.paths.data);
    return 0;
}
