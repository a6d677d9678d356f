/* SPDX-License-Identifier: Apache-2.0
 * engine/cdi.h - devices by name (Container Device Interface): "vendor.com/class=name" -> what a container must get.
 *
 * The machine's administrator puts files into /etc/cdi and /var/run/cdi (--cdi-spec-dir, containers.conf
 * cdi_spec_dirs), in JSON (.json) or YAML (.yaml, .yml); later directories win. Owns what it loads. Allocates: not between clone() and exec(). */
#pragma once
#include "base/error.h"
#include "base/field.h"
#include "engine/engine.h"

struct cdi_node {
	char *path, *host, *type, *permissions;
	struct opt_int major, minor;
	struct opt_uint mode, uid, gid;
};
struct cdi_mount {
	char *host, *container, *type;
	struct strv options;
};
struct cdi_hook {
	char *name, *path;
	struct strv args, env;
	struct opt_int timeout;
};
struct cdi_edits {
	struct strv env;
	struct list nodes, mounts, hooks;   /* struct cdi_node, cdi_mount, cdi_hook */
	struct numv gids;
};
struct cdi_device {
	char *name;
	struct cdi_edits edits;
};
struct cdi_spec {
	char *version, *kind;
	struct cdi_edits edits;             /* of every device of this file */
	struct list devices;                /* struct cdi_device */
};
void cdi_spec_done(struct cdi_spec *s);
/* One file's text. ERROR_INVALID names what is wrong. */
enum cdi_format { CDI_JSON, CDI_YAML };
int cdi_parse(const char *what, const char *text, size_t len, enum cdi_format format, struct cdi_spec *ret, struct error *err);

/* "vendor.com/class=name" and nothing else. */
bool cdi_is_name(const char *word);
/* Calls fn for the file that defines the device and for the device itself. ERROR_NOT_FOUND `unresolvable CDI devices X`. */
int cdi_find(const struct engine *e, const char *name,
	     int (*fn)(void *arg, const struct cdi_spec *s, const struct cdi_device *d, struct error *err), void *arg,
	     struct error *err);
/* The CDI name of a --gpus word ("all", "0"): NVIDIA's, as Podman reads it. malloc'ed. */
int cdi_gpu_name(const char *word, char **ret, struct error *err);
