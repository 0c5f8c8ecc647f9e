// SPDX-License-Identifier: Apache-2.0
/*
 * Base64 (RFC 4648), piece by piece.
 */
#ifndef PYHL_BASE64_H
#define PYHL_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* Decodes the text at *text, up to what is no digit of base64, into at most max bytes, and moves
 * *text on. A piece that is not the last is whole when max is a multiple of 3. Returns the number
 * of bytes. */
size_t base64_decode(const char **text, uint8_t *bytes, size_t max);

/* Writes the digits of a piece, and the padding of one that is no multiple of 3: 4 characters for
 * every 3 bytes that have begun. Returns their number. */
size_t base64_encode(const uint8_t *bytes, size_t size, char *text);

#endif
