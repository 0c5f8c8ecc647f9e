// SPDX-License-Identifier: Apache-2.0
/*
 * Finds the block of inline metadata, as the regular expression in PEP 723 does: a line `# ///
 * TYPE`, then lines that are `#` or begin with `# `, and the last of them that is `# ///`. Blocks
 * of other types count, because a line `# /// script` within one begins nothing. A line may end in
 * CR LF.
 */
#include "metadata.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OPENING "# /// "
#define CLOSING "# ///"
#define WANTED  "# /// script"

struct line {
    const char *text;
    size_t len;       /* without the line's end */
    const char *next; /* after the line's end; NULL: it was the last line */
};

static struct line line_at(const char *text, const char *end)
{
    const char *lf = memchr(text, '\n', (size_t)(end - text));
    const char *stop = lf != NULL ? lf : end;

    if (lf != NULL && stop > text && stop[-1] == '\r') {
        stop--;
    }
    return (struct line){
        .text = text, .len = (size_t)(stop - text), .next = lf != NULL ? lf + 1 : NULL};
}

static bool line_is(const struct line *line, const char *text)
{
    return line->len == strlen(text) && memcmp(line->text, text, line->len) == 0;
}

static bool line_is_content(const struct line *line)
{
    return line->len > 0 && line->text[0] == '#' && (line->len == 1 || line->text[1] == ' ');
}

/* Whether it is a block's first line. */
static bool line_opens(const struct line *line)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    const size_t lead = strlen(OPENING);

    if (line->len <= lead || memcmp(line->text, OPENING, lead) != 0) {
        return false;
    }
    for (size_t i = lead; i < line->len; i++) {
        if (line->text[i] == 0 || strchr(letters, line->text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

/* A block: what is between its first and its last line. */
struct block {
    const char *content;
    const char *closing;
    bool wanted;
};

/* Finds the next block from *at on, which is the start of a line, and moves *at to after the
 * comment that it is in. So no line is looked at twice, in whatever text. *at is NULL at the end.
 */
static bool next_block(const char **at, const char *end, struct block *block)
{
    while (*at != NULL) {
        struct line line = line_at(*at, end);

        *at = line.next;
        if (!line_opens(&line) || line.next == NULL) {
            continue;
        }
        *block = (struct block){.content = line.next, .wanted = line_is(&line, WANTED)};
        while (*at != NULL) {
            line = line_at(*at, end);
            if (!line_is_content(&line)) {
                break;
            }
            if (line_is(&line, CLOSING) && line.text > block->content) {
                block->closing = line.text;
            }
            *at = line.next;
        }
        if (block->closing != NULL) {
            return true;
        }
    }
    return false;
}

static size_t count_lines(const char *from, const char *to)
{
    size_t count = 0;

    while ((from = memchr(from, '\n', (size_t)(to - from))) != NULL) {
        from++;
        count++;
    }
    return count;
}

/* Copies the lines of a block without their comment signs. */
static int metadata_take(const char *name, const struct block *found, struct metadata_block *block,
                         struct vmm_err *err)
{
    const size_t size = (size_t)(found->closing - found->content);
    char *to;

    if (size > METADATA_MAX || memchr(found->content, 0, size) != NULL) {
        return vmm_err_set(err, EINVAL, "%s:%zu: script metadata %s", name, block->line,
                           size > METADATA_MAX ? "of more than 64 KiB" : "with a NUL byte");
    }
    to = block->text = malloc(size + 1);
    if (to == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    for (const char *at = found->content; at != NULL && at < found->closing;) {
        const struct line line = line_at(at, found->closing);
        const size_t sign = line.len == 1 ? 1 : 2;

        memcpy(to, line.text + sign, line.len - sign);
        to += line.len - sign;
        *to++ = '\n';
        at = line.next;
    }
    *to = 0;
    return 0;
}

int metadata_find(const char *name, const char *text, size_t len, struct metadata_block *block,
                  struct vmm_err *err)
{
    const char *at = text;
    struct block found;

    *block = (struct metadata_block){0};
    if (len == 0 || memmem(text, len, WANTED, strlen(WANTED)) == NULL) {
        return 0;
    }
    while (next_block(&at, text + len, &found)) {
        if (!found.wanted) {
            continue;
        }
        if (block->text != NULL) {
            free(block->text);
            block->text = NULL;
            return vmm_err_set(err, EINVAL,
                               "%s:%zu: a second block of script metadata: the first is in line "
                               "%zu",
                               name, count_lines(text, found.content), block->line - 1);
        }
        block->line = count_lines(text, found.content) + 1;
        if (metadata_take(name, &found, block, err) < 0) {
            return -err->code;
        }
    }
    return 0;
}
