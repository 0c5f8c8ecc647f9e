// SPDX-License-Identifier: Apache-2.0
/*
 * Four functions that libelf.a calls and, in elfutils 0.192 (Debian 13), does not contain: the
 * search tree in which libelf keeps what elf_getdata_rawchunk() has read. They are weak, so that an
 * archive that has its own may bring them.
 *
 * libelf owns the structure of a tree. It begins with the root; a lock may follow, which only these
 * functions would take. They do without it: a tree belongs to one Elf, and kernel_elf.c uses each
 * Elf in one thread.
 */
#include <search.h>
#include <stddef.h>

struct search_tree {
    void *root;
};

typedef int search_compare(const void *a, const void *b);

#define WEAK __attribute__((weak))

WEAK void eu_search_tree_init(struct search_tree *tree);
WEAK void eu_search_tree_fini(struct search_tree *tree, void (*free_node)(void *));
WEAK void *eu_tsearch(const void *key, struct search_tree *tree, search_compare *compare);
WEAK void *eu_tdelete(const void *key, struct search_tree *tree, search_compare *compare);

void eu_search_tree_init(struct search_tree *tree)
{
    tree->root = NULL;
}

void eu_search_tree_fini(struct search_tree *tree, void (*free_node)(void *))
{
    tdestroy(tree->root, free_node);
    tree->root = NULL;
}

void *eu_tsearch(const void *key, struct search_tree *tree, search_compare *compare)
{
    return tsearch(key, &tree->root, compare);
}

void *eu_tdelete(const void *key, struct search_tree *tree, search_compare *compare)
{
    return tdelete(key, &tree->root, compare);
}
