// SPDX-License-Identifier: Apache-2.0
/*
 * The guest kernel's ELF file: checked as a whole (class, machine, ABI note, every segment) before
 * a byte of it is loaded. Everything in the file is untrusted; refusals are ENOEXEC and name what
 * was found.
 */
#include "vmm_int.h"

#include <gelf.h>
#include <libelf.h>
#include <string.h>

struct kernel_file {
    int fd;
    Elf *elf;
    size_t size;
    const char *path;
    struct vmm_err *err;
};

#define KERNEL_PHDRS_MAX 64u

static int kernel_note_check(const struct kernel_file *f, uint32_t version)
{
    if (version != HV_ABI_VERSION) {
        return vmm_err_set(f->err, ENOEXEC, "%s: kernel ABI version %u, wanted %d", f->path,
                           version, HV_ABI_VERSION);
    }
    return 0;
}

/* Looks for the ABI note in one PT_NOTE: 1 when found and right, 0 when not there. */
static int kernel_note_segment(const struct kernel_file *f, const GElf_Phdr *ph)
{
    if (ph->p_offset > f->size || ph->p_filesz > f->size - ph->p_offset) {
        return vmm_err_set(f->err, ENOEXEC, "%s: truncated: a note lies after the end", f->path);
    }
    Elf_Data *data = elf_getdata_rawchunk(f->elf, (int64_t)ph->p_offset, ph->p_filesz, ELF_T_NHDR);
    if (data == NULL) {
        return 0;
    }
    GElf_Nhdr note;
    size_t name;
    size_t desc;
    for (size_t at = 0; (at = gelf_getnote(data, at, &note, &name, &desc)) > 0;) {
        const char *bytes = data->d_buf;
        uint32_t version;
        if (note.n_namesz == sizeof(HV_NOTE_NAME) && note.n_type == HV_NOTE_ABI &&
            memcmp(bytes + name, HV_NOTE_NAME, sizeof(HV_NOTE_NAME)) == 0 &&
            note.n_descsz == sizeof(version)) {
            memcpy(&version, bytes + desc, sizeof(version));
            int rc = kernel_note_check(f, version);
            return rc < 0 ? rc : 1;
        }
    }
    return 0;
}

static int kernel_header_check(const struct kernel_file *f, GElf_Ehdr *eh, size_t *phdrs)
{
    if (elf_kind(f->elf) != ELF_K_ELF || gelf_getehdr(f->elf, eh) == NULL) {
        return vmm_err_set(f->err, ENOEXEC, "%s: not an ELF file", f->path);
    }
    if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB ||
        eh->e_machine != EM_X86_64) {
        return vmm_err_set(f->err, ENOEXEC, "%s: not for x86-64 (class %u, machine %u)", f->path,
                           eh->e_ident[EI_CLASS], eh->e_machine);
    }
    if (eh->e_type != ET_EXEC) {
        return vmm_err_set(f->err, ENOEXEC, "%s: ELF type %u, wanted %u (ET_EXEC)", f->path,
                           eh->e_type, ET_EXEC);
    }
    if (elf_getphdrnum(f->elf, phdrs) != 0 || *phdrs == 0 || *phdrs > KERNEL_PHDRS_MAX) {
        return vmm_err_set(f->err, ENOEXEC, "%s: truncated or without program headers", f->path);
    }
    return 0;
}

static int kernel_abi_check(const struct kernel_file *f, size_t phdrs)
{
    for (size_t i = 0; i < phdrs; i++) {
        GElf_Phdr ph;
        if (gelf_getphdr(f->elf, (int)i, &ph) == NULL) {
            return vmm_err_set(f->err, ENOEXEC, "%s: truncated in its program headers", f->path);
        }
        int rc = ph.p_type == PT_NOTE ? kernel_note_segment(f, &ph) : 0;
        if (rc != 0) {
            return rc < 0 ? rc : 0;
        }
    }
    return vmm_err_set(f->err, ENOEXEC, "%s: no ABI note: not a kernel for this VMM", f->path);
}

static bool kernel_within(uint64_t start, uint64_t size, uint64_t from, uint64_t to)
{
    return start >= from && start <= to && size <= to - start;
}

static int kernel_segment_check(const struct kernel_file *f, const GElf_Phdr *ph)
{
    const unsigned long long at = ph->p_paddr;
    if (ph->p_vaddr != ph->p_paddr) {
        return vmm_err_set(f->err, ENOEXEC, "%s: segment at 0x%llx: virtual address 0x%llx differs",
                           f->path, at, (unsigned long long)ph->p_vaddr);
    }
    if (ph->p_filesz > ph->p_memsz) {
        return vmm_err_set(f->err, ENOEXEC, "%s: segment at 0x%llx is larger in the file", f->path,
                           at);
    }
    if (ph->p_offset > f->size || ph->p_filesz > f->size - ph->p_offset) {
        return vmm_err_set(f->err, ENOEXEC, "%s: truncated: the segment at 0x%llx is incomplete",
                           f->path, at);
    }
    if (!kernel_within(at, ph->p_memsz, HV_VECTORS_GPA, HV_VECTORS_GPA + HV_PAGE_SIZE) &&
        !kernel_within(at, ph->p_memsz, HV_KERNEL_GPA, HV_KERNEL_LIMIT)) {
        return vmm_err_set(f->err, ENOEXEC,
                           "%s: segment 0x%llx+0x%llx is neither the vector page nor within "
                           "0x%x-0x%x",
                           f->path, at, (unsigned long long)ph->p_memsz, HV_KERNEL_GPA,
                           HV_KERNEL_LIMIT);
    }
    return 0;
}

static hv_gpa_t page_up(hv_gpa_t a)
{
    return (a + HV_PAGE_SIZE - 1) & ~(hv_gpa_t)(HV_PAGE_SIZE - 1);
}

static void kernel_segment_note(struct kernel_image *image, const GElf_Phdr *ph)
{
    const hv_gpa_t start = ph->p_paddr & ~(hv_gpa_t)(HV_PAGE_SIZE - 1);
    const hv_gpa_t end = page_up(ph->p_paddr + ph->p_memsz);
    for (hv_gpa_t a = start; a < end; a += HV_PAGE_SIZE) {
        image->page_flags[a / HV_PAGE_SIZE] |= (uint8_t)(ph->p_flags & (PF_R | PF_W | PF_X));
    }
    if (start < HV_KERNEL_GPA) {
        return;
    }
    image->start = start < image->start ? start : image->start;
    image->end = end > image->end ? end : image->end;
    if ((ph->p_flags & PF_X) && end > image->text_end) {
        image->text_end = end;
    }
}

static int kernel_segments_check(const struct kernel_file *f, size_t phdrs, hv_gpa_t entry,
                                 struct kernel_image *image)
{
    *image = (struct kernel_image){.entry = entry, .start = HV_KERNEL_LIMIT};
    for (size_t i = 0; i < phdrs; i++) {
        GElf_Phdr ph;
        if (gelf_getphdr(f->elf, (int)i, &ph) == NULL) {
            return vmm_err_set(f->err, ENOEXEC, "%s: truncated in its program headers", f->path);
        }
        if (ph.p_type != PT_LOAD || ph.p_memsz == 0) {
            continue;
        }
        int rc = kernel_segment_check(f, &ph);
        if (rc < 0) {
            return rc;
        }
        kernel_segment_note(image, &ph);
    }
    if (image->text_end == 0 || image->page_flags[HV_VECTORS_GPA / HV_PAGE_SIZE] == 0) {
        return vmm_err_set(f->err, ENOEXEC, "%s: without %s", f->path,
                           image->text_end == 0 ? "executable segment" : "vector page");
    }
    if (entry < image->start || entry >= image->text_end) {
        return vmm_err_set(f->err, ENOEXEC, "%s: entry 0x%llx lies outside of its text", f->path,
                           (unsigned long long)entry);
    }
    return 0;
}

static int kernel_segments_load(const struct kernel_file *f, size_t phdrs, uint8_t *ram)
{
    for (size_t i = 0; i < phdrs; i++) {
        GElf_Phdr ph;
        if (gelf_getphdr(f->elf, (int)i, &ph) == NULL || ph.p_type != PT_LOAD || ph.p_memsz == 0) {
            continue;
        }
        int rc = os_pread_full(f->fd, ram + ph.p_paddr, ph.p_filesz, ph.p_offset);
        if (rc < 0) {
            return vmm_err_set(f->err, -rc, "%s: %s", f->path, strerror(-rc));
        }
    }
    return 0;
}

/* Checks the file, then loads it unless ram is NULL. */
static int kernel_load_file(const struct kernel_file *f, uint8_t *ram, struct kernel_image *image)
{
    GElf_Ehdr eh = {0};
    size_t phdrs = 0;
    int rc = kernel_header_check(f, &eh, &phdrs);
    if (rc == 0) {
        rc = kernel_abi_check(f, phdrs);
    }
    if (rc == 0) {
        rc = kernel_segments_check(f, phdrs, eh.e_entry, image);
    }
    return rc == 0 && ram != NULL ? kernel_segments_load(f, phdrs, ram) : rc;
}

static int kernel_open(const char *path, const char *name, uint8_t *ram, struct kernel_image *image,
                       struct vmm_err *err)
{
    struct kernel_file f = {.path = name, .err = err};
    if (elf_version(EV_CURRENT) == EV_NONE) {
        return vmm_err_set(err, ENOTSUP, "libelf: %s", elf_errmsg(-1));
    }
    f.fd = infile_open(path, err);
    if (f.fd < 0) {
        return f.fd;
    }
    int rc;
    f.elf = elf_begin(f.fd, ELF_C_READ, NULL);
    if (f.elf == NULL || elf_rawfile(f.elf, &f.size) == NULL) {
        rc = vmm_err_set(err, ENOEXEC, "%s: not an ELF file", name);
    } else {
        rc = kernel_load_file(&f, ram, image);
    }
    (void)elf_end(f.elf);
    os_close(f.fd);
    return rc;
}

int kernel_load(const char *path, uint8_t *ram, struct kernel_image *image, struct vmm_err *err)
{
    return kernel_open(path, path, ram, image, err);
}

int vmm_kernel_check(const char *path, const char *name, struct vmm_err *err)
{
    struct kernel_image image;
    return kernel_open(path, name, NULL, &image, err);
}
