// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's calls of functions of the host, from the guest's call until it is done with the
 * reply. Replies come from any thread. So the table of calls has a lock, and what other threads
 * touch is this table and vm->interrupts alone: a reply to a guest that went on is an interrupt,
 * which ends its wait or its computing, and the guest is told by HV_HANDLE_TOOL.
 *
 * The guest's own table (hv_shared.requests) is read once, when a call is made. An id that the
 * caller sees is given by the host and never again in this VM: a late reply to a call of an earlier
 * run finds nothing.
 */
#include "vmm_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tool_call {
    uint64_t id;                         /* 0: the entry is free */
    const struct vmm_function *function; /* NULL: the call was refused */
    hv_gpa_t bytes;                      /* the arguments */
    size_t size;
    uint8_t *reply; /* struct hv_reply and its bytes; NULL: the call is open */
    size_t reply_size;
    bool calling; /* its function has not returned */
    bool told;    /* the guest knows that it is answered */
    bool again;   /* the machine was restored since the guest has made it */
};

struct tool_calls {
    pthread_mutex_t lock;
    uint64_t last_id;
    size_t used; /* entries */
    size_t open; /* calls without a reply */
    size_t held; /* bytes of replies */
    struct tool_call of[HV_REQUESTS];
};

static int toolcalls_table(struct vmm *vm, struct vmm_err *err)
{
    if (vm->tools.calls != NULL) {
        return 0;
    }
    struct tool_calls *calls = calloc(1, sizeof(*calls));
    if (calls == NULL || pthread_mutex_init(&calls->lock, NULL) != 0) {
        free(calls);
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    vm->tools.calls = calls;
    return 0;
}

int toolcalls_prepare(struct vmm *vm, const struct vmm_run *run, struct vmm_err *err)
{
    return run->tools != NULL ? toolcalls_table(vm, err) : 0;
}

void toolcalls_set(struct vmm *vm, const struct vmm_run *run)
{
    vm->tools.set = tools_hold(run->tools);
    vm->tools.arg = run->tools_arg;
    vm->tools.left = run->max_calls != 0 ? run->max_calls : UINT64_MAX;
}

int toolcalls_begin(struct vmm *vm)
{
    (void)atomic_fetch_and(&vm->interrupts, ~(1 << INTERRUPT_ANSWER));
    handle_set(vm, HV_HANDLE_TOOL, HANDLE_TOLD);
    return 0;
}

/* The guest knows that the call is answered. With the lock. */
static void toolcalls_told(struct vmm *vm, struct tool_call *c)
{
    if (!c->told) {
        c->told = true;
        (void)atomic_fetch_sub(&vm->tools.untold, 1);
    }
}

/* With the lock. */
static void toolcalls_forget(struct vmm *vm, struct tool_call *c)
{
    struct tool_calls *calls = vm->tools.calls;
    if (c->reply == NULL) {
        calls->open--;
    } else {
        toolcalls_told(vm, c);
    }
    calls->used--;
    calls->held -= c->reply_size;
    free(c->reply);
    *c = (struct tool_call){0};
}

void toolcalls_end(struct vmm *vm)
{
    struct tool_calls *calls = vm->tools.calls;
    if (calls != NULL) {
        (void)pthread_mutex_lock(&calls->lock);
        for (unsigned i = 0; calls->used > 0 && i < HV_REQUESTS; i++) {
            if (calls->of[i].id != 0) {
                toolcalls_forget(vm, &calls->of[i]);
            }
        }
        (void)pthread_mutex_unlock(&calls->lock);
    }
    tools_drop(vm->tools.set);
    vm->tools.set = NULL;
}

void toolcalls_free(struct vmm *vm)
{
    if (vm->tools.calls != NULL) {
        (void)pthread_mutex_destroy(&vm->tools.calls->lock);
        free(vm->tools.calls);
    }
}

bool toolcalls_open(struct vmm *vm)
{
    struct tool_calls *calls = vm->tools.calls;
    if (calls == NULL) {
        return false;
    }
    (void)pthread_mutex_lock(&calls->lock);
    const bool open = calls->open > 0;
    (void)pthread_mutex_unlock(&calls->lock);
    return open;
}

/* A reply comes in two pieces; of an error these are the type with its NUL and the message. */
struct tool_piece {
    const void *bytes;
    size_t size;
};

/* Makes the reply. With the lock. */
static int toolcalls_put(struct vmm *vm, struct tool_call *c, bool failed,
                         const struct tool_piece pieces[2])
{
    const struct hv_reply head = {
        .failed = failed, .restored = c->again, .size = pieces[0].size + pieces[1].size};
    uint8_t *at = malloc(sizeof(head) + head.size);
    if (at == NULL) {
        return -ENOMEM;
    }
    c->reply = at;
    c->reply_size = sizeof(head) + head.size;
    vm->tools.calls->held += c->reply_size;
    vm->tools.calls->open--;
    (void)atomic_fetch_add(&vm->tools.untold, 1);
    memcpy(at, &head, sizeof(head));
    at += sizeof(head);
    for (int i = 0; i < 2; i++) {
        if (pieces[i].size > 0) {
            memcpy(at, pieces[i].bytes, pieces[i].size);
            at += pieces[i].size;
        }
    }
    return 0;
}

/* The same for an error. With the lock. */
static int toolcalls_put_error(struct vmm *vm, struct tool_call *c, const char *type,
                               const char *message)
{
    const struct tool_piece pieces[2] = {{type, strlen(type) + 1}, {message, strlen(message)}};
    return toolcalls_put(vm, c, true, pieces);
}

/* Answers a call by an error of the library's own. What is not printable ASCII, in a name that the
 * guest gave, becomes '?'. */
static int toolcalls_refuse(struct vmm *vm, struct tool_call *c, const char *type, const char *fmt,
                            ...) __attribute__((format(printf, 4, 5)));
static int toolcalls_refuse(struct vmm *vm, struct tool_call *c, const char *type, const char *fmt,
                            ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    for (char *p = text; *p != '\0'; p++) {
        *p = (char)(*p >= ' ' && *p <= '~' ? *p : '?');
    }
    (void)pthread_mutex_lock(&vm->tools.calls->lock);
    const int rc = toolcalls_put_error(vm, c, type, text);
    (void)pthread_mutex_unlock(&vm->tools.calls->lock);
    return rc < 0 ? vmm_err_set(vm->err, -rc, "out of memory") : 0;
}

/* A request out of the guest's table, checked but for what its bytes say. As outcome.c. */
static int toolcalls_request(struct vmm *vm, uint64_t index, struct hv_request *request)
{
    const hv_gpa_t table = vm->shared->requests;
    if (index >= HV_REQUESTS) {
        return outcome_set(vm, VMM_BROKEN, 0, "call tool: there is no request %llu",
                           (unsigned long long)index);
    }
    const struct hv_request *from = mem_read_ptr(vm, table, HV_REQUESTS * sizeof(*request));
    if (from == NULL) {
        return outcome_set(vm, VMM_BROKEN, 0, "call tool: the table 0x%llx is not in memory",
                           (unsigned long long)table);
    }
    memcpy(request, from + index, sizeof(*request));
    __asm__ volatile("" ::: "memory"); /* one fetch: the checked request is the used one */
    if (request->id == 0 || request->size > HV_REQUEST_MAX ||
        mem_read_ptr(vm, request->bytes, request->size) == NULL) {
        return outcome_set(vm, VMM_BROKEN, 0,
                           "call tool: request %llu has the id %llu, 0x%llx+0x%llx",
                           (unsigned long long)index, (unsigned long long)request->id,
                           (unsigned long long)request->bytes, (unsigned long long)request->size);
    }
    return 0;
}

/* The name that the request begins with. False when it begins with none. */
static bool toolcalls_name(const struct vmm *vm, const struct hv_request *request,
                           char name[HV_FUNCTION_MAX])
{
    const char *from = mem_read_ptr(vm, request->bytes, request->size);
    const size_t room = request->size < HV_FUNCTION_MAX ? request->size : HV_FUNCTION_MAX;
    const size_t length = strnlen(from, room);
    if (length == 0 || length == room) {
        return false;
    }
    memcpy(name, from, length + 1);
    return true;
}

static struct vmm_call toolcalls_shown(const struct vmm *vm, const struct tool_call *c)
{
    return (struct vmm_call){.id = c->id,
                             .name = c->function->name,
                             .bytes = mem_read_ptr(vm, c->bytes, c->size),
                             .size = c->size};
}

/* Calls the function, which answers at once, later, or never. */
static int toolcalls_run(struct vmm *vm, struct tool_call *c)
{
    const struct vmm_call call = toolcalls_shown(vm, c);
    sigset_t before;
    if (c->function->call == NULL) {
        return 0;
    }
    wait_block_kick(&before);
    const int rc = c->function->call(c->function->arg, vm->tools.arg, vm, &call);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        const int code = rc < 0 ? -rc : EINVAL;
        return vmm_err_set(vm->err, code, "function '%s': %s", call.name, strerror(code));
    }
    return 0;
}

/* Finds the function and calls it, or answers the call by an error. */
static int toolcalls_dispatch(struct vmm *vm, struct tool_call *c, const struct hv_request *request)
{
    char name[HV_FUNCTION_MAX];
    if (!toolcalls_name(vm, request, name)) {
        return toolcalls_refuse(vm, c, "ValueError", "a request without the name of a function");
    }
    if (vm->ending) {
        return toolcalls_refuse(vm, c, "TimeoutError", "%s: the time of the run is over", name);
    }
    const struct vmm_function *f = tools_find(vm->tools.set, name);
    if (f == NULL) {
        return toolcalls_refuse(vm, c, "NameError", "the host has no function '%s'", name);
    }
    c->bytes = request->bytes + strlen(name) + 1;
    c->size = request->size - strlen(name) - 1;
    if (c->size > f->max_request) {
        return toolcalls_refuse(vm, c, "ValueError",
                                "%s: the arguments have %zu bytes, %zu are allowed", name, c->size,
                                f->max_request);
    }
    c->function = f;
    return toolcalls_run(vm, c);
}

/* Copies [offset, ...) of the reply to the guest, and forgets the call if that is all of it. With
 * the lock. */
static uint64_t toolcalls_give(struct vmm *vm, struct tool_call *c, uint64_t offset, hv_gpa_t to,
                               uint64_t size)
{
    const uint64_t whole = c->reply_size;
    const uint64_t left = offset < whole ? whole - offset : 0;
    uint64_t n = left < size ? left : size;
    n = n < HV_CALL_BYTES ? n : HV_CALL_BYTES;
    if (n > 0) {
        memcpy(mem_write_ptr(vm, to, n), c->reply + offset, n);
    }
    toolcalls_told(vm, c);
    if (n == whole) {
        toolcalls_forget(vm, c);
    }
    return n;
}

static int toolcalls_bad_buffer(struct vmm *vm, const char *name, uint64_t gpa, uint64_t size)
{
    return outcome_set(vm, VMM_BROKEN, 0, "call %s: 0x%llx+0x%llx is not in memory", name,
                       (unsigned long long)gpa, (unsigned long long)size);
}

/* The function has returned: what the guest gets. */
static int64_t toolcalls_result(struct vmm *vm, struct tool_call *c, const struct hv_call *call)
{
    int64_t ret = -EAGAIN;
    (void)pthread_mutex_lock(&vm->tools.calls->lock);
    c->calling = false;
    if (c->reply != NULL) {
        ret = (int64_t)c->reply_size;
        (void)toolcalls_give(vm, c, 0, call->arg[1], call->arg[2]);
    }
    (void)pthread_mutex_unlock(&vm->tools.calls->lock);
    return ret;
}

/* Takes a free entry for a call, which is open from now on. */
static void toolcalls_take(struct vmm *vm, struct tool_call *c, bool again)
{
    struct tool_calls *calls = vm->tools.calls;
    (void)pthread_mutex_lock(&calls->lock);
    *c = (struct tool_call){.id = ++calls->last_id, .calling = true, .again = again};
    calls->open++;
    calls->used++;
    (void)pthread_mutex_unlock(&calls->lock);
}

/* Whether it is a call of the program's: one of a function that it was not told of is not. */
static bool toolcalls_counts(const struct vmm *vm, const struct hv_request *request)
{
    char name[HV_FUNCTION_MAX];
    const struct vmm_function *f =
        toolcalls_name(vm, request, name) ? tools_find(vm->tools.set, name) : NULL;
    return f == NULL || !f->hidden;
}

/* One more of the calls that the run may make. As outcome.c. */
static int toolcalls_count(struct vmm *vm)
{
    if (vm->tools.left == 0) {
        return outcome_set(vm, VMM_CALLS, 0, "more calls of functions than allowed");
    }
    vm->tools.left--;
    vm->counters.tool_calls++;
    return 0;
}

/* HV_CALL_TOOL */
int toolcalls_make(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    struct hv_request request = {0};
    int rc = toolcalls_request(vm, call->arg[0], &request);
    rc = rc == 0 ? toolcalls_table(vm, vm->err) : rc;
    if (rc != 0) {
        return rc;
    }
    struct tool_call *c = &vm->tools.calls->of[call->arg[0]];
    if (c->id != 0) {
        return outcome_set(vm, VMM_BROKEN, 0, "call tool: the request %llu was made before",
                           (unsigned long long)call->arg[0]);
    }
    if (mem_read_ptr(vm, call->arg[1], call->arg[2]) == NULL) {
        return toolcalls_bad_buffer(vm, "tool", call->arg[1], call->arg[2]);
    }
    rc = toolcalls_counts(vm, &request) ? toolcalls_count(vm) : 0;
    rc = rc == 0 ? console_drain(vm) : rc;
    if (rc != 0) {
        return rc;
    }
    toolcalls_take(vm, c, false);
    rc = toolcalls_dispatch(vm, c, &request);
    if (rc == 0) {
        *ret = toolcalls_result(vm, c, call);
    }
    return rc;
}

bool toolcalls_mark(struct vmm *vm, uint64_t open[HV_REQUESTS / 64])
{
    struct tool_calls *calls = vm->tools.calls;
    bool taken = true;
    (void)pthread_mutex_lock(&calls->lock);
    for (unsigned i = 0; i < HV_REQUESTS; i++) {
        taken = taken && calls->of[i].reply == NULL;
        if (calls->of[i].id != 0) {
            bitmap_set(open, i);
        }
    }
    (void)pthread_mutex_unlock(&calls->lock);
    return taken;
}

static int toolcalls_make_again(struct vmm *vm, unsigned index)
{
    struct tool_calls *calls = vm->tools.calls;
    struct tool_call *c = &calls->of[index];
    struct hv_request request = {.id = 0};
    int rc = toolcalls_request(vm, index, &request);
    if (rc != 0) {
        return rc;
    }
    toolcalls_take(vm, c, true);
    rc = toolcalls_dispatch(vm, c, &request);
    (void)pthread_mutex_lock(&calls->lock);
    c->calling = false;
    (void)pthread_mutex_unlock(&calls->lock);
    return rc;
}

int toolcalls_again(struct vmm *vm, const uint64_t open[HV_REQUESTS / 64])
{
    int rc = toolcalls_table(vm, vm->err);
    for (uint64_t i = bitmap_next(open, 0, HV_REQUESTS); rc == 0 && i < HV_REQUESTS;
         i = bitmap_next(open, i + 1, HV_REQUESTS)) {
        rc = toolcalls_make_again(vm, (unsigned)i);
    }
    if (atomic_load(&vm->tools.untold) > 0) {
        outcome_interrupt(vm, INTERRUPT_ANSWER);
    }
    return rc;
}

/* HV_CALL_ANSWERED */
int toolcalls_answered(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    struct tool_calls *calls = vm->tools.calls;
    (void)call;
    *ret = -EAGAIN;
    if (calls == NULL) {
        return 0;
    }
    (void)pthread_mutex_lock(&calls->lock);
    for (unsigned i = 0; i < HV_REQUESTS && atomic_load(&vm->tools.untold) > 0; i++) {
        struct tool_call *c = &calls->of[i];
        if (c->reply != NULL && !c->told) {
            toolcalls_told(vm, c);
            *ret = i;
            break;
        }
    }
    (void)pthread_mutex_unlock(&calls->lock);
    return 0;
}

/* The call that an index names, which has been made and not been forgotten. NULL: the outcome was
 * set. */
static struct tool_call *toolcalls_of(struct vmm *vm, const char *name, uint64_t index)
{
    if (index < HV_REQUESTS && vm->tools.calls != NULL && vm->tools.calls->of[index].id != 0) {
        return &vm->tools.calls->of[index];
    }
    (void)outcome_set(vm, VMM_BROKEN, 0, "call %s: the request %llu was not made", name,
                      (unsigned long long)index);
    return NULL;
}

/* HV_CALL_REPLY */
int toolcalls_reply(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    struct tool_call *c = toolcalls_of(vm, "reply", call->arg[0]);
    if (c == NULL) {
        return RUN_STOP;
    }
    if (mem_read_ptr(vm, call->arg[2], call->arg[3]) == NULL) {
        return toolcalls_bad_buffer(vm, "reply", call->arg[2], call->arg[3]);
    }
    *ret = -EAGAIN;
    (void)pthread_mutex_lock(&vm->tools.calls->lock);
    if (c->reply != NULL) {
        *ret = (int64_t)toolcalls_give(vm, c, call->arg[1], call->arg[2], call->arg[3]);
    }
    (void)pthread_mutex_unlock(&vm->tools.calls->lock);
    return 0;
}

/* HV_CALL_FORGET */
int toolcalls_done(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    struct tool_call *c = toolcalls_of(vm, "forget", call->arg[0]);
    if (c == NULL) {
        return RUN_STOP;
    }
    *ret = 0;
    (void)pthread_mutex_lock(&vm->tools.calls->lock);
    toolcalls_forget(vm, c);
    (void)pthread_mutex_unlock(&vm->tools.calls->lock);
    return 0;
}

int vmm_calls(struct vmm *vm, struct vmm_call *list, size_t max, size_t *count)
{
    struct tool_calls *calls = vm->tools.calls;
    *count = 0;
    if (calls == NULL) {
        return 0;
    }
    (void)pthread_mutex_lock(&calls->lock);
    for (unsigned i = 0; i < HV_REQUESTS && calls->open > 0; i++) {
        const struct tool_call *c = &calls->of[i];
        if (c->id == 0 || c->reply != NULL || c->function == NULL) {
            continue;
        }
        if (*count < max) {
            list[*count] = toolcalls_shown(vm, c);
        }
        ++*count;
    }
    (void)pthread_mutex_unlock(&calls->lock);
    return 0;
}

/* The open call with this id, or NULL. With the lock. */
static struct tool_call *toolcalls_find(struct tool_calls *calls, uint64_t id)
{
    for (unsigned i = 0; id != 0 && i < HV_REQUESTS; i++) {
        struct tool_call *c = &calls->of[i];
        if (c->id == id) {
            return c->reply == NULL && c->function != NULL ? c : NULL;
        }
    }
    return NULL;
}

/* A reply that is too large is an error for both: the caller, and the guest, which gets another
 * reply. With the lock. */
static int toolcalls_too_large(struct vmm *vm, struct tool_call *c, size_t size,
                               struct vmm_err *err)
{
    const size_t max = c->function->max_reply, held = vm->tools.calls->held;
    char text[256];
    if (size <= max && size <= VMM_REPLIES_MAX - held) {
        return 0;
    }
    if (size > max) {
        (void)snprintf(text, sizeof(text), "%s: the reply has %zu bytes, %zu are allowed",
                       c->function->name, size, max);
    } else {
        (void)snprintf(text, sizeof(text),
                       "%s: the reply has %zu bytes, and the machine has not taken %zu of others",
                       c->function->name, size, held);
    }
    const int rc = toolcalls_put_error(vm, c, "ValueError", text);
    return rc < 0 ? rc : vmm_err_set(err, E2BIG, "%s", text);
}

/* Answers an open call, and gets a guest that went on to look. */
static int toolcalls_answer(struct vmm *vm, uint64_t id, bool failed,
                            const struct tool_piece pieces[2], struct vmm_err *err)
{
    struct tool_calls *calls = vm->tools.calls;
    if (calls == NULL) {
        return vmm_err_set(err, ENOENT, "no function was called");
    }
    (void)pthread_mutex_lock(&calls->lock);
    struct tool_call *c = toolcalls_find(calls, id);
    if (c == NULL) {
        (void)pthread_mutex_unlock(&calls->lock);
        return vmm_err_set(err, ENOENT, "there is no open call %llu", (unsigned long long)id);
    }
    int rc = toolcalls_too_large(vm, c, pieces[0].size + pieces[1].size, err);
    rc = rc == 0 ? toolcalls_put(vm, c, failed, pieces) : rc;
    const bool late = c->reply != NULL && !c->calling;
    (void)pthread_mutex_unlock(&calls->lock);
    if (late) {
        outcome_interrupt(vm, INTERRUPT_ANSWER);
    }
    return rc == -ENOMEM ? vmm_err_set(err, ENOMEM, "out of memory") : rc;
}

int vmm_reply(struct vmm *vm, uint64_t id, const void *bytes, size_t size, struct vmm_err *err)
{
    const struct tool_piece pieces[2] = {{bytes, size}, {NULL, 0}};
    return toolcalls_answer(vm, id, false, pieces, err);
}

int vmm_reply_error(struct vmm *vm, uint64_t id, const char *type, const char *message,
                    struct vmm_err *err)
{
    const struct tool_piece pieces[2] = {{type, strlen(type) + 1}, {message, strlen(message)}};
    return toolcalls_answer(vm, id, true, pieces, err);
}
