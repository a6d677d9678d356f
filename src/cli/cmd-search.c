/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-search.c - `search`: images at registries. */
#include <stdio.h>

#include "base/format.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "engine/search.h"

struct search_params {
	struct search search;
	char *format;
	bool compatible;
};

#define P struct search_params
static const struct field rows[] = {
	{ .cli = "authfile", F_STR(P, search.remote.authfile), .arg = "path", .complete = "files",
	  .help = "File with registry logins (REGISTRY_AUTH_FILE)" },
	{ .cli = "cert-dir", F_STR(P, search.remote.cert_dir), .arg = "path", .complete = "files",
	  .help = "Directory with certificates of the registry and for it" },
	{ .cli = "compatible", F_BOOL(P, compatible), .help = "Show stars, official and automated columns, as Docker does" },
	{ .cli = "creds", F_STR(P, search.remote.creds), .arg = "[username[:password]]",
	  .help = "Login for the registry (USER[:PASSWORD])" },
	{ .cli = "filter", .abbr = 'f', F_STRV(P, search.filters), .arg = "filter",
	  .help = "Show what meets a condition: stars=N, is-automated, is-official" },
	{ .cli = "format", F_STR(P, format), .arg = "format", .help = "Show JSON, or what a Go template makes of each hit" },
	{ .cli = "limit", F_INT(P, search.limit), .arg = "limit", .help = "Most hits of each registry (default 25)" },
	{ .cli = "list-tags", F_BOOL(P, search.list_tags), .help = "List the tags of a repository" },
	{ .cli = "no-trunc", F_BOOL(P, search.no_trunc), .help = "Do not shorten descriptions" },
	{ .cli = "tls-verify", F_OPT_BOOL(P, search.remote.tls_verify),
	  .help = "Insist on HTTPS and on a valid certificate of the registry" },
	{}
};

static const struct value_type hit_type = { .name = "images.ImageSearchReport", .rows = search_hit_rows };


/* --list-tags --format json: [{"Name": ..., "Tags": [...]}]: all hits are of one repository. */
static int print_tags_json(const struct list *hits, struct error *err)
{
	const struct search_hit *h = hits->v;
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);
	auto_json *all = json_object_new_array(), *one = json_object_new_object(), *tags = json_object_new_array();

	if (!all || !one || !tags)
		return fail_oom(err);
	for (size_t i = 0; i < hits->n; i++)
		if (json_object_array_add(tags, json_object_new_string(h[i].tag)) < 0)
			return fail_oom(err);
	TRY(json_add_str(one, "Name", h[0].name, err));
	TRY(json_add(one, "Tags", take_ptr(tags), err));
	if (json_object_array_add(all, take_ptr(one)) < 0)
		return fail_oom(err);
	json_format(&out, all, 4);
	buf_add_char(&out, '\n');
	return text_print(&out, "search", err);
}

static int print_hits(const struct search_params *p, const struct list *hits, struct error *err)
{
	struct value list = value_structs(&hit_type, hits->v, hits->n, sizeof(struct search_hit));
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);
	const char *fallback = p->search.list_tags ? "table {{.Name}}\t{{.Tag}}" :
		p->compatible ? "table {{.Name}}\t{{.Description}}\t{{.Stars}}\t{{.Official}}\t{{.Automated}}" :
		"table {{.Name}}\t{{.Description}}";
	const struct format_request rq = { .name = "search", .format = p->format, .fallback = fallback, .type = &hit_type };

	TRY(format_rows(&rq, &list, &out, err));
	return text_print(&out, "search", err);
}

static int run_search(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct search_params *p = params;
	CLEANUP(search_hits_done) struct list hits = {};
	struct engine *e;

	if (p->search.list_tags && p->search.filters.n)
		return fail(err, ERROR_INVALID, "filters are not applicable to list tags result");
	TRY(cli_engine(cli, &e, err));
	TRY(search_images(e, args->v[0], &p->search, &hits, err));
	if (!hits.n)
		return 0;
	if (p->search.list_tags && p->format && format_is_json(p->format))
		return print_tags_json(&hits, err);
	return print_hits(p, &hits, err);
}

const struct command cmd_search = {
	.summary = "Search registries for images",
	.description = "Looks for images whose name contains a word, at the registry the word begins with or at those of "
		       "registries.conf.",
	.args = "TERM", .min_args = 1, .max_args = 1, .groups = (const struct command_rows[]){ { rows }, {} },
	.params_size = sizeof(struct search_params),
	.examples = "quay.io/podman\n--list-tags --limit 5 localhost:5000/team/web", .run = run_search, .format_type = &hit_type,
};
