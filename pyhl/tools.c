// SPDX-License-Identifier: Apache-2.0
/*
 * Makes the list of tools from the words of a command line.
 */
#include "tools.h"
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#define TOOLS_SCHEMA_MAX (1u << 20)
#define TOOLS_COUNT_MAX  1000u
#define TOOLS_NAME_MAX   100u

static bool tools_is_name(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    const size_t len = strlen(name);

    return len > 0 && len <= TOOLS_NAME_MAX && strspn(name, letters) == len;
}

static void tool_free(struct tool *tool)
{
    free(tool->name);
    free(tool->command);
    free(tool->path);
    free(tool->schema);
}

/* Adds a tool, whose strings are the list's from then on, also after an error. */
static int tools_add(struct tool_list *list, struct tool tool, struct vmm_err *err)
{
    struct tool *more = realloc(list->items, (list->count + 1) * sizeof(*more));

    if (more == NULL) {
        tool_free(&tool);
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    list->items = more;
    list->items[list->count++] = tool;
    if (tool.name == NULL || (tool.command == NULL && tool.path == NULL)) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    if (!tools_is_name(tool.name)) {
        return vmm_err_set(err, EINVAL,
                           "'%s' is no name for a tool: it has 1 to %u letters, digits, '_', '-' "
                           "or '.'",
                           tool.name, TOOLS_NAME_MAX);
    }
    if (list->count > TOOLS_COUNT_MAX) {
        return vmm_err_set(err, E2BIG, "more than %u tools", TOOLS_COUNT_MAX);
    }
    for (size_t i = 0; i + 1 < list->count; i++) {
        if (strcmp(list->items[i].name, tool.name) == 0) {
            return vmm_err_set(err, EINVAL, "there are two tools '%s'", tool.name);
        }
    }
    return 0;
}

static int tools_add_command(const char *word, struct tool_list *list, struct vmm_err *err)
{
    const char *equals = strchr(word, '=');

    if (equals == NULL || equals == word || equals[1] == 0) {
        return vmm_err_set(err, EINVAL, "--tool '%s': give it as NAME=COMMAND", word);
    }
    return tools_add(list,
                     (struct tool){.name = strndup(word, (size_t)(equals - word)),
                                   .command = strdup(equals + 1)},
                     err);
}

/* Reads NAME.json beside a program. A file that is not there is no schema. */
static int tools_schema(int folder, const char *path, const char *name, char **schema,
                        struct vmm_err *err)
{
    char file[NAME_MAX + 8], shown[PATH_MAX];
    json_error_t wrong;
    json_t *json;
    size_t len;
    int fd, rc;

    (void)snprintf(file, sizeof(file), "%s.json", name);
    (void)snprintf(shown, sizeof(shown), "%s/%s", path, file);
    fd = openat(folder, file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? 0 : file_fail(err, shown);
    }
    rc = file_read(fd, shown, TOOLS_SCHEMA_MAX, schema, &len, err);
    close(fd);
    if (rc < 0) {
        return rc;
    }
    json = json_loadb(*schema, len, 0, &wrong);
    if (json == NULL || !json_is_object(json)) {
        rc = vmm_err_set(err, EINVAL, "%s: not a JSON object: %s", shown,
                         json == NULL ? wrong.text : "it is another value");
    }
    json_decref(json);
    return rc;
}

/* The name of a tool is its program's, without what follows the first dot. */
static int tools_add_program(int folder, const char *path, const char *file, struct tool_list *list,
                             struct vmm_err *err)
{
    struct tool tool = {.name = strndup(file, strcspn(file, "."))};
    int rc = 0;

    if (tool.name != NULL && asprintf(&tool.path, "%s/%s", path, file) < 0) {
        tool.path = NULL;
    }
    if (tool.name != NULL) {
        rc = tools_schema(folder, path, tool.name, &tool.schema, err);
    }
    if (rc == 0) {
        return tools_add(list, tool, err);
    }
    tool_free(&tool);
    return rc;
}

static bool tools_is_program(int folder, const char *file)
{
    struct stat st;

    return file[0] != '.' && fstatat(folder, file, &st, 0) == 0 && S_ISREG(st.st_mode) &&
           faccessat(folder, file, X_OK, AT_EACCESS) == 0;
}

static int tools_add_folder(const char *word, struct tool_list *list, struct vmm_err *err)
{
    char *path = realpath(word, NULL);
    struct dirent **found = NULL;
    const size_t before = list->count;
    int folder = path != NULL ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int count = folder >= 0 ? scandir(path, &found, NULL, alphasort) : -1, rc = 0;

    if (count < 0) {
        rc = vmm_err_set(err, errno, "--tools %s: %s", word, strerror(errno));
    }
    for (int i = 0; i < count; i++) {
        if (rc == 0 && tools_is_program(folder, found[i]->d_name)) {
            rc = tools_add_program(folder, path, found[i]->d_name, list, err);
        }
        free(found[i]);
    }
    if (rc == 0 && list->count == before) {
        rc = vmm_err_set(err, ENOENT, "--tools %s: there is no program in it", word);
    }
    free(found);
    if (folder >= 0) {
        close(folder);
    }
    free(path);
    return rc;
}

int tools_list(const struct opt_list *commands, const struct opt_list *folders,
               struct tool_list *list, struct vmm_err *err)
{
    int rc = 0;

    *list = (struct tool_list){0};
    for (size_t i = 0; rc == 0 && i < commands->count; i++) {
        rc = tools_add_command(commands->items[i], list, err);
    }
    for (size_t i = 0; rc == 0 && i < folders->count; i++) {
        rc = tools_add_folder(folders->items[i], list, err);
    }
    if (rc < 0) {
        tools_list_free(list);
    }
    return rc;
}

void tools_list_free(struct tool_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        tool_free(&list->items[i]);
    }
    free(list->items);
    *list = (struct tool_list){0};
}
