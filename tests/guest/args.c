// SPDX-License-Identifier: Apache-2.0
/*
 * What a program finds on its stack at entry: argc, argv, envp and their layout, as the System V
 * ABI (process initialization) fixes them. It prints its arguments, so that the runner compares
 * them.
 */
#include "t.h"

extern char **environ;

static void check_argv(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');

    T_CHECK("argc is positive", argc > 0);
    T_CHECK("argv ends with NULL", argv[argc] == NULL);
    T_STR("argv[0] is the program", slash ? slash + 1 : argv[0], "args");
    for (int i = 1; i < argc; i++) {
        t_line(1, "argv[%d] %zu bytes \"%s\"\n", i, strlen(argv[i]), argv[i]);
    }
    bool adjacent = true;
    for (int i = 0; i + 1 < argc; i++) {
        adjacent = adjacent && argv[i + 1] == argv[i] + strlen(argv[i]) + 1;
    }
    T_CHECK("argument strings lie one after the other", adjacent);
}

static void check_layout(int argc, char **argv)
{
    char **after = argv + argc + 1;
    size_t count = 0;

    /* The word before argv[0] is argc, and the stack pointer at entry pointed there. */
    T_EQ("stack is 16-byte aligned at entry", ((uintptr_t)argv - sizeof(long)) % 16, 0);
    T_EQ("argc lies before argv", *((const long *)(const void *)argv - 1), argc);
    T_CHECK("environment follows argv", environ == after);
    while (after[count] != NULL) {
        count++;
    }
    const uint64_t *aux = (const uint64_t *)(const void *)(after + count + 1);
    size_t pairs = 0;
    while (aux[2 * pairs] != 0 && pairs < 100) {
        pairs++;
    }
    T_CHECK("auxiliary vector follows the environment and ends", pairs > 5 && pairs < 100);
}

static void check_environment(void)
{
    bool shaped = true;

    for (char **e = environ; *e != NULL; e++) {
        shaped = shaped && strchr(*e, '=') != NULL && **e != '=';
    }
    T_CHECK("every variable has a name and a value", shaped);
    const char *given = getenv("TESTVAR");
    T_CHECK("TESTVAR, when given, arrives whole", given == NULL || strcmp(given, "1") == 0);
    T_CHECK("an absent variable is absent", getenv("GT_NO_SUCH_VARIABLE") == NULL);
    T_CHECK("setenv", setenv("GT_NEW", "value", 1) == 0);
    T_STR("getenv after setenv", getenv("GT_NEW"), "value");
    T_CHECK("unsetenv", unsetenv("GT_NEW") == 0 && getenv("GT_NEW") == NULL);
}

static void check_arguments_writable(char **argv)
{
    char first = argv[0][0];

    argv[0][0] = '#';
    T_CHECK("argument strings are writable", argv[0][0] == '#');
    argv[0][0] = first;
}

int main(int argc, char **argv)
{
    check_argv(argc, argv);
    check_layout(argc, argv);
    check_environment();
    check_arguments_writable(argv);
    return t_done();
}
