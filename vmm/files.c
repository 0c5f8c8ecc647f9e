// SPDX-License-Identifier: Apache-2.0
/*
 * Files before a run and after it. On their way in they are the caller's, whose list is checked
 * before the run begins. On their way out they are made by a guest: each entry is checked here
 * before the caller hears of it, so that the caller gets relative paths without "..", directories
 * before what is in them, data inside a file's size, and no more of it than it asked for.
 */
#include "relpath.h"
#include "vmm_int.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#define FILES_ALIGN 8u
#define FILES_TEXT  200 /* of a path in a message */

/* Copies the start of a path for a user. What is not printable ASCII becomes '?'. */
static const char *files_text(const char *path, size_t length, char text[FILES_TEXT])
{
    const size_t n = length < FILES_TEXT - 1 ? length : FILES_TEXT - 1;
    for (size_t i = 0; i < n; i++) {
        text[i] = path[i] >= ' ' && path[i] <= '~' ? path[i] : '?';
    }
    text[n] = '\0';
    return text;
}

static int files_bad(struct vmm_err *err, const char *path, const char *what)
{
    char text[FILES_TEXT];
    return vmm_err_set(err, EINVAL, "a file for the guest, '%s': %s",
                       files_text(path, strlen(path), text), what);
}

/* The parts of an entry that both ways have to obey. NULL, or what is wrong. */
static const char *files_wrong(const struct vmm_file *file, size_t target_length)
{
    const uint32_t type = file->mode & S_IFMT;
    if (type != S_IFREG && type != S_IFDIR && type != S_IFLNK) {
        return "neither a file, a directory nor a symbolic link";
    }
    if ((type == S_IFLNK) != (target_length > 0) || target_length > RELPATH_MAX) {
        return "a symbolic link and a target go together";
    }
    return NULL;
}

static int files_check_one(const struct vmm_file *file, struct vmm_err *err)
{
    if (file->path == NULL || !relpath_ok(file->path, strlen(file->path))) {
        return files_bad(err, file->path != NULL ? file->path : "(none)",
                         "its path must be relative, of names of 1 to 255 bytes other than "
                         "'.' and '..', and shorter than 4096 bytes");
    }
    const char *wrong = files_wrong(file, file->target != NULL ? strlen(file->target) : 0);
    return wrong != NULL ? files_bad(err, file->path, wrong) : 0;
}

/* The slot of a table of `slots` numbers, a power of 2, where the path's file stands or belongs. A
 * number is that of a file plus 1; 0: none. The seed differs from run to run. */
static size_t files_slot(const struct vmm_file *files, const size_t *table, size_t slots,
                         const char *path)
{
    size_t at = XXH3_64bits_withSeed(path, strlen(path), (uintptr_t)table) & (slots - 1);
    while (table[at] != 0 && strcmp(files[table[at] - 1].path, path) != 0) {
        at = (at + 1) & (slots - 1);
    }
    return at;
}

/* A directory may be listed twice; with anything else one of the two would get lost. No qsort():
 * for many elements it makes a system call, and this may be in jail. */
static int files_check_twice(const struct vmm_files_in *in, struct vmm_err *err)
{
    size_t slots = 16;
    while (slots < 2 * in->count) {
        slots *= 2;
    }
    size_t *table = calloc(slots, sizeof(*table));
    int rc = 0;
    if (table == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    for (size_t i = 0; rc == 0 && i < in->count; i++) {
        const struct vmm_file *file = &in->files[i];
        const size_t at = files_slot(in->files, table, slots, file->path);
        if (table[at] != 0 && !(S_ISDIR(file->mode) && S_ISDIR(in->files[table[at] - 1].mode))) {
            rc = files_bad(err, file->path, "it is given twice");
        }
        table[at] = i + 1;
    }
    free(table);
    return rc;
}

static int files_check(const struct vmm_files_in *in, struct vmm_err *err)
{
    int rc = 0;
    if (in->count > 0 && (in->files == NULL || in->read == NULL)) {
        return vmm_err_set(err, EINVAL, "files for the guest need a list and a read()");
    }
    for (size_t i = 0; rc == 0 && i < in->count; i++) {
        rc = files_check_one(&in->files[i], err);
    }
    return rc == 0 ? files_check_twice(in, err) : rc;
}

static int files_check_out(const struct vmm_files_out *out, struct vmm_err *err)
{
    if (out->paths == NULL || out->make == NULL || out->write == NULL) {
        return vmm_err_set(err, EINVAL, "files of the guest need paths, make() and write()");
    }
    for (const char *const *path = out->paths; *path != NULL; path++) {
        if (**path != '\0' && !relpath_ok(*path, strlen(*path))) {
            return files_bad(err, *path, "its path must be relative, without '.' and '..'");
        }
    }
    return 0;
}

int files_build(struct vmm *vm, const struct vmm_run *run, struct vmm_err *err)
{
    free(vm->files.dir); /* of a run that never began */
    vm->files = (struct run_files){.in = run->files_in, .out = run->files_out};
    int rc = run->files_in != NULL ? files_check(run->files_in, err) : 0;
    if (rc == 0 && run->files_out != NULL) {
        rc = files_check_out(run->files_out, err);
    }
    if (rc == 0 && run->files_out != NULL) {
        vm->files.dir = malloc(HV_PATH_MAX);
        rc = vm->files.dir != NULL ? 0 : vmm_err_set(err, ENOMEM, "out of memory");
    }
    if (rc < 0) {
        vm->files = (struct run_files){0};
        return rc;
    }
    vm->files.flags = (run->files_in != NULL && run->files_in->count > 0 ? HV_RESUME_FILES_IN : 0) |
                      (run->files_out != NULL ? HV_RESUME_FILES_OUT : 0);
    return 0;
}

/* The part of memory that a guest may give data from: RAM, and files of the initrd in place. */
static const void *files_data(const struct vmm *vm, hv_gpa_t gpa, uint64_t size)
{
    if (gpa >= HV_INITRD_GPA) {
        const uint64_t at = gpa - HV_INITRD_GPA;
        const bool inside = at <= vm->initrd.size && size <= vm->initrd.size - at;
        return inside ? (const uint8_t *)vm->initrd.map + at : NULL;
    }
    return mem_read_ptr(vm, gpa, size);
}

static int files_broken(struct vmm *vm, const char *call, const char *what)
{
    return outcome_set(vm, VMM_BROKEN, 0, "call file %s: %s", call, what);
}

/* Whether arguments a (address) and b (size) name a buffer in RAM of `least` to `most` bytes. */
static bool files_buffer(const struct vmm *vm, const struct hv_call *call, unsigned a, unsigned b,
                         uint64_t least, uint64_t most)
{
    return call->arg[b] >= least && call->arg[b] <= most &&
           mem_read_ptr(vm, call->arg[a], call->arg[b]) != NULL;
}

static size_t files_entry_size(size_t path, size_t target)
{
    const size_t size = sizeof(struct hv_file) + path + 1 + target + 1;
    return (size + FILES_ALIGN - 1) / FILES_ALIGN * FILES_ALIGN;
}

/* Writes the next entry to a buffer. Returns its size, or 0 when it does not fit. */
static size_t files_put(const struct vmm_file *file, uint8_t *to, size_t room)
{
    const size_t path = strlen(file->path);
    const size_t target = file->target != NULL ? strlen(file->target) : 0;
    const size_t size = files_entry_size(path, target);
    const struct hv_file entry = {
        .size = S_ISREG(file->mode) ? file->size : 0,
        .mtime_ns = file->mtime_ns,
        .mode = file->mode & (S_IFMT | 0777),
        .path_length = (uint16_t)path,
        .target_length = (uint16_t)target,
    };
    if (size > room) {
        return 0;
    }
    memset(to, 0, size);
    memcpy(to, &entry, sizeof(entry));
    memcpy(to + sizeof(entry), file->path, path);
    memcpy(to + sizeof(entry) + path + 1, target > 0 ? file->target : "", target);
    return size;
}

static int files_next(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    struct run_files *f = &vm->files;
    if (!files_buffer(vm, call, 0, 1, HV_FILE_MAX, UINT64_MAX)) {
        return files_broken(vm, "next", "its buffer is too small, or not in memory");
    }
    const size_t room = call->arg[1] < HV_CALL_BYTES ? (size_t)call->arg[1] : HV_CALL_BYTES;
    uint8_t *to = mem_write_ptr(vm, call->arg[0], room);
    size_t filled = 0;
    const size_t count = f->in != NULL ? f->in->count : 0;
    for (; f->next < 2 * count; f->next++) {
        const struct vmm_file *file = &f->in->files[f->next % count];
        if (f->next >= count && !S_ISDIR(file->mode)) {
            continue;
        }
        const size_t size = files_put(file, to + filled, room - filled);
        if (size == 0) {
            break;
        }
        filled += size;
    }
    *ret = (int64_t)filled;
    return 0;
}

/* Reads until the buffer is full or the file ends. Returns the bytes read or -errno. */
static int64_t files_fill(const struct vmm_files_in *in, size_t file, uint64_t offset, uint8_t *to,
                          size_t size)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t n = in->read(in->arg, file, offset + done, to + done, size - done);
        if (n < 0) {
            return n;
        }
        if (n == 0 || (size_t)n > size - done) {
            break;
        }
        done += (size_t)n;
    }
    return (int64_t)done;
}

static int files_read(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    const struct vmm_files_in *in = vm->files.in;
    if (in == NULL || call->arg[0] >= in->count) {
        return files_broken(vm, "read", "there is no such file");
    }
    if (!files_buffer(vm, call, 2, 3, 0, HV_FILE_BYTES)) {
        return files_broken(vm, "read", "its buffer is too large, or not in memory");
    }
    const size_t number = (size_t)call->arg[0];
    const uint64_t offset = call->arg[1];
    const uint64_t whole = S_ISREG(in->files[number].mode) ? in->files[number].size : 0;
    const uint64_t left = offset < whole ? whole - offset : 0;
    const size_t size = (size_t)(call->arg[3] < left ? call->arg[3] : left);
    uint64_t data = in->data != NULL && size > 0 ? in->data(in->arg, number, offset) : offset;
    data = (data < whole ? data & ~(uint64_t)(HV_PAGE_SIZE - 1) : whole);
    if (data > offset) {
        *ret = (int64_t)(HV_FILE_HOLE | (data - offset));
        return 0;
    }
    *ret =
        size > 0 ? files_fill(in, number, offset, mem_write_ptr(vm, call->arg[2], size), size) : 0;
    vm->counters.files_in_bytes += *ret > 0 ? (uint64_t)*ret : 0;
    return 0;
}

/* The file made last is whole: the guest has gone on after it. */
static void files_done(struct vmm *vm)
{
    const struct vmm_files_out *out = vm->files.out;
    if (vm->files.open && out->done != NULL) {
        out->done(out->arg);
    }
    vm->files.open = false;
}

/* Tells the caller that an entry below the wanted path, or that path itself, does not come. */
static void files_tell_failed(struct vmm *vm, const char *path, int code)
{
    const struct vmm_files_out *out = vm->files.out;
    const char *wanted = vm->files.wanted > 0 ? out->paths[vm->files.wanted - 1] : "";
    char whole[2 * HV_PATH_MAX];
    if (out->failed == NULL) {
        return;
    }
    (void)snprintf(whole, sizeof(whole), "%s%s%s", wanted, *wanted && *path ? "/" : "", path);
    out->failed(out->arg, whole, code);
}

/* One of the limits is reached: nothing more is taken, which the caller is told once. */
static int64_t files_full(struct vmm *vm, const char *path)
{
    if (!vm->files.full) {
        vm->files.full = true;
        files_tell_failed(vm, path, EDQUOT);
    }
    return -EDQUOT;
}

static int files_wanted(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    struct run_files *f = &vm->files;
    if (!files_buffer(vm, call, 0, 1, HV_PATH_MAX, UINT64_MAX)) {
        return files_broken(vm, "wanted", "its buffer is too small, or not in memory");
    }
    *ret = 0;
    if (f->out == NULL) {
        return 0;
    }
    files_done(vm);
    f->rooted = false;
    if (f->out->paths[f->wanted] == NULL) {
        f->given = true;
        return 0;
    }
    const char *path = f->out->paths[f->wanted++];
    const size_t size = strlen(path) + 1;
    memcpy(mem_write_ptr(vm, call->arg[0], size), path, size);
    *ret = (int64_t)size;
    return 0;
}

static size_t files_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) : 0;
}

/* Whether an entry stands where one may: in the directory f->dir, or in one that this one lies
 * in. */
static bool files_in_place(const struct run_files *f, const char *path)
{
    const size_t parent = files_parent(path);
    if (f->wanted == 0 || f->rooted != (*path != '\0')) {
        return false; /* the wanted path itself comes first, and once */
    }
    if (*path == '\0') {
        return true;
    }
    return f->dir_open && (parent == 0 || (strncmp(f->dir, path, parent) == 0 &&
                                           (f->dir[parent] == '/' || f->dir[parent] == '\0')));
}

/* Takes the entry that a guest has in its memory apart. NULL, or what is wrong with it. */
static const char *files_parse(const uint8_t *bytes, size_t size, struct vmm_file *file)
{
    struct hv_file entry;
    if (size < sizeof(entry)) {
        return "an entry is too short";
    }
    memcpy(&entry, bytes, sizeof(entry));
    const size_t path = entry.path_length, target = entry.target_length;
    const char *text = (const char *)bytes + sizeof(entry);
    if (size - sizeof(entry) < path + target + 2) {
        return "an entry is shorter than its path and target";
    }
    if (strnlen(text, path + 1) != path || strnlen(text + path + 1, target + 1) != target) {
        return "a path or a target does not end where it says";
    }
    if (path > 0 && !relpath_ok(text, path)) {
        return "a path does not lead down";
    }
    *file = (struct vmm_file){
        .path = text,
        .size = S_ISREG(entry.mode) ? entry.size : 0,
        .mtime_ns = entry.mtime_ns,
        .mode = entry.mode & (S_IFMT | 0777),
        .target = target > 0 ? text + path + 1 : NULL,
    };
    return files_wrong(file, target);
}

/* Counts an entry, and what it says of its size. False: there is no room for it. */
static bool files_room(struct run_files *f, uint64_t size)
{
    const struct vmm_files_out *out = f->out;
    if (f->full || (out->max_entries != 0 && f->entries == out->max_entries) ||
        (out->max_bytes != 0 && size > out->max_bytes - f->declared)) {
        return false;
    }
    f->entries++;
    f->declared += out->max_bytes != 0 ? size : 0;
    return true;
}

static int files_make(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    struct run_files *f = &vm->files;
    struct vmm_file file;
    if (f->out == NULL || !files_buffer(vm, call, 0, 1, 0, HV_FILE_MAX)) {
        return files_broken(vm, "make", "no files are wanted, or the entry is not in memory");
    }
    files_done(vm);
    const char *wrong =
        files_parse(mem_read_ptr(vm, call->arg[0], call->arg[1]), (size_t)call->arg[1], &file);
    if (wrong == NULL && !files_in_place(f, file.path)) {
        wrong = "an entry comes before its directory";
    }
    if (wrong != NULL) {
        return files_broken(vm, "make", wrong);
    }
    f->rooted = true;
    f->dir_open = f->dir_open && *file.path != '\0';
    f->dir[files_parent(file.path)] = '\0'; /* what is in it comes before what follows it */
    if (!files_room(f, file.size)) {
        *ret = files_full(vm, file.path);
        return 0;
    }
    *ret = f->out->make(f->out->arg, f->wanted - 1, &file);
    if (*ret == 0 && S_ISDIR(file.mode)) {
        memcpy(f->dir, file.path, strlen(file.path) + 1);
        f->dir_open = true;
    }
    f->full = f->full || *ret == -EDQUOT;
    f->open = *ret == 0 && S_ISREG(file.mode);
    f->size = file.size;
    return 0;
}

static int files_write(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    struct run_files *f = &vm->files;
    const uint64_t size = call->arg[1], offset = call->arg[2];
    const void *bytes = size <= HV_FILE_BYTES ? files_data(vm, call->arg[0], size) : NULL;
    if (bytes == NULL) {
        return files_broken(vm, "write", "its data is too much, or not in memory");
    }
    if (!f->open) {
        *ret = -EBADF;
        return 0;
    }
    if (offset > f->size || size > f->size - offset) {
        return files_broken(vm, "write", "data after the end of the file");
    }
    if (f->out->max_bytes != 0 && size > f->out->max_bytes - f->written) {
        f->open = false;
        *ret = files_full(vm, "");
        return 0;
    }
    f->written += size;
    vm->counters.files_out_bytes += size;
    *ret = f->out->write(f->out->arg, offset, bytes, size);
    f->full = f->full || *ret == -EDQUOT;
    f->open = *ret == 0;
    return 0;
}

static int files_failed(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    const uint64_t length = call->arg[1];
    const int code = call->arg[2] > 0 && call->arg[2] < 4096 ? (int)call->arg[2] : EIO;
    const char *path = length < HV_PATH_MAX ? mem_read_ptr(vm, call->arg[0], length) : NULL;
    char text[FILES_TEXT], whole[HV_PATH_MAX];
    if (path == NULL) {
        return files_broken(vm, "failed", "its path is too long, or not in memory");
    }
    if (call->arg[3] != 0) {
        return outcome_set(vm, VMM_FILES, code, "%s: %s", files_text(path, (size_t)length, text),
                           code == ENOSPC   ? "the guest's memory is too small for it"
                           : code == ESTALE ? "it changes while it is read"
                                            : strerror(code));
    }
    *ret = 0;
    if (vm->files.out == NULL) {
        return files_broken(vm, "failed", "no files are wanted");
    }
    files_done(vm);
    memcpy(whole, path, (size_t)length);
    whole[length] = '\0';
    if (files_room(&vm->files, 0)) {
        files_tell_failed(vm, whole, code);
    } else {
        *ret = files_full(vm, whole);
    }
    return 0;
}

/* As with all functions of the caller's, VMM_SIGNAL is blocked while they are called. */
int files_answer(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    static int (*const operations[])(struct vmm *, const struct hv_call *, int64_t *) = {
        [HV_CALL_FILES_NEXT & 0xffu] = files_next,     [HV_CALL_FILE_READ & 0xffu] = files_read,
        [HV_CALL_FILES_WANTED & 0xffu] = files_wanted, [HV_CALL_FILE_MAKE & 0xffu] = files_make,
        [HV_CALL_FILE_WRITE & 0xffu] = files_write,    [HV_CALL_FILE_FAILED & 0xffu] = files_failed,
    };
    sigset_t before;
    wait_block_kick(&before);
    const int rc = operations[call->nr & 0xffu](vm, call, ret);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

/* What was wanted and never asked for does not come any more. */
void files_end(struct vmm *vm)
{
    struct run_files *f = &vm->files;
    if (f->out != NULL && !f->given && !f->full) {
        if (f->wanted > 0) {
            files_tell_failed(vm, "", ECANCELED);
        }
        while (f->out->paths[f->wanted] != NULL) {
            f->wanted++;
            files_tell_failed(vm, "", ECANCELED);
        }
    }
    free(f->dir);
    *f = (struct run_files){0};
}
