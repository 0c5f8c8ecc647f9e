// SPDX-License-Identifier: Apache-2.0
/*
 * Lines from a terminal or from any other input. libedit does the editing. It keeps the terminal in
 * raw mode only while a line is read, so that a running program finds it as the user left it.
 */
#include "line.h"
#include "history.h"
#include "message.h"
#include "signals.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define LINE_INDENT "    "
#define LINE_SHOWN  200u /* matches, at most */

struct line_editor {
    EditLine *el; /* NULL: no terminal */
    History *history;
    struct history_file file;
    line_complete_fn *complete;
    void *complete_arg;
    const char *prompt;
    char *line; /* the last one */
    size_t room;
};

static char *line_prompt(EditLine *el)
{
    struct line_editor *editor = NULL;

    (void)el_get(el, EL_CLIENTDATA, &editor);
    return (char *)(uintptr_t)editor->prompt; /* libedit only reads it */
}

/* Code points of n bytes of UTF-8. */
static size_t line_points(const char *text, size_t n)
{
    size_t points = 0;

    for (size_t i = 0; i < n; i++) {
        points += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return points;
}

/* How many bytes all matches have in common at their beginnings. */
static size_t line_common(const struct line_matches *m)
{
    size_t len = strlen(m->items[0]);

    for (size_t i = 1; i < m->count; i++) {
        size_t n = 0;

        while (n < len && m->items[i][n] == m->items[0][n]) {
            n++;
        }
        len = n;
    }
    while (len > 0 && ((unsigned char)m->items[0][len] & 0xc0) == 0x80) {
        len--; /* not in the middle of a code point */
    }
    return len;
}

/* Shows the matches below the line, in columns. */
static void line_show(const struct line_matches *m)
{
    const size_t shown = m->count < LINE_SHOWN ? m->count : LINE_SHOWN;
    struct winsize size = {0};
    size_t width = 0, columns;

    for (size_t i = 0; i < shown; i++) {
        const size_t n = line_points(m->items[i], strlen(m->items[i]));

        width = n > width ? n : width;
    }
    (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    columns = (size.ws_col ? size.ws_col : 80u) / (width + 2);
    columns = columns ? columns : 1;
    fputc('\n', stdout);
    for (size_t i = 0; i < shown; i++) {
        const size_t n = line_points(m->items[i], strlen(m->items[i]));
        const bool last = (i + 1) % columns == 0 || i + 1 == shown;

        printf("%s%*s%s", m->items[i], last ? 0 : (int)(width + 2 - n), "", last ? "\n" : "");
    }
    if (shown < m->count) {
        printf("... and %zu more\n", m->count - shown);
    }
    (void)fflush(stdout);
}

/* Puts what the matches have in common into the line, where that adds anything. */
static unsigned char line_put(EditLine *el, const struct line_matches *m, size_t cursor)
{
    const size_t common = line_common(m);
    char *text = strndup(m->items[0], common);
    unsigned char what = CC_REFRESH_BEEP;

    if (text == NULL) {
        return CC_ERROR;
    }
    if (m->count == 1 || line_points(text, common) > cursor - m->begin) {
        el_deletestr(el, (int)(cursor - m->begin));
        what = el_insertstr(el, text) < 0 ? CC_ERROR : CC_REFRESH;
    } else {
        line_show(m);
        what = CC_REDISPLAY;
    }
    free(text);
    return what;
}

static void line_matches_free(struct line_matches *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free(m->items[i]);
    }
    free(m->items);
}

/* The Tab key: an indent where nothing stands before the cursor, else a completion. */
static unsigned char line_tab(EditLine *el, int ch)
{
    const LineInfo *info = el_line(el);
    const size_t before = (size_t)(info->cursor - info->buffer);
    struct line_editor *editor = NULL;
    struct line_matches matches = {0};
    unsigned char what = CC_ERROR;
    char *line;
    size_t cursor;

    (void)ch;
    (void)el_get(el, EL_CLIENTDATA, &editor);
    if (strspn(info->buffer, " \t") >= before) {
        return el_insertstr(el, LINE_INDENT) < 0 ? CC_ERROR : CC_REFRESH;
    }
    line = strndup(info->buffer, (size_t)(info->lastchar - info->buffer));
    if (line == NULL) {
        return CC_ERROR;
    }
    cursor = line_points(line, before);
    editor->complete(editor->complete_arg, line, cursor, &matches);
    if (matches.count > 0 && matches.begin <= cursor && matches.end == cursor) {
        what = line_put(el, &matches, cursor);
    }
    line_matches_free(&matches);
    free(line);
    return what;
}

/* Reads a character. Only a signal that is for this process ends the wait for it: one that the
 * terminal sends to both processes of a run with tools is none. */
static int line_getc(EditLine *el, wchar_t *c)
{
    mbstate_t state = {0};
    char byte;

    (void)el;
    for (;;) {
        const ssize_t n = signals_last() ? -1 : read(STDIN_FILENO, &byte, 1);

        if (n == 0) {
            return 0;
        }
        if (n < 0 && signals_last()) {
            errno = EINTR;
            return -1;
        }
        if (n < 0 && errno != EINTR) {
            return -1;
        }
        if (n == 1) {
            const size_t used = mbrtowc(c, &byte, 1, &state);

            if (used != (size_t)-1 && used != (size_t)-2) {
                return 1;
            }
            if (used == (size_t)-1) { /* not UTF-8: left out */
                state = (mbstate_t){0};
            }
        }
    }
}

static void line_enter_history(struct line_editor *editor)
{
    HistEvent event;

    (void)history(editor->history, &event, H_SETSIZE, (int)HISTORY_LINES);
    (void)history(editor->history, &event, H_SETUNIQUE, 1);
    for (size_t i = 0; i < editor->file.count; i++) {
        (void)history(editor->history, &event, H_ENTER, editor->file.line[i]);
    }
}

/* What libedit needs of files it reads here: the terminal's description. stdio gets its buffer
 * here, too, because making one in jail would take a system call that is not allowed there. */
static int line_open_terminal(struct line_editor *editor, struct vmm_err *err)
{
    static char buffer[BUFSIZ];

    (void)setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    editor->history = history_init();
    editor->el = el_init("pyhl", stdin, stdout, stderr);
    if (editor->history == NULL || editor->el == NULL) {
        return vmm_err_set(err, ENOMEM, "no line editing: out of memory, or TERM=%s is unknown",
                           getenv("TERM") != NULL ? getenv("TERM") : "");
    }
    (void)el_set(editor->el, EL_CLIENTDATA, editor);
    (void)el_set(editor->el, EL_PROMPT, line_prompt);
    (void)el_set(editor->el, EL_EDITOR, "emacs");
    (void)el_set(editor->el, EL_SIGNAL, 0);
    (void)el_set(editor->el, EL_GETCFN, line_getc);
    (void)el_set(editor->el, EL_HIST, history, editor->history);
    (void)el_set(editor->el, EL_ADDFN, "pyhl-complete", "complete Python names", line_tab);
    (void)el_set(editor->el, EL_BIND, "\t", "pyhl-complete", NULL);
    (void)el_set(editor->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    line_enter_history(editor);
    return 0;
}

int line_open(bool terminal, bool history, line_complete_fn *complete, void *arg,
              struct line_editor **out, struct vmm_err *err)
{
    struct line_editor *editor = calloc(1, sizeof(*editor));
    int rc = 0;

    *out = editor;
    if (editor == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    editor->file.fd = -1;
    editor->complete = complete;
    editor->complete_arg = arg;
    /* A session without history is better than none. */
    if (terminal && history && history_open(&editor->file, err) < 0) {
        message("pyhl: %s\n", err->msg);
        *err = (struct vmm_err){0};
    }
    if (terminal) {
        rc = line_open_terminal(editor, err);
    }
    if (rc < 0) {
        line_close(editor);
        *out = NULL;
    }
    return rc;
}

int line_history_fd(const struct line_editor *editor)
{
    return editor->file.fd;
}

/* Adds a byte to the line, and a NUL after it. */
static bool line_grow(struct line_editor *editor, size_t len, char byte)
{
    if (len + 2 > editor->room) {
        const size_t room = editor->room ? 2 * editor->room : 256;
        char *more = realloc(editor->line, room);

        if (more == NULL) {
            return false;
        }
        editor->line = more;
        editor->room = room;
    }
    editor->line[len] = byte;
    editor->line[len + 1] = 0;
    return true;
}

static enum line_result line_read_plain(struct line_editor *editor, const char **line)
{
    size_t len = 0;
    char byte = 0;
    ssize_t n;

    while ((n = read(STDIN_FILENO, &byte, 1)) != 0 && byte != '\n') {
        if (n < 0 && errno == EINTR && !signals_last()) {
            continue;
        }
        if (n < 0) {
            return errno == EINTR ? LINE_INTERRUPTED : LINE_FAILED;
        }
        if (!line_grow(editor, len++, byte)) {
            errno = ENOMEM;
            return LINE_FAILED;
        }
    }
    if (n == 0 && len == 0) {
        return LINE_END;
    }
    if (len == 0 && !line_grow(editor, 0, 0)) {
        errno = ENOMEM;
        return LINE_FAILED;
    }
    *line = editor->line;
    return LINE_READ;
}

static void line_remember(struct line_editor *editor, const char *line)
{
    HistEvent event;

    if (line[strspn(line, " \t")] != 0) {
        (void)history(editor->history, &event, H_ENTER, line);
        history_add(&editor->file, line);
    }
}

/* Whether more was typed, or rather pasted, than was read. */
static bool line_is_typed(void)
{
    struct pollfd pfd = {.fd = STDIN_FILENO, .events = POLLIN};

    return poll(&pfd, 1, 0) > 0;
}

enum line_result line_read(struct line_editor *editor, const char *prompt, const char *begin,
                           const char **line)
{
    const char *text;
    size_t len;
    int count = 0;

    if (editor->el == NULL) {
        return line_read_plain(editor, line);
    }
    editor->prompt = prompt;
    el_resize(editor->el);
    (void)el_set(editor->el, EL_PREP_TERM, 1); /* before the prompt invites to type */
    if (begin[0] && !line_is_typed()) {
        el_push(editor->el, begin);
    }
    errno = 0;
    text = el_gets(editor->el, &count);
    if (text == NULL || count <= 0) {
        el_reset(editor->el);
        return count == 0 ? LINE_END : errno == EINTR ? LINE_INTERRUPTED : LINE_FAILED;
    }
    len = (size_t)count - (text[count - 1] == '\n');
    free(editor->line);
    editor->room = len + 1;
    editor->line = strndup(text, len);
    if (editor->line == NULL) {
        errno = ENOMEM;
        return LINE_FAILED;
    }
    line_remember(editor, editor->line);
    *line = editor->line;
    return LINE_READ;
}

void line_close(struct line_editor *editor)
{
    if (editor == NULL) {
        return;
    }
    if (editor->el != NULL) {
        el_end(editor->el);
    }
    if (editor->history != NULL) {
        history_end(editor->history);
    }
    history_close(&editor->file);
    free(editor->line);
    free(editor);
}
