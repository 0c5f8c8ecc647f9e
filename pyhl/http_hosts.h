// SPDX-License-Identifier: Apache-2.0
/*
 * Which values of Host and Origin are ours. A page of a browser can have the browser send requests
 * to any address, also by a name of its own that it lets point here; these two headers tell.
 */
#ifndef PYHL_HTTP_HOSTS_H
#define PYHL_HTTP_HOSTS_H

#include "opts.h"

#include <stdbool.h>

/* Whether `text`, HOST or HOST:PORT, names this machine: localhost, a number, or one of the list,
 * in which `*.NAME` stands for what ends so. */
bool http_host_is_ours(const char *text, const struct opt_list *hosts);

/* The same for an origin: SCHEME://HOST[:PORT], of http or https. Anybody may have a page at a
 * number, so that must be of this machine's loopback, or what Host has; `host` is that or NULL. */
bool http_origin_is_ours(const char *text, const char *host, const struct opt_list *hosts);

#endif
