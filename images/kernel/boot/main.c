// SPDX-License-Identifier: Apache-2.0
/*
 * From the first instruction to the first program: sets up memory, CPU state and the root file
 * system, then asks the host what to run, and executes that as the first process.
 */
#include "cpu/cpu.h"
#include "mm/mm.h"
#include "net/socket.h"
#include "proc/proc.h"
#include "../runframe.h"

#define FRAME_MAX (4ul << 20)

void kernel_main(void);

static struct thread boot_thread;

static void boot_check(const struct hv_shared *s)
{
    if (s->magic != HV_SHARED_MAGIC || s->version != HV_ABI_VERSION) {
        panic("the VMM speaks ABI version %u, this kernel %d", s->version, HV_ABI_VERSION);
    }
    if (s->kernel_end < (u64)__kernel_end) {
        panic("the VMM loaded the kernel up to %#lx only, not %#lx", s->kernel_end,
              (u64)__kernel_end);
    }
}

/* Waits for a run and reads its whole frame (vmm/abi.h) into kernel memory. */
static void *read_frame(u64 *size)
{
    char *frame = kmalloc(PAGE_SIZE);
    *size = frame != NULL ? run_next(frame, PAGE_SIZE) : 0;
    if (*size > PAGE_SIZE) {
        if (*size > FRAME_MAX) {
            panic("a run frame of %lu bytes is more than the kernel takes", *size);
        }
        frame = krealloc(frame, *size);
        for (u64 at = PAGE_SIZE; frame != NULL && at < *size;) {
            s64 n = hv_call(HV_CALL_FRAME, at, (u64)frame + at, *size - at);
            if (n <= 0) {
                panic("the run frame ended early");
            }
            at += (u64)n;
        }
    }
    if (frame == NULL) {
        panic("no memory for the run frame");
    }
    const char *wrong = runframe_check(frame, *size);
    if (wrong != NULL) {
        panic("bad run frame: %s", wrong);
    }
    return frame;
}

static char **string_list(void *frame, u64 size, u32 kind)
{
    size_t count = runframe_strings(frame, size, kind, NULL, 0);
    char **list = kmalloc((count + 1) * sizeof(char *));
    if (list == NULL) {
        panic("no memory for the program's arguments");
    }
    runframe_strings(frame, size, kind, list, count);
    list[count] = NULL;
    return list;
}

/* The host has checked the size. What is more than there is fails where it is allocated. */
static u64 stack_size(const void *frame, u64 size)
{
    u64 bytes;
    size_t length;
    const char *record = runframe_bytes(frame, size, HV_RECORD_STACK, &length);
    if (length != sizeof(bytes)) {
        return HV_STACK_DEFAULT;
    }
    memcpy(&bytes, record, sizeof(bytes));
    return bytes;
}

static void fatal_exec(const char *path, int error)
{
    char msg[160];
    snprintf(msg, sizeof(msg), "pyhl: cannot run %s: %s\n", path,
             error == -ENOENT    ? "no such file in the image"
             : error == -EACCES  ? "not an executable file"
             : error == -ENOEXEC ? "not an x86-64 ELF program"
             : error == -ENOMEM  ? "not enough guest memory"
             : error == -E2BIG   ? "its arguments and environment are too long"
                                 : "error");
    hv_console_write(2, msg, strlen(msg));
    hv_exit(HV_EXIT_STATUS, error == -ENOENT ? 127 : 126, NULL);
}

static void init_thread(struct process *p)
{
    u64 size;
    size_t cwd_len;
    void *frame = read_frame(&size);
    char **argv = string_list(frame, size, HV_RECORD_ARGV);
    char **envp = string_list(frame, size, HV_RECORD_ENV);
    const char *cwd = runframe_bytes(frame, size, HV_RECORD_CWD, &cwd_len);
    if (runframe_mode(frame) != HV_RUN_EXEC || argv[0] == NULL || cwd_len == 0) {
        panic("the first run of an image must name a program and its directory");
    }
    struct trapframe tf;
    if (fs_chdir_create(cwd)) {
        panic("cannot make the working directory %s", cwd);
    }
    process_stack(p, stack_size(frame, size));
    int rc = exec_load(p, argv[0], argv, envp, &tf);
    if (rc) {
        fatal_exec(argv[0], rc);
    }
    kfree(argv);
    kfree(envp);
    kfree(frame);
    struct thread *t = current;
    *t->tf = tf;
    xstate_init(t->xstate);
    xstate_restore(t->xstate);
    cpu_wrfsbase(0);
    cpu_wrgsbase(0);
}

/* Runs on the first thread's own kernel stack; returning goes to user_return. */
static void init_entry(void)
{
    init_thread(cur_proc());
    user_return_work(current->tf);
}

static void start_init(void)
{
    struct process *p;
    struct trapframe tf = {0};
    struct thread *t = NULL;
    if (process_create(&p) || fs_context_create(&p->fs) || console_fdtable(&p->fds) ||
        mm_create(&p->mm) || (t = thread_create(p)) == NULL || thread_context(t, &tf, NULL)) {
        panic("no memory for the first process");
    }
    cpu_thread_call(t, init_entry);
    p->exe = NULL;
    thread_start(t);
    current = &boot_thread;
    schedule();
}

void kernel_main(void)
{
    struct hv_shared *s = hv_shared();
    extern void trap_entry(void);
    s->upcall_entry = (u64)trap_entry;
    boot_check(s);
    hv_trace_enabled = s->boot_flags & HV_RESUME_TRACE;
    pmm_init(s);
    pt_init(s);
    cpu_setup(syscall_entry, user_return);
    sites_init(syscall_entry_call);
    stackpool_init();
    boot_thread.state = THREAD_DEAD;
    current = &boot_thread;
    fs_init(s->initrd_gpa, s->initrd_size);
    net_init();
    sched_restored = run_resumed;
    process_drop_files = inherit_drop;
    start_init();
    panic("the first thread came back");
}
