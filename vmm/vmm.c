// SPDX-License-Identifier: Apache-2.0
/*
 * The life of a struct vmm outside of its runs: allocation, its streams, interrupts from other
 * threads, the end. This file holds the library's one signal handler, which stops the VM that runs
 * on its thread, if there is one.
 */
#include "snapshot_int.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static _Thread_local struct vmm *volatile kick_target;

static void kick_handler(int sig)
{
    (void)sig;
    struct vmm *vm = kick_target;
    if (vm != NULL) {
        atomic_store(&vm->kicked, 1);
        vm->run->immediate_exit = 1;
    }
}

/* No SA_RESTART: the signal is there to end a call that blocks. */
static void kick_install_once(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = kick_handler;
    sigemptyset(&action.sa_mask);
    (void)sigaction(VMM_SIGNAL, &action, NULL);
}

void vmm_kick_install(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, kick_install_once);
}

/* Outside of runs VMM_SIGNAL is blocked, so that a late one does not cut short the caller's system
 * calls. A signal that is pending when a run begins is delivered before the VM becomes the target,
 * and so is dropped. */
void vmm_kick_target(struct vmm *vm)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, VMM_SIGNAL);
    kick_target = NULL;
    (void)pthread_sigmask(vm != NULL ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
    kick_target = vm;
    atomic_signal_fence(memory_order_seq_cst);
}

void vmm_interrupt(struct vmm *vm, enum vmm_interrupt what)
{
    const int code = errno; /* of the code that a calling signal handler has interrupted */
    outcome_interrupt(vm, (int)what);
    errno = code;
}

void vmm_interrupt_forget(struct vmm *vm)
{
    const int all = 1 << VMM_INTERRUPT_INT | 1 << VMM_INTERRUPT_TERM | 1 << VMM_INTERRUPT_KILL;

    (void)atomic_fetch_and(&vm->interrupts, ~all);
}

void vmm_wake(struct vmm *vm)
{
    outcome_interrupt(vm, INTERRUPT_WAKE);
}

static enum io_way io_way(int fd)
{
    struct stat st;
    const bool known = fd >= 0 && os_fstat(fd, &st) == 0;
    return known && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) ? IO_FILE : IO_NOWAIT;
}

static enum io_way io_output_way(const struct vmm_io *io, int fd)
{
    return io->write != NULL && fd != VMM_FD_CLOSED ? IO_CALL : io_way(fd);
}

void vmm_io_set(struct vmm *vm, const struct vmm_io *io)
{
    vm->io = *io;
    vm->io_ways[0] = io_way(io->stdin_fd);
    vm->io_ways[1] = io_output_way(io, io->stdout_fd);
    vm->io_ways[2] = io_output_way(io, io->stderr_fd);
    terminal_streams(io, &vm->streams);
}

int vmm_alloc(struct vmm **out, const struct policy *policy, const struct vmm_io *io,
              struct vmm_err *err)
{
    struct vmm *vm = calloc(1, sizeof(*vm));
    if (vm == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    vm->policy = policy;
    vm->vm_fd = vm->vcpu_fd = vm->notes.watch = vm->pagemap_fd = -1;
    vmm_io_set(vm, io);
    vmm_kick_install();
    *out = vm;
    return 0;
}

void vmm_destroy(struct vmm *vm)
{
    if (vm == NULL) {
        return;
    }
    if (vm->state == VMM_STATE_CALLED) {
        calls_end_run(vm);
    }
    toolcalls_free(vm);
    kvm_vm_destroy(vm);
    os_unmap(vm->ram, vm->ram_size);
    if (vm->snap == NULL || vm->initrd.map != vm->snap->initrd.map) {
        mem_initrd_unmap(&vm->initrd); /* else it is the snapshot's mapping */
    }
    vmm_snapshot_close(vm->snap);
    vmm_snapshot_close(vm->origin);
    hot_destroy(vm);
    workset_notes_free(vm);
    os_unmap(vm->watch, vm->ram_size / HV_PAGE_SIZE / 8);
    os_close(vm->pagemap_fd);
    free(vm->frame.head);
    free(vm->files.dir);
    free(vm);
}
