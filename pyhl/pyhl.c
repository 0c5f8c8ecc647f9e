// SPDX-License-Identifier: Apache-2.0
/*
 * The front of libpyhl: opens homes and layers, from which VMs are restored, and makes the run that
 * such a VM is given.
 */
#include "pyhl.h"
#include "env.h"
#include "home.h"
#include "layers.h"
#include "vmm/abi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pyhl_home {
    struct home home; /* its directory is closed */
    struct vmm_snapshot *snap;
};

/* Looks twice: setup --force may replace the home, and remove the old one's files, after one file
 * was opened and before the next. */
static int home_look(const char *dir, struct pyhl_home *home, struct vmm_err *err)
{
    int rc = -1;

    for (int look = 0; look < 2 && rc < 0; look++) {
        rc = home_open(dir, false, &home->home, err);
        if (rc == 0) {
            rc = home_snapshot(&home->home, &home->snap, err);
        }
        home_close(&home->home);
    }
    return rc;
}

int pyhl_home_open(const char *dir, struct pyhl_home **out, struct vmm_err *err)
{
    struct pyhl_home *home = calloc(1, sizeof(*home));
    struct vmm_err unseen;
    int rc;

    *out = NULL;
    if (home == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    rc = home_look(dir, home, err != NULL ? err : &unseen);
    if (rc < 0) {
        free(home);
        return rc;
    }
    *out = home;
    return 0;
}

void pyhl_home_close(struct pyhl_home *home)
{
    if (home != NULL) {
        vmm_snapshot_close(home->snap);
        free(home);
    }
}

struct vmm_snapshot *pyhl_home_snapshot(const struct pyhl_home *home)
{
    return home->snap;
}

void pyhl_home_info(const struct pyhl_home *home, struct pyhl_home_info *info)
{
    const struct home_config *config = &home->home.config;

    *info = (struct pyhl_home_info){
        .path = home->home.dir.path,
        .image = config->image,
        .version = config->version,
        .memory = config->memory,
        .key = config->key,
    };
}

/* The command that makes a layer. */
static int no_layer(const struct pyhl_home *home, const char *const *packages, struct vmm_err *err)
{
    char words[300] = "";

    for (size_t n = 0; packages[n] != NULL && strlen(words) + strlen(packages[n]) < 280; n++) {
        sprintf(words + strlen(words), " --with %s", packages[n]);
    }
    return vmm_err_set(err, ENOENT,
                       "no layer has these packages; make one with: pyhl run --dest "
                       "%.100s%s -c 1",
                       home->home.dir.path, words);
}

static int layer_pick(const struct pyhl_home *home, const struct cache *cache,
                      const char *const *packages, struct vmm_snapshot **out, struct vmm_err *err)
{
    struct layer_base base = {.snap = home->snap, .home = home->home.dir.path};
    const struct layer_entry *entry;
    struct layer_list list;
    int rc = layers_list(cache, &list, err);

    if (rc == 0) {
        entry = layers_pick(cache, &list, &base, packages);
        rc = entry != NULL ? layers_open(cache, entry->name, &base, out, err)
                           : no_layer(home, packages, err);
    }
    layers_list_free(&list);
    return rc;
}

int pyhl_layer_open(const struct pyhl_home *home, const char *const *packages,
                    struct vmm_snapshot **out, struct vmm_err *err)
{
    struct vmm_err unseen = {0};
    struct cache cache;
    int rc;

    *out = NULL;
    err = err != NULL ? err : &unseen;
    rc = cache_open(false, &cache, err);
    if (rc == 0) {
        rc = layer_pick(home, &cache, packages, out, err);
    } else if (rc == -ENOENT) {
        rc = no_layer(home, packages, err);
    }
    cache_close(&cache);
    return rc;
}

/* Sets the mode, the source and sys.argv[0], as python3 does from its arguments. */
static int run_source(const struct pyhl_run *run, struct vmm_run *out, const char **name,
                      struct vmm_err *err)
{
    if ((run->code != NULL) + (run->module != NULL) + (run->script != NULL) + (run->cell != NULL) +
            (run->preload != NULL) !=
        1) {
        return vmm_err_set(err, EINVAL,
                           "a run needs one of code, module, script, cell and preload");
    }
    if (run->as_cell && run->code == NULL && run->script == NULL) {
        return vmm_err_set(err, EINVAL, "only code and scripts can be run as a cell");
    }
    if (run->cell == NULL && !run->as_cell && run->context != NULL) {
        return vmm_err_set(err, EINVAL, "context '%s': only a cell has one", run->context);
    }
    if (run->cell != NULL && run->args != NULL && run->args[0] != NULL) {
        return vmm_err_set(err, EINVAL, "argument '%s': a cell has none", run->args[0]);
    }
    if (run->preload != NULL && ((run->args != NULL && run->args[0] != NULL) ||
                                 (run->options != NULL && run->options[0] != NULL))) {
        return vmm_err_set(err, EINVAL, "a preload has neither arguments nor options");
    }
    if (run->script != NULL) {
        *name = run->script;
        out->mode = strcmp(run->script, "-") == 0 ? HV_RUN_STDIN : HV_RUN_FILE;
        out->source = run->source;
        out->source_len = run->source_len;
        return 0;
    }
    if (run->source_len > 0) {
        return vmm_err_set(err, EINVAL,
                           "a run of code, of a module or of a cell has no other source");
    }
    if (run->cell != NULL) {
        *name = "-";
        out->mode = HV_RUN_CELL;
        out->source = run->cell;
        out->context = run->context;
    } else if (run->preload != NULL) {
        *name = "-";
        out->mode = HV_RUN_PRELOAD;
        out->source = run->preload;
    } else {
        *name = run->code != NULL ? "-c" : "-m";
        out->mode = run->code != NULL ? HV_RUN_CODE : HV_RUN_MODULE;
        out->source = run->code != NULL ? run->code : run->module;
    }
    out->source_len = strlen(out->source);
    return 0;
}

static const char **run_argv(const char *name, const char *const *args)
{
    const char **argv;
    size_t count = 0;

    while (args != NULL && args[count] != NULL) {
        count++;
    }
    argv = calloc(count + 2, sizeof(*argv));
    if (argv != NULL) {
        argv[0] = name;
        for (size_t i = 0; i < count; i++) {
            argv[i + 1] = args[i];
        }
    }
    return argv;
}

int pyhl_run_make(const struct pyhl_run *run, struct vmm_run *out, struct vmm_err *err)
{
    const char *name = NULL;
    int rc;

    *out = (struct vmm_run){0};
    rc = run_source(run, out, &name, err);
    if (rc < 0) {
        return rc;
    }
    out->argv = run_argv(name, run->args);
    out->env = env_make(run->env);
    if (out->argv == NULL || out->env == NULL) {
        pyhl_run_free(out);
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    if (run->as_cell) {
        out->mode = HV_RUN_CELL;
        out->context = run->context;
    }
    out->options = run->options;
    out->cwd = run->cwd != NULL ? run->cwd : "/";
    out->timeout_ns = run->timeout_ns;
    out->grace_ns = PYHL_GRACE_NS;
    out->memory = run->memory;
    out->cpu_ns = run->cpu_ns;
    out->max_output = run->max_output;
    out->tools = run->tools;
    out->tools_arg = run->tools_arg;
    out->max_calls = run->max_calls;
    out->files_in = run->files_in;
    out->files_out = run->files_out;
    out->deterministic = run->deterministic;
    out->trace = run->trace;
    return 0;
}

/* Frees a list that was allocated here, though its readers take it for constant. */
static void run_list_free(const char *const *list)
{
    free((void *)(uintptr_t)list);
}

void pyhl_run_free(struct vmm_run *out)
{
    run_list_free(out->argv);
    run_list_free(out->env);
    *out = (struct vmm_run){0};
}

int pyhl_run(struct vmm *vm, const struct pyhl_run *run, struct vmm_outcome *outcome,
             struct vmm_err *err)
{
    struct vmm_run made;
    int rc = pyhl_run_make(run, &made, err);

    if (rc == 0) {
        rc = vmm_run(vm, &made, outcome, err);
        pyhl_run_free(&made);
    }
    return rc;
}
