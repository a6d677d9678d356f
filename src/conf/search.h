/* SPDX-License-Identifier: Apache-2.0
 * conf/search.h - the one search rule of the containers/ configuration family (containers.conf(5), Podman 6).
 *
 *   1. $<env> set: that file alone, and it must exist; then 5.
 *   2. the main file: the first that exists of home, /etc/containers, /usr/share/containers
 *   3. all drop-ins: /usr/share, then /etc (NAME.conf.d, NAME.rootful.conf.d or NAME.rootless.conf.d[/UID]), then home;
 *      sorted by file name, the same name in a stronger directory replaces the weaker
 *   4. modules, by the caller (conf_search_module())
 *   5. $<env>_OVERRIDE, by conf_search_override(), the last word
 *
 * Owns nothing. Reads files, never writes. Allocates: not between clone() and exec(). */
#pragma once
#include "base/str.h"
#include "conf/paths.h"

/* Called for each document in the order of rising strength. */
typedef int conf_merge_fn(void *arg, const char *what, const char *text, size_t len, bool drop_in, struct error *err);

struct conf_search {
	const char *name;      /* "containers": containers.conf, containers.conf.d */
	const char *env;       /* "CONTAINERS_CONF"; its _OVERRIDE is used too */
	bool flavours;         /* has rootful/rootless drop-in directories */
	conf_merge_fn *merge;
	void *arg;
};

int conf_search_files(const struct conf_search *s, const struct paths *paths, struct error *err);
int conf_search_override(const struct conf_search *s, struct error *err);
/* Finds --module NAME below NAME.conf.modules (home, /etc, /usr/share) or takes an absolute path, and merges it;
 * *ret_path is what was read, owned by the caller. */
int conf_search_module(const struct conf_search *s, const struct paths *paths, const char *module, char **ret_path,
		       struct error *err);
