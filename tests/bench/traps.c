// SPDX-License-Identifier: Apache-2.0
/*
 * traps KERNEL: what events cost on this machine, as a Markdown table. Events of a VM are measured
 * in the tiny guests of trapguest/, so their rows do not depend on the product's guest kernel.
 * Events of the host are there to compare with. The figures are printed, not judged.
 */
#include "vmm/abi.h"
#include "vmm/vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS      9
#define MEMORY      (32ull << 20)
#define TIMEOUT     20000000000ull
#define SOURCE_SIZE (1u << 20)

struct bench {
    struct vmm_snapshot *snap;
    char initrd[64];
    int out; /* what guests print */
};

enum vm_kind { RESTORED, REWINDABLE };

/* The cases of a row run one after the other in one VM. The row's figure is what the last one
 * prints. */
struct guest_row {
    const char *what;
    enum vm_kind kind;
    const char *cases[3];
};

static const struct guest_row guest_rows[] = {
    {"VM exit: `out` at CPL 3 to the VMM and back", RESTORED, {"doorbell"}},
    {"trapped `syscall` at CPL 3, to the stub and back", RESTORED, {"syscall"}},
    {"exception at CPL 3 (`ud2`), to a handler and back", RESTORED, {"exception"}},
    {"page fault answered by the guest: entry written, page mapped", RESTORED, {"fault"}},
    {"`cpuid`", RESTORED, {"cpuid"}},
    {"first read of a page of the mapped snapshot", RESTORED, {"read"}},
    {"first write to such a page, read before", RESTORED, {"read", "write"}},
    {"first write to such a page, never read", RESTORED, {"write"}},
    {"first write under dirty log to such a page, read before", REWINDABLE, {"read", "write"}},
    {"first write under dirty log to such a page, never read", REWINDABLE, {"write"}},
    {"first write to a page that the host has written, in order", RESTORED, {"fill", "write"}},
    {"the same, scattered", RESTORED, {"fill", "scatter"}},
    {"touch of a page that is mapped", RESTORED, {"write", "write"}},
};

static struct vmm_err err;

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "traps: %s: %s\n", what, err.code ? err.msg : strerror(errno));
    exit(1);
}

static void must(int r, const char *what)
{
    if (r < 0) {
        give_up(what);
    }
}

static double now_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void cell(double ns)
{
    if (ns >= 1e6) {
        printf(" %.2f ms |", ns / 1e6);
    } else if (ns >= 1e3) {
        printf(" %.2f µs |", ns / 1e3);
    } else {
        printf(" %.0f ns |", ns);
    }
}

/* Prints a row: median and least of ROUNDS times. Other work on the machine disturbs the least time
 * least. */
static void row(const char *what, double *times)
{
    qsort(times, ROUNDS, sizeof(*times), compare);
    printf("| %s |", what);
    cell(times[ROUNDS / 2]);
    cell(times[0]);
    putchar('\n');
}

/* Runs one case. "fill" copies the run's source; argv[1] says where in the frame that begins. */
static void guest_case(struct vmm *vm, const char *name)
{
    static char source[SOURCE_SIZE];
    const char *const argv[] = {name, "1024", NULL}, *const env[] = {NULL};
    const struct vmm_run run = {
        .argv = argv,
        .env = env,
        .cwd = "/",
        .source = memset(source, 'x', sizeof(source)),
        .source_len = sizeof(source),
        .timeout_ns = TIMEOUT,
    };
    struct vmm_outcome outcome;
    must(vmm_run(vm, &run, &outcome, &err), name);
    if (outcome.kind != VMM_READY && outcome.kind != VMM_EXITED) {
        fprintf(stderr, "traps: case %s ended as %d: %s\n", name, (int)outcome.kind,
                outcome.detail);
        exit(1);
    }
}

static struct vmm *restored(const struct bench *bench, enum vm_kind kind)
{
    const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = bench->out, .stderr_fd = -1};
    struct vmm *vm;
    must(vmm_restore(bench->snap, &io, kind == REWINDABLE, &vm, &err), "restore");
    return vm;
}

static double guest_measure(const struct bench *bench, const struct guest_row *r)
{
    char text[64] = "";
    struct vmm *vm = restored(bench, r->kind);
    for (size_t i = 0; i < 3 && r->cases[i] != NULL; i++) {
        must(ftruncate(bench->out, 0), "ftruncate");
        must((int)lseek(bench->out, 0, SEEK_SET), "lseek");
        guest_case(vm, r->cases[i]);
    }
    vmm_destroy(vm);
    if (pread(bench->out, text, sizeof(text) - 1, 0) <= 0) {
        give_up(r->what);
    }
    return strtod(text, NULL);
}

static void guest_table(const struct bench *bench)
{
    double times[ROUNDS];
    for (size_t i = 0; i < sizeof(guest_rows) / sizeof(guest_rows[0]); i++) {
        for (int n = 0; n < ROUNDS; n++) {
            times[n] = guest_measure(bench, &guest_rows[i]);
        }
        row(guest_rows[i].what, times);
    }
}

/* Makes the snapshot of a machine that has written the area. */
static void bench_open(struct bench *bench, const char *kernel)
{
    const char *dir = getenv("TMPDIR");
    struct vmm_config config = {.kernel_path = kernel,
                                .initrd_path = bench->initrd,
                                .memory = MEMORY,
                                .io = {.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1}};
    struct vmm *vm;
    struct vmm_outcome outcome;
    const struct vmm_key key = {0};
    char page[4096] = "initrd";
    int fd = memfd_create("initrd", 0);
    int file = open(dir != NULL ? dir : "/tmp", O_TMPFILE | O_RDWR, 0600);
    bench->out = memfd_create("out", 0);
    if (fd < 0 || file < 0 || bench->out < 0 || write(fd, page, sizeof(page)) != sizeof(page)) {
        give_up("scratch files");
    }
    (void)snprintf(bench->initrd, sizeof(bench->initrd), "/proc/self/fd/%d", fd);
    must(vmm_create(&config, &vm, &err), "create");
    must(vmm_start(vm, TIMEOUT, &outcome, &err), "start");
    if (outcome.kind != VMM_READY) {
        (void)vmm_err_set(&err, EIO, "ended as %d: %s", (int)outcome.kind, outcome.detail);
        give_up("start");
    }
    guest_case(vm, "fill");
    must(vmm_snapshot_write(vm, file, &key, &err), "snapshot");
    vmm_destroy(vm);
    must(vmm_snapshot_open_fd(file, bench->initrd, &key, &bench->snap, &err), "open");
    close(file);
}

static double vm_life(const struct bench *bench)
{
    const double began = now_ns();
    struct vmm *vm = restored(bench, RESTORED);
    guest_case(vm, "exit");
    vmm_destroy(vm);
    return now_ns() - began;
}

static double kvm_life(const struct bench *bench)
{
    (void)bench;
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    const double began = now_ns();
    int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    must(vcpu, "KVM_CREATE_VCPU");
    close(vcpu);
    close(vm);
    const double took = now_ns() - began;
    close(kvm);
    return took;
}

static double host_call(const struct bench *bench)
{
    (void)bench;
    const double began = now_ns();
    for (int i = 0; i < 100000; i++) {
        (void)syscall(SYS_getppid);
    }
    return (now_ns() - began) / 100000;
}

/* The nanoseconds of a page fault of the host. Each fault brings a new (anonymous) page, or a copy
 * of a page of a private file mapping. */
static double host_faults(size_t pages, int fd)
{
    char *p = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    if (p == MAP_FAILED || (madvise(p, pages * 4096, MADV_NOHUGEPAGE) < 0 && errno != EINVAL)) {
        give_up("mmap");
    }
    const double began = now_ns();
    for (size_t i = 0; i < pages; i++) {
        *(volatile char *)(p + i * 4096) = 1;
    }
    const double took = (now_ns() - began) / (double)pages;
    (void)munmap(p, pages * 4096);
    return took;
}

static double host_fault(const struct bench *bench)
{
    (void)bench;
    return host_faults(2048, -1);
}

static double host_copy(const struct bench *bench)
{
    (void)bench;
    static char zeros[1 << 20];
    int fd = memfd_create("pages", MFD_CLOEXEC);
    if (write(fd, zeros, sizeof(zeros)) != sizeof(zeros)) {
        give_up("memfd");
    }
    const double took = host_faults(256, fd);
    close(fd);
    return took;
}

static double host_spawn(const struct bench *bench)
{
    (void)bench;
    const double began = now_ns();
    pid_t pid = fork();
    int status = 0;
    if (pid == 0) {
        (void)execl("/bin/true", "true", (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        give_up("/bin/true");
    }
    return now_ns() - began;
}

static const struct {
    const char *what;
    double (*measure)(const struct bench *bench);
} host_rows[] = {
    {"`KVM_CREATE_VM`, `KVM_CREATE_VCPU`, both closed", kvm_life},
    {"the smallest VM restored, run and destroyed", vm_life},
    {"host: system call (`getppid`)", host_call},
    {"host: page fault, anonymous", host_fault},
    {"host: page fault, private copy of a file's page", host_copy},
    {"host: fork, exec and wait of `/bin/true`", host_spawn},
};

static void host_table(const struct bench *bench)
{
    double times[ROUNDS];
    for (size_t i = 0; i < sizeof(host_rows) / sizeof(host_rows[0]); i++) {
        for (int n = 0; n < ROUNDS; n++) {
            times[n] = host_rows[i].measure(bench);
        }
        row(host_rows[i].what, times);
    }
}

/* The speed of memcpy. 1 MiB, about what a rewind copies, fits into a cache. */
static void copy_row(const char *what, size_t size)
{
    double times[ROUNDS];
    char *from = malloc(size), *to = malloc(size);
    if (from == NULL || to == NULL) {
        give_up("malloc");
    }
    memset(from, 1, size);
    memset(to, 2, size);
    for (int n = 0; n < ROUNDS; n++) {
        const double began = now_ns();
        memcpy(to, from, size);
        times[n] = now_ns() - began;
        from[(unsigned char)to[size / 2]] = (char)n; /* so that no copy is optimised away */
    }
    qsort(times, ROUNDS, sizeof(*times), compare);
    printf("| %s | %.1f GB/s | %.1f GB/s |\n", what, (double)size / times[ROUNDS / 2],
           (double)size / times[0]);
    free(from);
    free(to);
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    if (argc != 2) {
        fputs("usage: traps KERNEL\n", stderr);
        return 2;
    }
    bench_open(&bench, argv[1]);
    puts("| event | median | least |\n| --- | --- | --- |");
    guest_table(&bench);
    host_table(&bench);
    copy_row("host: memcpy of 1 MiB", 1 << 20);
    copy_row("host: memcpy of 64 MiB", 64 << 20);
    vmm_snapshot_close(bench.snap);
    return 0;
}
