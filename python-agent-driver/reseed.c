// SPDX-License-Identifier: Apache-2.0
/*
 * Random state that was seeded before the snapshot would repeat in every restore. Some of it can be
 * put back to "not seeded yet" before the snapshot (OpenSSL, SQLite, tempfile): that seeds itself
 * from the kernel on first use. The rest (random, numpy.random, multiprocessing's key) is seeded
 * when the run imports it: until then nobody has it. os.urandom, secrets, uuid4 and numpy's
 * default_rng ask the kernel each time and need nothing.
 */
#include "driver.h"
#include "pyinternal.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define MT_WORDS 624

/* numpy's bitgen_t begins with a pointer to the generator's state. Of MT19937 the state is this
 * struct (numpy/random's mt19937.h). The name of the class is checked before the state is used. */
struct mt19937 {
    uint32_t key[MT_WORDS];
    int pos;
};

/* An object of _random.Random (Modules/_randommodule.c). Its size is checked before it is used. */
struct random_object {
    PyObject_HEAD int index;
    uint32_t state[MT_WORDS];
};

static struct mt19937 *numpy_state;
static struct random_object *random_state;
static PyTypeObject *random_type; /* _random.Random */
static PyObject *process_key;
static bool fixed; /* the run is deterministic */

/* What seeds modules that are not held aside, in each run. */
static void (*at_start[3])(void);
static size_t at_start_count;

static PyObject *attr_path(PyObject *object, const char *const *names)
{
    Py_INCREF(object);
    for (; *names != NULL && object != NULL; names++) {
        PyObject *next = PyObject_GetAttrString(object, *names);
        Py_DECREF(object);
        object = next;
    }
    if (object == NULL) {
        PyErr_Print();
        drv_fail("a module's random state is not where it should be");
    }
    return object;
}

static void find_numpy_state(void)
{
    static const char *const path[] = {"_rand", "_bit_generator", NULL};
    static const char *const capsule_path[] = {"capsule", NULL};
    PyObject *mtrand = held_module("numpy.random.mtrand");
    if (mtrand == NULL) {
        return;
    }
    PyObject *generator = attr_path(mtrand, path);
    if (strcmp(Py_TYPE(generator)->tp_name, "numpy.random._mt19937.MT19937") != 0) {
        drv_fail("numpy.random's generator is a %s, not MT19937", Py_TYPE(generator)->tp_name);
    }
    PyObject *capsule = attr_path(generator, capsule_path);
    struct mt19937 **bitgen = PyCapsule_GetPointer(capsule, "BitGenerator");
    if (bitgen == NULL) {
        PyErr_Print();
        drv_fail("numpy.random has no BitGenerator");
    }
    numpy_state = *bitgen;
    Py_DECREF(capsule);
    Py_DECREF(generator);
    Py_DECREF(mtrand);
}

/* Puts the generators back to "not instantiated": they seed themselves when next asked. */
static void forget_openssl(void)
{
    static const char *const getters[] = {"RAND_get0_private", "RAND_get0_public",
                                          "RAND_get0_primary"};
    void *crypto = dlopen("libcrypto.so.3", RTLD_LAZY | RTLD_NOLOAD);
    if (crypto == NULL) {
        return;
    }
    int (*uninstantiate)(void *);
    *(void **)&uninstantiate = dlsym(crypto, "EVP_RAND_uninstantiate");
    for (size_t i = 0; i < sizeof(getters) / sizeof(getters[0]); i++) {
        void *(*get)(void *);
        *(void **)&get = dlsym(crypto, getters[i]);
        void *generator = get == NULL ? NULL : get(NULL);
        if (generator == NULL || uninstantiate == NULL || uninstantiate(generator) != 1) {
            drv_fail("cannot put back OpenSSL's random generator (%s)", getters[i]);
        }
    }
    dlclose(crypto);
}

static void forget_sqlite(void)
{
    void *sqlite = dlopen("libsqlite3.so.0", RTLD_LAZY | RTLD_NOLOAD);
    if (sqlite == NULL) {
        return;
    }
    void (*randomness)(int, void *);
    *(void **)&randomness = dlsym(sqlite, "sqlite3_randomness");
    if (randomness == NULL) {
        drv_fail("cannot put back SQLite's random generator");
    }
    randomness(0, NULL);
    dlclose(sqlite);
}

static void forget_tempfile(const char *name)
{
    PyObject *tempfile = held_module("tempfile");
    if (tempfile != NULL && PyObject_SetAttrString(tempfile, name, Py_None) < 0) {
        PyErr_Print();
        drv_fail("cannot put back tempfile");
    }
    Py_XDECREF(tempfile);
}

/* Finds the generator that random.random() and its like use. */
static void find_random_state(void)
{
    static const char *const inst_path[] = {"_inst", NULL};
    static const char *const base_path[] = {"Random", "__base__", NULL};
    PyObject *module = held_module("random");
    if (module == NULL) {
        return;
    }
    PyObject *base = attr_path(module, base_path);
    if (((PyTypeObject *)base)->tp_basicsize != sizeof(*random_state)) {
        drv_fail("_random.Random is not what CPython 3.13 makes it");
    }
    random_state = (struct random_object *)attr_path(module, inst_path);
    random_type = (PyTypeObject *)base;
    Py_DECREF(module);
}

/* Finds the key by which processes of multiprocessing know each other. */
static void find_process_key(void)
{
    static const char *const config_path[] = {"_current_process", "_config", NULL};
    PyObject *module = held_module("multiprocessing.process");
    if (module == NULL) {
        return;
    }
    PyObject *config = attr_path(module, config_path);
    process_key = PyMapping_GetItemString(config, "authkey");
    if (process_key == NULL || !PyBytes_Check(process_key)) {
        drv_fail("multiprocessing's key is not where it should be");
    }
    Py_DECREF(config);
    Py_DECREF(module);
}

static void fill_random(void *at, size_t size)
{
    char *byte = at;
    while (size > 0) {
        ssize_t got = getrandom(byte, size, 0);
        if (got < 0 && errno != EINTR) {
            drv_fail("getrandom: %s", strerror(errno));
        }
        if (got > 0) {
            byte += got;
            size -= (size_t)got;
        }
    }
}

static void seed_fixed(const char *name)
{
    PyObject *module = held_module(name);
    PyObject *result = module == NULL ? NULL : PyObject_CallMethod(module, "seed", "i", 0);
    if (result == NULL) {
        PyErr_Print();
        drv_fail("cannot seed %s", name);
    }
    Py_DECREF(result);
    Py_DECREF(module);
}

/* Seeds a Mersenne twister. Any words are a state of it, as long as not all are zero. Expanding
 * 32 bytes of the kernel's with splitmix64 steps costs a tenth of asking the kernel for
 * 2,496 bytes. */
static void fill_twister(uint32_t *words)
{
    uint64_t seed[4];
    fill_random(seed, sizeof(seed));
    for (size_t i = 0; i < MT_WORDS; i++) {
        uint64_t z = seed[i % 4] += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        words[i] = (uint32_t)(z >> 32);
    }
    words[0] |= 0x80000000u;
}

static void seed_random(void)
{
    if (fixed) {
        seed_fixed("random");
    } else {
        fill_twister(random_state->state);
        random_state->index = MT_WORDS;
    }
}

static void seed_generator(PyObject *generator)
{
    struct random_object *state = (struct random_object *)generator;
    if (!fixed && random_type != NULL && PyObject_TypeCheck(generator, random_type)) {
        fill_twister(state->state);
        state->index = MT_WORDS;
    }
}

static void seed_numpy(void)
{
    if (fixed) {
        seed_fixed("numpy.random");
    } else {
        fill_twister(numpy_state->key);
        numpy_state->pos = MT_WORDS;
    }
}

/* Nobody has seen the key yet, so its bytes can be changed where they are. */
static void seed_multiprocessing(void)
{
    fill_random(PyBytes_AS_STRING(process_key), (size_t)PyBytes_GET_SIZE(process_key));
}

static void seed_with(const char *module, const void *state, void (*seed)(void))
{
    if (state != NULL && !held_prepare(module, seed)) {
        at_start[at_start_count++] = seed;
    }
}

/* How many functions of os.register_at_fork() the snapshot has. */
static Py_ssize_t hooks_of_snapshot;

static Py_ssize_t count_hooks(void)
{
    PyObject *hooks = internal_fork_hooks();
    return hooks == NULL ? 0 : PyList_GET_SIZE(hooks);
}

void reseed_before_snapshot(void)
{
    at_start_count = 0;
    hooks_of_snapshot = count_hooks();
    find_process_key();
    find_random_state();
    find_numpy_state();
    forget_openssl();
    forget_sqlite();
    forget_tempfile("_name_sequence");
    forget_tempfile("tempdir");
    held_seed_with(seed_generator);
    seed_with("random", random_state, seed_random);
    seed_with("numpy.random.mtrand", numpy_state, seed_numpy);
    seed_with("multiprocessing.process", process_key, seed_multiprocessing);
}

void reseed_all(bool deterministic)
{
    if (deterministic) {
        fixed = true;
    }
    for (size_t i = 0; i < at_start_count; i++) {
        at_start[i]();
    }
}

/* Calls what the program has asked to be called in a child of os.fork(). What the standard library
 * and the packages of the snapshot have asked for is not called: threading and logging take all
 * other threads for gone then, which in a copy of a machine they are not. */
static void call_fork_hooks(void)
{
    for (Py_ssize_t i = hooks_of_snapshot; i < count_hooks(); i++) {
        PyObject *hook = Py_NewRef(PyList_GET_ITEM(internal_fork_hooks(), i));
        PyObject *done = PyObject_CallNoArgs(hook);
        if (done == NULL) {
            PyErr_WriteUnraisable(hook);
        }
        Py_XDECREF(done);
        Py_DECREF(hook);
    }
}

/* numpy's global generator goes on, as it does in a child of os.fork(). */
void reseed_restored(void)
{
    if (!fixed) {
        if (random_state != NULL) {
            seed_random();
        }
        forget_openssl();
        forget_sqlite();
        forget_tempfile("_name_sequence");
    }
    call_fork_hooks();
}
