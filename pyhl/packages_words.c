// SPDX-License-Identifier: Apache-2.0
#include "packages_words.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether a word names a package and says which versions of it. */
static bool words_is_one(const char *word)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "._-[],<>=!~*+";
    const size_t n = strlen(word);

    return isalnum((unsigned char)*word) && strspn(word, good) == n &&
           (n < 4 || strcmp(word + n - 4, ".whl") != 0);
}

int words_check(const struct install_wish *wish, const struct opt_list *list, struct vmm_err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        char shown[64];

        if (words_is_one(list->items[i])) {
            continue;
        }
        (void)snprintf(shown, sizeof(shown), "%s", list->items[i]);
        for (char *c = shown; *c; c++) {
            *c = *c < ' ' || *c > '~' ? '?' : *c;
        }
        return vmm_err_set(err, EINVAL,
                           "'%s' is no NAME and no NAME==VERSION; a folder of wheels is given to "
                           "pyhl %s, by --find-links",
                           shown, wish->cmd);
    }
    return list->count > 0 ? 0 : vmm_err_set(err, EINVAL, "which packages?");
}

bool words_split(const char *text, size_t size, struct opt_list *list)
{
    for (size_t at = 0; at < size; at += strlen(text + at) + 1) {
        const char **items = realloc(list->items, (list->count + 2) * sizeof(*items));

        if (items == NULL) {
            return false;
        }
        list->items = items;
        items[list->count++] = text + at;
        items[list->count] = NULL;
    }
    return true;
}
