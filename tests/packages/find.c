// SPDX-License-Identifier: Apache-2.0
/*
 * Finds the metadata of each text on standard input (find_check.py): a length of 4 bytes, then the
 * text. Writes for each the line and the length of the block, and the block.
 */
#include "pyhl/metadata.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    uint32_t len;

    while (fread(&len, sizeof(len), 1, stdin) == 1) {
        struct metadata_block block;
        struct vmm_err err = {0};
        char *text = malloc(len); /* exactly so long, for a sanitizer to watch */

        if (text == NULL || fread(text, 1, len, stdin) != len) {
            return 1;
        }
        if (metadata_find("name", text, len, &block, &err) < 0) {
            printf("error %s\n", err.msg);
        } else if (block.text == NULL) {
            printf("none\n");
        } else {
            printf("block %zu %zu\n%s", block.line, strlen(block.text), block.text);
        }
        free(block.text);
        free(text);
    }
    return 0;
}
