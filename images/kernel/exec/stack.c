// SPDX-License-Identifier: Apache-2.0
/*
 * The first stack of a program, from high to low: strings, AT_RANDOM's bytes,
 * auxv, envp, argv, argc at a 16-byte boundary (System V ABI AMD64, 3.4.1; the
 * vector's meanings: getauxval(3)).
 */
#include <asm/auxvec.h>
#include <linux/auxvec.h>

#include "cpu/cpu.h"
#include "exec/exec.h"

#define STRINGS_MAX     (2ul << 20)
#define HWCAP2_FSGSBASE 2u

struct builder {
    vaddr_t sp;
    int error;
};

static vaddr_t push_bytes(struct builder *b, const void *p, size_t n)
{
    b->sp -= n;
    if (!b->error) {
        b->error = copy_to_user(b->sp, p, n);
    }
    return b->sp;
}

static vaddr_t push_string(struct builder *b, const char *s)
{
    return push_bytes(b, s, strlen(s) + 1);
}

static size_t strings_size(char *const *list, u64 *count)
{
    size_t n = 0;
    for (*count = 0; list[*count] != NULL; ++*count) {
        n += strlen(list[*count]) + 1;
    }
    return n;
}

/* Puts the strings one after the other, first to last: programs that change their title count on
 * that order. */
static u64 *put_strings(struct builder *b, u64 *out, char *const *list, u64 count, vaddr_t *at)
{
    for (u64 i = 0; i < count; i++) {
        size_t n = strlen(list[i]) + 1;
        if (!b->error) {
            b->error = copy_to_user(*at, list[i], n);
        }
        out[i] = *at;
        *at += n;
    }
    out[count] = 0;
    return out + count + 1;
}

static u64 *aux(u64 *out, u64 type, u64 value)
{
    out[0] = type;
    out[1] = value;
    return out + 2;
}

static u64 *put_auxv(u64 *out, const struct exec_start *s, vaddr_t random, vaddr_t execfn,
                     vaddr_t platform)
{
    u32 cpu[4];
    cpu_cpuid(1, 0, cpu);
    out = aux(out, AT_SYSINFO_EHDR, s->vdso);
    out = aux(out, AT_HWCAP, cpu[3]);
    out = aux(out, AT_PAGESZ, PAGE_SIZE);
    out = aux(out, AT_CLKTCK, 100);
    out = aux(out, AT_PHDR, s->phdr);
    out = aux(out, AT_PHENT, 56);
    out = aux(out, AT_PHNUM, s->phnum);
    out = aux(out, AT_BASE, s->base);
    out = aux(out, AT_FLAGS, 0);
    out = aux(out, AT_ENTRY, s->entry);
    out = aux(out, AT_UID, s->cred->uid[ID_REAL]);
    out = aux(out, AT_EUID, s->cred->uid[ID_EFFECTIVE]);
    out = aux(out, AT_GID, s->cred->gid[ID_REAL]);
    out = aux(out, AT_EGID, s->cred->gid[ID_EFFECTIVE]);
    out = aux(out, AT_SECURE, s->secure);
    out = aux(out, AT_RANDOM, random);
    out = aux(out, AT_HWCAP2, HWCAP2_FSGSBASE);
    out = aux(out, AT_EXECFN, execfn);
    out = aux(out, AT_PLATFORM, platform);
    out = aux(out, AT_MINSIGSTKSZ, xstate_size + 1024);
    return aux(out, AT_NULL, 0);
}

int exec_stack(struct process *p, const struct exec_start *s, vaddr_t *sp)
{
    u64 argc, envc;
    size_t bytes = strings_size(s->argv, &argc) + strings_size(s->envp, &envc);
    u64 all = bytes + (argc + envc) * sizeof(u64);
    if (all > STRINGS_MAX || all > p->stack_size / 4) {
        return -E2BIG;
    }
    u64 *vec = kmalloc((argc + envc + 64) * sizeof(u64));
    if (vec == NULL) {
        return -ENOMEM;
    }
    struct builder b = {.sp = p->stack_top - sizeof(u64)};
    u8 seed[16];
    random_bytes(seed, sizeof(seed));
    vaddr_t execfn = push_string(&b, s->path), platform = push_string(&b, "x86_64");
    vaddr_t random = push_bytes(&b, seed, sizeof(seed));
    b.sp -= bytes;
    vaddr_t at = b.sp;
    u64 *out = vec;
    *out++ = argc;
    p->arg_start = at;
    out = put_strings(&b, out, s->argv, argc, &at);
    p->arg_end = p->env_start = at;
    out = put_strings(&b, out, s->envp, envc, &at);
    p->env_end = at;
    size_t words = (size_t)(put_auxv(p->auxv, s, random, execfn, platform) - p->auxv);
    KASSERT(words <= AUXV_WORDS);
    memcpy(out, p->auxv, words * sizeof(u64));
    out += words;
    size_t n = (size_t)(out - vec) * sizeof(u64);
    b.sp = (b.sp - n) & ~15ul;
    if (!b.error) {
        b.error = copy_to_user(b.sp, vec, n);
    }
    *sp = b.sp;
    kfree(vec);
    return b.error;
}
