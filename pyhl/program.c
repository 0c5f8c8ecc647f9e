// SPDX-License-Identifier: Apache-2.0
/*
 * image.ini is read only where it is needed: in an image's directory, or when the command line
 * names no program. A kernel and an initrd with a program need none beside them.
 */
#include "program.h"
#include "home.h"
#include "image.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BLANKS " \t"

static int join(char path[PATH_MAX], const char *dir, const char *name, struct vmm_err *err)
{
    if (snprintf(path, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX) {
        return vmm_err_set(err, EINVAL, "%.200s...: path too long", dir);
    }
    return 0;
}

static int describe(const char *dir, struct program *program, struct vmm_err *err)
{
    struct folder folder = FOLDER_NONE;
    int rc = folder_open(&folder, dir, err);

    if (rc == 0) {
        rc = image_ini(&folder, &program->config, err);
    }
    folder_close(&folder);
    program->memory = program->config.memory;
    return rc < 0 ? -(err->code = EINVAL) : 0;
}

/* A directory has all three files of an image. */
static int from_directory(const char *dir, const char *initrd, struct program *program,
                          struct vmm_err *err)
{
    if (initrd != NULL) {
        return vmm_err_set(err, EINVAL,
                           "'%s' is an image's directory, with an " HOME_INITRD
                           " of its own: give a KERNEL with --initrd, or the directory alone",
                           dir);
    }
    if (join(program->kernel, dir, HOME_KERNEL, err) < 0 ||
        join(program->initrd, dir, HOME_INITRD, err) < 0) {
        return -err->code;
    }
    return describe(dir, program, err);
}

static int from_files(const char *kernel, const char *initrd, bool needs_ini,
                      struct program *program, struct vmm_err *err)
{
    char beside[PATH_MAX];

    if (initrd == NULL) {
        return vmm_err_set(err, EINVAL,
                           "give the image's root with --initrd CPIO, or an image's directory in "
                           "place of '%s'",
                           kernel);
    }
    if (strlen(kernel) >= PATH_MAX || strlen(initrd) >= PATH_MAX) {
        return vmm_err_set(err, EINVAL, "%.200s...: path too long", kernel);
    }
    strcpy(program->kernel, kernel);
    strcpy(program->initrd, initrd);
    if (!needs_ini) {
        return 0;
    }
    strcpy(beside, initrd);
    if (describe(dirname(beside), program, err) < 0) {
        (void)vmm_err_context(err, "no PROGRAM is named, and --initrd's directory does not name "
                                   "one");
        return -err->code;
    }
    return 0;
}

/* The image's command for code, cut into words, with the code as its next word. */
static int code_words(const char *code, struct program *program, size_t *count, struct vmm_err *err)
{
    char *word = strtok(program->config.eval, BLANKS);

    if (word == NULL) {
        return vmm_err_set(err, EINVAL,
                           "-e: this image's image.ini has no 'eval', which names what takes code; "
                           "give the interpreter as the PROGRAM");
    }
    for (; word != NULL; word = strtok(NULL, BLANKS)) {
        program->argv[(*count)++] = word;
    }
    program->argv[(*count)++] = code;
    return 0;
}

static int command(const struct opt_words *words, const char *code, struct program *program,
                   struct vmm_err *err)
{
    size_t count = 0;

    program->argv = calloc(words->count + CONFIG_LINE, sizeof(*program->argv));
    if (program->argv == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    if (code != NULL && code_words(code, program, &count, err) < 0) {
        return -err->code;
    }
    if (code == NULL && words->count == 1) {
        if (program->config.check[0]) {
            return vmm_err_set(err, EINVAL,
                               "name a PROGRAM of the image, or give -e CODE: its init '%s' takes "
                               "scripts, for which there are pyhl setup and pyhl run",
                               program->config.init);
        }
        program->argv[count++] = program->config.init;
    }
    memcpy(program->argv + count, words->items + 1, (words->count - 1) * sizeof(*words->items));
    return 0;
}

int program_find(const struct opt_words *words, const char *initrd, const char *code,
                 struct program *program, struct vmm_err *err)
{
    struct stat st;
    int rc;

    *program = (struct program){.argv = NULL};
    if (words->count == 0) {
        return vmm_err_set(err, EINVAL,
                           "give an image's directory, or a KERNEL with --initrd CPIO");
    }
    if (stat(words->items[0], &st) == 0 && S_ISDIR(st.st_mode)) {
        rc = from_directory(words->items[0], initrd, program, err);
    } else {
        rc = from_files(words->items[0], initrd, words->count == 1 || code != NULL, program, err);
    }
    return rc == 0 ? command(words, code, program, err) : rc;
}

void program_free(struct program *program)
{
    free(program->argv);
    free(program->config.packages.text);
}
