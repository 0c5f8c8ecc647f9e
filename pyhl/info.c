// SPDX-License-Identifier: Apache-2.0
/*
 * pyhl info: shows the install and the host, as far as each can be told. Where a part cannot be
 * used, it says so, and the exit status is 125.
 */
#include "info.h"
#include "home.h"
#include "layers.h"
#include "report.h"
#include "vmm/abi.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct info_options {
    const char *dest;
    bool json;
};

static const struct opt info_opts[] = {
    {.name = "dest",
     .kind = OPT_TEXT,
     .offset = offsetof(struct info_options, dest),
     .arg = "DIR",
     .help = "the home to look at (else $PYHL_HOME, ./.pyhl, ~/.local/share/pyhl)"},
    {.name = "json",
     .kind = OPT_FLAG,
     .offset = offsetof(struct info_options, json),
     .help = "one JSON object, for programs"},
    OPT_END,
};

static void print_file(const struct home *home, const char *name)
{
    struct vmm_err err = {0};
    uint64_t size, disk;

    if (folder_size(&home->dir, name, &size, &disk, &err) < 0) {
        printf("  %-14s cannot be used: %s\n", name, err.msg);
    } else {
        printf("  %-14s %s, %s on disk\n", name, report_size(size).s, report_size(disk).s);
    }
}

static void print_snapshot(const struct vmm_snapshot *snap)
{
    struct vmm_snapshot_info info;
    char made[64] = "?";
    time_t seconds;
    struct tm tm;

    vmm_snapshot_info(snap, &info);
    seconds = (time_t)(info.created_ns / 1000000000u);
    if (gmtime_r(&seconds, &tm) != NULL) {
        strftime(made, sizeof(made), "%Y-%m-%d %H:%M:%S UTC", &tm);
    }
    printf("  %-14s version %u, ABI %u, made %s\n", "format", info.version, info.abi_version, made);
    printf("  %-14s %s in pages of 2 MiB\n", "program text", report_size(info.text_bytes).s);
    printf("  %-14s %llu of data; in the working set %llu, and %llu for longer runs\n", "pages",
           (unsigned long long)info.data_pages, (unsigned long long)info.workset_pages,
           (unsigned long long)info.workset_longer);
}

static bool print_home(const char *dest)
{
    struct vmm_snapshot *snap = NULL;
    struct vmm_err err = {0};
    struct home home;
    char key[33];
    bool good;

    if (home_open(dest, true, &home, &err) < 0) {
        printf("home: %s\n", err.msg);
        home_close(&home);
        return false;
    }
    vmm_key_text(&home.config.key, key);
    printf("home: %s\n", home.dir.path);
    printf("  %-14s %s\n  %-14s %s\n", "image", home.config.image, "made by pyhl",
           home.config.version);
    printf("  %-14s %s\n  %-14s %s\n", "guest memory", report_size(home.config.memory).s, "key",
           key);
    print_file(&home, HOME_KERNEL);
    print_file(&home, HOME_INITRD);
    print_file(&home, HOME_SNAPSHOT);
    if (home.config.layer_size > 0) {
        print_file(&home, HOME_LAYER);
    }
    good = home_snapshot(&home, &snap, &err) == 0;
    if (good) {
        print_snapshot(snap);
        vmm_snapshot_close(snap);
    } else {
        printf("  %-14s cannot be used: %s\n", "snapshot", err.msg);
    }
    printf("packages: %zu\n", home.config.packages.count);
    for (const char *p = home.config.packages.text; p != NULL && *p; p++) {
        printf("  ");
        for (; *p != '\n'; p++) {
            putchar(*p);
        }
        putchar('\n');
    }
    home_close(&home);
    return good;
}

/* "polars 1.2, six 1.17" of lines "NAME = VERSION". */
static void print_layer_packages(const struct packages *packages)
{
    const char *lead = "";

    for (const char *line = packages->text; line != NULL && *line; line = strchr(line, '\n') + 1) {
        const size_t name = strcspn(line, " "), version = strcspn(line + name + 3, "\n");

        printf("%s%.*s %.*s", lead, (int)name, line, (int)version, line + name + 3);
        lead = ", ";
    }
}

static void print_layer(const struct layer_entry *layer)
{
    const time_t seconds = (time_t)layer->used;
    char used[32] = "?";
    struct tm tm;

    if (gmtime_r(&seconds, &tm) != NULL) {
        strftime(used, sizeof(used), "%Y-%m-%d %H:%M UTC", &tm);
    }
    printf("  %.12s   %s on disk, used %s: ", layer->name, report_size(layer->disk).s, used);
    if (layer->damaged) {
        printf("damaged; pyhl prune removes it");
    }
    print_layer_packages(&layer->config.packages);
    putchar('\n');
}

/* False: there is a cache folder, and it cannot be used. */
static bool print_layers(void)
{
    struct layer_list list = {0};
    struct vmm_err err = {0};
    struct cache cache;
    int rc = cache_open(false, &cache, &err);

    rc = rc == 0 ? layers_list(&cache, &list, &err) : rc;
    if (rc < 0 && rc != -ENOENT) {
        printf("layers: cannot be used: %s\n", err.msg);
    } else {
        printf("layers: %zu, %s on disk\n", list.count, report_size(list.disk).s);
    }
    for (size_t i = 0; i < list.count; i++) {
        print_layer(&list.items[i]);
    }
    layers_list_free(&list);
    cache_close(&cache);
    return rc == 0 || rc == -ENOENT;
}

static bool print_host(void)
{
    const struct vmm_choice *choice;
    struct vmm_err err = {0};
    struct vmm_host host;

    if (vmm_host_probe(&host, &err) < 0) {
        printf("host: cannot be used: %s\n", err.msg);
        return false;
    }
    printf("host: %s%s\n", host.kvm_pvm ? "kvm-pvm (no hardware virtualisation)" : "hardware KVM",
           host.emulated ? ", emulated by QEMU (slow)" : "");
    printf("  %-14s %s\n  %-14s %d\n  %-14s %.3f GHz\n  %-14s %s\n", "CPU", host.cpu, "KVM API",
           host.kvm_api, "TSC", (double)host.tsc_khz / 1e6, "capabilities", host.capabilities);
    if (host.filters && host.landlock) {
        printf("  %-14s listed system calls, no capabilities, no files (Landlock %d)\n", "jail",
               host.landlock);
    } else {
        printf("  %-14s %s\n", "jail",
               host.filters ? "listed system calls, no capabilities; this kernel has no Landlock"
                            : "cannot be had: this kernel or container has no seccomp filters");
    }
    printf("chosen for this host:\n");
    for (size_t i = 0; (choice = vmm_choice(i)) != NULL; i++) {
        printf("  %-14s %s: %s\n", choice->what, choice->choice, choice->why);
    }
    return host.filters;
}

static int info_main(const struct cmd *cmd, int argc, char **argv)
{
    struct info_options options = {0};
    struct vmm_err err = {0};
    bool home, host;
    int status;

    if (!cmd_parse_options(cmd, argc, argv, &options, "the home is given with --dest", &status)) {
        return status;
    }
    if (options.json) {
        return info_json(options.dest, &home, &err) < 0 ? cmd_fail(cmd, &err)
               : home                                   ? CMD_OK
                                                        : CMD_FAILED;
    }
    printf("pyhl: %s, ABI %d\n", PYHL_VERSION, HV_ABI_VERSION);
    home = print_home(options.dest);
    home = print_layers() && home;
    host = print_host();
    return home && host ? CMD_OK : CMD_FAILED;
}

const struct cmd cmd_info = {
    .name = "info",
    .summary = "Shows the install and the host",
    .synopsis = "info [--dest DIR] [--json]",
    .notes = "Exit status: 0 when scripts can run here, else 125.",
    .opts = info_opts,
    .run = info_main,
};
