// SPDX-License-Identifier: Apache-2.0
/*
 * pyhl boot: runs any program of any image, without a home. With --repeat the booted VM is saved as
 * a snapshot in memory, and each iteration begins from the same state: restored or rewound.
 */
#include "child.h"
#include "deadline.h"
#include "program.h"
#include "report.h"
#include "session.h"
#include "vmm/abi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct boot_options {
    const char *initrd, *code;
    uint64_t memory, stack, repeat, timeout_ns, cpu_ns, max_output;
    struct opt_list env;
    bool deterministic, trace, quiet;
    unsigned verbose;
};

static const struct opt boot_opts[] = {
    {.name = "initrd",
     .kind = OPT_TEXT,
     .offset = offsetof(struct boot_options, initrd),
     .arg = "CPIO",
     .help = "the guest's root, a newc CPIO; required with a KERNEL"},
    {.letter = 'e',
     .kind = OPT_TEXT,
     .offset = offsetof(struct boot_options, code),
     .arg = "CODE",
     .help = "run this by the image's interpreter; the ARGS are the code's"},
    {.name = "memory",
     .kind = OPT_SIZE,
     .offset = offsetof(struct boot_options, memory),
     .arg = "SIZE",
     .help = "guest memory (else the image's, 1G)"},
    {.letter = 'm',
     .kind = OPT_MIB,
     .offset = offsetof(struct boot_options, memory),
     .arg = "MIB",
     .help = "the same; a number without a unit is MiB"},
    {.name = "stack",
     .kind = OPT_SIZE,
     .offset = offsetof(struct boot_options, stack),
     .arg = "SIZE",
     .help = "the program's stack (8M)"},
    {.name = "repeat",
     .kind = OPT_COUNT,
     .offset = offsetof(struct boot_options, repeat),
     .arg = "N",
     .help = "N more iterations, each from the freshly booted VM"},
    {.name = "timeout",
     .kind = OPT_SECONDS,
     .offset = offsetof(struct boot_options, timeout_ns),
     .arg = "SECONDS",
     .help = "end an iteration after so long, with exit status 124"},
    {.name = "cpu",
     .kind = OPT_SECONDS,
     .offset = offsetof(struct boot_options, cpu_ns),
     .arg = "SECONDS",
     .help = "end an iteration that takes more CPU time, with exit status 152"},
    {.name = "output-limit",
     .kind = OPT_SIZE,
     .offset = offsetof(struct boot_options, max_output),
     .arg = "SIZE",
     .help = "end an iteration that writes more, with exit status 153"},
    {.name = "max-output",
     .kind = OPT_SIZE,
     .offset = offsetof(struct boot_options, max_output),
     .arg = "SIZE",
     .help = "the older name of --output-limit"},
    {.name = "env",
     .kind = OPT_ENV,
     .offset = offsetof(struct boot_options, env),
     .arg = "KEY=VALUE",
     .help = "set in the program's environment; repeatable"},
    {.name = "deterministic",
     .kind = OPT_FLAG,
     .offset = offsetof(struct boot_options, deterministic),
     .help = "the same random numbers in every run"},
    {.letter = 'q',
     .kind = OPT_FLAG,
     .offset = offsetof(struct boot_options, quiet),
     .help = "say nothing of a program that was stopped or killed"},
    {.letter = 'v',
     .kind = OPT_TALLY,
     .offset = offsetof(struct boot_options, verbose),
     .help = "times and status of each iteration on standard error; -vv: counts, too"},
    {.name = "trace",
     .kind = OPT_FLAG,
     .offset = offsetof(struct boot_options, trace),
     .help = "system calls, as strace shows them, on standard error"},
    OPT_END,
};

/* Runs guest code for the first time: this process must be in jail. */
static int boot_start(struct vmm *vm, const struct vmm_config *config, uint64_t timeout_ns,
                      struct vmm_err *err)
{
    struct vmm_outcome outcome;

    if (vmm_start(vm, timeout_ns, &outcome, err) < 0) {
        return -err->code;
    }
    if (outcome.kind == VMM_TIMEOUT) {
        return vmm_err_set(err, ETIMEDOUT,
                           "stopped: --timeout of %g s is over, and the kernel was not up",
                           (double)timeout_ns / 1e9);
    }
    if (outcome.kind == VMM_OOM) {
        return vmm_err_set(err, ENOMEM, "%llu MiB are too little for this image; see --memory",
                           (unsigned long long)(config->memory >> 20));
    }
    if (outcome.kind != VMM_READY) {
        return vmm_err_set(err, EIO, "the kernel did not start: %s",
                           outcome.detail[0] ? outcome.detail : "it ended without a message");
    }
    return 0;
}

/* What a child needs to leave a snapshot of the booted VM. */
struct boot_job {
    const struct vmm_config *config;
    uint64_t timeout_ns;
    int fd;
};

static void boot_in_child(void *arg, int report)
{
    const struct boot_job *job = arg;
    const int outputs[] = {STDOUT_FILENO, STDERR_FILENO, report};
    const struct vmm_key key = {0}; /* no key: the snapshot never leaves this process */
    struct vmm *vm = NULL;
    struct vmm_err err;
    int rc = vmm_create(job->config, &vm, &err);

    if (rc == 0) {
        rc = child_jail(vm, outputs, sizeof(outputs) / sizeof(outputs[0]), job->fd, &err);
    }
    if (rc == 0) {
        rc = boot_start(vm, job->config, job->timeout_ns, &err);
    }
    if (rc == 0) {
        rc = vmm_snapshot_write(vm, job->fd, &key, &err);
    }
    child_tell(report, rc, &err, NULL);
    vmm_destroy(vm);
}

/* For --repeat: makes a VM from a snapshot of the booted one. A child process made that snapshot,
 * because a process in jail cannot make a second VM. */
static int restore_booted(const struct vmm_config *config, uint64_t timeout_ns, struct vmm **vm,
                          struct vmm_snapshot **snap, struct vmm_err *err)
{
    struct boot_job job = {config, timeout_ns, memfd_create("pyhl-boot", MFD_CLOEXEC)};
    int initrd_fd = open(config->initrd_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct child child = {0};
    int rc;

    if (job.fd < 0) {
        rc = vmm_err_set(err, errno, "memfd_create: %s", strerror(errno));
    } else if (initrd_fd < 0) {
        rc = vmm_err_set(err, errno, "%s: %s", config->initrd_path, strerror(errno));
    } else {
        rc = child_start(&child, boot_in_child, &job, &job.fd, 1, err);
    }
    if (rc == 0) {
        rc = child_step(&child, NULL, err);
    }
    child_end(&child);
    if (rc == 0) {
        rc = vmm_snapshot_open_fds(job.fd, initrd_fd, NULL, snap, err);
    }
    if (rc == 0) {
        rc = vmm_restore(*snap, &config->io, true, vm, err);
    }
    if (initrd_fd >= 0) {
        close(initrd_fd);
    }
    if (job.fd >= 0) {
        close(job.fd);
    }
    return rc;
}

static int boot_session(struct session *session, const struct vmm_config *config,
                        struct vmm_snapshot **snap)
{
    const uint64_t timeout_ns = session->run.timeout_ns;
    struct vmm_err err = {0};
    int rc = deadline_begin(timeout_ns, &err);

    if (rc == 0) {
        rc = session->repeat > 0 ? restore_booted(config, timeout_ns, &session->vm, snap, &err)
                                 : vmm_create(config, &session->vm, &err);
    }
    if (rc == 0 && session_begin(session, NULL) != CMD_OK) {
        return CMD_FAILED;
    }
    if (rc == 0 && session->repeat == 0) {
        rc = boot_start(session->vm, config, timeout_ns, &err);
    }
    if (rc == 0) {
        return session_run(session);
    }
    (void)cmd_fail(session->cmd, &err);
    return rc == -ETIMEDOUT ? CMD_TIMEOUT : CMD_FAILED;
}

static int boot_program(const struct cmd *cmd, const struct boot_options *options,
                        const struct program *program, const char **env)
{
    struct vmm_config config = {
        .kernel_path = program->kernel,
        .initrd_path = program->initrd,
        .memory = options->memory,
        .trace = options->trace,
        .io = session_io(),
    };
    struct session session = {
        .cmd = cmd,
        .repeat = options->repeat,
        .quiet = options->quiet,
        .memory = options->memory,
        .verbose = options->verbose,
        .run = {.mode = HV_RUN_EXEC,
                .argv = program->argv,
                .env = env,
                .cwd = "/",
                .stack = options->stack,
                .timeout_ns = options->timeout_ns,
                .cpu_ns = options->cpu_ns,
                .max_output = options->max_output,
                .grace_ns = PYHL_GRACE_NS,
                .deterministic = options->deterministic,
                .trace = options->trace},
    };
    struct vmm_snapshot *snap = NULL;
    int status = boot_session(&session, &config, &snap);

    vmm_destroy(session.vm);
    vmm_snapshot_close(snap);
    return status;
}

/* Runs what the command line has named, in this environment. */
static int boot_found(const struct cmd *cmd, struct boot_options *options,
                      const struct program *program)
{
    const char **env = session_env(&options->env, false);
    int status;

    if (env == NULL) {
        return cmd_fail(cmd, &(struct vmm_err){.code = ENOMEM, .msg = "out of memory"});
    }
    if (options->memory == 0) {
        options->memory = program->memory ? program->memory : VMM_MEMORY_DEFAULT;
    }
    if (options->stack >= options->memory) {
        status = cmd_usage(cmd, "--stack %s: more than the guest memory has, %s; see --memory",
                           report_size(options->stack).s, report_size(options->memory).s);
    } else {
        status = boot_program(cmd, options, program, env);
    }
    free(env);
    return status;
}

static int boot_main(const struct cmd *cmd, int argc, char **argv)
{
    struct boot_options options = {0};
    struct vmm_err err = {0};
    struct program program;
    struct opt_words words;
    int status;

    if (!cmd_parse(cmd, argc, argv, &options, &words, &status)) {
        return status;
    }
    if (options.quiet && options.verbose) {
        return cmd_usage(cmd, "-q and -v: give one of them");
    }
    if (options.stack && options.stack < VMM_STACK_MIN) {
        return cmd_usage(cmd, "--stack %s: give %llu KiB or more", report_size(options.stack).s,
                         VMM_STACK_MIN >> 10);
    }
    status = cmd_close_inherited(cmd);
    if (status != CMD_OK) {
        return status;
    }
    if (program_find(&words, options.initrd, options.code, &program, &err) == 0) {
        status = boot_found(cmd, &options, &program);
    } else {
        status = err.code == EINVAL ? cmd_usage(cmd, "%s", err.msg) : cmd_fail(cmd, &err);
    }
    program_free(&program);
    free(options.env.items);
    free(words.items);
    return status;
}

const struct cmd cmd_boot = {
    .name = "boot",
    .summary = "Boots a kernel and runs a program of an image",
    .synopsis = "boot [OPTIONS] DIR [-e CODE [ARGS...] | -- PROGRAM [ARGS...]]\n"
                "boot [OPTIONS] KERNEL --initrd CPIO [-e CODE [ARGS...] | -- PROGRAM [ARGS...]]",
    .notes = "DIR is an image's directory. PROGRAM is a path in the image; it runs in / with PATH, "
             "HOME,\n"
             "LANG and what --env sets. Without PROGRAM and CODE it is the image's init. That, and "
             "what\n"
             "takes CODE, stand in the image.ini of DIR, or of the directory that CPIO is in.",
    .opts = boot_opts,
    .run = boot_main,
};
