// SPDX-License-Identifier: Apache-2.0
/*
 * Loading a library at run time, beside the program ($ORIGIN): symbols, constructors, its own
 * thread-local storage in old and new threads, unloading, and errors that are reported.
 */
#include "t.h"

#include <dlfcn.h>
#include <pthread.h>

typedef int (*int_function)(int);

static int_function function(void *library, const char *name)
{
    int_function f;
    void *symbol = dlsym(library, name);

    memcpy(&f, &symbol, sizeof(f));
    return f;
}

static void *thread_counts(void *library)
{
    int_function count = function(library, "plugin_thread_count");
    bool good = count(5) == 105 && count(1) == 106;

    return good ? library : NULL;
}

static void check_symbols(void *library)
{
    const int *constructed = dlsym(library, "plugin_constructed");
    const char *const *words = dlsym(library, "plugin_words");
    int_function twice = function(library, "plugin_twice");

    T_MUST("symbols are found", constructed && words && twice);
    T_EQ("the constructor ran once", *constructed, 1);
    T_STR("data relocations", words[1], "beta");
    T_EQ("a call into the library", twice(21), 42);
    T_EQ("the library calls libc", function(library, "plugin_length")(12345), 5);
    T_CHECK("an absent symbol", dlsym(library, "plugin_absent") == NULL && dlerror() != NULL);
    Dl_info info;
    T_CHECK("dladdr", dladdr(constructed, &info) != 0 && strstr(info.dli_fname, "plugin.so"));
}

static void check_tls(void *library)
{
    pthread_t thread;
    void *result = NULL;

    T_EQ("TLS of the library", function(library, "plugin_thread_count")(1), 101);
    T_MUST("thread", pthread_create(&thread, NULL, thread_counts, library) == 0);
    pthread_join(thread, &result);
    T_CHECK("TLS of the library in a new thread", result == library);
    T_EQ("TLS here is untouched", function(library, "plugin_thread_count")(1), 102);
}

int main(void)
{
    void *library = dlopen("plugin.so", RTLD_NOW);

    if (library == NULL) {
        t_line(2, "%s\n", dlerror());
    }
    T_MUST("dlopen", library != NULL);
    check_symbols(library);
    check_tls(library);
    void *again = dlopen("plugin.so", RTLD_NOW);
    T_CHECK("opening twice gives the same handle", again == library);
    T_EQ("dlclose", dlclose(again), 0);
    T_EQ("dlclose, last", dlclose(library), 0);
    T_CHECK("unloaded", dlopen("plugin.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
    library = dlopen("plugin.so", RTLD_LAZY);
    T_CHECK("opened again, lazily", library && function(library, "plugin_twice")(4) == 8);
    T_CHECK("a missing library", dlopen("no-such-plugin.so", RTLD_NOW) == NULL && dlerror());
    T_CHECK("the math library", dlopen("libm.so.6", RTLD_NOW) != NULL);
    return t_done();
}
