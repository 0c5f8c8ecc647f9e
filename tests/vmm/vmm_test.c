// SPDX-License-Identifier: Apache-2.0
/*
 * vmm_test [DIRECTORY [NAME...]]: runs the tests of libvmm on the tiny kernels in DIRECTORY, all or
 * those named. Each test runs in a process of its own, so that a test that dies is one that failed.
 * Prints `ok NAME` lines and the sum. With --list in place of a name it prints the names.
 */
#include "vt.h"

#include "vmm/vmm_int.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TEST_SECONDS 60 /* a test, unless TEST_TIMEOUT in the environment says otherwise */

char vt_kernel[256];
char vt_kernel_other[256];
char vt_initrd[64];
struct vmm_io vt_no_io = {.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};

static const struct vt_test *const suites[] = {
    vt_abi_tests,        vt_outcome_tests,  vt_io_tests,       vt_write_tests,    vt_bounds_tests,
    vt_streams_tests,    vt_time_tests,     vt_kernel_tests,   vt_snapshot_tests, vt_rewind_tests,
    vt_slots_tests,      vt_scale_tests,    vt_policy_tests,   vt_workset_tests,  vt_patch_tests,
    vt_freed_tests,      vt_fault_tests,    vt_counters_tests, vt_ring0_tests,    vt_high_tests,
    vt_discard_tests,    vt_infile_tests,   vt_renew_tests,    vt_jail_tests,     vt_jail_vm_tests,
    vt_turns_tests,      vt_handles_tests,  vt_record_tests,   vt_tools_tests,    vt_called_tests,
    vt_checkpoint_tests, vt_takeover_tests, vt_trees_tests,    vt_files_tests,    vt_limit_tests,
    vt_handover_tests,
};

void vt_fail(const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    printf("  %s:%d: ", file, line);
    vprintf(fmt, ap);
    printf("\n");
    va_end(ap);
    fflush(stdout);
    _exit(1);
}

uint64_t vt_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int vt_memfd(const char *content, size_t size)
{
    int fd = memfd_create("vmm_test", MFD_CLOEXEC);
    CHECK(fd >= 0);
    CHECK(write(fd, content, size) == (ssize_t)size);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

char *vt_content(int fd, size_t *size)
{
    off_t end = lseek(fd, 0, SEEK_END);
    CHECK(end >= 0);
    char *text = malloc((size_t)end + 1);
    CHECK(text != NULL && pread(fd, text, (size_t)end, 0) == (ssize_t)end);
    text[end] = '\0';
    if (size != NULL) {
        *size = (size_t)end;
    }
    return text;
}

struct vmm *vt_boot(const struct vmm_io *io)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_outcome outcome;
    const struct vmm_config config = {
        .kernel_path = vt_kernel, .initrd_path = vt_initrd, .memory = VMM_MEMORY_MIN, .io = *io};
    OK(vmm_create(&config, &vm, &err));
    OK(vmm_start(vm, VT_TIMEOUT, &outcome, &err));
    IS(outcome, VMM_READY, 0, "");
    return vm;
}

struct vmm_outcome vt_run_for(struct vmm *vm, const char *name, const char *arg,
                              uint64_t timeout_ns)
{
    struct vmm_err err;
    struct vmm_outcome outcome;
    const char *const argv[] = {name, arg, NULL};
    const char *const env[] = {"A=1", NULL};
    const struct vmm_run run = {
        .mode = HV_RUN_EXEC, .argv = argv, .env = env, .cwd = "/", .timeout_ns = timeout_ns};
    OK(vmm_run(vm, &run, &outcome, &err));
    return outcome;
}

struct vmm_outcome vt_run(struct vmm *vm, const char *name, const char *arg)
{
    return vt_run_for(vm, name, arg, VT_TIMEOUT);
}

void vt_stuck(struct vmm *vm, const char *name, const char *arg)
{
    const uint64_t start = vt_now();
    IS(vt_run_for(vm, name, arg, VT_SHORT), VMM_TIMEOUT, 0, "out of time");
    CHECK(vt_now() - start < VT_SHORT + VT_LATE);
    vmm_destroy(vm);
}

struct vmm_outcome vt_once(const char *name, const char *arg)
{
    struct vmm *vm = vt_boot(&vt_no_io);
    struct vmm_outcome outcome = vt_run(vm, name, arg);
    vmm_destroy(vm);
    return outcome;
}

void vt_is(const char *file, int line, const struct vmm_outcome *o, enum vmm_outcome_kind kind,
           int status, const char *words)
{
    if (o->kind != kind || o->status != status || strstr(o->detail, words) == NULL) {
        vt_fail(file, line, "outcome %d status %d (%s), not %d status %d (%s)", (int)o->kind,
                o->status, o->detail, (int)kind, status, words);
    }
}

int vt_snapshot(const struct vmm_key *key)
{
    struct vmm_err err;
    int fd = vt_memfd("", 0);
    struct vmm *vm = vt_boot(&vt_no_io);
    *(uint8_t *)mem_write_ptr(vm, VT_FIRST - 1, 1) = 1; /* so writes after VT_FIRST have a log */
    OK(vmm_snapshot_write(vm, fd, key, &err));
    vmm_destroy(vm);
    return fd;
}

struct vmm_snapshot *vt_snapshot_open(void)
{
    struct vmm_err err;
    struct vmm_snapshot *snap;
    const struct vmm_key key = {{1, 2, 3}};
    int fd = vt_snapshot(&key);
    OK(vmm_snapshot_open_fd(fd, vt_initrd, &key, &snap, &err));
    close(fd);
    return snap;
}

void vt_policy_fit(struct policy *policy)
{
    const struct policy *host = policy_host();
    policy->features_of_cpu = host->features_of_cpu;
    policy->tss_available = host->tss_available;
    policy->nested_paging = policy->nested_paging && host->nested_paging;
    /* false is right on kvm-pvm only. */
    policy->ring0_always = policy->ring0_always || host->ring0_always;
    policy->settle_always = policy->settle_always || host->settle_always;
}

struct vmm_snapshot *vt_snapshot_sized(uint64_t memory, hv_gpa_t data)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_outcome o;
    struct vmm_snapshot *snap;
    const struct vmm_config config = {
        .kernel_path = vt_kernel, .initrd_path = vt_initrd, .memory = memory, .io = vt_no_io};
    OK(vmm_create(&config, &vm, &err));
    OK(vmm_start(vm, VT_TIMEOUT, &o, &err));
    if (data > 0) {
        *(uint8_t *)mem_write_ptr(vm, data - 1, 1) = 1;
    }
    int fd = vt_memfd("", 0);
    OK(vmm_snapshot_write(vm, fd, &(struct vmm_key){{0}}, &err));
    vmm_destroy(vm);
    OK(vmm_snapshot_open_fd(fd, vt_initrd, NULL, &snap, &err));
    close(fd);
    return snap;
}

uint64_t vt_walked_tables(void)
{
    return policy_host()->nested_paging ? 6 : 0;
}

static void make_initrd(void)
{
    char bytes[VT_INITRD_SIZE];
    memset(bytes, 1, sizeof(bytes));
    int fd = memfd_create("initrd", 0);
    if (fd < 0 || write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes)) {
        perror("memfd");
        exit(1);
    }
    snprintf(vt_initrd, sizeof(vt_initrd), "/proc/self/fd/%d", fd);
}

static unsigned test_seconds(void)
{
    const char *text = getenv("TEST_TIMEOUT");
    const int seconds = text != NULL ? atoi(text) : 0;
    return seconds > 0 ? (unsigned)seconds : TEST_SECONDS;
}

/* What a test says stands under its line. */
static bool run_test(const struct vt_test *test)
{
    fflush(stdout);
    int said = memfd_create("said", MFD_CLOEXEC);
    const uint64_t start = vt_now();
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(said, STDOUT_FILENO);
        alarm(test_seconds());
        test->fn();
        fflush(stdout);
        _exit(0);
    }
    int status = 0;
    if (said < 0 || pid < 0 || waitpid(pid, &status, 0) != pid) {
        perror("fork");
        return false;
    }
    const bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    printf("%s %s (%llu ms)\n", ok ? "ok" : "FAILED", test->name,
           (unsigned long long)((vt_now() - start) / 1000000));
    if (WIFSIGNALED(status)) {
        printf("  killed by signal %d\n", WTERMSIG(status));
    }
    char *text = vt_content(said, NULL);
    printf("%s", text);
    free(text);
    close(said);
    return ok;
}

static bool is_word(const char *name, char **words)
{
    while (*words != NULL && strcmp(*words, name) != 0) {
        words++;
    }
    return *words != NULL;
}

/* Runs those of the tests that are named, or all; with list it prints their names. */
static void run_suite(const struct vt_test *tests, char **names, bool list, unsigned *passed,
                      unsigned *failed)
{
    for (const struct vt_test *t = tests; t->name != NULL; t++) {
        if (list) {
            printf("%s\n", t->name);
        } else if (*names == NULL || is_word(t->name, names)) {
            *(run_test(t) ? passed : failed) += 1;
        }
    }
}

/* The first of the names that no test has, or NULL. */
static const char *unknown_name(char **names)
{
    for (; *names != NULL; names++) {
        bool known = false;
        for (size_t i = 0; !known && i < sizeof(suites) / sizeof(suites[0]); i++) {
            for (const struct vt_test *t = suites[i]; !known && t->name != NULL; t++) {
                known = strcmp(t->name, *names) == 0;
            }
        }
        if (!known) {
            return *names;
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "build/tests/vmm";
    char **names = argv + (argc > 2 ? 2 : argc);
    const bool list = *names != NULL && strcmp(*names, "--list") == 0;
    const char *unknown = list ? NULL : unknown_name(names);
    if (unknown != NULL) {
        fprintf(stderr, "vmm_test: there is no test '%s'; --list names them all\n", unknown);
        return 2;
    }
    snprintf(vt_kernel, sizeof(vt_kernel), "%s/kernel-HV_ABI_VERSION", dir);
    snprintf(vt_kernel_other, sizeof(vt_kernel_other), "%s/kernel-99", dir);
    make_initrd();
    unsigned passed = 0;
    unsigned failed = 0;
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
        run_suite(suites[i], names, list, &passed, &failed);
    }
    if (list) {
        return 0;
    }
    printf("%u passed, %u failed, 0 skipped\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
