// SPDX-License-Identifier: Apache-2.0
/*
 * The texts of /proc that tell about the whole system.
 */
#include "fs/procfs.h"
#include "fs/vfs.h"
#include "proc/proc.h"
#include "sysproto.h"

#include <cpuid.h>
#include <linux/utsname.h>

/* Feature names by CPUID leaf, register and bit: Intel SDM 2A, CPUID. */
static const struct {
    u32 leaf;
    u8 reg; /* 0 eax, 1 ebx, 2 ecx, 3 edx */
    u8 bit;
    const char *name;
} features[] = {
    {1, 3, 0, "fpu"},
    {1, 3, 4, "tsc"},
    {1, 3, 8, "cx8"},
    {1, 3, 15, "cmov"},
    {1, 3, 19, "clflush"},
    {1, 3, 23, "mmx"},
    {1, 3, 24, "fxsr"},
    {1, 3, 25, "sse"},
    {1, 3, 26, "sse2"},
    {0x80000001, 3, 11, "syscall"},
    {0x80000001, 3, 20, "nx"},
    {0x80000001, 3, 27, "rdtscp"},
    {0x80000001, 3, 29, "lm"},
    {1, 2, 0, "pni"},
    {1, 2, 1, "pclmulqdq"},
    {1, 2, 9, "ssse3"},
    {1, 2, 12, "fma"},
    {1, 2, 13, "cx16"},
    {1, 2, 19, "sse4_1"},
    {1, 2, 20, "sse4_2"},
    {1, 2, 22, "movbe"},
    {1, 2, 23, "popcnt"},
    {1, 2, 25, "aes"},
    {1, 2, 26, "xsave"},
    {1, 2, 28, "avx"},
    {1, 2, 29, "f16c"},
    {1, 2, 30, "rdrand"},
    {1, 2, 31, "hypervisor"},
    {0x80000001, 2, 0, "lahf_lm"},
    {0x80000001, 2, 5, "abm"},
    {7, 1, 0, "fsgsbase"},
    {7, 1, 3, "bmi1"},
    {7, 1, 5, "avx2"},
    {7, 1, 8, "bmi2"},
    {7, 1, 9, "erms"},
    {7, 1, 16, "avx512f"},
    {7, 1, 17, "avx512dq"},
    {7, 1, 18, "rdseed"},
    {7, 1, 19, "adx"},
    {7, 1, 28, "avx512cd"},
    {7, 1, 29, "sha_ni"},
    {7, 1, 30, "avx512bw"},
    {7, 1, 31, "avx512vl"},
    {7, 2, 1, "avx512vbmi"},
    {7, 2, 6, "avx512_vbmi2"},
    {7, 2, 8, "gfni"},
    {7, 2, 9, "vaes"},
    {7, 2, 10, "vpclmulqdq"},
    {7, 2, 11, "avx512_vnni"},
    {7, 2, 12, "avx512_bitalg"},
    {7, 2, 14, "avx512_vpopcntdq"},
};

static void put_features(struct text *t)
{
    u32 leaf = 0, regs[4] = {0};

    text_printf(t, "flags\t\t:");
    for (size_t k = 0; k < ARRAY_SIZE(features); k++) {
        if (features[k].leaf != leaf) {
            leaf = features[k].leaf;
            if (!__get_cpuid_count(leaf, 0, &regs[0], &regs[1], &regs[2], &regs[3]))
                memset(regs, 0, sizeof(regs));
        }
        if (regs[features[k].reg] >> features[k].bit & 1)
            text_printf(t, " %s", features[k].name);
    }
    text_printf(t, "\n");
}

static void put_brand(struct text *t)
{
    u32 brand[13] = {0};

    for (u32 k = 0; k < 3; k++)
        __get_cpuid(0x80000002 + k, &brand[4 * k], &brand[4 * k + 1], &brand[4 * k + 2],
                    &brand[4 * k + 3]);
    const char *s = (const char *)brand;
    while (*s == ' ')
        s++;
    text_printf(t, "model name\t: %s\n", *s ? s : "unknown");
}

void text_cpuinfo(struct text *t, int tid)
{
    u32 eax = 0, vendor[4] = {0}, ebx, ecx, edx;
    u32 khz = hv_shared()->resume.tsc_khz;

    (void)tid;
    __get_cpuid(0, &eax, &vendor[0], &vendor[2], &vendor[1]);
    __get_cpuid(1, &eax, &ebx, &ecx, &edx);
    u32 family = eax >> 8 & 15, model = eax >> 4 & 15;
    if (family == 6 || family == 15)
        model += (eax >> 16 & 15) << 4;
    if (family == 15)
        family += eax >> 20 & 255;
    text_printf(t, "processor\t: 0\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n",
                (const char *)vendor, family, model);
    put_brand(t);
    text_printf(t, "stepping\t: %u\ncpu MHz\t\t: %u.%03u\nphysical id\t: 0\nsiblings\t: 1\n",
                eax & 15, khz / 1000, khz % 1000);
    text_printf(t, "core id\t\t: 0\ncpu cores\t: 1\nfpu\t\t: yes\n");
    put_features(t);
    text_printf(t, "bogomips\t: %u.%02u\nclflush size\t: 64\ncache_alignment\t: 64\n\n", khz / 500,
                khz / 5 % 100);
}

void text_meminfo(struct text *t, int tid)
{
    unsigned long total = pmm_total_pages() * 4, left = pmm_free_pages() * 4;

    (void)tid;
    text_printf(t, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\n", total, left);
    text_printf(t, "MemAvailable:   %8lu kB\nBuffers:               0 kB\n", left);
    text_printf(t, "Cached:                0 kB\nSwapCached:            0 kB\n");
    text_printf(t, "SwapTotal:             0 kB\nSwapFree:              0 kB\n");
    text_printf(
        t, "Shmem:                 0 kB\nHugePages_Total:       0\nHugepagesize:       2048 kB\n");
}

void text_uptime(struct text *t, int tid)
{
    u64 up = time_mono() / 10000000;
    u64 busy = process_cpu_ns(cur_proc()) / 10000000;
    u64 idle = up > busy ? up - busy : 0;

    (void)tid;
    text_printf(t, "%lu.%02lu %lu.%02lu\n", (unsigned long)(up / 100), (unsigned long)(up % 100),
                (unsigned long)(idle / 100), (unsigned long)(idle % 100));
}

void text_system_stat(struct text *t, int tid)
{
    unsigned long up = time_mono() / 10000000, busy = process_cpu_ns(cur_proc()) / 10000000;
    unsigned long idle = up > busy ? up - busy : 0;

    (void)tid;
    text_printf(t, "cpu  %lu 0 0 %lu 0 0 0 0 0 0\ncpu0 %lu 0 0 %lu 0 0 0 0 0 0\n", busy, idle, busy,
                idle);
    text_printf(t, "intr 0\nctxt %lu\nbtime %lu\n",
                (unsigned long)process_full(cur_proc())->context_switches,
                (unsigned long)((time_wall() - time_mono()) / NSEC_PER_SEC));
    text_printf(t, "processes 1\nprocs_running 1\nprocs_blocked 0\n");
}

void text_loadavg(struct text *t, int tid)
{
    (void)tid;
    text_printf(t, "0.00 0.00 0.00 1/%u %d\n", cur_proc()->thread_count, cur_proc()->pid);
}

static void filesystem(struct text *t, const char *name)
{
    text_printf(t, "nodev\t%s\n", name);
}

void text_filesystems(struct text *t, int tid)
{
    (void)tid;
    filesystem(t, "tmpfs");
    filesystem(t, "proc");
}

void text_mounts(struct text *t, int tid)
{
    (void)tid;
    text_printf(t, "rootfs / tmpfs rw 0 0\nproc /proc proc rw 0 0\n");
}

void text_mountinfo(struct text *t, int tid)
{
    (void)tid;
    text_printf(t, "1 1 0:%u / / rw - tmpfs rootfs rw\n2 1 0:%u / /proc rw - proc proc rw\n",
                DEV_RAMFS, DEV_PROC);
}

/* What uname() answers: one place has the names. */
static void uname_of(struct new_utsname *u)
{
    bool saved = current->kernel_buffers;

    current->kernel_buffers = true;
    sys_uname((const long[6]){(long)u});
    current->kernel_buffers = saved;
}

void text_version(struct text *t, int tid)
{
    struct new_utsname u = {0};

    (void)tid;
    uname_of(&u);
    text_printf(t, "%s version %s (pyhl) %s\n", u.sysname, u.release, u.version);
}

void text_osrelease(struct text *t, int tid)
{
    struct new_utsname u = {0};

    (void)tid;
    uname_of(&u);
    text_printf(t, "%s\n", u.release);
}

void text_ostype(struct text *t, int tid)
{
    struct new_utsname u = {0};

    (void)tid;
    uname_of(&u);
    text_printf(t, "%s\n", u.sysname);
}

void text_hostname(struct text *t, int tid)
{
    struct new_utsname u = {0};

    (void)tid;
    uname_of(&u);
    text_printf(t, "%s\n", u.nodename);
}

void text_pid_max(struct text *t, int tid)
{
    (void)tid;
    text_printf(t, "32768\n");
}

/* Not Linux's: how the system calls since boot have entered the kernel (mm/sites.c). */
void text_syscalls(struct text *t, int tid)
{
    (void)tid;
    const struct hv_counts *c = &hv_shared()->counts;
    text_printf(t, "rewritten %lu\ntrapped %lu\n", c->syscalls_rewritten, c->syscalls_trapped);
}

void text_overcommit(struct text *t, int tid)
{
    (void)tid;
    text_printf(t, "1\n"); /* mappings are not counted before they are touched */
}

static void put_uuid(struct text *t, const u8 b[16])
{
    for (int k = 0; k < 16; k++)
        text_printf(t, "%s%02x", k == 4 || k == 6 || k == 8 || k == 10 ? "-" : "", (u32)b[k]);
    text_printf(t, "\n");
}

static void random_uuid(u8 b[16])
{
    random_bytes(b, 16);
    b[6] = (b[6] & 0x0f) | 0x40; /* RFC 9562: version 4, variant 10 */
    b[8] = (b[8] & 0x3f) | 0x80;
}

void text_uuid(struct text *t, int tid)
{
    u8 b[16];

    (void)tid;
    random_uuid(b);
    put_uuid(t, b);
}

void text_boot_id(struct text *t, int tid)
{
    static u8 id[16];

    (void)tid;
    if (id[6] == 0) /* a version 4 UUID has its version there */
        random_uuid(id);
    put_uuid(t, id);
}
