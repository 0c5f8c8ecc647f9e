// SPDX-License-Identifier: Apache-2.0
/*
 * What is read of the files that come with a package: METADATA, top_level.txt and RECORD. They are
 * anybody's: each reader has its bounds, and skips what it does not understand.
 */
#ifndef PYHL_PACKAGES_DIST_H
#define PYHL_PACKAGES_DIST_H

#include <stdbool.h>
#include <stddef.h>

#define DIST_NAME    128u /* of a package, with its NUL */
#define DIST_VERSION 64u
#define DIST_MODULE  128u

struct dist {
    char name[DIST_NAME];       /* in its normal form, with `_` between words */
    char version[DIST_VERSION]; /* cut where it is no Python version any more (PEP 440) */
};

/* Reads name and version from the head of a METADATA or PKG-INFO. False without them. */
bool dist_read(const char *text, struct dist *out);

/* Goes through the lines of the head that say what a package needs. Returns the next one at or
 * after *text, with its length, and moves *text on; NULL at the end of the head. */
const char *dist_need(const char **text, size_t *len);

/* The normal form of a package's name (PEP 503), of len bytes at most, but with `_`. False, and
 * an empty one, when it is no such name. */
bool dist_name(const char *name, size_t len, char out[DIST_NAME]);

/* Cuts the next line of a requirements file off at *text, and moves that on. Returns false at the
 * end. name is that of the package that the line wants, in its normal form, or empty. */
bool dist_requirement(const char **text, char name[DIST_NAME]);

/* Goes through a top_level.txt, or a RECORD. Each returns whether there is a further line that
 * names a module which can be imported by that name, and moves *text on. Private ones, which begin
 * with `_`, and tests are left out. */
bool dist_top_level(const char **text, char module[DIST_MODULE]);
bool dist_record(const char **text, char module[DIST_MODULE]);

/* The next line of a RECORD that is the package's own: not one that uv adds, about where the
 * package came from, nor a command, which uv writes for a Python of this host. NULL at the end. */
const char *dist_record_own(const char **text, size_t *len);

#endif
