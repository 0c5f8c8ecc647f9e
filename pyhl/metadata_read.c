// SPDX-License-Identifier: Apache-2.0
/*
 * What a script's metadata asks for. A VM reads it (metadata_guest.h) once; the cache folder has
 * the answer for the next run. The answer is taken apart as any text from a guest: lines of known
 * kinds, and each requirement fit to stand in a line of its own.
 */
#include "cache.h"
#include "digest.h"
#include "home.h"
#include "metadata.h"
#include "metadata_guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Whether a text is a name or a number with more after it, in one line of printable characters:
 * never an option of uv, and before a marker neither a path nor an address. */
static bool is_requirement(const char *text)
{
    const size_t end = strcspn(text, ";");

    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            return false;
        }
    }
    return strcspn(text, "/@") >= end &&
           ((*text >= '0' && *text <= '9') || ((*text | 0x20) >= 'a' && (*text | 0x20) <= 'z'));
}

/* If the line begins with the word, what comes after it. */
static char *after(char *line, const char *word)
{
    const size_t len = strlen(word);

    return strncmp(line, word, len) == 0 && line[len] == ' ' ? line + len + 1 : NULL;
}

static int refused(const char *name, char *said, struct vmm_err *err)
{
    char *text;
    const unsigned long line = strtoul(said, &text, 10);

    for (char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            *c = '?';
        }
    }
    return vmm_err_set(err, EINVAL, "%s:%lu: script metadata:%s", name, line, text);
}

/* Takes the answer apart, in place. Its last line must be `end`. */
static int understand(const char *name, struct metadata *out, struct vmm_err *err)
{
    size_t count = 0;
    char *rest = out->text, *line, *value;

    while ((line = strsep(&rest, "\n")) != NULL && strcmp(line, "end") != 0) {
        if ((value = after(line, "error")) != NULL) {
            return refused(name, value, err);
        }
        if ((value = after(line, "requirement")) != NULL && is_requirement(value)) {
            out->requirements[count++] = value;
        } else if ((value = after(line, "exclude-newer")) != NULL && is_requirement(value)) {
            out->exclude_newer = value;
        } else if (strcmp(line, "satisfied") == 0) {
            out->satisfied = true;
        } else {
            line = NULL;
            break;
        }
    }
    return line != NULL ? 0
                        : vmm_err_set(err, EIO,
                                      "%s: script metadata: the home's image cannot read it", name);
}

static size_t count_newlines(const char *text)
{
    size_t count = 0;

    for (; (text = strchr(text, '\n')) != NULL; text++) {
        count++;
    }
    return count;
}

/* Takes the answer apart, which is then the metadata's. */
static int metadata_take_answer(const char *name, char *answer, struct metadata *out,
                                struct vmm_err *err)
{
    out->text = answer;
    out->requirements = calloc(count_newlines(answer) + 1, sizeof(*out->requirements));
    return out->requirements != NULL ? understand(name, out, err)
                                     : vmm_err_set(err, ENOMEM, "out of memory");
}

/* What the answer is called in the cache: it depends on the home's packages and on the program
 * that reads them, too. */
static int metadata_cache_name(const char *path, const char *text, char name[DIGEST_TEXT],
                               struct vmm_err *err)
{
    struct home home;
    int rc = home_open(path, false, &home, err);

    if (rc == 0) {
        digest_parts(
            (const struct digest_part[]){
                {metadata_guest_program, strlen(metadata_guest_program)},
                {&home.config.key, sizeof(home.config.key)},
                {&home.config.snapshot_inode, sizeof(home.config.snapshot_inode)},
                {&home.config.layer_size, sizeof(home.config.layer_size)},
                {text, strlen(text)},
            },
            5, name);
    }
    home_close(&home);
    return rc;
}

/* Fails where there is no answer, and where the cache cannot be used: then the VM is asked. */
static int metadata_recall(const char *name, char **answer)
{
    struct cache cache = CACHE_NONE;
    struct vmm_err unused;
    size_t len;
    int rc = cache_open(false, &cache, &unused);

    if (rc == 0) {
        rc = cache_read(&cache, CACHE_SCRIPTS, name, METADATA_ANSWER_MAX, answer, &len, &unused);
    }
    cache_close(&cache);
    return rc;
}

/* A cache that cannot be written only makes the next run slower. */
static void metadata_remember(const char *name, const char *answer)
{
    struct cache cache = CACHE_NONE;
    struct vmm_err unused;

    if (cache_open(true, &cache, &unused) == 0) {
        (void)cache_write(&cache, CACHE_SCRIPTS, name, answer, strlen(answer), &unused);
    }
    cache_close(&cache);
}

int metadata_read(const char *home, const char *name, const struct metadata_block *block,
                  struct metadata *out, struct vmm_err *err)
{
    char entry[DIGEST_TEXT], *answer, *copy;
    int rc = metadata_cache_name(home, block->text, entry, err);

    *out = (struct metadata){0};
    if (rc < 0) {
        return rc == -EINVAL ? -(err->code = EIO) : rc;
    }
    if (metadata_recall(entry, &answer) == 0) {
        if (metadata_take_answer(name, answer, out, err) == 0) {
            return 0;
        }
        metadata_free(out); /* damaged */
    }
    rc = metadata_guest_ask(home, block->text, block->line, &answer, err);
    if (rc < 0) {
        return rc == -EINVAL ? -(err->code = EIO) : rc;
    }
    copy = strdup(answer);
    rc = metadata_take_answer(name, answer, out, err);
    if (rc == 0 && copy != NULL) {
        metadata_remember(entry, copy);
    }
    free(copy);
    if (rc < 0) {
        metadata_free(out);
    }
    return rc;
}

void metadata_free(struct metadata *metadata)
{
    free(metadata->requirements);
    free(metadata->text);
    *metadata = (struct metadata){0};
}
