// SPDX-License-Identifier: Apache-2.0
/*
 * The flags of /proc/cpuinfo and what CPUID shows. In the guest each bit that has a name is in both
 * or in neither, and there is no flag without a bit. Linux hides some bits (those that it or its
 * hypervisor has no use for) and has flags of its own. So on Linux only this is checked, which
 * tests the table: a flag that the table knows has its bit set.
 */
#include "t.h"

#include <cpuid.h>
#include <fcntl.h>

struct flag {
    unsigned leaf, sub;
    char reg; /* a, b, c, d */
    int bit;
    const char *name;
};

/* From the Intel SDM (2A, CPUID) and the AMD APM (3, appendix E), with the names of
 * proc_cpuinfo(5). */
static const struct flag flags[] = {
    {1, 0, 'd', 0, "fpu"},
    {1, 0, 'd', 1, "vme"},
    {1, 0, 'd', 2, "de"},
    {1, 0, 'd', 3, "pse"},
    {1, 0, 'd', 4, "tsc"},
    {1, 0, 'd', 5, "msr"},
    {1, 0, 'd', 6, "pae"},
    {1, 0, 'd', 7, "mce"},
    {1, 0, 'd', 8, "cx8"},
    {1, 0, 'd', 9, "apic"},
    {1, 0, 'd', 11, "sep"},
    {1, 0, 'd', 12, "mtrr"},
    {1, 0, 'd', 13, "pge"},
    {1, 0, 'd', 14, "mca"},
    {1, 0, 'd', 15, "cmov"},
    {1, 0, 'd', 16, "pat"},
    {1, 0, 'd', 17, "pse36"},
    {1, 0, 'd', 18, "pn"},
    {1, 0, 'd', 19, "clflush"},
    {1, 0, 'd', 21, "dts"},
    {1, 0, 'd', 22, "acpi"},
    {1, 0, 'd', 23, "mmx"},
    {1, 0, 'd', 24, "fxsr"},
    {1, 0, 'd', 25, "sse"},
    {1, 0, 'd', 26, "sse2"},
    {1, 0, 'd', 27, "ss"},
    {1, 0, 'd', 28, "ht"},
    {1, 0, 'd', 29, "tm"},
    {1, 0, 'd', 31, "pbe"},
    {1, 0, 'c', 0, "pni"},
    {1, 0, 'c', 1, "pclmulqdq"},
    {1, 0, 'c', 2, "dtes64"},
    {1, 0, 'c', 3, "monitor"},
    {1, 0, 'c', 4, "ds_cpl"},
    {1, 0, 'c', 5, "vmx"},
    {1, 0, 'c', 6, "smx"},
    {1, 0, 'c', 7, "est"},
    {1, 0, 'c', 8, "tm2"},
    {1, 0, 'c', 9, "ssse3"},
    {1, 0, 'c', 10, "cid"},
    {1, 0, 'c', 11, "sdbg"},
    {1, 0, 'c', 12, "fma"},
    {1, 0, 'c', 13, "cx16"},
    {1, 0, 'c', 14, "xtpr"},
    {1, 0, 'c', 15, "pdcm"},
    {1, 0, 'c', 17, "pcid"},
    {1, 0, 'c', 18, "dca"},
    {1, 0, 'c', 19, "sse4_1"},
    {1, 0, 'c', 20, "sse4_2"},
    {1, 0, 'c', 21, "x2apic"},
    {1, 0, 'c', 22, "movbe"},
    {1, 0, 'c', 23, "popcnt"},
    {1, 0, 'c', 24, "tsc_deadline_timer"},
    {1, 0, 'c', 25, "aes"},
    {1, 0, 'c', 26, "xsave"},
    {1, 0, 'c', 28, "avx"},
    {1, 0, 'c', 29, "f16c"},
    {1, 0, 'c', 30, "rdrand"},
    {1, 0, 'c', 31, "hypervisor"},
    {6, 0, 'a', 0, "dtherm"},
    {6, 0, 'a', 1, "ida"},
    {6, 0, 'a', 2, "arat"},
    {6, 0, 'a', 4, "pln"},
    {6, 0, 'a', 6, "pts"},
    {6, 0, 'a', 7, "hwp"},
    {6, 0, 'a', 8, "hwp_notify"},
    {6, 0, 'a', 9, "hwp_act_window"},
    {6, 0, 'a', 10, "hwp_epp"},
    {6, 0, 'a', 11, "hwp_pkg_req"},
    {7, 0, 'b', 0, "fsgsbase"},
    {7, 0, 'b', 1, "tsc_adjust"},
    {7, 0, 'b', 2, "sgx"},
    {7, 0, 'b', 3, "bmi1"},
    {7, 0, 'b', 4, "hle"},
    {7, 0, 'b', 5, "avx2"},
    {7, 0, 'b', 7, "smep"},
    {7, 0, 'b', 8, "bmi2"},
    {7, 0, 'b', 9, "erms"},
    {7, 0, 'b', 10, "invpcid"},
    {7, 0, 'b', 11, "rtm"},
    {7, 0, 'b', 12, "cqm"},
    {7, 0, 'b', 14, "mpx"},
    {7, 0, 'b', 15, "rdt_a"},
    {7, 0, 'b', 16, "avx512f"},
    {7, 0, 'b', 17, "avx512dq"},
    {7, 0, 'b', 18, "rdseed"},
    {7, 0, 'b', 19, "adx"},
    {7, 0, 'b', 20, "smap"},
    {7, 0, 'b', 21, "avx512ifma"},
    {7, 0, 'b', 23, "clflushopt"},
    {7, 0, 'b', 24, "clwb"},
    {7, 0, 'b', 25, "intel_pt"},
    {7, 0, 'b', 26, "avx512pf"},
    {7, 0, 'b', 27, "avx512er"},
    {7, 0, 'b', 28, "avx512cd"},
    {7, 0, 'b', 29, "sha_ni"},
    {7, 0, 'b', 30, "avx512bw"},
    {7, 0, 'b', 31, "avx512vl"},
    {7, 0, 'c', 1, "avx512vbmi"},
    {7, 0, 'c', 2, "umip"},
    {7, 0, 'c', 3, "pku"},
    {7, 0, 'c', 4, "ospke"},
    {7, 0, 'c', 5, "waitpkg"},
    {7, 0, 'c', 6, "avx512_vbmi2"},
    {7, 0, 'c', 8, "gfni"},
    {7, 0, 'c', 9, "vaes"},
    {7, 0, 'c', 10, "vpclmulqdq"},
    {7, 0, 'c', 11, "avx512_vnni"},
    {7, 0, 'c', 12, "avx512_bitalg"},
    {7, 0, 'c', 13, "tme"},
    {7, 0, 'c', 14, "avx512_vpopcntdq"},
    {7, 0, 'c', 16, "la57"},
    {7, 0, 'c', 22, "rdpid"},
    {7, 0, 'c', 24, "bus_lock_detect"},
    {7, 0, 'c', 25, "cldemote"},
    {7, 0, 'c', 27, "movdiri"},
    {7, 0, 'c', 28, "movdir64b"},
    {7, 0, 'c', 29, "enqcmd"},
    {7, 0, 'c', 30, "sgx_lc"},
    {7, 0, 'd', 2, "avx512_4vnniw"},
    {7, 0, 'd', 3, "avx512_4fmaps"},
    {7, 0, 'd', 4, "fsrm"},
    {7, 0, 'd', 8, "avx512_vp2intersect"},
    {7, 0, 'd', 10, "md_clear"},
    {7, 0, 'd', 14, "serialize"},
    {7, 0, 'd', 16, "tsxldtrk"},
    {7, 0, 'd', 18, "pconfig"},
    {7, 0, 'd', 19, "arch_lbr"},
    {7, 0, 'd', 22, "amx_bf16"},
    {7, 0, 'd', 23, "avx512_fp16"},
    {7, 0, 'd', 24, "amx_tile"},
    {7, 0, 'd', 25, "amx_int8"},
    {7, 0, 'd', 28, "flush_l1d"},
    {7, 0, 'd', 29, "arch_capabilities"},
    {7, 1, 'a', 4, "avx_vnni"},
    {7, 1, 'a', 5, "avx512_bf16"},
    {0xd, 1, 'a', 0, "xsaveopt"},
    {0xd, 1, 'a', 1, "xsavec"},
    {0xd, 1, 'a', 2, "xgetbv1"},
    {0xd, 1, 'a', 3, "xsaves"},
    {0x80000001, 0, 'd', 11, "syscall"},
    {0x80000001, 0, 'd', 19, "mp"},
    {0x80000001, 0, 'd', 20, "nx"},
    {0x80000001, 0, 'd', 22, "mmxext"},
    {0x80000001, 0, 'd', 25, "fxsr_opt"},
    {0x80000001, 0, 'd', 26, "pdpe1gb"},
    {0x80000001, 0, 'd', 27, "rdtscp"},
    {0x80000001, 0, 'd', 29, "lm"},
    {0x80000001, 0, 'd', 30, "3dnowext"},
    {0x80000001, 0, 'd', 31, "3dnow"},
    {0x80000001, 0, 'c', 0, "lahf_lm"},
    {0x80000001, 0, 'c', 1, "cmp_legacy"},
    {0x80000001, 0, 'c', 2, "svm"},
    {0x80000001, 0, 'c', 3, "extapic"},
    {0x80000001, 0, 'c', 4, "cr8_legacy"},
    {0x80000001, 0, 'c', 5, "abm"},
    {0x80000001, 0, 'c', 6, "sse4a"},
    {0x80000001, 0, 'c', 7, "misalignsse"},
    {0x80000001, 0, 'c', 8, "3dnowprefetch"},
    {0x80000001, 0, 'c', 9, "osvw"},
    {0x80000001, 0, 'c', 10, "ibs"},
    {0x80000001, 0, 'c', 11, "xop"},
    {0x80000001, 0, 'c', 12, "skinit"},
    {0x80000001, 0, 'c', 13, "wdt"},
    {0x80000001, 0, 'c', 15, "lwp"},
    {0x80000001, 0, 'c', 16, "fma4"},
    {0x80000001, 0, 'c', 17, "tce"},
    {0x80000001, 0, 'c', 19, "nodeid_msr"},
    {0x80000001, 0, 'c', 21, "tbm"},
    {0x80000001, 0, 'c', 22, "topoext"},
    {0x80000001, 0, 'c', 23, "perfctr_core"},
    {0x80000001, 0, 'c', 24, "perfctr_nb"},
    {0x80000001, 0, 'c', 26, "bpext"},
    {0x80000001, 0, 'c', 27, "ptsc"},
    {0x80000001, 0, 'c', 28, "perfctr_llc"},
    {0x80000001, 0, 'c', 29, "mwaitx"},
    {0x80000007, 0, 'b', 0, "overflow_recov"},
    {0x80000007, 0, 'b', 1, "succor"},
    {0x80000007, 0, 'b', 3, "smca"},
    {0x80000007, 0, 'd', 8, "constant_tsc"},
    {0x80000007, 0, 'd', 8, "nonstop_tsc"},
    {0x80000008, 0, 'b', 0, "clzero"},
    {0x80000008, 0, 'b', 1, "irperf"},
    {0x80000008, 0, 'b', 2, "xsaveerptr"},
    {0x80000008, 0, 'b', 4, "rdpru"},
    {0x80000008, 0, 'b', 9, "wbnoinvd"},
    {0x80000008, 0, 'b', 23, "amd_ppin"},
    {0x80000008, 0, 'b', 25, "virt_ssbd"},
    {0x80000008, 0, 'b', 27, "cppc"},
};
#define FLAGS (sizeof(flags) / sizeof(flags[0]))

static char info[1 << 16];

static bool bit_set(const struct flag *f)
{
    static unsigned leaf, sub, r[4]; /* CPUID may trap: each leaf is asked once in a row */

    if (leaf != f->leaf || sub != f->sub) {
        leaf = f->leaf;
        sub = f->sub;
        if (!__get_cpuid_count(leaf, sub, &r[0], &r[1], &r[2], &r[3])) {
            memset(r, 0, sizeof(r));
        }
    }
    return r[f->reg - 'a'] >> f->bit & 1;
}

/* The value of a line of the first processor, up to the end of the line. */
static const char *value_of(const char *name, char *value, size_t size)
{
    size_t length = strlen(name);

    value[0] = 0;
    for (const char *line = info; *line != 0 && *line != '\n'; line += strcspn(line, "\n") + 1) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, name, length) == 0 && colon != NULL &&
            strspn(line + length, "\t") == (size_t)(colon - line) - length) {
            colon += 1 + (colon[1] == ' ');
            snprintf(value, size, "%.*s", (int)strcspn(colon, "\n"), colon);
            break;
        }
    }
    return value;
}

static const struct flag *flag_named(const char *name)
{
    for (size_t i = 0; i < FLAGS; i++) {
        if (strcmp(flags[i].name, name) == 0) {
            return &flags[i];
        }
    }
    return NULL;
}

static void check_flags(bool guest)
{
    static char line[8192], padded[8200];
    int without = 0, unknown = 0, hidden = 0, both = 0;

    value_of("flags", line, sizeof(line));
    snprintf(padded, sizeof(padded), " %s ", line);
    for (size_t i = 0; i < FLAGS; i++) {
        char word[40];
        snprintf(word, sizeof(word), " %s ", flags[i].name);
        bool shown = strstr(padded, word) != NULL, set = bit_set(&flags[i]);
        both += shown && set;
        if (shown && !set) {
            without++;
            t_line(2, "%s is shown, and CPUID does not have it\n", flags[i].name);
        }
        if (guest && set && !shown) {
            hidden++;
            t_line(2, "%s is not shown, and CPUID has it\n", flags[i].name);
        }
    }
    for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " ")) {
        if (guest && flag_named(word) == NULL) {
            unknown++;
            t_line(2, "no bit is known for %s\n", word);
        }
    }
    T_EQ("flags without a bit", without, 0);
    T_EQ("bits without a flag", hidden, 0);
    T_EQ("flags of no leaf", unknown, 0);
    T_CHECK("flags and bits were compared", both > 20);
}

static void check_rest(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    char value[256], want[64], vendor[13] = "", brand[49] = "";
    const char *name = brand;

    __get_cpuid(0, &a, &b, &c, &d);
    memcpy(vendor, &b, 4), memcpy(vendor + 4, &d, 4), memcpy(vendor + 8, &c, 4);
    T_CHECK("vendor", strcmp(value_of("vendor_id", value, sizeof(value)), vendor) == 0);
    T_EQ("cpuid level", atoi(value_of("cpuid level", value, sizeof(value))), (int)a);
    for (unsigned i = 0; i < 3; i++) {
        __get_cpuid(0x80000002 + i, &a, &b, &c, &d);
        unsigned part[] = {a, b, c, d};
        memcpy(brand + 16 * i, part, 16);
    }
    name += strspn(name, " ");
    value_of("model name", value, sizeof(value));
    T_CHECK("model name", value[0] != 0 && strncmp(value, name, strlen(value)) == 0);
    __get_cpuid(1, &a, &b, &c, &d);
    T_EQ("stepping", atoi(value_of("stepping", value, sizeof(value))), (int)(a & 15));
    int family = (a >> 8 & 15) + ((a >> 8 & 15) == 15 ? a >> 20 & 255 : 0);
    T_EQ("family", atoi(value_of("cpu family", value, sizeof(value))), family);
    T_EQ("model", atoi(value_of("model", value, sizeof(value))),
         (int)((a >> 4 & 15) | (family >= 6 ? a >> 12 & 0xf0 : 0)));
    T_EQ("cache line", atoi(value_of("clflush size", value, sizeof(value))),
         (int)(b >> 8 & 255) * 8);
    __get_cpuid(0x80000008, &a, &b, &c, &d);
    snprintf(want, sizeof(want), "%u bits physical, %u bits virtual", a & 255, a >> 8 & 255);
    T_CHECK("address sizes", strcmp(value_of("address sizes", value, sizeof(value)), want) == 0);
    T_CHECK("cache size", atoi(value_of("cache size", value, sizeof(value))) > 0);
    T_CHECK("of caches in KB", strstr(value, " KB") != NULL);
}

int main(void)
{
    int fd = open("/proc/cpuinfo", O_RDONLY);
    size_t size = 0;
    ssize_t n;

    T_MUST("cpuinfo", fd >= 0);
    while (size + 1 < sizeof(info) && (n = read(fd, info + size, sizeof(info) - 1 - size)) > 0) {
        size += (size_t)n;
    }
    check_flags(access("/proc/pyhl", F_OK) == 0);
    check_rest();
    return t_done();
}
