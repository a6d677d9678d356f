/* SPDX-License-Identifier: Apache-2.0
 * engine/secret.h - secrets: named bytes that containers are given and that nothing shows.
 *
 *   <root>/secrets/ID.json          the record (name, driver, options, labels, times), without the bytes
 *   <root>/secrets/filedriver/ID    driver "file": the bytes
 *   <container's directory>/secrets/N   the copy a container was created with (type=mount)
 *
 * Directories are 0700, files 0600 and durable when a call returns; names never become paths. Driver "shell" runs the
 * four commands of its options with SECRET_ID set, "pass" keeps files encrypted by gpg below the password store. The
 * bytes appear in no inspect, log, event, commit or argument vector; buffers that held them are wiped.
 * Functions marked (F) use files only and may be called after fork(). Allocates. */
#pragma once
#include "base/buf.h"
#include "base/field.h"
#include "engine/engine.h"

#define SECRET_BYTES_MAX 512000

struct secret_driver {
	char *name;                /* "file", "shell", "pass" */
	struct strmap options;
};
struct secret_spec {
	char *name;
	struct secret_driver driver;
	struct strmap labels;
};
struct secret {
	char *id;                  /* 25 hexadecimal digits */
	int64_t created, updated;  /* Unix ns */
	struct secret_spec spec;
	char *data;                /* only where asked for */
};
extern const struct field secret_rows[];
void secret_done(struct secret *s);   /* wipes the data */
#define auto_secret CLEANUP(secret_done) struct secret

struct secret_list {
	struct secret *v;
	size_t n;
};
void secret_list_done(struct secret_list *l);
#define auto_secret_list CLEANUP(secret_list_done) struct secret_list

struct secret_new {
	const char *name, *driver;       /* driver NULL: containers.conf's, with its options */
	const struct strmap *options, *labels;
	const void *data;
	size_t len;
	bool replace, ignore;            /* of the same name: takes its place; stays, and its id is returned */
};
/* malloc'ed id. ERROR_EXISTS "NAME: secret name in use". */
int secret_create(struct engine *e, const struct secret_new *n, char **ret_id, struct error *err);
/* (F) By name, id or unique id prefix. ERROR_NOT_FOUND `no secret with name or id "X": no such secret`. */
int secret_find(struct engine *e, const char *what, struct secret *ret, struct error *err);
/* (F) The bytes, appended; the buffer is the caller's to wipe (secret_wipe). */
int secret_read(struct engine *e, const struct secret *s, struct buf *to, struct error *err);
void secret_wipe(struct buf *b);
#define auto_secret_buf CLEANUP(secret_wipe) struct buf
/* (F) All of them, by name. */
int secret_load_all(struct engine *e, struct secret_list *ret, struct error *err);
/* malloc'ed id of what was removed. */
int secret_remove(struct engine *e, const char *what, char **ret_id, struct error *err);

/* ---- in containers ---- */
struct container_params;
struct ctr;
struct idmap_pair;
/* Checks that all secrets of the params exist, before anything is recorded; names are replaced by what they are. */
int secret_params_check(struct engine *e, const struct container_params *p, struct error *err);
/* What inspect shows of them: names and ids. *ret: new reference, NULL when there are none. */
int secret_params_json(struct ctr *c, struct json_object **ret, struct error *err);
/* Copies those of type=mount into the new container's directory, owned by uid and gid as seen inside. */
int secret_params_store(struct ctr *c, const struct idmap_pair *maps, struct error *err);
