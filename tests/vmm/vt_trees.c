// SPDX-License-Identifier: Apache-2.0
/*
 * A random tree of runs, checkpoints, copies and rewinds, beside a model that keeps every page of
 * every state by itself.
 */
#include "vmm/vmm_int.h"
#include "vt_branch.h"

/* The model: what each page of the areas is, in a machine or a checkpoint, and where the window
 * leads (-1: nowhere). */
struct state {
    uint64_t pages[AREAS][AREA_PAGES];
    int window;
};
#define MACHINES 4
#define NODES    12
static struct {
    struct vmm *vm;
    struct state now;
    struct state target; /* of a rewind */
} machines[MACHINES];
static struct {
    struct vmm_snapshot *snap;
    struct state state;
} nodes[NODES];
static uint64_t seed;

static uint64_t dice(uint64_t sides)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % sides;
}

static void model_look(int m)
{
    const struct state *s = &machines[m].now;
    for (int a = 0; a < AREAS; a++) {
        uint64_t want = 0;
        for (uint64_t i = 0; i < AREA_PAGES; i++) {
            want += 2 * (i + 1) * s->pages[a][i];
        }
        CHECK_INT(branch_sum(machines[m].vm, branch_areas[a], AREA_PAGES), (long long)want);
    }
    if (s->window >= 0) {
        CHECK_INT(branch_turn(machines[m].vm, "through", ""), 1000 + s->window);
    }
}

static void model_fill(int m)
{
    const uint64_t a = dice(AREAS), first = dice(AREA_PAGES - 60), count = 1 + dice(60);
    const uint64_t value = dice(3) * dice(1000);
    branch_fill(machines[m].vm, branch_areas[a] + first * 4096, count, value);
    for (uint64_t i = 0; i < count; i++) {
        machines[m].now.pages[a][first + i] = value;
    }
}

/* The guest leaves the first page of the range and discards the others. */
static void model_discard(int m)
{
    const uint64_t a = dice(AREAS), first = dice(AREA_PAGES - 60), count = 1 + dice(59);
    char arg[64];
    (void)snprintf(arg, sizeof(arg), "%llu %llu",
                   (unsigned long long)(branch_areas[a] + first * 4096), (unsigned long long)count);
    (void)branch_turn(machines[m].vm, "discard-only", arg);
    for (uint64_t i = 1; i <= count; i++) {
        machines[m].now.pages[a][first + i] = 0;
    }
}

static void model_remap(int m)
{
    machines[m].now.window = (int)dice(2);
    (void)branch_turn(machines[m].vm, "remap", machines[m].now.window ? "1" : "0");
}

static void model_checkpoint(int m)
{
    const uint64_t n = 1 + dice(NODES - 1); /* the first is the base */
    vmm_snapshot_close(nodes[n].snap);
    nodes[n].snap = branch_checkpoint(machines[m].vm);
    nodes[n].state = machines[m].target = machines[m].now;
}

static void model_rewind(int m)
{
    struct vmm_err err;
    if (dice(4) == 0) {
        OK(vmm_renew(machines[m].vm, &err));
    } else {
        OK(vmm_rewind(machines[m].vm, &err));
    }
    OK(vmm_check(machines[m].vm, &err));
    machines[m].now = machines[m].target;
}

static void model_jump(int m, bool fresh)
{
    const uint64_t n = dice(NODES);
    if (nodes[n].snap == NULL) {
        return;
    }
    if (fresh) {
        vmm_destroy(machines[m].vm);
        machines[m].vm = branch_copy(nodes[n].snap);
    } else {
        branch_rewind_to(machines[m].vm, nodes[n].snap);
    }
    machines[m].now = machines[m].target = nodes[n].state;
}

static void model_step(int m)
{
    switch (dice(12)) {
    case 0:
        model_checkpoint(m);
        break;
    case 1:
    case 2:
        model_rewind(m);
        break;
    case 3:
        model_jump(m, false);
        break;
    case 4:
        model_jump(m, true);
        break;
    case 5:
        model_discard(m);
        model_look(m);
        break;
    case 6:
        model_remap(m);
        break;
    case 7:
        model_look(m);
        break;
    default:
        model_fill(m);
    }
}

static void model_begin(void)
{
    nodes[0].snap = branch_base();
    nodes[0].state = (struct state){.window = -1};
    for (int m = 0; m < MACHINES; m++) {
        machines[m].vm = branch_copy(nodes[0].snap);
        machines[m].now = machines[m].target = nodes[0].state;
    }
}

static void model_end(void)
{
    for (int m = 0; m < MACHINES; m++) {
        model_look(m);
        vmm_destroy(machines[m].vm);
    }
    for (int n = 0; n < NODES; n++) {
        vmm_snapshot_close(nodes[n].snap);
        nodes[n].snap = NULL;
    }
}

/* CHECKPOINT_SEED repeats a tree. */
static void t_checkpoint_trees(void)
{
    const char *text = getenv("CHECKPOINT_SEED");
    /* Under emulation each takes seconds. */
    const int trees = policy_host() == policy_of(POLICY_EMULATED) ? 1 : 10;
    for (int tree = 0; tree < trees; tree++) {
        seed = text != NULL ? strtoull(text, NULL, 10) : vt_now() + (uint64_t)tree;
        printf("seed %llu\n", (unsigned long long)seed);
        model_begin();
        for (int i = 0; i < 150; i++) {
            model_step((int)dice(MACHINES));
        }
        model_end();
    }
}

const struct vt_test vt_trees_tests[] = {
    {"checkpoint-trees", t_checkpoint_trees},
    {NULL, NULL},
};
