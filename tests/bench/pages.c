// SPDX-License-Identifier: Apache-2.0
/*
 * pages HOME MODE SOURCE [NAME]: which pages of guest memory a warm run writes, and who writes each
 * of them first. MODE is a number of enum hv_run_mode; SOURCE is a file with the text. The program
 * looks inside of libvmm. It prints lines for pages.py, which finds names; addresses are in
 * hexadecimal:
 *   write GPA RIP RSP WORD...  a first write in a run whose memory was all read-only, and the words
 *                              on the stack from RSP on
 *   page GPA OFFSET...         a page of the hot set (what a rewind copies back) after some warm
 *                              runs, and where its 8-byte words differ from the snapshot's
 *
 * A write to read-only host memory makes KVM_RUN fail with EFAULT. The instruction at RIP says
 * where it writes. That page is made writable, and the guest goes on. The linker wraps ioctl() for
 * this.
 */
#include "vmm/snapshot_int.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <Zydis/Zydis.h>

#define WARM_RUNS   6
#define STACK_WORDS 96
#define PAGES_MAX   65536u

int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg);

static struct vmm *watched; /* the machine whose memory is read-only */
static bool allowed[VMM_MEMORY_DEFAULT / HV_PAGE_SIZE];

static void allow(uint64_t gpa)
{
    (void)mprotect(watched->ram + gpa / HV_PAGE_SIZE * HV_PAGE_SIZE, HV_PAGE_SIZE,
                   PROT_READ | PROT_WRITE);
}

/* Notes a write of the library itself. */
static void on_fault(int signo, siginfo_t *info, void *context)
{
    (void)context;
    const uint64_t at = (uint64_t)((uint8_t *)info->si_addr - watched->ram);
    if (watched == NULL || at >= watched->ram_size) {
        (void)signal(signo, SIG_DFL);
        return;
    }
    printf("write %llx 0 0\n", (unsigned long long)(at / HV_PAGE_SIZE * HV_PAGE_SIZE));
    allow(at);
}

/* Translates a guest-virtual address through the guest's own tables; UINT64_MAX when nothing is
 * mapped there. */
static uint64_t translate(uint64_t va)
{
    uint64_t table = watched->snap->header.state.sregs.cr3;
    for (int shift = 39; shift >= 12; shift -= 9) {
        uint64_t entry;
        const void *at =
            mem_read_ptr(watched, (table & 0x000ffffffffff000ull) + 8 * (va >> shift & 511), 8);
        if (at == NULL) {
            return UINT64_MAX;
        }
        memcpy(&entry, at, 8);
        if ((entry & 1) == 0) {
            return UINT64_MAX;
        }
        if ((entry & 0x80) != 0) {
            return (entry & 0x000fffffffe00000ull) | (va & 0x1fffff);
        }
        table = entry;
    }
    return (table & 0x000ffffffffff000ull) | (va & 0xfff);
}

/* Copies guest memory at va, as far as it is mapped. Returns the bytes copied. */
static size_t fetch(uint64_t va, uint8_t *out, size_t size)
{
    size_t n = 0;
    while (n < size) {
        const void *from = NULL;
        const uint64_t pa = translate(va + n);
        if (pa >= HV_INITRD_GPA && pa < HV_INITRD_GPA + watched->initrd.size) {
            from = (const uint8_t *)watched->initrd.map + (pa - HV_INITRD_GPA);
        } else if (pa != UINT64_MAX) {
            from = mem_read_ptr(watched, pa, 1);
        }
        if (from == NULL) {
            break;
        }
        out[n++] = *(const uint8_t *)from;
    }
    return n;
}

static void print_write(uint64_t gpa, const struct kvm_regs *regs)
{
    printf("write %llx %llx %llx", (unsigned long long)(gpa / HV_PAGE_SIZE * HV_PAGE_SIZE),
           (unsigned long long)regs->rip, (unsigned long long)regs->rsp);
    for (unsigned i = 0; i < STACK_WORDS; i++) {
        uint64_t word;
        if (fetch(regs->rsp + 8ull * i, (uint8_t *)&word, 8) != 8) {
            break;
        }
        printf(" %llx", (unsigned long long)word);
    }
    putchar('\n');
}

static void decoder_registers(const struct kvm_regs *r, ZydisRegisterContext *context)
{
    const uint64_t values[] = {r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi,
                               r->r8,  r->r9,  r->r10, r->r11, r->r12, r->r13, r->r14, r->r15};
    memset(context, 0, sizeof(*context));
    for (unsigned i = 0; i < 16; i++) {
        context->values[ZYDIS_REGISTER_RAX + i] = values[i];
    }
}

static bool allow_at(uint64_t va, const struct kvm_regs *regs)
{
    const uint64_t gpa = translate(va);
    if (gpa >= watched->ram_size || allowed[gpa / HV_PAGE_SIZE]) {
        return false;
    }
    allowed[gpa / HV_PAGE_SIZE] = true;
    print_write(gpa, regs);
    allow(gpa);
    return true;
}

/* The address of a memory operand; 0 for any other operand. */
static uint64_t operand_address(const ZydisDecodedInstruction *insn, const ZydisDecodedOperand *o,
                                const struct kvm_regs *regs)
{
    ZydisRegisterContext context;
    ZyanU64 va = 0;
    decoder_registers(regs, &context);
    if (o->type != ZYDIS_OPERAND_TYPE_MEMORY || o->mem.type != ZYDIS_MEMOP_TYPE_MEM ||
        !ZYAN_SUCCESS(ZydisCalcAbsoluteAddressEx(insn, o, regs->rip, &context, &va))) {
        return 0;
    }
    const bool push = o->mem.base == ZYDIS_REGISTER_RSP &&
                      o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN &&
                      (o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
    return push ? va - o->size / 8 : va;
}

/* Makes the memory writable that the instruction at RIP names. False when all of that was writable
 * already. */
static bool allow_instruction(void)
{
    uint8_t code[15];
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    ZydisDecoder decoder;
    ZydisDecodedInstruction insn;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    bool any = false;
    if (__real_ioctl(watched->vcpu_fd, KVM_GET_REGS, &regs) != 0 ||
        __real_ioctl(watched->vcpu_fd, KVM_GET_SREGS, &sregs) != 0 ||
        !ZYAN_SUCCESS(
            ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) ||
        !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code, fetch(regs.rip, code, sizeof(code)),
                                             &insn, operands))) {
        return false;
    }
    for (unsigned i = 0; i < insn.operand_count; i++) {
        const uint64_t va = operand_address(&insn, &operands[i], &regs);
        const uint64_t base = operands[i].mem.segment == ZYDIS_REGISTER_FS ? sregs.fs.base : 0;
        const uint64_t size = operands[i].size < 8 ? 1 : operands[i].size / 8;
        if (va != 0) {
            any |= allow_at(va + base, &regs);
            any |= allow_at(va + base + size - 1, &regs);
        }
    }
    if (!any) {
        fprintf(stderr, "pages: what does the instruction at %llx write?\n",
                (unsigned long long)regs.rip);
    }
    return any;
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
    for (;;) {
        int rc = __real_ioctl(fd, request, arg);
        const int saved = errno;
        if (rc == 0 || errno != EFAULT || request != KVM_RUN || watched == NULL ||
            !allow_instruction()) {
            errno = saved;
            return rc;
        }
    }
}

static _Noreturn void fail(const char *what, const struct vmm_err *err)
{
    fprintf(stderr, "pages: %s: %s\n", what, err->msg);
    exit(1);
}

static const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME=/root",
                                  "LANG=C.UTF-8", NULL};

static void run_once(struct vmm *vm, const struct vmm_run *run)
{
    struct vmm_err err;
    struct vmm_outcome o;
    if (vmm_run(vm, run, &o, &err) < 0) {
        fail("run", &err);
    }
    if (o.kind != VMM_EXITED || o.status != 0) {
        fprintf(stderr, "pages: the run ended with kind %d, status %d: %s\n", o.kind, o.status,
                o.detail);
        exit(1);
    }
}

static struct vmm *restore(struct vmm_snapshot *snap, bool rewindable)
{
    struct vmm_err err;
    struct vmm *vm;
    const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
    if (vmm_restore(snap, &io, rewindable, &vm, &err) < 0) {
        fail("restore", &err);
    }
    return vm;
}

static void first_writers(struct vmm_snapshot *snap, const struct vmm_run *run)
{
    struct vmm *vm = restore(snap, false);
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    (void)sigaction(SIGSEGV, &action, NULL);
    if (vm->ram_size > VMM_MEMORY_DEFAULT) {
        fprintf(stderr, "pages: the guest has more than 1 GiB\n");
        exit(1);
    }
    watched = vm;
    (void)mprotect(vm->ram, vm->ram_size, PROT_READ);
    run_once(vm, run);
    watched = NULL;
    (void)signal(SIGSEGV, SIG_DFL);
    vmm_destroy(vm);
}

static void print_page(const struct vmm *vm, uint64_t gpa)
{
    printf("page %llx", (unsigned long long)gpa);
    for (uint64_t at = gpa; at < gpa + HV_PAGE_SIZE; at += 8) {
        if (memcmp(vm->ram + at, vm->snap->pristine + at, 8) != 0) {
            printf(" %llx", (unsigned long long)(at - gpa));
        }
    }
    putchar('\n');
}

static void hot_set(struct vmm_snapshot *snap, const struct vmm_run *run)
{
    static uint64_t gpas[PAGES_MAX];
    struct vmm_err err;
    size_t count = 0;
    struct vmm *vm = restore(snap, true);
    for (int i = 0; i < WARM_RUNS; i++) {
        if (i != 0 && vmm_rewind(vm, &err) < 0) {
            fail("rewind", &err);
        }
        run_once(vm, run);
    }
    if (vmm_dirty_pages(vm, gpas, PAGES_MAX, &count, &err) < 0) {
        fail("the hot set", &err);
    }
    for (size_t i = 0; i < count && i < PAGES_MAX; i++) {
        print_page(vm, gpas[i]);
    }
    vmm_destroy(vm);
}

static char *read_source(const char *path, size_t *size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = NULL;
    if (fd >= 0 && fstat(fd, &st) == 0) {
        *size = (size_t)st.st_size;
        text = malloc(*size + 1);
    }
    if (text == NULL || os_pread_full(fd, text, *size, 0) != 0) {
        fprintf(stderr, "pages: cannot read %s\n", path);
        exit(1);
    }
    os_close(fd);
    return text;
}

int main(int argc, char **argv)
{
    struct vmm_err err;
    struct vmm_snapshot *snap;
    char snapshot_path[PATH_MAX], initrd_path[PATH_MAX];
    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: pages HOME MODE SOURCE [NAME]\n");
        return 2;
    }
    (void)snprintf(snapshot_path, sizeof(snapshot_path), "%s/snapshot", argv[1]);
    (void)snprintf(initrd_path, sizeof(initrd_path), "%s/initrd.cpio", argv[1]);
    if (vmm_snapshot_open(snapshot_path, initrd_path, NULL, &snap, &err) < 0) {
        fail("open", &err);
    }
    struct vmm_run run = {.mode = atoi(argv[2]),
                          .argv = (const char *const[]){argc == 5 ? argv[4] : "-c", NULL},
                          .env = env,
                          .cwd = "/root"};
    char *text = read_source(argv[3], &run.source_len);
    run.source = text;
    hot_set(snap, &run);
    first_writers(snap, &run);
    free(text);
    vmm_snapshot_close(snap);
    return 0;
}
