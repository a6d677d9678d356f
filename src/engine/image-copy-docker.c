/* SPDX-License-Identifier: Apache-2.0
 * engine/image-copy-docker.c - manifest.json of docker archives, and Docker daemons, which take and give such archives
 * over their socket. */
#include <string.h>

#include "conf/helpers.h"
#include "engine/image-copy-internal.h"
#include "engine/image-local.h"
#include "os/file.h"

#define DAEMON_SOCKET "/var/run/docker.sock"

/* ---- manifest.json ---- */
static int add_tag(struct json_object *to, const char *name, struct error *err)
{
	auto_reference r = {};

	TRY(reference_parse(name, &r, err));
	if (r.digest && !r.tag)
		return 0;
	TRY(reference_normalize_docker(&r, err));
	TRY(reference_default_tag(&r, err));
	TRY(str_set(&r.digest, NULL, err));
	autofree char *text = reference_text(&r);
	if (!text || json_object_array_add(to, json_object_new_string(text)) < 0)
		return fail_oom(err);
	return 0;
}

static int add_tags(const struct copy_to *t, struct json_object *to, struct error *err)
{
	if (t->name->path) {
		if (t->name->selector)
			TRY(add_tag(to, t->name->selector, err));
	} else {
		autofree char *text = reference_text(&t->name->reference);
		if (!text)
			return fail_oom(err);
		TRY(add_tag(to, text, err));
	}
	for (size_t i = 0; i < t->o->tags.n; i++)
		TRY(add_tag(to, t->o->tags.v[i], err));
	return 0;
}

int copy_to_docker_manifest(struct copy_to *t, const struct source_document *d, struct error *err)
{
	struct json_object *item = json_object_new_object(), *tags = json_object_new_array(), *layers = json_object_new_array();
	const struct op_descriptor *l = d->parsed.layers.v;
	char name[DIGEST_TEXT_MAX + 8];

	if (!item || !tags || !layers || json_object_array_add(t->index, item) < 0)
		return fail_oom(err);
	snprintf(name, sizeof(name), "%s.json", digest_hex(d->parsed.config.digest));
	TRY(json_add_str(item, "Config", name, err));
	TRY(json_add(item, "RepoTags", tags, err));
	TRY(json_add(item, "Layers", layers, err));
	TRY(add_tags(t, tags, err));
	for (size_t i = 0; i < d->parsed.layers.n; i++) {
		snprintf(name, sizeof(name), "%s.tar", digest_hex(l[i].digest));
		if (json_object_array_add(layers, json_object_new_string(name)) < 0)
			return fail_oom(err);
	}
	return 0;
}

/* ---- daemons ---- */
static int socket_path(const char *given, const char **ret, struct error *err)
{
	const char *host = str_empty(given) ? getenv("DOCKER_HOST") : given;
	const char *path = str_empty(host) ? DAEMON_SOCKET : str_after(host, "unix://");

	if (!path || *path != '/')
		return fail(err, ERROR_UNSUPPORTED, "docker-daemon at %s: only Unix sockets are supported (unix:///path)", host);
	if (access(path, F_OK) < 0)
		return fail(err, ERROR_UNREACHABLE, "Cannot connect to the Docker daemon at unix://%s. Is the docker daemon running?",
			    path);
	*ret = path;
	return 0;
}

static int call_daemon(struct engine *e, enum worker_op op, const char *given, const char *path, int fd, struct error *err)
{
	autofree char *program = NULL;
	auto_worker *w = NULL;
	struct op_get q = { .reference = (char *)(uintptr_t)path, .size = -1 };
	const char *socket;

	TRY(socket_path(given, &socket, err));
	TRY(helper_find("umiak-worker", &program, err));
	struct worker_options o = { .program = program, .root_fd = -1, .log = e->log };
	o.setup.unix_sockets = true;
	TRY(worker_start(WORKER_FETCH, &o, &w, err));
	q.socket = (char *)(uintptr_t)socket;
	if (worker_call(w, op, &q, &fd, 1, NULL, NULL, err) < 0)
		return fail_wrap(err, "docker-daemon");
	return 0;
}

int image_fetch_daemon(struct engine *e, const char *host, const char *name, int fd, struct error *err)
{
	autofree char *url = NULL;

	TRY(str_printf(&url, err, "http://docker/images/%s/get", name));
	if (call_daemon(e, OP_GET_URL, host, url, fd, err) < 0)
		return err->kind == ERROR_NOT_FOUND ? fail(err, ERROR_NOT_FOUND, "docker-daemon:%s: the daemon has no such image", name) : -1;
	return 0;
}

int copy_daemon_fetch(struct copy_from *f, const struct image_copy *o, struct error *err)
{
	autofree char *name = reference_text(&f->name->reference);

	if (!name)
		return fail_oom(err);
	f->spool = image_scratch(f->engine, err);
	TRY(f->spool);
	return image_fetch_daemon(f->engine, o->from_daemon, name, f->spool, err);
}

int copy_daemon_send(struct copy_to *t, struct error *err)
{
	return call_daemon(t->engine, OP_PUT_URL, t->o->to_daemon, "http://docker/images/load?quiet=1", t->daemon, err);
}
