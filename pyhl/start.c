// SPDX-License-Identifier: Apache-2.0
#include "start.h"
#include "deadline.h"
#include "layer.h"
#include "message.h"
#include "save.h"
#include "signals.h"

#include <errno.h>
#include <stdlib.h>

static bool wants_packages(const struct start_options *options)
{
    const struct package_options *packages = options->packages;

    return packages->with.count > 0 || packages->files.count > 0 ||
           (options->more != NULL && options->more[0] != NULL);
}

static int start_layer(const struct cmd *cmd, const struct start_options *options,
                       const struct package_request *request, struct start *start, char **said,
                       struct vmm_err *err)
{
    struct layer_base base = {.snap = pyhl_home_snapshot(start->home)};
    const struct layer_wish wish = {
        .cmd = cmd->name,
        .base = &base,
        .request = request,
        .verbose = options->verbose,
        .said = said,
    };
    struct pyhl_home_info info;
    int rc;

    pyhl_home_info(start->home, &info);
    base.home = info.path;
    rc = request->len > 0 ? layer_open(&wish, &start->layer, err) : 0;
    if (rc == 0 && base.plain && options->saves) {
        rc =
            vmm_err_set(err, ENOTSUP,
                        "--save: packages that replace some of the image's have a base that may be "
                        "pruned, so a state with them is not saved");
    }
    return rc;
}

int start_packages(const struct cmd *cmd, const struct start_options *options, struct start *start)
{
    struct package_request request = {0};
    struct vmm_err err = {0};
    char *said = NULL;
    int rc;

    if (!wants_packages(options)) {
        return CMD_OK;
    }
    if (options->from != NULL) {
        return cmd_usage(cmd, "--from: a saved state has its packages; --with and -r go with the "
                              "run that is saved");
    }
    rc = packages_request(options->packages, options->more, &request, &err);
    if (rc < 0) {
        package_request_free(&request);
        return cmd_usage(cmd, "%s", err.msg);
    }
    request.verbose = options->verbose;
    rc = pyhl_home_open(options->dest, &start->home, &err);
    rc = rc == 0 ? start_layer(cmd, options, &request, start, &said, &err) : rc;
    package_request_free(&request);
    deadline_renew(); /* none of this is the run's time */
    if (rc < 0) {
        (void)cmd_fail(cmd, &err);
        message("%s", said != NULL ? said : "");
    }
    free(said);
    if (rc == 0) {
        return CMD_OK;
    }
    return rc == -EINTR && signals_last() ? CMD_SIGNALED + signals_last() : CMD_FAILED;
}

int start_open(const struct start_options *options, struct start *start, struct vmm_err *err)
{
    int rc = start->home == NULL ? pyhl_home_open(options->dest, &start->home, err) : 0;

    return rc == 0 ? save_open(pyhl_home_snapshot(start->home), options->from, &start->state, err)
                   : rc;
}

struct vmm_snapshot *start_snapshot(const struct start *start)
{
    return start->state != NULL   ? start->state
           : start->layer != NULL ? start->layer
                                  : pyhl_home_snapshot(start->home);
}

void start_close(struct start *start)
{
    vmm_snapshot_close(start->state);
    vmm_snapshot_close(start->layer);
    pyhl_home_close(start->home);
    *start = (struct start){0};
}
