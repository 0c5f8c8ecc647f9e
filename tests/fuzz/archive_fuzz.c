// SPDX-License-Identifier: Apache-2.0
/*
 * Fetching an image from an archive. Whatever the archive is, it is refused with a message, or the
 * folder has a kernel and an initrd and nothing else; no file gets another name or another place.
 * An archive that the target has packed itself is accepted exactly when it has one of each member,
 * and then the files are what was packed.
 *
 * Input: a byte of flags (the low 3 bits: a compression or none; 8: the target packs the archive;
 * 16: header checksums of tar are made right), then the bytes of a tar file, or with 8 entries:
 * name, type, content (1 byte each).
 */
#include "fuzz.h"
#include "pyhl/home.h"
#include "pyhl/image.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <vmm/abi.h>

#define PACKED_MAX  (1u << 20)
#define INITRD_MAX  (1u << 20)
#define ENTRIES_MAX 12u
#define BLOCK       512u

enum member { MEMBER_KERNEL, MEMBER_INITRD, MEMBER_INI, MEMBERS };

static const struct {
    const char *name;
    enum member member;
} names[] = {
    {HOME_KERNEL, MEMBER_KERNEL},
    {HOME_INITRD, MEMBER_INITRD},
    {"image.ini", MEMBER_INI},
    {"./" HOME_KERNEL, MEMBER_KERNEL},
    {"python/" HOME_INITRD, MEMBER_INITRD},
    {"./x/image.ini", MEMBER_INI},
    {"x/y/" HOME_KERNEL, MEMBERS},
    {"../" HOME_KERNEL, MEMBER_KERNEL},
    {"/" HOME_KERNEL, MEMBER_KERNEL},
    {"kernel2", MEMBERS},
    {"python/kernel.old", MEMBERS},
    {"../../etc/passwd", MEMBERS},
};
#define NAMES (sizeof(names) / sizeof(names[0]))

static const char ini[] = "[image]\nname = python\ninit = /init\n";

static char base[64]; /* has the folder `into` and the file `from` */
static char from[96];
static char into[96];
static uint8_t kernel[0x300];

/* Makes the smallest kernel that the library accepts: text, data and the note with the ABI's
 * version. */
static void kernel_make(void)
{
    const uint32_t note[] = {sizeof(HV_NOTE_NAME), 4, HV_NOTE_ABI};
    const uint32_t version = HV_ABI_VERSION;
    const Elf64_Phdr segments[] = {
        {.p_type = PT_LOAD,
         .p_flags = PF_R | PF_X,
         .p_offset = 0x200,
         .p_vaddr = HV_VECTORS_GPA,
         .p_paddr = HV_VECTORS_GPA,
         .p_filesz = 16,
         .p_memsz = 16,
         .p_align = 8},
        {.p_type = PT_LOAD,
         .p_flags = PF_R | PF_X,
         .p_offset = 0x200,
         .p_vaddr = HV_KERNEL_GPA,
         .p_paddr = HV_KERNEL_GPA,
         .p_filesz = 64,
         .p_memsz = 64,
         .p_align = 8},
        {.p_type = PT_NOTE, .p_flags = PF_R, .p_offset = 0x260, .p_filesz = 24, .p_align = 4},
    };
    Elf64_Ehdr head = {.e_type = ET_EXEC,
                       .e_machine = EM_X86_64,
                       .e_version = EV_CURRENT,
                       .e_entry = HV_KERNEL_GPA,
                       .e_phoff = sizeof(head),
                       .e_ehsize = sizeof(head),
                       .e_phentsize = sizeof(Elf64_Phdr),
                       .e_phnum = 3,
                       .e_shentsize = 64};
    memcpy(head.e_ident, ELFMAG, SELFMAG);
    head.e_ident[EI_CLASS] = ELFCLASS64;
    head.e_ident[EI_DATA] = ELFDATA2LSB;
    head.e_ident[EI_VERSION] = EV_CURRENT;
    memcpy(kernel, &head, sizeof(head));
    memcpy(kernel + sizeof(head), segments, sizeof(segments));
    memcpy(kernel + 0x260, note, sizeof(note));
    memcpy(kernel + 0x260 + sizeof(note), HV_NOTE_NAME, sizeof(HV_NOTE_NAME));
    memcpy(kernel + 0x260 + sizeof(note) + 8, &version, sizeof(version));
}

static void base_remove(void)
{
    (void)rmdir(into);
    (void)unlink(from);
    (void)rmdir(base);
}

static void base_make(void)
{
    (void)snprintf(base, sizeof(base), "%s/pyhl-fuzz.XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    MUST(mkdtemp(base) != NULL);
    (void)snprintf(from, sizeof(from), "%s/from", base);
    (void)snprintf(into, sizeof(into), "%s/into", base);
    MUST(mkdir(into, 0700) == 0 && atexit(base_remove) == 0);
    kernel_make();
}

/* The content of a member or of another file. For byte 0 it is that of a good image. */
static const void *content_of(enum member member, uint8_t content, size_t *size)
{
    static uint8_t bytes[5 * 255];
    if (content == 0 && member == MEMBER_KERNEL) {
        *size = sizeof(kernel);
        return kernel;
    }
    if (content == 0 && member == MEMBER_INI) {
        *size = sizeof(ini) - 1;
        return ini;
    }
    *size = content == 0 ? sizeof(bytes) : 5u * (content - 1u);
    memset(bytes, content, sizeof(bytes));
    return bytes;
}

/* What the target has packed, and whether that makes an image. */
struct packed {
    unsigned count[MEMBERS];
    uint8_t content[MEMBERS];
    bool good;
};

static void entry_add(struct archive *archive, const char *name, mode_t type, const void *bytes,
                      size_t size)
{
    struct archive_entry *entry = archive_entry_new();
    MUST(entry != NULL);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, type == AE_IFREG ? (la_int64_t)size : 0);
    if (type == AE_IFLNK) {
        archive_entry_set_symlink(entry, "/etc/passwd");
    }
    MUST(archive_write_header(archive, entry) == ARCHIVE_OK);
    MUST(type != AE_IFREG || archive_write_data(archive, bytes, size) == (la_ssize_t)size);
    archive_entry_free(entry);
}

static void pack(struct archive *archive, struct fuzz_input *in, struct packed *packed)
{
    static const mode_t types[] = {AE_IFREG, AE_IFREG, AE_IFREG, AE_IFREG, AE_IFDIR, AE_IFLNK};
    for (unsigned i = 0; i < ENTRIES_MAX && in->size > 0; i++) {
        const size_t name = fuzz_byte(in) % NAMES;
        const mode_t type = types[fuzz_byte(in) % 6];
        const uint8_t content = fuzz_byte(in);
        const enum member member = names[name].member;
        size_t size;
        const void *bytes = content_of(member, content, &size);
        entry_add(archive, names[name].name, type, bytes, size);
        if (member != MEMBERS && type == AE_IFREG) {
            packed->count[member]++;
            packed->content[member] = content;
        }
    }
    packed->good = packed->count[MEMBER_KERNEL] == 1 && packed->count[MEMBER_INITRD] == 1 &&
                   packed->count[MEMBER_INI] == 1 && packed->content[MEMBER_KERNEL] == 0 &&
                   packed->content[MEMBER_INI] == 0;
}

/* Makes each header's checksum right: the sum of its bytes, with the field itself as spaces
 * (POSIX, pax: ustar). */
static void sums_mend(uint8_t *tar, size_t size)
{
    for (size_t at = 0; at + BLOCK <= size;) {
        uint8_t *h = tar + at;
        unsigned sum = 8 * ' ';
        for (size_t i = 0; i < BLOCK; i++) {
            sum += i >= 148 && i < 156 ? 0 : h[i];
        }
        if (sum == 8 * ' ') {
            return;
        }
        (void)snprintf((char *)h + 148, 8, "%06o", sum);
        h[155] = ' ';
        char digits[13] = {0};
        memcpy(digits, h + 124, 12);
        const unsigned long long data = strtoull(digits, NULL, 8);
        at += BLOCK + (data < size ? (data + BLOCK - 1) / BLOCK * BLOCK : size);
    }
}

/* Makes the archive file. The levels of compression are those that cost least. */
static void from_make(struct fuzz_input *in, uint8_t how, struct packed *packed)
{
    static uint8_t out[PACKED_MAX];
    static const int filters[] = {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_BZIP2,
                                  ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_ZSTD};
    static const char *const options[] = {NULL, "gzip:compression-level=1",
                                          "bzip2:compression-level=1", "xz:compression-level=0",
                                          "zstd:compression-level=1"};
    const unsigned filter = (how & 7) % 5;
    size_t used = 0;
    struct archive *archive = archive_write_new();
    MUST(archive != NULL && archive_write_add_filter(archive, filters[filter]) == ARCHIVE_OK);
    MUST((how & 8 ? archive_write_set_format_pax_restricted(archive)
                  : archive_write_set_format_raw(archive)) == ARCHIVE_OK);
    MUST(options[filter] == NULL || archive_write_set_options(archive, options[filter]) == 0);
    MUST(archive_write_set_bytes_in_last_block(archive, 1) == ARCHIVE_OK);
    MUST(archive_write_open_memory(archive, out, sizeof(out), &used) == ARCHIVE_OK);
    if (how & 8) {
        pack(archive, in, packed);
    } else {
        uint8_t *tar = malloc(in->size + 1);
        MUST(tar != NULL);
        memcpy(tar, in->data, in->size);
        if (how & 16) {
            sums_mend(tar, in->size);
        }
        entry_add(archive, "x", AE_IFREG, tar, in->size);
        free(tar);
    }
    MUST(archive_write_close(archive) == ARCHIVE_OK);
    archive_write_free(archive);
    int fd = open(from, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    MUST(fd >= 0 && write(fd, out, used) == (ssize_t)used && close(fd) == 0);
}

/* The names in a directory, as bits: one for each name of the list, and 1 << 31 for any other. */
static uint32_t names_in(const char *path, const char *const list[], size_t count)
{
    uint32_t found = 0;
    DIR *dir = opendir(path);
    MUST(dir != NULL);
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        size_t i = 0;
        while (i < count && strcmp(e->d_name, list[i]) != 0) {
            i++;
        }
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            found |= i < count ? 1u << i : 1u << 31;
        }
    }
    (void)closedir(dir);
    return found;
}

static void check_content(const char *name, enum member member, const struct packed *packed)
{
    static uint8_t have[8192];
    char path[160];
    size_t size;
    const void *want = content_of(member, packed->content[member], &size);
    (void)snprintf(path, sizeof(path), "%s/%s", into, name);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    MUST(fd >= 0 && read(fd, have, sizeof(have)) == (ssize_t)size && close(fd) == 0);
    MUST(memcmp(have, want, size) == 0);
}

static void check_folder(int rc, bool is_packed, const struct packed *packed)
{
    static const char *const files[] = {HOME_KERNEL, HOME_INITRD, "image.ini"};
    static const char *const all[] = {"from", "into"};
    static const uint64_t limits[] = {IMAGE_KERNEL_MAX, INITRD_MAX, CONFIG_MAX};
    const uint32_t found = names_in(into, files, MEMBERS);
    MUST(names_in(base, all, 2) == 3);
    MUST(found <= (1u << MEMBERS) - 1);
    MUST(rc != 0 || found == (1u << MEMBERS) - 1);
    MUST(!is_packed || rc != 0 || packed->good);
    if (is_packed && rc == 0) {
        check_content(HOME_KERNEL, MEMBER_KERNEL, packed);
        check_content(HOME_INITRD, MEMBER_INITRD, packed);
    }
    for (unsigned i = 0; i < MEMBERS; i++) {
        char path[160];
        struct stat st;
        (void)snprintf(path, sizeof(path), "%s/%s", into, files[i]);
        if (found >> i & 1) {
            MUST(lstat(path, &st) == 0 && S_ISREG(st.st_mode) && unlink(path) == 0);
            MUST((uint64_t)st.st_size <= limits[i]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct packed packed = {.good = false};
    struct image image;
    struct folder folder;
    struct vmm_err err = {0};
    if (base[0] == '\0') {
        base_make();
    }
    const uint8_t how = fuzz_byte(&in);
    from_make(&in, how, &packed);
    MUST(folder_open(&folder, into, &err) == 0);
    int rc = image_fetch(from, INITRD_MAX, &folder, &image, &err);
    if (rc == 0) {
        MUST(image.unpacked && image.initrd_fd >= 0);
    } else {
        MUST(rc == -err.code && strstr(err.msg, "--from") != NULL && strchr(err.msg, '\n') == NULL);
    }
    if (image.initrd_fd >= 0) {
        (void)close(image.initrd_fd);
    }
    fprintf(stderr, "rc %d %s good %d\n", rc, err.msg, packed.good);
    free(image.config.packages.text);
    folder_close(&folder);
    MUST(rc == 0 || (how & 8) == 0 || !packed.good);
    check_folder(rc, (how & 8) != 0, &packed);
    return 0;
}
