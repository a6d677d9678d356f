/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-version.c - `version` and `--version`. */
#include <stdio.h>

#include "base/format.h"
#include "base/table.h"
#include "base/template.h"
#include "cli/cli.h"
#include "cli/version.h"
#include "engine/info.h"
#include "config.h"

struct version_params {
	char *format;
};

struct version_report {
	struct version client;
	struct version *server;   /* only with a remote service; NULL */
};

static const struct field report_rows[] = {
	{ .json = "Client", F_OBJECT(struct version_report, client, version_rows) },
	{ .json = "Server", F_OPT_OBJECT(struct version_report, server, struct version, version_rows) },
	{}
};
static const struct value_type report_type = { .name = "entities.SystemVersionReport", .rows = report_rows };

static const struct field rows[] = {
	{ .cli = "format", .abbr = 'f', F_STR(struct version_params, format),
	  .help = "Show JSON, or what a Go template makes of it" },
	{}
};

void cli_print_version(const struct cli *cli)
{
	if (cli->docker)
		printf("Docker version %s, build umiak-%s\n", version_number(cli->program), UMIAK_VERSION);
	else if (streq(cli->program, "buildah"))
		printf("buildah version " BUILDAH_LEVEL " (image-spec 1.1.1, runtime-spec 1.2.1)\n");
	else
		printf("%s version %s\n", cli->program, version_number(cli->program));
}

static const char default_text[] =
	"Client:\tUmiak Engine\n"
	"Version:\t{{.Version}}\n"
	"API Version:\t{{.APIVersion}}\n"
	"Go Version:\t{{.GoVersion}}\n"
	"{{if .GitCommit}}Git Commit:\t{{.GitCommit}}\n{{end}}"
	"Built:\t{{.BuiltTime}}\n"
	"OS/Arch:\t{{.OsArch}}\n"
	"{{if ne .Version .EngineVersion}}Umiak Version:\t{{.EngineVersion}}\n{{end}}";

static int print_default(const struct cli *cli, const struct version_report *r, struct buf *out, struct error *err)
{
	auto_buf text = BUF_INIT(1 << 16);
	auto_template *t = NULL;
	struct value v = value_struct(&version_type, &r->client);

	TRY(template_parse("version", default_text, &t, err));
	TRY(template_execute(t, &v, &text, err));
	if (streq(cli->program, "buildah"))
		buf_addf(&text, "BuildPlatform:\t%s\n", r->client.os_arch);
	return table_format(out, text.data, text.len, err);
}

/* "{{.Version}}" of older days and "{{.Server.Version}}" of Docker's scripts mean the client where no server is. */
static int print_template(const char *format, const struct version_report *r, struct buf *out, struct error *err)
{
	struct value whole = value_struct(&report_type, r), client = value_struct(&version_type, &r->client);
	struct format_request rq = { .name = "version", .format = format };
	struct error first = {};
	auto_buf plain = BUF_INIT(1 << 16), text = BUF_INIT(1 << 20);
	struct value list = value_list(&whole, 1), clients = value_list(&client, 1);

	if (format_each(&rq, &list, &text, &first) >= 0) {
		buf_add(out, text.data, text.len);
		return 0;
	}
	for (const char *p = format; *p; p++) {
		static const char server[] = ".Server.";
		if (str_after(p, server))
			p += sizeof(server) - 2;
		buf_add_char(&plain, *p);
	}
	TRY(buf_ok(&plain, "--format", err));
	rq.format = plain.data ? plain.data : "";
	if (format_each(&rq, &clients, out, err) < 0) {
		*err = first;
		return -1;
	}
	return 0;
}

static int print_json(const struct version_report *r, struct buf *out, struct error *err)
{
	auto_json *tree = NULL;

	TRY(fields_save(report_rows, FIELD_COLUMN_JSON, r, &tree, err));
	json_format(out, tree, 2);
	buf_add_char(out, '\n');
	return 0;
}

static int run_version(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct version_params *p = params;
	struct version_report r = {};
	auto_buf out = BUF_INIT(1 << 20);
	int done;

	(void)args;
	TRY(version_get(cli->program, &r.client, err));
	if (!p->format)
		done = print_default(cli, &r, &out, err);
	else if (format_is_json(p->format))
		done = print_json(&r, &out, err);
	else
		done = print_template(p->format, &r, &out, err);
	fields_done(report_rows, &r);
	TRY(done);
	fwrite(out.data, 1, out.len, stdout);
	return 0;
}

const struct command cmd_version = {
	.summary = "Print client and server versions",
	.description = "Shows the version of this program and of the interfaces it answers like. Called as podman or docker,\n"
		       "the version is that of the Podman release whose command line and API this program follows.",
	.examples = "--format '{{.Client.Version}}'\n-f json",
	.groups = (const struct command_rows[]){ { rows }, {} }, .params_size = sizeof(struct version_params),
	.run = run_version, .format_type = &report_type, .flags = COMMAND_EARLY,
};
