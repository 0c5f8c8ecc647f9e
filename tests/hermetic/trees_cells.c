// SPDX-License-Identifier: Apache-2.0
/*
 * Cells of a Python session, and what each does to the model. The session has variables, blocks of
 * memory, files, mappings, a thread, random numbers, clocks, calls of functions of the host, a
 * rounding mode, which lies in a register that only vector state has, and at times a process, which
 * has an address space of its own.
 */
#include "trees.h"

#define TEXT     4096u
#define LIMIT_NS (60000 * NS_PER_MS)
#define SHORT_NS (10 * NS_PER_MS)
#define SEEDS    4
#define SEEN     (1u << 18)
/* Between the reading of two clocks the machine may be kept waiting. */
#define CLOCK_SLACK 0.02

static const char first[] =
    "import asyncio, ctypes, host, mmap, os, random, ssl, subprocess, sys, threading, time\n"
    "libm = ctypes.CDLL('libm.so.6')\n"
    "blocks, maps, paths = [None] * 4, [None] * 4, [f'/tmp/f{i}' for i in range(4)]\n"
    "cells, folded, seeded, one, three, child = 1, 0, False, 1.0, 3.0, None\n"
    "go = threading.Event()\n"
    "thread = threading.Thread(target=go.wait, daemon=True)\n"
    "thread.start()\n"
    "def fold(x):\n"
    "    global folded, cells\n"
    "    folded = (folded * 31 + x) % 1000003\n"
    "    cells += 1\n"
    "def whole(b):\n"
    "    return '-' if b is None else f'{len(b) >> 12}:{b[0]}' if b.count(b[:1]) == len(b) else "
    "'mixed'\n"
    "def kept(path):\n"
    "    return open(path, 'rb').read() if os.path.exists(path) else None\n"
    "def hold(i, b): blocks[i] = b\n"
    "def put(i, b):\n"
    "    if b is None: os.unlink(paths[i])\n"
    "    else: open(paths[i], 'wb').write(b)\n"
    "def remap(i, b):\n"
    "    if maps[i] is not None: maps[i].close()\n"
    "    maps[i] = None if b is None else mmap.mmap(-1, len(b))\n"
    "    if b is not None and b[0]: maps[i].write(b)\n"
    "def begin():\n"
    "    global child\n"
    "    child = subprocess.Popen([sys.executable, '-ISuc', 'n = 0\\nwhile True:\\n n = (n * 31 "
    "+'\n"
    "        'int(input())) % 1000003\\n print(n)'], stdin=subprocess.PIPE, "
    "stdout=subprocess.PIPE, text=True)\n"
    "def tell(x):\n"
    "    child.stdin.write(f'{x}\\n'); child.stdin.flush(); print(int(child.stdout.readline()))\n"
    "def stop():\n"
    "    global child\n"
    "    child.kill(); child.wait(); child = None\n"
    "def look():\n"
    "    global seeded\n"
    "    number = random.getrandbits(64)\n"
    "    if seeded: random.seed()\n"
    "    seeded = False\n"
    "    m1, wall, m2 = time.monotonic(), time.time(), time.monotonic()\n"
    "    print(cells, folded, *map(whole, blocks), *map(whole, map(kept, paths)),\n"
    "          *(whole(m and m[:]) for m in maps), thread.is_alive())\n"
    "    print(number, int.from_bytes(os.urandom(8)), int.from_bytes(ssl.RAND_bytes(8)), m1, wall, "
    "m2)\n"
    "async def ask(count, mode):\n"
    "    libm.fesetround(mode)\n"
    "    answers = await asyncio.gather(*(host.ask.aio(n=i) for i in range(count)))\n"
    "    third = one / three\n"
    "    libm.fesetround(0)\n"
    "    for answer in answers: fold(answer)\n"
    "    print(third.hex())\n";

static char said[TEXT];
static size_t said_size;
static struct vmm_tools *tools;
static uint64_t seed_gives[SEEDS]; /* the first number that follows from a seed */
static uint64_t *seen;             /* all random numbers so far */
static double clock_offset;        /* monotonic time less wall time: one in all machines */

static int say(void *arg, int stream, const void *bytes, size_t size)
{
    (void)arg;
    if (stream == 1 && said_size + size < sizeof(said)) {
        memcpy(said + said_size, bytes, size);
        said_size += size;
        said[said_size] = '\0';
    }
    return 0;
}

const struct vmm_io trees_io = {.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1, .write = say};

static void run(struct vmm *vm, int mode, const char *source, uint64_t timeout_ns,
                struct vmm_outcome *o)
{
    static const char *const argv[] = {"-c", NULL};
    static const char *const env[] = {"PATH=/usr/bin:/bin", "HOME=/root", "LANG=C.UTF-8", NULL};
    const struct vmm_run run = {.mode = mode,
                                .argv = argv,
                                .env = env,
                                .cwd = "/tmp",
                                .source = source,
                                .source_len = strlen(source),
                                .timeout_ns = timeout_ns,
                                .tools = tools};
    struct vmm_err err;
    said_size = 0;
    said[0] = '\0';
    if (vmm_run(vm, &run, o, &err) < 0) {
        trees_fail("%s", err.msg);
    }
}

static void must_end(const struct vmm_outcome *o, enum vmm_outcome_kind kind, int status)
{
    if (o->kind != kind || o->status != status) {
        trees_fail("outcome %d, status %d (%s), not %d, %d; it said '%s'", (int)o->kind, o->status,
                   o->detail, (int)kind, status, said);
    }
}

static void must_say(const char *text)
{
    if (strcmp(said, text) != 0) {
        trees_fail("it said\n%s, not\n%s", said, text);
    }
}

/* Runs a cell of a session, after the first one where there is none yet. */
static void cell(struct machine *m, const char *source, enum vmm_outcome_kind kind, int status)
{
    struct vmm_outcome o;
    if (m->now.at == AT_BASE) {
        run(m->vm, HV_RUN_CELL, first, LIMIT_NS, &o);
        must_end(&o, VMM_READY, 0);
        m->now.at = AT_CELL;
        m->now.cells = 1;
    }
    run(m->vm, HV_RUN_CELL, source, LIMIT_NS, &o);
    must_end(&o, kind, status);
}

static void model_fold(struct state *s, unsigned x)
{
    s->folded = (s->folded * 31 + x) % 1000003;
    s->cells++;
}

static void cell_fold(struct machine *m, bool fails)
{
    char source[64];
    const unsigned x = (unsigned)dice(1000);
    (void)snprintf(source, sizeof(source), "fold(%u)%s", x, fails ? "; fold(None)" : "");
    cell(m, source, VMM_READY, fails);
    model_fold(&m->now, x);
}

/* Makes, replaces or removes bytes of one kind. */
static void cell_bytes(struct machine *m, unsigned kind)
{
    static const char *const ways[] = {"hold", "put", "remap"};
    struct bytes *const all[] = {m->now.blocks, m->now.files, m->now.maps};
    const unsigned i = (unsigned)dice(SLOTS);
    struct bytes *b = &all[kind][i];
    const bool large = dice(10) == 0;
    const bool gone = b->pages > 0 && dice(4) == 0;
    char source[128];
    *b = gone ? (struct bytes){0}
              : (struct bytes){.pages = 1 + (unsigned)dice(large ? 8000 : 200),
                               .value = (unsigned)(dice(3) * dice(128))};
    int n = snprintf(source, sizeof(source), "%s(%u, ", ways[kind], i);
    n += gone ? snprintf(source + n, sizeof(source) - (size_t)n, "None")
              : snprintf(source + n, sizeof(source) - (size_t)n, "bytearray([%u]) * %u", b->value,
                         b->pages << 12);
    (void)snprintf(source + n, sizeof(source) - (size_t)n, "); fold(%u)", i);
    cell(m, source, VMM_READY, 0);
    model_fold(&m->now, i);
}

static void cell_seed(struct machine *m)
{
    char source[64];
    m->now.seeded = (int)dice(SEEDS);
    (void)snprintf(source, sizeof(source), "random.seed(%d); seeded = True", m->now.seeded);
    cell(m, source, VMM_READY, 0);
}

/* Starts a process, tells it a number, or stops it. */
static void cell_child(struct machine *m)
{
    char text[64];
    if (!m->now.child || dice(8) == 0) {
        cell(m, m->now.child ? "stop()" : "begin()", VMM_READY, 0);
        m->now.child = !m->now.child;
        m->now.told = 0;
        return;
    }
    const unsigned x = (unsigned)dice(1000);
    (void)snprintf(text, sizeof(text), "tell(%u)", x);
    cell(m, text, VMM_READY, 0);
    m->now.told = (m->now.told * 31 + x) % 1000003;
    (void)snprintf(text, sizeof(text), "%u\n", m->now.told);
    must_say(text);
}

static void cell_ask(struct machine *m)
{
    char source[64];
    const unsigned count = 1 + (unsigned)dice(ASKS);
    const bool up = dice(2) == 0;
    (void)snprintf(source, sizeof(source), "await ask(%u, %u)", count, up ? 0x800 : 0);
    cell(m, source, VMM_CALLED, 0);
    m->now.at = AT_CALLED;
    m->now.asked.count = count;
    m->now.asked.up = up;
    for (unsigned i = 0; i < count; i++) {
        m->now.asked.open[i] = true;
    }
}

static void script(struct machine *m)
{
    struct vmm_outcome o;
    run(m->vm, HV_RUN_CODE,
        "import os, sys\n"
        "print(os.listdir('/tmp'), 'folded' in globals(), hasattr(os, 'left'))\n"
        "os.left = [0] * 100000; open('/tmp/f0', 'w').write('left')",
        LIMIT_NS, &o);
    must_end(&o, VMM_EXITED, 0);
    must_say("[] False False\n");
    m->now.at = AT_END;
}

void cell_end(struct machine *m)
{
    struct vmm_outcome o;
    if (m->now.at == AT_BASE) {
        script(m);
        return;
    }
    const bool spins = dice(2) == 0;
    run(m->vm, HV_RUN_CELL, spins ? "while True: pass" : "os._exit(3)", spins ? SHORT_NS : LIMIT_NS,
        &o);
    must_end(&o, spins ? VMM_TIMEOUT : VMM_EXITED, spins ? 0 : 3);
    m->now.at = AT_END;
}

void cell_any(struct machine *m)
{
    switch (dice(12)) {
    case 0:
        cell_fold(m, true);
        break;
    case 1:
        cell_seed(m);
        break;
    case 2:
    case 3:
        cell_ask(m);
        break;
    case 4:
    case 5:
        cell_bytes(m, 0);
        break;
    case 6:
    case 7:
        cell_bytes(m, 1);
        break;
    case 8:
    case 9:
        cell_bytes(m, 2);
        break;
    default:
        if (m->now.child || dice(3) == 0) {
            cell_child(m);
        } else {
            cell_fold(m, false);
        }
    }
}

/* A number that no machine has given before, in any branch. */
static void must_be_new(uint64_t number, const char *of)
{
    size_t at = number % SEEN;
    for (; seen[at] != 0; at = (at + 1) % SEEN) {
        if (seen[at] == number) {
            trees_fail("the random number %llu of %s came before", (unsigned long long)number, of);
        }
    }
    seen[at] = number;
}

static int text_of(char *to, const struct bytes *all)
{
    int n = 0;
    for (int i = 0; i < SLOTS; i++) {
        n += all[i].pages == 0 ? sprintf(to + n, " -")
                               : sprintf(to + n, " %u:%u", all[i].pages, all[i].value);
    }
    return n;
}

static void look_state(const struct state *s)
{
    char text[TEXT];
    int n = sprintf(text, "%u %u", s->cells, s->folded);
    n += text_of(text + n, s->blocks);
    n += text_of(text + n, s->files);
    n += text_of(text + n, s->maps);
    (void)sprintf(text + n, " True\n");
    if (strncmp(said, text, strlen(text)) != 0) {
        trees_fail("the session is\n%s, not\n%s", said, text);
    }
}

/* Wall time is the host's. Monotonic time keeps its distance from it. */
static void look_clocks(double m1, double wall, double m2)
{
    const double host = (double)os_clock_ns(CLOCK_REALTIME) / 1e9;
    if (wall > host + CLOCK_SLACK || wall < host - 60) {
        trees_fail("wall time is %.6f, the host's %.6f", wall, host);
    }
    if (clock_offset == 0) {
        clock_offset = m1 - wall;
    }
    if (clock_offset < m1 - wall - CLOCK_SLACK || clock_offset > m2 - wall + CLOCK_SLACK) {
        trees_fail("monotonic time is %.6f to %.6f, at wall time %.6f it has to be %.6f", m1, m2,
                   wall, wall + clock_offset);
    }
}

void cell_look(struct machine *m)
{
    unsigned long long number, kernel, library;
    double m1, wall, m2;
    cell(m, "look()", VMM_READY, 0);
    look_state(&m->now);
    const char *second = strchr(said, '\n');
    if (sscanf(second, "%llu %llu %llu %lf %lf %lf", &number, &kernel, &library, &m1, &wall, &m2) !=
        6) {
        trees_fail("it looks like '%s'", said);
    }
    if (m->now.seeded == NO_SEED) {
        must_be_new(number, "random");
    } else if (number != seed_gives[m->now.seeded]) {
        trees_fail("from seed %d follows %llu, not %llu", m->now.seeded,
                   (unsigned long long)seed_gives[m->now.seeded], number);
    }
    must_be_new(kernel, "os.urandom()");
    must_be_new(library, "ssl.RAND_bytes()");
    look_clocks(m1, wall, m2);
    m->now.seeded = NO_SEED;
}

/* The number of the question that a call asks: {"n": 1} */
static unsigned question(const struct vmm_call *call)
{
    char text[32] = "";
    unsigned n = ASKS;
    memcpy(text, call->bytes, call->size < sizeof(text) - 1 ? call->size : sizeof(text) - 1);
    const char *colon = strchr(text, ':');
    if (strcmp(call->name, "ask") != 0 || colon == NULL || sscanf(colon + 1, "%u", &n) != 1 ||
        n >= ASKS) {
        trees_fail("it calls %s(%s)", call->name, text);
    }
    return n;
}

/* The calls that are open must be the model's. Returns how many these are. */
static size_t must_ask(struct machine *m, struct vmm_call calls[ASKS])
{
    size_t count = 0;
    size_t want = 0;
    if (vmm_calls(m->vm, calls, ASKS, &count) < 0) {
        trees_fail("its calls cannot be told");
    }
    for (unsigned i = 0; i < ASKS; i++) {
        want += m->now.asked.open[i];
    }
    for (size_t i = 0; i < count && i < ASKS; i++) {
        if (!m->now.asked.open[question(&calls[i])]) {
            trees_fail("it asks once more what was answered: %u", question(&calls[i]));
        }
    }
    if (count != want) {
        trees_fail("it has %zu open calls, not %zu", count, want);
    }
    return count;
}

void cell_take_over(struct machine *m)
{
    const struct vmm_run run = {.tools = tools, .timeout_ns = LIMIT_NS};
    struct vmm_call calls[ASKS];
    struct vmm_err err;
    if (vmm_take_over(m->vm, &run, &err) < 0) {
        trees_fail("%s", err.msg);
    }
    (void)must_ask(m, calls);
}

static void model_answered(struct state *s)
{
    for (unsigned i = 0; i < s->asked.count; i++) {
        model_fold(s, s->asked.answers[i]);
    }
    s->asked.count = 0;
    s->at = AT_CELL;
    must_say(s->asked.up ? "0x1.5555555555556p-2\n" : "0x1.5555555555555p-2\n");
}

/* Goes on until the guest has taken all answers, and once more when its replies were made anew. */
static void go_on(struct machine *m, size_t left)
{
    struct vmm_outcome o;
    struct vmm_err err;
    said_size = 0;
    said[0] = '\0';
    do {
        if (vmm_resume(m->vm, left > 0 ? NS_PER_MS : LIMIT_NS, &o, &err) < 0) {
            trees_fail("%s", err.msg);
        }
    } while (left == 0 && o.kind == VMM_CALLED);
    must_end(&o, left > 0 ? VMM_CALLED : VMM_READY, 0);
    if (left == 0) {
        model_answered(&m->now);
    }
}

void cell_answer(struct machine *m)
{
    struct vmm_call calls[ASKS];
    struct vmm_snapshot *none;
    struct vmm_err err;
    char reply[16];
    const size_t count = must_ask(m, calls);
    const size_t now = 1 + dice(count);
    for (size_t i = 0; i < now; i++) {
        const unsigned n = question(&calls[i]);
        m->now.asked.answers[n] = (unsigned)dice(1000);
        m->now.asked.open[n] = false;
        (void)snprintf(reply, sizeof(reply), "%u", m->now.asked.answers[n]);
        if (vmm_reply(m->vm, calls[i].id, reply, strlen(reply), &err) < 0) {
            trees_fail("%s", err.msg);
        }
    }
    if (vmm_checkpoint(m->vm, &none, &err) != -EBUSY) {
        trees_fail("a checkpoint between an answer and vmm_resume()");
    }
    go_on(m, count - now);
}

void cells_open(struct vmm_snapshot *base)
{
    static const struct vmm_function ask = {.name = "ask"};
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_outcome o;
    seen = calloc(SEEN, sizeof(*seen));
    if (seen == NULL || vmm_tools_create(&ask, 1, &tools, &err) < 0 ||
        vmm_restore(base, &trees_io, false, &vm, &err) < 0) {
        trees_fail("it cannot begin: %s", seen == NULL ? "out of memory" : err.msg);
    }
    run(vm, HV_RUN_CODE,
        "import random\nfor i in range(4): random.seed(i); print(random.getrandbits(64))", LIMIT_NS,
        &o);
    const char *at = said;
    for (int i = 0; i < SEEDS; i++) {
        char *end;
        seed_gives[i] = strtoull(at, &end, 10);
        at = end;
    }
    vmm_destroy(vm);
}

void cells_close(void)
{
    vmm_tools_destroy(tools);
    free(seen);
}
