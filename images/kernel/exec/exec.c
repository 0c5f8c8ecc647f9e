// SPDX-License-Identifier: Apache-2.0
/*
 * execve: loads an ELF64 program (static, static-PIE, PIE or non-PIE with its
 * interpreter) or the interpreter a "#!" line names, and builds the first stack
 * as the System V ABI (AMD64, 3.4.1) and Linux's getauxval(3) say. The files
 * come from the image and are untrusted, so every field is checked before it is
 * used.
 */
#include <linux/auxvec.h>
#include <linux/elf.h>

#include "cpu/cpu.h"
#include "exec/exec.h"
#include "fs/access.h"
#include "mm/mm.h"

#define PIE_BASE      WINDOW_START
#define INTERP_BASE   (WINDOW_START + (1ul << 40))
#define VDSO_BASE     (WINDOW_END - (1ul << 30))
#define STACK_TOP     (VDSO_BASE - 16 * PAGE_SIZE)
#define MAX_PHDRS     64
#define SHEBANG_MAX   255
#define SHEBANG_DEPTH 5

struct image {
    Elf64_Ehdr eh;
    Elf64_Phdr ph[MAX_PHDRS];
    vaddr_t bias; /* added to every address of the file */
    vaddr_t start, end;
    char interp[256];
};

static int read_exact(struct inode *i, void *buf, size_t n, u64 off)
{
    ssize_t rc = inode_read(i, buf, n, off);
    return rc < 0 ? (int)rc : (size_t)rc == n ? 0 : -ENOEXEC;
}

static int read_headers(struct inode *i, struct image *img)
{
    int rc = read_exact(i, &img->eh, sizeof(img->eh), 0);
    const Elf64_Ehdr *eh = &img->eh;
    if (rc) {
        return rc;
    }
    if (memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0 || eh->e_ident[EI_CLASS] != ELFCLASS64 ||
        eh->e_machine != EM_X86_64 || (eh->e_type != ET_EXEC && eh->e_type != ET_DYN) ||
        eh->e_phentsize != sizeof(Elf64_Phdr) || !eh->e_phnum || eh->e_phnum > MAX_PHDRS) {
        return -ENOEXEC;
    }
    return read_exact(i, img->ph, eh->e_phnum * sizeof(Elf64_Phdr), eh->e_phoff);
}

/* Checks all segments and finds the span and the interpreter. */
static int scan_segments(struct inode *i, struct image *img)
{
    img->start = ~0ul;
    for (int n = 0; n < img->eh.e_phnum; n++) {
        const Elf64_Phdr *p = &img->ph[n];
        if (p->p_type == PT_INTERP) {
            if (p->p_filesz < 2 || p->p_filesz > sizeof(img->interp)) {
                return -ENOEXEC;
            }
            int rc = read_exact(i, img->interp, p->p_filesz, p->p_offset);
            if (rc) {
                return rc;
            }
            if (img->interp[p->p_filesz - 1]) {
                return -ENOEXEC;
            }
        }
        if (p->p_type != PT_LOAD || !p->p_memsz) {
            continue;
        }
        if (p->p_filesz > p->p_memsz || p->p_vaddr + p->p_memsz < p->p_vaddr ||
            p->p_vaddr + p->p_memsz > WINDOW_END || (p->p_vaddr ^ p->p_offset) & PAGE_MASK) {
            return -ENOEXEC;
        }
        img->start = MIN(img->start, PAGE_DOWN(p->p_vaddr));
        img->end = MAX(img->end, PAGE_UP(p->p_vaddr + p->p_memsz));
    }
    return img->start < img->end ? 0 : -ENOEXEC;
}

static int elf_prot(u32 flags)
{
    return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
           (flags & PF_X ? PROT_EXEC : 0);
}

static int map_segment(struct mm *mm, struct inode *i, const struct image *img, const Elf64_Phdr *p)
{
    vaddr_t at = img->bias + p->p_vaddr, page = PAGE_DOWN(at);
    vaddr_t file_end = at + p->p_filesz, end = at + p->p_memsz;
    int prot = elf_prot(p->p_flags), fixed = MAP_PRIVATE | MAP_FIXED;
    if (p->p_filesz) {
        long rc = inode_map(i, mm, page, file_end - page, prot, fixed, PAGE_DOWN(p->p_offset));
        if (rc < 0) {
            return (int)rc;
        }
    }
    vaddr_t anon = p->p_filesz ? PAGE_UP(file_end) : page;
    if (end > anon) {
        long rc = mm_map(mm, anon, end - anon, prot, fixed | MAP_ANONYMOUS, NULL);
        if (rc < 0) {
            return (int)rc;
        }
    }
    /* The whole rest of the last file page is zero, even past the bss: ld.so allocates from it. */
    if (p->p_filesz && p->p_flags & PF_W) {
        return clear_user(file_end, PAGE_UP(file_end) - file_end);
    }
    return 0;
}

static int map_image(struct mm *mm, struct inode *i, struct image *img, vaddr_t base)
{
    int rc = read_headers(i, img);
    if (rc == 0) {
        rc = scan_segments(i, img);
    }
    if (rc) {
        return rc;
    }
    img->bias = img->eh.e_type == ET_DYN ? base - img->start : 0;
    for (int n = 0; n < img->eh.e_phnum; n++) {
        if (img->ph[n].p_type == PT_LOAD && img->ph[n].p_memsz) {
            rc = map_segment(mm, i, img, &img->ph[n]);
            if (rc) {
                return rc;
            }
        }
    }
    return 0;
}

/* The address of the program headers in memory, for AT_PHDR. */
static vaddr_t phdr_address(const struct image *img)
{
    for (int n = 0; n < img->eh.e_phnum; n++) {
        const Elf64_Phdr *p = &img->ph[n];
        if (p->p_type == PT_PHDR) {
            return img->bias + p->p_vaddr;
        }
        if (p->p_type == PT_LOAD && img->eh.e_phoff >= p->p_offset &&
            img->eh.e_phoff < p->p_offset + p->p_filesz) {
            return img->bias + p->p_vaddr + img->eh.e_phoff - p->p_offset;
        }
    }
    return 0;
}

static int process_name(struct process *p, struct inode *i, const char *path)
{
    char *copy = kstrdup(path);
    if (copy == NULL) {
        return -ENOMEM;
    }
    kfree(p->exe_path);
    if (p->exe != NULL) {
        inode_put(p->exe);
    }
    inode_ref(i);
    p->exe = i;
    p->exe_path = copy;
    const char *base = strrchr(path, '/');
    snprintf(current->name, sizeof(current->name), "%s", base != NULL ? base + 1 : path);
    return 0;
}

/* Reads the script's first line, "#!interp [arg]", and replaces path and argv by what it asks
 * for. The new strings are in line. */
static int shebang(struct inode *i, char *line, const char **path, char **argv, int *argc, int max)
{
    ssize_t n = inode_read(i, line, SHEBANG_MAX, 0);
    if (n < 3 || line[0] != '#' || line[1] != '!') {
        return -ENOEXEC;
    }
    line[n] = 0;
    char *end = strchr(line, '\n');
    if (end == NULL) {
        return -ENOEXEC;
    }
    *end = 0;
    while (end > line && (end[-1] == ' ' || end[-1] == '\t')) {
        *--end = 0;
    }
    char *interp = line + 2;
    while (*interp == ' ' || *interp == '\t') {
        interp++;
    }
    char *arg = interp;
    while (*arg && *arg != ' ' && *arg != '\t') {
        arg++;
    }
    if (*arg) {
        *arg++ = 0;
    }
    while (*arg == ' ' || *arg == '\t') {
        arg++;
    }
    int extra = *arg ? 2 : 1;
    if (!*interp) {
        return -ENOEXEC;
    }
    if (*argc + extra + 1 > max) {
        return -E2BIG;
    }
    int kept = *argc ? *argc - 1 : 0;
    memmove(argv + extra + 1, argv + (*argc ? 1 : 0), (size_t)(kept + 1) * sizeof(*argv));
    argv[extra] = (char *)(u64)*path;
    if (*arg) {
        argv[1] = arg;
    }
    argv[0] = interp;
    *argc = kept + extra + 1;
    *path = interp;
    return 0;
}

struct exec {
    struct image *main, *interp;
    struct inode *inode;
    char *lines; /* SHEBANG_DEPTH lines */
    char **argv;
    const char *path; /* of the ELF */
    struct cred cred; /* of the new program */
    bool secure;
};

/* Follows "#!" lines to an executable ELF inode (referenced). */
static int resolve(struct exec *x, const char *path, char *const argv[])
{
    int argc = 0, max;
    while (argv[argc] != NULL) {
        argc++;
    }
    max = argc + 3 * SHEBANG_DEPTH + 1;
    x->lines = kmalloc((SHEBANG_MAX + 1) * SHEBANG_DEPTH);
    x->argv = kmalloc((size_t)max * sizeof(char *));
    if (x->lines == NULL || x->argv == NULL) {
        return -ENOMEM;
    }
    memcpy(x->argv, argv, (size_t)(argc + 1) * sizeof(char *));
    x->path = path;
    for (int depth = 0;; depth++) {
        char magic[2];
        int rc = path_lookup(x->path, true, &x->inode);
        if (rc) {
            return rc;
        }
        if (!inode_executable(x->inode)) {
            rc = -EACCES;
        } else if (inode_read(x->inode, magic, 2, 0) != 2 || magic[0] != '#' || magic[1] != '!') {
            return 0;
        } else if (depth == SHEBANG_DEPTH) {
            rc = -ELOOP;
        } else {
            rc = shebang(x->inode, x->lines + depth * (SHEBANG_MAX + 1), &x->path, x->argv, &argc,
                         max);
        }
        inode_put(x->inode);
        x->inode = NULL;
        if (rc) {
            return rc;
        }
    }
}

static int map_interp(struct process *p, struct exec *x)
{
    struct inode *i;
    int rc = path_lookup(x->main->interp, true, &i);
    if (rc) {
        return rc;
    }
    rc = inode_executable(i) ? map_image(p->mm, i, x->interp, INTERP_BASE) : -EACCES;
    inode_put(i);
    return rc;
}

/* Finds out whether the interpreter can be loaded, as long as the old program is there. */
static int check_interp(struct exec *x)
{
    struct inode *i;
    int rc = path_lookup(x->main->interp, true, &i);
    if (rc) {
        return rc;
    }
    rc = inode_executable(i) ? read_headers(i, x->interp) : -EACCES;
    if (rc == 0) {
        rc = scan_segments(i, x->interp);
    }
    inode_put(i);
    return rc == -ENOEXEC ? -ELIBBAD : rc;
}

/* Maps the clock page, and right after it the vDSO, which reads it. */
static int vdso_map(struct mm *mm)
{
    int rc = mm_map_frames(mm, VDSO_BASE - PAGE_SIZE, time_page(), PAGE_SIZE, PROT_READ);
    if (rc == 0) {
        rc = mm_map_frames(mm, VDSO_BASE, (paddr_t)vdso_start, (u64)(vdso_end - vdso_start),
                           PROT_READ | PROT_EXEC);
    }
    return rc;
}

/* Maps the program into an empty address space. */
static int map_program(struct process *p, struct exec *x)
{
    int rc = map_image(p->mm, x->inode, x->main, PIE_BASE);
    if (rc == 0 && x->main->interp[0]) {
        rc = map_interp(p, x);
    }
    if (rc == 0) {
        rc = mm_brk_reserve(p->mm, x->main->bias + x->main->end);
    }
    if (rc == 0) {
        rc = mm_stack(p->mm, STACK_TOP, p->stack_size);
    }
    if (rc == 0) {
        rc = vdso_map(p->mm);
    }
    if (rc == 0) {
        p->stack_top = p->mm->stack_top;
    }
    return rc;
}

static int start_program(struct process *p, struct exec *x, char *const envp[],
                         struct trapframe *tf)
{
    bool dynamic = x->main->interp[0];
    const struct image *first = dynamic ? x->interp : x->main;
    struct exec_start s = {
        .argv = x->argv,
        .envp = envp,
        .path = x->path,
        .phdr = phdr_address(x->main),
        .phnum = x->main->eh.e_phnum,
        .base = dynamic ? x->interp->bias + x->interp->start : 0,
        .entry = x->main->bias + x->main->eh.e_entry,
        .vdso = VDSO_BASE,
        .cred = &x->cred,
        .secure = x->secure,
    };
    vaddr_t sp;
    int rc = exec_stack(p, &s, &sp);
    if (rc) {
        return rc;
    }
    *tf = (struct trapframe){.t = {.vector = VECTOR_SYSCALL + 1,
                                   .rip = first->bias + first->eh.e_entry,
                                   .cs = HV_SEL_USER_CS,
                                   .rflags = HV_RFLAGS_FIXED,
                                   .rsp = sp,
                                   .ss = HV_SEL_USER_SS}};
    return process_name(p, x->inode, x->path);
}

/* Puts the new program into the address space that the process has, if there is no other. */
static int replace_in_place(struct process *p, struct exec *x, char *const envp[],
                            struct trapframe *tf)
{
    int rc;

    futex_program_ends();
    rc = mm_clear(p->mm);
    if (rc == 0) {
        rc = map_program(p, x);
    }
    if (rc == 0) {
        rc = start_program(p, x, envp, tf);
    }
    return rc;
}

/* Puts it into a new address space, and gives up the old one when all has succeeded. */
static int replace_afresh(struct process *p, struct exec *x, char *const envp[],
                          struct trapframe *tf)
{
    struct mm *old = p->mm, *fresh;
    bool locks = futex_robust_held();
    int rc = mm_create(&fresh);
    if (rc) {
        return rc;
    }
    p->mm = fresh;
    mm_program(fresh, x->inode);
    mm_activate(fresh);
    rc = map_program(p, x);
    if (rc == 0) {
        rc = start_program(p, x, envp, tf);
    }
    if (rc) {
        p->mm = old;
    } else if (locks) { /* it is back for their release */
        p->mm = old;
        mm_activate(old);
        futex_program_ends();
        p->mm = fresh;
    }
    mm_put(rc ? fresh : old);
    mm_activate(p->mm);
    return rc;
}

/* From here on there is no way back to an old program whose address space or other threads are
 * gone: a failure kills the process, on its way out of the kernel, so that the callers can free
 * what they have. Before the first program there is none that could be killed: the caller ends the
 * run. */
static int replace(struct process *p, struct exec *x, char *const envp[], struct trapframe *tf)
{
    bool threads = p->thread_count > 1, in_place = mm_is_alone(p->mm);
    if (threads) {
        thread_kill_others();
    }
    int rc = in_place ? replace_in_place(p, x, envp, tf) : replace_afresh(p, x, envp, tf);
    if (rc && (threads || in_place) && p->exe != NULL) {
        (void)signal_send(p, NULL, SIGKILL, SI_KERNEL, 0);
    }
    return rc;
}

/* A program that one may execute and not read cannot be looked into either. */
static void program_cred(struct process_full *pf, const struct exec *x)
{
    bool same = x->cred.uid[ID_EFFECTIVE] == x->cred.uid[ID_REAL] &&
                x->cred.gid[ID_EFFECTIVE] == x->cred.gid[ID_REAL];

    pf->dumpable = same && inode_permission(x->inode, MAY_READ) == 0;
    if (x->secure) {
        pf->pdeathsig = 0;
    }
    cred_set(pf, &x->cred);
}

int exec_load(struct process *p, const char *path, char *const argv[], char *const envp[],
              struct trapframe *tf)
{
    struct exec x = {.main = kzalloc(sizeof(struct image)),
                     .interp = kzalloc(sizeof(struct image))};
    int rc = x.main != NULL && x.interp != NULL ? resolve(&x, path, argv) : -ENOMEM;
    if (rc == 0) {
        rc = read_headers(x.inode, x.main);
    }
    if (rc == 0) {
        rc = scan_segments(x.inode, x.main);
    }
    if (rc == 0 && x.main->interp[0]) {
        rc = check_interp(&x);
    }
    if (rc == 0) {
        memset(x.main, 0, sizeof(*x.main));
        memset(x.interp, 0, sizeof(*x.interp));
        cred_of_program(x.inode->mode, x.inode->uid, x.inode->gid, &x.cred, &x.secure);
        rc = inherit_unshare(p);
    }
    if (rc == 0) {
        rc = replace(p, &x, envp, tf);
    }
    if (rc == 0) {
        fdtable_close_on_exec(p->fds);
        program_cred(process_full(p), &x);
    }
    if (x.inode != NULL) {
        inode_put(x.inode);
    }
    kfree(x.lines);
    kfree(x.argv);
    kfree(x.main);
    kfree(x.interp);
    return rc;
}
