// SPDX-License-Identifier: Apache-2.0
/*
 * What CPython 3.11 does in a function that its program does not export, written once more in terms
 * of what it does.
 */
#include "unexported.h"

static int set_flag(PyObject *flags, int at, PyObject *value)
{
    if (value == NULL) {
        return -1;
    }
    PyObject *old = PyStructSequence_GetItem(flags, at);
    PyStructSequence_SetItem(flags, at, value);
    Py_XDECREF(old);
    return 0;
}

/* In the order of sys.flags. What cannot change after the start is -1: site was imported and the
 * hash seed chosen. */
int unexported_update_flags(const PyConfig *config, int utf8_mode, int max_str_digits)
{
    const int values[] = {
        config->parser_debug,
        config->inspect,
        config->interactive,
        config->optimization_level,
        !config->write_bytecode,
        !config->user_site_directory,
        -1, /* no_site */
        !config->use_environment,
        config->verbose,
        config->bytes_warning,
        config->quiet,
        -1, /* hash_randomization */
        config->isolated,
        config->dev_mode,
        utf8_mode,
        config->warn_default_encoding,
        config->safe_path,
        max_str_digits,
    };
    enum { DEV_MODE = 13, SAFE_PATH = 16 };
    PyObject *flags = PySys_GetObject("flags");
    for (int i = 0; flags != NULL && i < (int)(sizeof(values) / sizeof(values[0])); i++) {
        bool is_bool = i == DEV_MODE || i == SAFE_PATH;
        if (values[i] >= 0 &&
            set_flag(flags, i, is_bool ? PyBool_FromLong(values[i]) : PyLong_FromLong(values[i])) <
                0) {
            return -1;
        }
    }
    return flags == NULL ? -1
                         : PySys_SetObject("dont_write_bytecode",
                                           config->write_bytecode ? Py_False : Py_True);
}
