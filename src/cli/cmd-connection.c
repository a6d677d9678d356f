/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-connection.c - `system connection list`: the remote services that are configured.
 * They come from podman-connections.json (written by `add`, read and write) and from containers.conf (read only). */
#include <fcntl.h>
#include <stdlib.h>

#include "base/format.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "engine/engine.h"
#include "os/file.h"

struct connection {
	char *name, *uri, *identity, *tls_cert, *tls_key, *tls_ca;
	bool is_default, read_write;
};
#define C struct connection
static const struct field connection_rows[] = {
	{ .json = "Name", F_STR(C, name), .flags = FIELD_ALWAYS },
	{ .json = "URI", F_STR(C, uri), .flags = FIELD_ALWAYS },
	{ .json = "Identity", F_STR(C, identity), .flags = FIELD_ALWAYS },
	{ .json = "TLSCert", F_STR(C, tls_cert) },
	{ .json = "TLSKey", F_STR(C, tls_key) },
	{ .json = "TLSCA", F_STR(C, tls_ca) },
	{ .json = "Default", F_BOOL(C, is_default), .flags = FIELD_ALWAYS },
	{ .json = "ReadWrite", F_BOOL(C, read_write), .flags = FIELD_ALWAYS },
	{}
};
static const struct value_type connection_type = { .name = "system.connection", .rows = connection_rows };

static void connections_done(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		fields_done(connection_rows, &((C *)l->v)[i]);
	free(l->v);
}

/* ---- containers.conf ---- */
static int add_configured(const struct engine *e, struct list *to, struct error *err)
{
	const struct conf_destination *d = e->conf.engine.service_destinations.v;

	for (size_t i = 0; i < e->conf.engine.service_destinations.n; i++) {
		C *c = list_add(to, sizeof(*c), err);
		if (!c)
			return -1;
		TRY(str_set(&c->name, d[i].name, err));
		TRY(str_set(&c->uri, d[i].uri, err));
		TRY(str_set(&c->identity, d[i].identity, err));
		TRY(str_set(&c->tls_cert, d[i].tls_cert, err));
		TRY(str_set(&c->tls_key, d[i].tls_key, err));
		TRY(str_set(&c->tls_ca, d[i].tls_ca, err));
		c->is_default = streq0(d[i].name, e->conf.engine.active_service);
	}
	return 0;
}

/* ---- podman-connections.json ---- */
static int add_saved(struct json_object *all, const char *chosen, struct list *to, struct error *err)
{
	json_object_object_foreach(all, name, one) {
		C *c = list_add(to, sizeof(*c), err);
		if (!c)
			return -1;
		TRY(str_set(&c->name, name, err));
		TRY(str_set(&c->uri, json_get_str(one, "URI"), err));
		TRY(str_set(&c->identity, json_get_str(one, "Identity"), err));
		TRY(str_set(&c->tls_cert, json_get_str(one, "TLSCert"), err));
		TRY(str_set(&c->tls_key, json_get_str(one, "TLSKey"), err));
		TRY(str_set(&c->tls_ca, json_get_str(one, "TLSCA"), err));
		c->is_default = streq0(name, chosen);
		c->read_write = true;
	}
	return 0;
}

static int read_saved(const struct engine *e, struct list *to, struct error *err)
{
	const char *given = getenv("PODMAN_CONNECTIONS_CONF");
	autofree char *path = NULL, *text = NULL;
	auto_json *tree = NULL;
	size_t len;

	if (str_empty(given))
		TRY(path_join(&path, e->paths.config_home, "containers/podman-connections.json", err));
	else
		TRY(str_set(&path, given, err));
	if (file_read(AT_FDCWD, path, 4 << 20, &text, &len, err) < 0)
		return err->errnum == ENOENT ? 0 : -1;
	if (!len)   /* made by a lock, never written */
		return 0;
	TRY(json_parse(path, text, len, NULL, &tree, err));
	struct json_object *section = json_get_object(tree, "Connection");
	struct json_object *all = section ? json_get_object(section, "Connections") : NULL;
	return all ? add_saved(all, json_get_str(section, "Default"), to, err) : 0;
}

/* ---- the command ---- */
struct list_params {
	char *format;
	bool quiet;
};
static const struct field rows[] = {
	{ .cli = "format", .abbr = 'f', F_STR(struct list_params, format),
	  .help = "Show JSON, or what a Go template makes of each connection" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(struct list_params, quiet), .help = "Show names only" },
	{}
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const C *)a)->name, ((const C *)b)->name);
}

static int run_list(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct list_params *p = params;
	CLEANUP(connections_done) struct list l = {};
	auto_buf out = BUF_INIT(1 << 20);
	struct engine *e;

	(void)args;
	TRY(cli_engine(cli, &e, err));
	TRY(read_saved(e, &l, err));
	TRY(add_configured(e, &l, err));
	if (l.n)
		qsort(l.v, l.n, sizeof(C), by_name);
	struct format_request rq = {
		.name = "list", .format = p->quiet ? "{{.Name}}" : p->format, .type = &connection_type,
		.fallback = "table {{.Name}}\t{{.URI}}\t{{.Identity}}\t{{.Default}}\t{{.ReadWrite}}",
		.headers = (const struct format_header[]){ { "ReadWrite", "READWRITE" }, {} },
	};
	struct value list = value_structs(&connection_type, l.v, l.n, sizeof(C));
	TRY(format_rows(&rq, &list, &out, err));
	return text_print(&out, "connections", err);
}

const struct command cmd_connection_list = {
	.summary = "List remote services that are configured",
	.description = "Shows the services named in podman-connections.json and containers.conf.",
	.examples = "--format json\n--quiet",
	.groups = (const struct command_rows[]){ { rows }, {} }, .params_size = sizeof(struct list_params),
	.run = run_list, .format_type = &connection_type,
};
