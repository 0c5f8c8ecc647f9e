// SPDX-License-Identifier: Apache-2.0
/*
 * A table of the lines, with a function for each. Such a function says what has gone wrong by
 * *err; the session goes on in any case, unless the machine cannot.
 */
#include "hostlines.h"
#include "branches.h"
#include "message.h"
#include "repl_show.h"
#include "report.h"
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES_WORDS  64u
#define LINES_BLANKS " \t"
#define LINES_PROMPT (BRANCHES_NAME + 8)

struct hostlines {
    const struct cmd *cmd;
    struct branches *branches;
    const struct doors *doors;
    bool terminal;
    char words[INSTALL_WORDS]; /* of the install: words_size bytes, each with its NUL */
    size_t words_size;
    struct install_found found; /* packages that the machine has not taken yet */
    char prompt[LINES_PROMPT];
};

/* A line that is being done. */
struct doing {
    struct hostlines *lines;
    struct vmm *vm;
    bool gone;
    char **words;
    size_t count;
    const char *name; /* the word after the first one; NULL: none */
    enum hostlines_did did;
};

static void lines_print(const char *text)
{
    (void)repl_write(STDOUT_FILENO, text, strlen(text));
}

/* "12 s", "3 min", "2 h" */
static struct report_text lines_age(uint64_t since_ns)
{
    const uint64_t seconds = (report_now() - since_ns) / 1000000000u;
    struct report_text text;

    (void)snprintf(text.s, sizeof(text.s), "%llu %s",
                   (unsigned long long)(seconds < 120    ? seconds
                                        : seconds < 7200 ? seconds / 60
                                                         : seconds / 3600),
                   seconds < 120    ? "s"
                   : seconds < 7200 ? "min"
                                    : "h");
    return text;
}

/* The size is the memory that the state takes, with its part of what several states share. */
static int lines_list(struct doing *doing, struct vmm_err *err)
{
    const struct branch *item;

    (void)err;
    for (size_t i = 0; (item = branches_get(doing->lines->branches, i)) != NULL; i++) {
        const char *kind = item->is_branch ? "branch" : "checkpoint";
        struct vmm_snapshot_info info = {0};
        char text[BRANCHES_NAME + 128];

        if (item->snap != NULL) {
            vmm_snapshot_info(item->snap, &info);
            (void)snprintf(text, sizeof(text), "%-11s %-20s %10s %7s ago\n", kind, item->name,
                           report_size(info.delta_memory).s, lines_age(item->made_ns).s);
        } else {
            (void)snprintf(text, sizeof(text), "%-11s %-20s %s\n", kind, item->name,
                           doing->gone ? "lost" : "here");
        }
        lines_print(text);
    }
    return 0;
}

static int lines_checkpoint(struct doing *doing, struct vmm_err *err)
{
    return doing->name == NULL ? lines_list(doing, err)
                               : branches_keep(doing->lines->branches, doing->vm, doing->name, err);
}

/* The machine has been moved, or something has gone wrong. */
static int lines_moved(struct doing *doing, int rc, bool lost)
{
    doing->did = lost ? HOSTLINES_FAILED : rc == 0 ? HOSTLINES_MOVED : HOSTLINES_DONE;
    return rc;
}

static int lines_rewind(struct doing *doing, struct vmm_err *err)
{
    bool lost;
    const int rc = branches_rewind(doing->lines->branches, doing->vm, doing->name, &lost, err);

    return lines_moved(doing, rc, lost);
}

static int lines_fork(struct doing *doing, struct vmm_err *err)
{
    struct branches *branches = doing->lines->branches;
    bool lost;
    const int rc = branches_fork(branches, doing->vm, doing->name, &lost, err);

    if (rc == 0 && doing->name == NULL) {
        lines_print(branches_here(branches));
        lines_print("\n");
    }
    return lines_moved(doing, rc, lost);
}

static int lines_switch(struct doing *doing, struct vmm_err *err)
{
    bool lost;
    const int rc =
        branches_switch(doing->lines->branches, doing->vm, doing->name, doing->gone, &lost, err);

    return lines_moved(doing, rc, lost);
}

static int lines_drop(struct doing *doing, struct vmm_err *err)
{
    return branches_drop(doing->lines->branches, doing->name, err);
}

static int lines_save(struct doing *doing, struct vmm_err *err)
{
    const struct doors *doors = doing->lines->doors;

    return doors->save != NULL
               ? save_write(doors->save, doors->channel, doing->vm, true, err)
               : vmm_err_set(err, EPERM,
                             "not in this session: pyhl repl --save FILE names the file, because "
                             "a cell may not");
}

/* Puts the words of an install one after the other, without quotes around them. Returns the size,
 * 0: they are too many. */
static size_t lines_pip_words(const struct doing *doing, char words[INSTALL_WORDS])
{
    size_t size = 0;

    for (size_t i = 2; i < doing->count; i++) {
        const char *word = doing->words[i];
        size_t len = strlen(word);
        const bool quoted = len > 1 && (*word == '"' || *word == '\'') && word[len - 1] == *word;

        word += quoted;
        len -= quoted ? 2 : 0;
        if (size + len + 1 > INSTALL_WORDS) {
            return 0;
        }
        memcpy(words + size, word, len);
        size += len;
        words[size++] = 0;
    }
    return size;
}

static int lines_pip(struct doing *doing, struct vmm_err *err)
{
    struct hostlines *lines = doing->lines;

    if (lines->doors->install == NULL) {
        return vmm_err_set(err, EPERM,
                           "not in this session: cells that are not typed on a terminal may not "
                           "ask for packages without pyhl repl --pip");
    }
    if (strcmp(doing->name, "install") != 0 || doing->count < 3) {
        return vmm_err_set(err, EINVAL, "write %%pip install PACKAGE...");
    }
    lines->words_size = lines_pip_words(doing, lines->words);
    if (lines->words_size == 0) {
        return vmm_err_set(err, E2BIG, "the names are too long");
    }
    doing->did = HOSTLINES_INSTALL;
    return 0;
}

static int lines_help(struct doing *doing, struct vmm_err *err);

/* Which names the word after the first one can be. */
enum lines_names { NAMES_NONE, NAMES_CHECKPOINTS, NAMES_BRANCHES, NAMES_ALL };

static const struct host_line {
    const char *word, *arg, *help;
    bool needs_arg;
    bool more_args;
    bool needs_state; /* of the machine */
    enum lines_names names;
    int (*run)(struct doing *doing, struct vmm_err *err);
} host_lines[] = {
    {.word = "%checkpoint",
     .arg = "NAME",
     .needs_state = true,
     .names = NAMES_CHECKPOINTS,
     .run = lines_checkpoint,
     .help = "keep the session's state under a name"},
    {.word = "%checkpoints", .run = lines_list, .help = "list checkpoints and branches"},
    {.word = "%rewind",
     .arg = "[NAME]",
     .names = NAMES_CHECKPOINTS,
     .run = lines_rewind,
     .help = "go back to a checkpoint, without a name to the newest"},
    {.word = "%fork",
     .arg = "[NAME]",
     .needs_state = true,
     .run = lines_fork,
     .help = "go on in a copy of the session, a branch; the one before stays as it is"},
    {.word = "%switch",
     .arg = "NAME",
     .needs_arg = true,
     .names = NAMES_BRANCHES,
     .run = lines_switch,
     .help = "go on in another branch (the first one is " BRANCHES_FIRST ")"},
    {.word = "%drop",
     .arg = "NAME",
     .needs_arg = true,
     .names = NAMES_ALL,
     .run = lines_drop,
     .help = "forget a checkpoint or a branch"},
    {.word = "%save",
     .needs_state = true,
     .run = lines_save,
     .help = "write the state to the file of --save now, and not only at the end"},
    {.word = "%pip",
     .arg = "install PACKAGE...",
     .needs_arg = true,
     .more_args = true,
     .needs_state = true,
     .run = lines_pip,
     .help = "get packages with uv; the next cell can import them"},
    {.word = "%help", .run = lines_help, .help = "list these lines"},
};
#define HOST_LINES (sizeof(host_lines) / sizeof(host_lines[0]))

static int lines_help(struct doing *doing, struct vmm_err *err)
{
    (void)doing;
    (void)err;
    for (size_t i = 0; i < HOST_LINES; i++) {
        const struct host_line *l = &host_lines[i];
        char text[160];

        (void)snprintf(text, sizeof(text), "%-12s %-18s %s\n", l->word,
                       l->arg != NULL ? l->arg : "", l->help);
        lines_print(text);
    }
    return 0;
}

int hostlines_open(const struct cmd *cmd, uint64_t max_bytes, const struct doors *doors,
                   bool terminal, struct hostlines **out, struct vmm_err *err)
{
    struct hostlines *lines = calloc(1, sizeof(*lines));

    *out = lines;
    if (lines == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    lines->cmd = cmd;
    lines->doors = doors;
    lines->terminal = terminal;
    if (branches_open(max_bytes, &lines->branches, err) < 0) {
        hostlines_close(lines);
        *out = NULL;
        return -ENOMEM;
    }
    return 0;
}

void hostlines_close(struct hostlines *lines)
{
    if (lines != NULL) {
        branches_close(lines->branches);
        free(lines);
    }
}

/* As in a notebook. */
static bool lines_is_pip(const char *line)
{
    const size_t n = sizeof("!pip") - 1;

    return strncmp(line, "!pip", n) == 0 && (line[n] == 0 || strchr(LINES_BLANKS, line[n]) != NULL);
}

bool hostlines_is(const char *line)
{
    line += strspn(line, LINES_BLANKS);
    return *line == '%' || lines_is_pip(line);
}

static const struct host_line *lines_find(const char *word)
{
    for (size_t i = 0; i < HOST_LINES; i++) {
        if (strcmp(host_lines[i].word, word) == 0) {
            return &host_lines[i];
        }
    }
    return NULL;
}

/* Takes the words of the text apart, in place; *count is of all, and max of them are in words. */
static void lines_split(char *text, char *words[], size_t max, size_t *count)
{
    char *rest = NULL;

    *count = 0;
    for (char *w = strtok_r(text, LINES_BLANKS, &rest); w != NULL;
         w = strtok_r(NULL, LINES_BLANKS, &rest)) {
        if (*count < max) {
            words[*count] = w;
        }
        ++*count;
    }
}

/* Control characters are not for a terminal. */
static void lines_clean(char *text)
{
    for (; *text; text++) {
        *text = (unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text;
    }
}

static int lines_run(struct doing *doing, char *words[], size_t count, struct vmm_err *err)
{
    const struct host_line *l = lines_find(lines_is_pip(words[0]) ? "%pip" : words[0]);

    doing->words = words;
    doing->count = count;
    if (count > LINES_WORDS) {
        return vmm_err_set(err, E2BIG, "more than %u words", LINES_WORDS);
    }
    if (l == NULL) {
        return vmm_err_set(err, EINVAL, "there is no such line; %%help lists them");
    }
    if ((count > (l->arg != NULL ? 2u : 1u) && !l->more_args) || (count == 1 && l->needs_arg)) {
        return vmm_err_set(err, EINVAL, "write %s%s%s", l->word, l->arg != NULL ? " " : "",
                           l->arg != NULL ? l->arg : "");
    }
    if (doing->gone && l->needs_state) {
        return vmm_err_set(err, EINVAL,
                           "the state is lost: %%rewind or %%switch NAME goes on from another");
    }
    doing->name = count > 1 ? words[1] : NULL;
    return l->run(doing, err);
}

enum hostlines_did hostlines_do(struct hostlines *lines, struct vmm *vm, bool gone,
                                const char *line)
{
    struct doing doing = {.lines = lines, .vm = vm, .gone = gone};
    struct vmm_err err = {0};
    char *words[LINES_WORDS] = {NULL}, *text = strdup(line);
    size_t count = 0;

    if (text == NULL) {
        message("pyhl %s: out of memory\n", lines->cmd->name);
        return HOSTLINES_DONE;
    }
    lines_clean(text);
    lines_split(text, words, LINES_WORDS, &count);
    if (count > 0 && lines_run(&doing, words, count, &err) < 0) {
        message("pyhl %s: %s%s%s: %s\n", lines->cmd->name, words[0], doing.name != NULL ? " " : "",
                doing.name != NULL ? doing.name : "", err.msg);
    }
    free(text);
    return doing.did;
}

const struct vmm_files_out *hostlines_look(struct hostlines *lines)
{
    return install_child_look(lines->doors->install);
}

bool hostlines_find(struct hostlines *lines)
{
    struct vmm_err err = {0};
    bool told;
    const int rc = install_child_find(lines->doors->install, lines->words, lines->words_size,
                                      &lines->found, &told, &err);

    if (signals_last() == SIGINT) {
        signals_forget(); /* it was for uv */
    }
    if (rc < 0 && !told) {
        message("pyhl %s: %%pip install: %s\n", lines->cmd->name, err.msg);
    }
    if (rc == 0 && lines->found.entries == 0) {
        install_child_end(lines->doors->install);
        if (lines->terminal) {
            lines_print("nothing is missing\n");
        }
    }
    return rc == 0 && lines->found.entries > 0;
}

const struct vmm_files_in *hostlines_files(struct hostlines *lines)
{
    return install_child_files(lines->doors->install);
}

/* Says what the machine has got: lines of names, as one. */
static void lines_tell_found(struct install_found *found)
{
    for (char *c = found->names; *c; c++) {
        *c = *c == '\n' && c[1] != 0 ? ' ' : *c;
    }
    lines_print("installed ");
    lines_print(found->names);
}

void hostlines_taken(struct hostlines *lines, bool taken)
{
    install_child_end(lines->doors->install);
    if (!taken) {
        return;
    }
    if (lines->terminal) {
        lines_tell_found(&lines->found);
    }
    if (lines->found.replaces) {
        message("pyhl %s: %%pip install: a package of the image has another version now, but what "
                "is imported, or was when the image was made, stays as it is: pyhl repl --with "
                "begins with the new one\n",
                lines->cmd->name);
    }
}

bool hostlines_can_go_back(const struct hostlines *lines)
{
    return branches_any(lines->branches);
}

const char *hostlines_prompt(struct hostlines *lines)
{
    const char *here = branches_here(lines->branches);

    if (strcmp(here, BRANCHES_FIRST) == 0) {
        return ">>> ";
    }
    (void)snprintf(lines->prompt, sizeof(lines->prompt), "%s >>> ", here);
    return lines->prompt;
}

/* Adds a match, where the text begins with what was typed. */
static void lines_match(struct line_matches *m, size_t room, const char *text, const char *typed,
                        size_t len)
{
    if (m->items != NULL && m->count < room && strncmp(text, typed, len) == 0) {
        m->items[m->count] = strdup(text);
        m->count += m->items[m->count] != NULL;
    }
}

static void lines_match_names(const struct hostlines *lines, enum lines_names names,
                              struct line_matches *m, const char *typed, size_t len)
{
    const struct branch *item;

    m->items = calloc(BRANCHES_MAX + 1, sizeof(*m->items));
    for (size_t i = 0; (item = branches_get(lines->branches, i)) != NULL; i++) {
        if (names == NAMES_ALL ||
            (names != NAMES_NONE && item->is_branch == (names == NAMES_BRANCHES))) {
            lines_match(m, BRANCHES_MAX + 1, item->name, typed, len);
        }
    }
}

void hostlines_complete(struct hostlines *lines, const char *line, size_t cursor,
                        struct line_matches *matches)
{
    const size_t first = strspn(line, LINES_BLANKS), word = strcspn(line + first, LINES_BLANKS);
    const size_t second = first + word + strspn(line + first + word, LINES_BLANKS);
    const struct host_line *l = NULL;
    char name[32] = "";

    for (size_t i = 0; i < cursor; i++) {
        if ((unsigned char)line[i] >= 0x80) {
            return; /* no word and no name has such characters: a place is a byte */
        }
    }
    matches->end = cursor;
    if (cursor <= first + word) {
        matches->begin = first;
        matches->items = calloc(HOST_LINES, sizeof(*matches->items));
        for (size_t i = 0; i < HOST_LINES; i++) {
            lines_match(matches, HOST_LINES, host_lines[i].word, line + first, cursor - first);
        }
    } else if (word < sizeof(name) && cursor >= second) {
        memcpy(name, line + first, word);
        l = lines_find(name);
        matches->begin = second;
        if (l != NULL && l->names != NAMES_NONE) {
            lines_match_names(lines, l->names, matches, line + second, cursor - second);
        }
    }
}
