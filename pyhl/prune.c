// SPDX-License-Identifier: Apache-2.0
/*
 * pyhl prune: removes what the cache folder has. Runs that use it go on: what they have mapped
 * stays until they end.
 */
#include "cmd.h"
#include "layers.h"
#include "report.h"
#include "value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY 86400

struct prune_options {
    const char *older_than, *max_size;
};

static const struct opt prune_opts[] = {
    {.name = "older-than",
     .kind = OPT_TEXT,
     .offset = offsetof(struct prune_options, older_than),
     .arg = "DAYS",
     .help = "only layers that were not used for so long, and those of homes that are gone"},
    {.name = "max-size",
     .kind = OPT_TEXT,
     .offset = offsetof(struct prune_options, max_size),
     .arg = "SIZE",
     .help = "only as many as it takes, the last used last, and those of homes that are gone"},
    OPT_END,
};

/* Whether the snapshot that a layer was made upon is not there any more. */
static bool is_orphan(const struct cache *cache, const struct layer_entry *entry)
{
    struct layer_base base = {.home = entry->home};
    struct pyhl_home *home;
    struct vmm_err ignored;
    bool is_upon;

    if (entry->damaged || pyhl_home_open(entry->home, &home, &ignored) < 0) {
        return true;
    }
    base.snap = pyhl_home_snapshot(home);
    is_upon = layers_is_upon(cache, entry, &base);
    pyhl_home_close(home);
    return !is_upon;
}

struct removal {
    const struct cache *cache;
    enum cache_part part;
};

static int remove_entry(void *arg, const char *name, struct vmm_err *err)
{
    const struct removal *removal = arg;

    return cache_remove(removal->cache, removal->part, name, err);
}

static int remove_part(const struct cache *cache, enum cache_part part, struct vmm_err *err)
{
    struct removal removal = {cache, part};

    return cache_each(cache, part, remove_entry, &removal, err);
}

/* Removes what no layer needs: plain snapshots, when none is upon one, and with all layers what was
 * asked for. */
static int remove_rest(const struct cache *cache, bool all, struct vmm_err *err)
{
    struct layer_list list;
    size_t plain = 0;
    int rc = layers_list(cache, &list, err);

    for (size_t i = 0; i < list.count; i++) {
        plain += list.items[i].config.plain;
    }
    layers_list_free(&list);
    rc = rc == 0 && plain == 0 ? remove_part(cache, CACHE_PLAIN, err) : rc;
    rc = rc == 0 && all ? remove_part(cache, CACHE_REQUESTS, err) : rc;
    return rc == 0 && all ? remove_part(cache, CACHE_SCRIPTS, err) : rc;
}

/* What is to go. */
struct prune_rule {
    bool all;
    int64_t before; /* was not used since, in seconds since the epoch */
    uint64_t max;   /* is more than so many bytes, all together */
};

static int prune_layers(const struct cache *cache, const struct prune_rule *rule,
                        const struct layer_list *list, struct layers_gone *gone,
                        struct vmm_err *err)
{
    int rc = cache_sweep(cache, err);

    for (size_t i = 0; i < list->count && rc == 0; i++) {
        const struct layer_entry *entry = &list->items[i];

        if (rule->all || entry->used < rule->before || is_orphan(cache, entry)) {
            rc = layers_remove(cache, entry->name, err);
            gone->disk += entry->disk;
            gone->count++;
        }
    }
    rc = rc == 0 ? layers_trim(cache, rule->max, NULL, gone, err) : rc;
    return rc == 0 ? remove_rest(cache, rule->all, err) : rc;
}

static int prune(const struct cache *cache, const struct prune_rule *rule, struct vmm_err *err)
{
    struct layers_gone gone = {0};
    struct layer_list list;
    int rc = layers_list(cache, &list, err);

    rc = rc == 0 ? prune_layers(cache, rule, &list, &gone, err) : rc;
    if (rc == 0) {
        printf("removed %zu of %zu layers from %s: %s\n", gone.count, list.count, cache->dir.path,
               report_size(gone.disk).s);
    }
    layers_list_free(&list);
    return rc;
}

static int make_rule(const struct prune_options *options, struct prune_rule *rule,
                     struct vmm_err *err)
{
    const int64_t now = time(NULL);
    uint64_t days;

    *rule = (struct prune_rule){
        .all = options->older_than == NULL && options->max_size == NULL,
        .before = INT64_MIN,
        .max = UINT64_MAX,
    };
    if (options->older_than != NULL) {
        if (value_count("--older-than", options->older_than, &days, err) < 0) {
            return -err->code;
        }
        rule->before = days < (uint64_t)now / DAY ? now - (int64_t)days * DAY : 0;
    }
    return options->max_size != NULL ? value_size("--max-size", options->max_size, &rule->max, err)
                                     : 0;
}

static int prune_main(const struct cmd *cmd, int argc, char **argv)
{
    struct prune_options options = {.older_than = NULL};
    struct vmm_err err = {0};
    struct prune_rule rule;
    struct cache cache;
    int status, rc;

    if (!cmd_parse_options(cmd, argc, argv, &options, "all layers go, or those --older-than DAYS",
                           &status)) {
        return status;
    }
    if (make_rule(&options, &rule, &err) < 0) {
        return cmd_usage(cmd, "%s", err.msg);
    }
    rc = cache_open(false, &cache, &err);
    if (rc == -ENOENT) {
        printf("there is no cache\n");
        rc = 0;
    } else if (rc == 0) {
        rc = prune(&cache, &rule, &err);
    }
    cache_close(&cache);
    return rc < 0 ? cmd_fail(cmd, &err) : CMD_OK;
}

const struct cmd cmd_prune = {
    .name = "prune",
    .summary = "Removes packages that runs have cached",
    .synopsis = "prune [--older-than DAYS] [--max-size SIZE]",
    .notes = "Layers are what `pyhl run --with` has made, in $XDG_CACHE_HOME/pyhl (~/.cache/pyhl). "
             "A run that\nneeds a removed one makes it again. `pyhl info` lists them.",
    .opts = prune_opts,
    .run = prune_main,
};
