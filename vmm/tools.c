// SPDX-License-Identifier: Apache-2.0
/*
 * Sets of functions of the host. A set is made once and never changes, so that VMs on many threads
 * use it without a lock. It counts who uses it. The record of the run frame that tells the guest of
 * the functions is made together with the set; names and schemas are kept nowhere else.
 */
#include "vmm_int.h"

#include <stdlib.h>
#include <string.h>

#define TOOLS_MAX_DEFAULT (1u << 20)
#define TOOLS_TEXT_MAX    (64u << 20) /* names and schemas of a set */

struct vmm_tools {
    struct vmm_tools *self; /* what a holder of a const pointer counts in */
    atomic_size_t users;
    size_t count;
    struct vmm_function *functions; /* by name */
    uint8_t *record;                /* a struct hv_record and its bytes, padded */
    size_t record_size;             /* 0: the guest is told of none */
};

static int tools_by_name(const void *a, const void *b)
{
    return strcmp(((const struct vmm_function *)a)->name, ((const struct vmm_function *)b)->name);
}

static bool tools_name_valid(const char *name)
{
    size_t n = 0;
    while (name[n] > ' ' && name[n] <= '~') {
        n++;
    }
    return n > 0 && name[n] == '\0' && n < HV_FUNCTION_MAX;
}

static int tools_check(const struct vmm_function *f, struct vmm_err *err)
{
    if (f->name == NULL || !tools_name_valid(f->name)) {
        return vmm_err_set(err, EINVAL,
                           "the name of a function has 1 to %u printable ASCII characters and no "
                           "space, unlike '%s'",
                           HV_FUNCTION_MAX - 1, f->name != NULL ? f->name : "");
    }
    if (f->max_request > HV_REQUEST_MAX || f->max_reply > HV_REPLY_MAX) {
        return vmm_err_set(err, EINVAL, "function '%s': a limit of %zu bytes is over %u", f->name,
                           f->max_request > HV_REQUEST_MAX ? f->max_request : f->max_reply,
                           HV_REQUEST_MAX);
    }
    return 0;
}

static size_t tools_text_size(const struct vmm_function *f)
{
    return strlen(f->name) + 1 + (f->schema != NULL ? strlen(f->schema) : 0) + 1;
}

/* Appends a string with its NUL and returns where it lies now. */
static const char *tools_put(uint8_t **at, const char *text)
{
    const size_t size = strlen(text) + 1;
    const char *put = memcpy(*at, text, size);
    *at += size;
    return put;
}

static void tools_copy(struct vmm_function *to, const struct vmm_function *from, uint8_t **at)
{
    *to = *from;
    to->name = tools_put(at, from->name);
    to->schema = tools_put(at, from->schema != NULL ? from->schema : "");
    to->max_request = from->max_request != 0 ? from->max_request : TOOLS_MAX_DEFAULT;
    to->max_reply = from->max_reply != 0 ? from->max_reply : TOOLS_MAX_DEFAULT;
}

/* Copies the functions that are hidden, or the others. */
static void tools_copy_some(struct vmm_tools *t, const struct vmm_function *functions, bool hidden,
                            uint8_t **at)
{
    for (size_t i = 0; i < t->count; i++) {
        if (functions[i].hidden == hidden) {
            tools_copy(&t->functions[i], &functions[i], at);
        }
    }
}

/* Copies the functions, whose texts have so many bytes together. First come those that the guest is
 * told of: they are the record. */
static int tools_fill(struct vmm_tools *t, const struct vmm_function *functions, size_t length)
{
    struct hv_record head = {.kind = HV_RECORD_TOOLS};
    t->functions = calloc(t->count + 1, sizeof(*functions));
    t->record = calloc(1, sizeof(head) + length + HV_RECORD_ALIGN);
    if (t->functions == NULL || t->record == NULL) {
        return -ENOMEM;
    }
    uint8_t *at = t->record + sizeof(head);
    tools_copy_some(t, functions, false, &at);
    head.length = (size_t)(at - t->record) - sizeof(head);
    memcpy(t->record, &head, sizeof(head));
    if (head.length > 0) {
        const size_t size = sizeof(head) + head.length + HV_RECORD_ALIGN - 1;
        t->record_size = size / HV_RECORD_ALIGN * HV_RECORD_ALIGN;
    }
    at = t->record + t->record_size;
    tools_copy_some(t, functions, true, &at);
    qsort(t->functions, t->count, sizeof(*t->functions), tools_by_name);
    return 0;
}

static void tools_free(struct vmm_tools *t)
{
    free(t->functions);
    free(t->record);
    free(t);
}

int vmm_tools_create(const struct vmm_function *functions, size_t count, struct vmm_tools **out,
                     struct vmm_err *err)
{
    size_t length = 0;
    *out = NULL;
    for (size_t i = 0; i < count; i++) {
        int rc = tools_check(&functions[i], err);
        if (rc < 0) {
            return rc;
        }
        length += tools_text_size(&functions[i]);
        if (length > TOOLS_TEXT_MAX) {
            return vmm_err_set(err, E2BIG, "the schemas of %zu functions have more than %u bytes",
                               count, TOOLS_TEXT_MAX);
        }
    }
    struct vmm_tools *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    t->self = t;
    t->count = count;
    atomic_init(&t->users, 1);
    if (tools_fill(t, functions, length) < 0) {
        tools_free(t);
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    for (size_t i = 1; i < count; i++) {
        if (strcmp(t->functions[i - 1].name, t->functions[i].name) == 0) {
            int rc = vmm_err_set(err, EEXIST, "there are two functions '%s'", t->functions[i].name);
            tools_free(t);
            return rc;
        }
    }
    *out = t;
    return 0;
}

void vmm_tools_destroy(struct vmm_tools *tools)
{
    if (tools == NULL || atomic_fetch_sub(&tools->users, 1) > 1) {
        return;
    }
    for (size_t i = 0; i < tools->count; i++) {
        const struct vmm_function *f = &tools->functions[i];
        if (f->release != NULL) {
            f->release(f->arg);
        }
    }
    tools_free(tools);
}

const struct vmm_tools *tools_hold(const struct vmm_tools *tools)
{
    if (tools != NULL) {
        (void)atomic_fetch_add(&tools->self->users, 1);
    }
    return tools;
}

void tools_drop(const struct vmm_tools *tools)
{
    vmm_tools_destroy(tools != NULL ? tools->self : NULL);
}

const struct vmm_function *tools_find(const struct vmm_tools *tools, const char *name)
{
    const struct vmm_function wanted = {.name = name};
    return tools != NULL ? bsearch(&wanted, tools->functions, tools->count,
                                   sizeof(*tools->functions), tools_by_name)
                         : NULL;
}

const uint8_t *tools_record(const struct vmm_tools *tools, size_t *size)
{
    *size = tools != NULL ? tools->record_size : 0;
    return tools != NULL ? tools->record : NULL;
}
