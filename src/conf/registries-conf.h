/* SPDX-License-Identifier: Apache-2.0
 * conf/registries-conf.h - containers-registries.conf(5): short names, aliases, mirrors, rewriting, blocking.
 *
 * Owns the merged rules of registries.conf, registries.conf.d and the short-name alias files. Does not own:
 * talking to registries (image/registry.h) or parsing references (image/reference.h): names here are plain text
 * "host[:port]/path[:tag][@digest]".
 *
 * Life cycle: registries_conf_load() when a pull, push or search needs it, never on the `run` path of a present
 * image; registries_conf_done(). Allocates: not between clone() and exec(). */
#pragma once
#include "base/field.h"
#include "conf/paths.h"

enum registry_pull_from { REGISTRY_PULL_ALL, REGISTRY_PULL_DIGEST_ONLY, REGISTRY_PULL_TAG_ONLY };
enum short_name_mode { SHORT_NAMES_ENFORCING, SHORT_NAMES_PERMISSIVE, SHORT_NAMES_DISABLED };

struct registry_mirror {
	char *location;
	bool insecure;
	int pull_from;      /* enum registry_pull_from */
};

struct registry {
	char *prefix;       /* "host[:port][/path]" or "*.host"; location when the file has none */
	char *location;     /* NULL only with a wildcard prefix: the name stays as it is */
	bool insecure, blocked, mirror_by_digest_only;
	struct list mirrors;   /* struct registry_mirror */
};

struct registries_conf {
	struct strv unqualified_search;
	int short_name_mode;           /* enum short_name_mode */
	struct strmap aliases;         /* short name -> full repository */
	struct strv credential_helpers;
	char *additional_layer_store_auth_helper;
	struct list registries;        /* struct registry */
	struct strv warnings;
};

/* One place to try, in order: mirrors, then the location itself. */
struct registry_source {
	char *name;         /* rewritten "host/path[:tag][@digest]" */
	bool insecure;      /* plain HTTP and unverified TLS allowed */
	bool mirror;        /* not the primary location */
};

/* Reads all files by the search rule. *conf is empty on failure. */
int registries_conf_load(struct registries_conf *conf, const struct paths *paths, struct error *err);
/* Merges one document; drop_in: registries of the same prefix are replaced, version 1 tables are refused. */
int registries_conf_merge(struct registries_conf *conf, const char *what, const char *text, size_t len, bool drop_in,
			  struct error *err);
void registries_conf_done(struct registries_conf *conf);
#define auto_registries_conf CLEANUP(registries_conf_done) struct registries_conf

/* The rule with the longest matching prefix for a full name, or NULL. */
const struct registry *registries_conf_find(const struct registries_conf *conf, const char *name);
/* Appends the places (struct registry_source) to pull `name` from. ERROR_DENIED when the registry is blocked. */
int registries_conf_sources(const struct registries_conf *conf, const char *name, struct list *ret, struct error *err);
void registry_sources_done(struct list *sources);
/* Appends the full names a short name may stand for: its alias alone, else one per unqualified-search registry;
 * "localhost/..." is not tried. A name that is already full comes back alone. docker.io names get "library/".
 * ERROR_INVALID when there is neither alias nor search registry. *ret_ambiguous (may be NULL): several
 * candidates in enforcing mode, i.e. a terminal has to choose and a script must fail. */
int registries_conf_resolve(const struct registries_conf *conf, const char *name, struct strv *ret,
			    bool *ret_ambiguous, struct error *err);
/* True when the first component of name is a registry host (has a dot or a port, or is "localhost"). */
bool registry_name_is_full(const char *name);
