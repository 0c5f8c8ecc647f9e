// SPDX-License-Identifier: Apache-2.0
/*
 * Bytes of a guest or of a client as strings of JSON.
 */
#ifndef PYHL_MCP_TEXT_H
#define PYHL_MCP_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A string. A byte that does not belong to a character of UTF-8 becomes U+FFFD. NULL: there is no
 * memory for it. */
json_t *mcp_string(const void *bytes, size_t size);

/* The same of printf's text. */
json_t *mcp_stringf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A string of the bytes in base64. */
json_t *mcp_base64(const void *bytes, size_t size);

/* The bytes that a string has in base64, which the caller frees, or NULL when it has none. An empty
 * one has a byte that does not count. */
uint8_t *mcp_bytes(const json_t *base64, size_t *size);

/* Whether the bytes are characters of UTF-8, and none of them is NUL. */
bool mcp_is_text(const void *bytes, size_t size);

#endif
