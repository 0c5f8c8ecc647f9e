// SPDX-License-Identifier: Apache-2.0
/*
 * pyhl info --json: what the text says, as one JSON object. Its members are documented in pyhl.1;
 * sizes are bytes. Where a part cannot be used, a member "error" says why.
 */
#include "info.h"
#include "files.h"
#include "home.h"
#include "layers.h"
#include "vmm/abi.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *failed(const struct vmm_err *err)
{
    return json_pack("{s:s}", "error", err->msg);
}

/* Lines of "NAME = VERSION". */
static json_t *packages(const char *text)
{
    json_t *all = json_object();

    for (const char *end; all != NULL && text != NULL && *text; text = end + 1) {
        const char *equals = strstr(text, " = ");
        char *name;

        end = strchr(text, '\n');
        name = strndup(text, (size_t)(equals - text));
        if (name == NULL ||
            json_object_set_new(all, name, json_stringn(equals + 3, (size_t)(end - equals - 3))) <
                0) {
            all = (json_decref(all), NULL);
        }
        free(name);
    }
    return all;
}

static json_t *file(const struct home *home, const char *name)
{
    struct vmm_err err = {0};
    uint64_t size, disk;

    if (folder_size(&home->dir, name, &size, &disk, &err) < 0) {
        return failed(&err);
    }
    return json_pack("{s:I, s:I}", "bytes", (json_int_t)size, "disk_bytes", (json_int_t)disk);
}

static json_t *snapshot(const struct home *home)
{
    struct vmm_snapshot_info info;
    struct vmm_snapshot *snap;
    struct vmm_err err = {0};

    if (home_snapshot(home, &snap, &err) < 0) {
        return failed(&err);
    }
    vmm_snapshot_info(snap, &info);
    vmm_snapshot_close(snap);
    return json_pack("{s:i, s:i, s:I, s:I, s:I, s:I, s:I}", "version", (int)info.version, "abi",
                     (int)info.abi_version, "created_seconds",
                     (json_int_t)(info.created_ns / 1000000000u), "text_bytes",
                     (json_int_t)info.text_bytes, "data_pages", (json_int_t)info.data_pages,
                     "workset_pages", (json_int_t)info.workset_pages, "workset_longer_pages",
                     (json_int_t)info.workset_longer);
}

static json_t *install_json(const char *dest)
{
    struct vmm_err err = {0};
    struct home home;
    char key[33];
    json_t *all;

    if (home_open(dest, true, &home, &err) < 0) {
        home_close(&home);
        return failed(&err);
    }
    vmm_key_text(&home.config.key, key);
    all = json_pack("{s:s, s:s, s:s, s:I, s:s, s:{s:o, s:o, s:o}, s:o, s:o}", "path", home.dir.path,
                    "image", home.config.image, "made_by", home.config.version, "memory_bytes",
                    (json_int_t)home.config.memory, "key", key, "files", HOME_KERNEL,
                    file(&home, HOME_KERNEL), HOME_INITRD, file(&home, HOME_INITRD), HOME_SNAPSHOT,
                    file(&home, HOME_SNAPSHOT), "snapshot", snapshot(&home), "packages",
                    packages(home.config.packages.text));
    if (home.config.layer_size > 0) {
        (void)json_object_set_new(json_object_get(all, "files"), HOME_LAYER,
                                  file(&home, HOME_LAYER));
    }
    home_close(&home);
    return all;
}

static json_t *layer(const struct layer_entry *entry)
{
    json_t *packed = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:o}", "name", entry->name, "home", entry->home, "disk_bytes",
        (json_int_t)entry->disk, "files_bytes", (json_int_t)entry->config.files_size,
        "used_seconds", (json_int_t)entry->used, "packages", packages(entry->config.packages.text));

    if (entry->damaged && packed != NULL) {
        (void)json_object_set_new(packed, "error", json_string("damaged"));
    }
    return packed;
}

static json_t *layers(void)
{
    struct layer_list list = {0};
    struct vmm_err err = {0};
    json_t *all = json_array();
    struct cache cache;
    int rc = cache_open(false, &cache, &err);

    rc = rc == 0 ? layers_list(&cache, &list, &err) : rc;
    for (size_t i = 0; i < list.count; i++) {
        (void)json_array_append_new(all, layer(&list.items[i]));
    }
    layers_list_free(&list);
    cache_close(&cache);
    if (rc < 0 && rc != -ENOENT) {
        json_decref(all);
        return failed(&err);
    }
    return all;
}

static json_t *choices(void)
{
    json_t *all = json_object();
    const struct vmm_choice *choice;

    for (size_t i = 0; (choice = vmm_choice(i)) != NULL; i++) {
        (void)json_object_set_new(
            all, choice->what,
            json_pack("{s:s, s:s}", "choice", choice->choice, "why", choice->why));
    }
    return all;
}

static json_t *machine(void)
{
    struct vmm_err err = {0};
    struct vmm_host host;

    if (vmm_host_probe(&host, &err) < 0) {
        return failed(&err);
    }
    return json_pack("{s:s, s:b, s:s, s:i, s:I, s:s, s:b, s:i, s:o}", "kvm",
                     host.kvm_pvm ? "kvm-pvm" : "hardware", "emulated", (int)host.emulated, "cpu",
                     host.cpu, "kvm_api", host.kvm_api, "tsc_khz", (json_int_t)host.tsc_khz,
                     "capabilities", host.capabilities, "seccomp", (int)host.filters, "landlock",
                     host.landlock, "choices", choices());
}

static bool usable(const json_t *part)
{
    return part != NULL && json_object_get(part, "error") == NULL;
}

int info_json(const char *dest, bool *good, struct vmm_err *err)
{
    json_t *home = install_json(dest), *host = machine(), *cache = layers(), *all;

    *good = usable(home) && usable(json_object_get(home, "snapshot")) && usable(cache) &&
            usable(host) && json_is_true(json_object_get(host, "seccomp"));
    all = json_pack("{s:s, s:i, s:o, s:o, s:o}", "pyhl", PYHL_VERSION, "abi", HV_ABI_VERSION,
                    "home", home, "layers", cache, "host", host);
    if (all == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory, or a name that is no UTF-8");
    }
    if (json_dumpf(all, stdout, JSON_INDENT(2)) == 0) {
        putchar('\n');
    }
    json_decref(all);
    return 0;
}
