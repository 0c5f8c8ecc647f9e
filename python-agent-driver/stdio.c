// SPDX-License-Identifier: Apache-2.0
/*
 * sys.stdin, sys.stdout and sys.stderr. The interpreter made them when its descriptors looked like
 * pipes. A run may have a descriptor that is something else (a terminal, a file, nothing), or ask
 * for another encoding or buffering. Then it gets the streams that python3 would have made. A run
 * on pipes keeps the streams of the snapshot.
 */
#include "driver.h"
#include "pyinternal.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const drv_stream_names[3][2] = {
    {"stdin", "__stdin__"}, {"stdout", "__stdout__"}, {"stderr", "__stderr__"}};

/* The name of the encoding as its codec has it, which CPython shows: "latin-1" becomes
 * "iso8859-1". */
static PyObject *stream_encoding(const struct drv_stdio *how)
{
    PyObject *encoding =
        PyUnicode_FromWideChar(how->encoding == NULL ? L"utf-8" : how->encoding, -1);
    PyObject *codecs = drv_import("codecs");
    PyObject *codec =
        encoding == NULL ? NULL : PyObject_CallMethod(codecs, "lookup", "O", encoding);
    PyObject *name = codec == NULL ? NULL : PyObject_GetAttrString(codec, "name");
    if (name == NULL) {
        drv_refuse("init_stdio_encoding: failed to get the Python codec name of the stdio "
                   "encoding");
    }
    Py_DECREF(codec);
    Py_DECREF(codecs);
    Py_DECREF(encoding);
    return name;
}

static PyObject *stream_errors(const struct drv_stdio *how, int fd)
{
    const wchar_t *errors = how->errors == NULL ? L"surrogateescape" : how->errors;
    PyObject *name = PyUnicode_FromWideChar(fd == 2 ? L"backslashreplace" : errors, -1);
    if (name == NULL) {
        PyErr_Print();
        drv_fail("no memory for a stream");
    }
    return name;
}

/* Makes a stream as create_stdio of CPython does. */
static PyObject *new_stream(const struct drv_stdio *how, int fd)
{
    static const char *const names[] = {"<stdin>", "<stdout>", "<stderr>"};
    bool bare = how->unbuffered && fd != 0;
    PyObject *io = drv_import("io");
    PyObject *encoding = stream_encoding(how), *errors = stream_errors(how, fd);
    PyObject *buffer = PyObject_CallMethod(io, "open", "isiOOOi", fd, fd == 0 ? "rb" : "wb",
                                           bare ? 0 : -1, Py_None, Py_None, Py_None, 0);
    PyObject *raw = NULL;
    if (buffer != NULL) {
        raw = bare ? Py_NewRef(buffer) : PyObject_GetAttrString(buffer, "raw");
    }
    PyObject *name = PyUnicode_FromString(names[fd]);
    PyObject *mode = PyUnicode_FromString(fd == 0 ? "r" : "w");
    PyObject *text = NULL;
    if (raw != NULL && name != NULL && PyObject_SetAttrString(raw, "name", name) == 0) {
        text = PyObject_CallMethod(io, "TextIOWrapper", "OOOsOO", buffer, encoding, errors,
                                   fd == 0 ? NULL : "\n",
                                   !how->unbuffered && (fd == 2 || isatty(fd)) ? Py_True : Py_False,
                                   how->unbuffered ? Py_True : Py_False);
    }
    if (text == NULL || mode == NULL || PyObject_SetAttrString(text, "mode", mode) < 0) {
        PyErr_Print();
        drv_fail("cannot make %s", names[fd]);
    }
    internal_gc_adopt(text);
    internal_gc_adopt(buffer);
    if (raw != buffer) {
        internal_gc_adopt(raw);
    }
    Py_DECREF(mode);
    Py_DECREF(name);
    Py_DECREF(raw);
    Py_DECREF(buffer);
    Py_DECREF(errors);
    Py_DECREF(encoding);
    Py_DECREF(io);
    return text;
}

static void replace_stream(const struct drv_stdio *how, int fd, bool open)
{
    PyObject *stream = open ? new_stream(how, fd) : Py_NewRef(Py_None);
    if (PySys_SetObject(drv_stream_names[fd][0], stream) < 0 ||
        PySys_SetObject(drv_stream_names[fd][1], stream) < 0) {
        PyErr_Print();
        drv_fail("cannot set sys.%s", drv_stream_names[fd][0]);
    }
    Py_DECREF(stream);
}

void stdio_apply(const struct drv_stdio *how)
{
    for (int fd = 0; fd < 3; fd++) {
        struct stat st;
        bool open = fstat(fd, &st) == 0;
        if (!open || !S_ISFIFO(st.st_mode) || how->unbuffered || how->encoding != NULL) {
            replace_stream(how, fd, open);
        }
    }
}
