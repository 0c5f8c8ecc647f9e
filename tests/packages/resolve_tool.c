// SPDX-License-Identifier: Apache-2.0
/*
 * Reads requirements, lets uv find the packages, and prints what came: for tests of pyhl/packages.h
 * without a VM. Without a WORK folder it prints the request alone. $RESOLVE_COPY names a folder to
 * copy the tree to.
 *
 * usage: resolve_tool [OPTION...] [INITRD WORK [DISTS]]     options as those of pyhl run; --max
 * SIZE
 */
#include "pyhl/message.h"
#include "pyhl/packages.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The command's own belongs to a run with a deadline. */
void message(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
}

struct tool_options {
    struct package_options packages;
    uint64_t max_bytes;
    unsigned verbose;
    bool keep;
    const char *versions, *dists; /* the image's, "NAME = VERSION" lines; a folder for metadata */
};

static const struct opt tool_opts[] = {
    {.name = "keep", .kind = OPT_FLAG, .offset = offsetof(struct tool_options, keep)},
    PACKAGE_OPTIONS(struct tool_options, packages),
    {.name = "max",
     .kind = OPT_SIZE,
     .offset = offsetof(struct tool_options, max_bytes),
     .arg = "SIZE"},
    {.name = "versions",
     .kind = OPT_TEXT,
     .offset = offsetof(struct tool_options, versions),
     .arg = "TEXT"},
    {.name = "dists",
     .kind = OPT_TEXT,
     .offset = offsetof(struct tool_options, dists),
     .arg = "DIR"},
    {.name = "verbose",
     .letter = 'v',
     .kind = OPT_TALLY,
     .offset = offsetof(struct tool_options, verbose)},
    OPT_END};

static int resolve(const struct package_request *request, const struct tool_options *options,
                   const char *const *words, struct vmm_err *err)
{
    static char versions[] = "libc6 = 2.41-12+deb13u5\npython3 = 3.13.5-1\n";
    char *text = options->versions != NULL ? strdup(options->versions) : strdup(versions);
    const struct packages packages = {.text = text};
    const struct package_dists dists = {.initrd_fd = open(words[0], O_RDONLY),
                                        .versions = &packages,
                                        .more_dir = words[2],
                                        .max_bytes = options->max_bytes,
                                        .keep = options->keep};
    struct package_tree tree;
    int rc = packages_resolve(request, &dists, words[1], &tree, err);

    if (rc == 0 && options->dists != NULL) {
        rc = packages_dists(&tree, options->dists, err);
    }
    if (rc == 0) {
        printf("modules:");
        for (size_t i = 0; i < tree.module_count; i++) {
            printf(" %s", tree.modules[i]);
        }
        printf("\nentries: %llu\nbytes: %llu\nreplaces: %d\n%.*s", (unsigned long long)tree.entries,
               (unsigned long long)tree.bytes, tree.replaces, (int)tree.lock_len, tree.lock);
        fflush(stdout);
        if (getenv("RESOLVE_COPY") != NULL) {
            char command[PATH_MAX * 2 + 64];

            (void)snprintf(command, sizeof(command), "cp -r '%s' '%s'", tree.dir,
                           getenv("RESOLVE_COPY"));
            rc = system(command) == 0 ? 0 : -1;
        }
    } else {
        fprintf(stderr, "error: %s\n%s", err->msg, tree.said != NULL ? tree.said : "");
    }
    package_tree_end(&tree);
    close(dists.initrd_fd);
    free(text);
    return rc;
}

int main(int argc, char **argv)
{
    struct tool_options options = {0};
    struct package_request request;
    struct opt_words words = {0};
    struct vmm_err err = {0};
    int rc = opts_parse(tool_opts, argc, argv, &options, &words, &err);

    if (rc == 0) {
        rc = packages_request(&options.packages, NULL, &request, &err);
        request.verbose = options.verbose;
        if (rc == 0 && words.count >= 2) {
            rc = resolve(&request, &options,
                         (const char *const[]){words.items[0], words.items[1],
                                               words.count > 2 ? words.items[2] : NULL},
                         &err);
        } else if (rc == 0) {
            fputs(request.text, stdout);
            for (size_t i = 0; i < request.find_links_count; i++) {
                printf("find-links: %s\n", request.find_links[i]);
            }
        } else {
            fprintf(stderr, "error: %s\n", err.msg);
        }
        package_request_free(&request);
    } else {
        fprintf(stderr, "error: %s\n", err.msg);
    }
    free(options.packages.with.items);
    free(options.packages.files.items);
    free(options.packages.find_links.items);
    free(words.items);
    return rc == 0 ? 0 : 1;
}
