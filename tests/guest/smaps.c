// SPDX-License-Identifier: Apache-2.0
/*
 * /proc/self/smaps: its form, line by line, and what it says of mappings whose pages are known:
 * anonymous, reserved, of a file, private and shared.
 */
#include "t.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PAGE 4096u

static char smaps[1 << 18], maps[1 << 16];

static size_t slurp(const char *name, char *to, size_t room)
{
    int fd = open(name, O_RDONLY);
    size_t size = 0;
    ssize_t n = 0;

    T_MUST(name, fd >= 0);
    while (size + 1 < room && (n = read(fd, to + size, room - 1 - size)) > 0) {
        size += (size_t)n;
    }
    close(fd);
    to[size] = 0;
    return n == 0 ? size : 0;
}

/* The lines that every Linux of the last years has, in this order, between a mapping's own line
 * and VmFlags. There are others between them. */
static const char *const names[] = {
    "Size",          "KernelPageSize", "MMUPageSize",    "Rss",
    "Pss",           "Shared_Clean",   "Shared_Dirty",   "Private_Clean",
    "Private_Dirty", "Referenced",     "Anonymous",      "LazyFree",
    "AnonHugePages", "ShmemPmdMapped", "Shared_Hugetlb", "Private_Hugetlb",
    "Swap",          "SwapPss",        "Locked",         "THPeligible",
};

/* Is this line "NAME: VALUE kB", as wide as on Linux? */
static bool well_formed(const char *line, size_t len)
{
    char name[40], again[80];
    unsigned long value;

    if (sscanf(line, "%38[A-Za-z_]: %lu", name, &value) != 2) {
        return false;
    }
    bool bare = strcmp(name, "THPeligible") == 0 || strcmp(name, "ProtectionKey") == 0;
    strcat(name, ":");
    int n = snprintf(again, sizeof(again), "%-16s%8lu%s\n", name, value, bare ? "" : " kB");
    return (size_t)n == len && memcmp(line, again, len) == 0;
}

/* Each mapping has its line of maps, the names in their order, and VmFlags at the end. */
static void check_form(void)
{
    size_t size = slurp("/proc/self/smaps", smaps, sizeof(smaps));
    const char *next_map = maps;
    size_t at = 0;
    int records = 0, wrong = 0;

    slurp("/proc/self/maps", maps, sizeof(maps));
    T_CHECK("there is a text", size > 0);
    for (char *line = smaps; *line; line += strcspn(line, "\n") + 1) {
        size_t len = strcspn(line, "\n") + 1;
        if (next_map[0] && strncmp(line, next_map, len) == 0) {
            wrong += at != 0;
            at = 0;
            next_map += len;
            records++;
        } else if (strncmp(line, "VmFlags: ", 9) == 0) {
            wrong += at != T_COUNT(names) || line[len - 2] != ' ';
            at = 0;
        } else {
            size_t name_len = strcspn(line, ":");
            wrong += !well_formed(line, len);
            at += at < T_COUNT(names) && strlen(names[at]) == name_len &&
                  strncmp(line, names[at], name_len) == 0;
        }
    }
    T_CHECK("every mapping of maps is in it", records > 3 && *next_map == 0);
    T_EQ("lines are of Linux's form", wrong, 0);
    struct stat st;
    T_CHECK("everybody may read it",
            stat("/proc/self/smaps", &st) == 0 && st.st_mode == (S_IFREG | 0444));
}

/* The text of the mapping that begins at p. */
static const char *record(const void *p)
{
    char start[32];

    snprintf(start, sizeof(start), "\n%08lx-", (unsigned long)p);
    slurp("/proc/self/smaps", smaps, sizeof(smaps));
    char *found = strstr(smaps, start);
    char *end = found != NULL ? strstr(found, "\nVmFlags: ") : NULL;
    if (end == NULL) {
        return "";
    }
    end[1 + strcspn(end + 1, "\n")] = 0;
    return found + 1;
}

static long value_of(const char *text, const char *name)
{
    char want[40];
    long value = -1;

    snprintf(want, sizeof(want), "\n%s:", name);
    const char *found = strstr(text, want);
    return found != NULL && sscanf(found + strlen(want), "%ld", &value) == 1 ? value : -1;
}

static bool flags_have(const char *text, const char *flag)
{
    char want[8];
    const char *flags = strstr(text, "\nVmFlags:");

    snprintf(want, sizeof(want), " %s ", flag);
    return flags != NULL && strstr(flags, want) != NULL;
}

static long sum_of_parts(const char *text)
{
    return value_of(text, "Shared_Clean") + value_of(text, "Shared_Dirty") +
           value_of(text, "Private_Clean") + value_of(text, "Private_Dirty");
}

static void touch(volatile char *p, unsigned pages)
{
    for (unsigned i = 0; i < pages; i++) {
        p[i * PAGE] = 1;
    }
}

/* 64 pages between two that have no rights, so that no neighbour is counted with them. */
static char *alone(int flags)
{
    char *p = mmap(NULL, 66 * PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

    T_MUST("mmap", p != MAP_FAILED);
    T_MUST("mprotect",
           mprotect(p, PAGE, PROT_NONE) == 0 && mprotect(p + 65 * PAGE, PAGE, PROT_NONE) == 0);
    return p + PAGE;
}

static void check_anonymous(void)
{
    char *p = alone(MAP_PRIVATE);

    touch(p, 64);
    const char *text = record(p);
    T_EQ("size", value_of(text, "Size"), 256);
    T_EQ("resident", value_of(text, "Rss"), 256);
    T_EQ("its share", value_of(text, "Pss"), 256);
    T_EQ("dirty", value_of(text, "Private_Dirty"), 256);
    T_EQ("anonymous", value_of(text, "Anonymous"), 256);
    T_EQ("all of it", sum_of_parts(text), 256);
    T_CHECK("flags", flags_have(text, "rd") && flags_have(text, "wr") && flags_have(text, "mr") &&
                         flags_have(text, "mw") && flags_have(text, "me") &&
                         flags_have(text, "ac"));
    T_CHECK("no others", !flags_have(text, "ex") && !flags_have(text, "sh"));
    mprotect(p, 64 * PAGE, PROT_NONE);
    munmap(p - PAGE, PAGE);
    munmap(p + 64 * PAGE, PAGE);
    text = record(p);
    T_EQ("resident without rights", value_of(text, "Rss"), 256);
    T_CHECK("which the flags show", !flags_have(text, "rd") && flags_have(text, "mr"));
    munmap(p, 64 * PAGE);
    T_STR("gone", record(p), "");
}

static void check_shared(void)
{
    char *p = alone(MAP_SHARED);

    touch(p, 64);
    const char *text = record(p);
    T_EQ("shared: resident", value_of(text, "Rss"), 256);
    T_EQ("and dirty", value_of(text, "Private_Dirty"), 256);
    T_EQ("not anonymous", value_of(text, "Anonymous"), 0);
    T_CHECK("flags", flags_have(text, "sh") && flags_have(text, "ms"));
}

static void check_reserved(void)
{
    char *p = mmap(NULL, 1ul << 34, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    T_MUST("a reservation", p != MAP_FAILED);
    T_MUST("and a part that is used",
           mprotect(p + (1ul << 33), 64 * PAGE, PROT_READ | PROT_WRITE) == 0);
    touch(p + (1ul << 33), 16);
    const char *text = record(p);
    T_EQ("8 GiB", value_of(text, "Size"), 8l << 20);
    T_EQ("of nothing", value_of(text, "Rss"), 0);
    T_CHECK("flags", flags_have(text, "nr") && !flags_have(text, "ac"));
    text = record(p + (1ul << 33));
    T_EQ("64 pages", value_of(text, "Size"), 256);
    T_EQ("16 of them touched", value_of(text, "Rss"), 64);
    munmap(p, 1ul << 34);
}

static void check_file(void)
{
    char bytes[5 * PAGE] = {1};
    int fd = open("file", O_CREAT | O_RDWR, 0600);

    T_MUST("a file", fd >= 0 && write(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes));
    volatile char *p = mmap(NULL, sizeof(bytes), PROT_READ, MAP_PRIVATE, fd, 0);
    T_MUST("mmap", p != MAP_FAILED);
    for (unsigned i = 0; i < 5; i++) {
        (void)p[i * PAGE];
    }
    const char *text = record((const void *)(uintptr_t)p);
    T_CHECK("its path", strstr(text, "/file\n") != NULL);
    T_EQ("resident", value_of(text, "Rss"), 20);
    T_EQ("all of it", sum_of_parts(text), 20);
    T_EQ("the file's pages", value_of(text, "Anonymous"), 0);
    T_CHECK("flags", flags_have(text, "rd") && !flags_have(text, "wr") && !flags_have(text, "ac"));
    mprotect((void *)(uintptr_t)p, sizeof(bytes), PROT_READ | PROT_WRITE);
    p[2 * PAGE] = 2;
    text = record((const void *)(uintptr_t)p);
    T_EQ("a page of its own", value_of(text, "Anonymous"), 4);
    T_CHECK("is dirty", value_of(text, "Private_Dirty") >= 4);
    T_EQ("as many as before", value_of(text, "Rss"), 20);
    close(fd);
}

int main(void)
{
    t_scratch();
    check_form();
    check_anonymous();
    check_shared();
    check_reserved();
    check_file();
    return t_done();
}
