/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-secret.c - `secret create`, `inspect`, `ls`, `rm`, `exists`. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/filter.h"
#include "base/format.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/list.h"
#include "cli/text.h"
#include "engine/secret.h"
#include "os/file.h"

/* ---- create ---- */
struct create_params {
	struct strv option_words, label_words;
	char *driver;
	bool env, ignore, replace;
};
#define P struct create_params

static int read_file(const char *path, struct buf *to, struct error *err)
{
	bool std = streq(path, "-") || streq(path, "/dev/stdin");
	autoclose int fd = std ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
	char piece[4096];
	ssize_t n = 0;

	if (fd < 0)
		return fail_errno(err, "open %s", path);
	while (!to->failed && (n = file_read_full(fd, piece, sizeof(piece), err)) > 0)
		buf_add(to, piece, (size_t)n);
	explicit_bzero(piece, sizeof(piece));
	if (to->failed)
		return fail(err, ERROR_INVALID, "secret data must be larger than 0 and less than %d bytes", SECRET_BYTES_MAX);
	return n < 0 ? -1 : 0;
}

static int read_environment(const char *name, struct buf *to, struct error *err)
{
	const char *value = getenv(name);

	if (str_empty(value))
		return fail(err, ERROR_INVALID, "cannot create store secret data: environment variable %s is not set", name);
	buf_add_str(to, value);
	return buf_ok(to, "secret", err);
}

/* "a=b,c=d"; a word with a single "=" is taken whole. */
static int add_options(const char *word, struct strmap *to, struct error *err)
{
	auto_strv pairs = {};
	const char *first = strchr(word, '=');

	if (!first)
		return fail(err, ERROR_INVALID, "--driver-opts: %s must be formatted as key=value", word);
	if (!strchr(first + 1, '='))
		return strmap_add_pair(to, word, err);
	TRY(csv_split(&pairs, word, err));
	for (size_t i = 0; i < pairs.n; i++) {
		if (!strchr(pairs.v[i], '='))
			return fail(err, ERROR_INVALID, "--driver-opts: %s must be formatted as key=value", pairs.v[i]);
		TRY(strmap_add_pair(to, pairs.v[i], err));
	}
	return 0;
}

static int run_create(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const P *p = params;
	auto_secret_buf data = BUF_INIT(SECRET_BYTES_MAX);
	auto_strmap labels = {}, options = {};
	autofree char *id = NULL;
	struct engine *e;

	if (p->ignore && p->replace)
		return fail(err, ERROR_INVALID, "cannot use --ignore and --replace flags together");
	TRY(p->env ? read_environment(args->v[1], &data, err) : read_file(args->v[1], &data, err));
	for (size_t i = 0; i < p->label_words.n; i++)
		TRY(strmap_add_pair(&labels, p->label_words.v[i], err));
	for (size_t i = 0; i < p->option_words.n; i++)
		TRY(add_options(p->option_words.v[i], &options, err));
	const struct secret_new n = { .name = args->v[0], .driver = p->driver, .options = &options, .labels = &labels,
				      .data = data.data, .len = data.len, .replace = p->replace, .ignore = p->ignore };
	TRY(cli_engine(cli, &e, err));
	TRY(secret_create(e, &n, &id, err));
	puts(id);
	return 0;
}

static const struct field create_rows[] = {
	{ .cli = "driver", .abbr = 'd', F_STR(P, driver), .arg = "driver", .complete = "none", .fallback = "file",
	  .help = "Where the bytes are kept: file, pass or shell" },
	{ .cli = "driver-opts", F_STRV(P, option_words), .arg = "key=value,...", .help = "Options of the driver" },
	{ .cli = "env", F_BOOL(P, env), .help = "The second word names an environment variable" },
	{ .cli = "ignore", F_BOOL(P, ignore), .help = "Print the ID of a secret that exists already" },
	{ .cli = "label", .abbr = 'l', F_STRV(P, label_words), .arg = "label", .help = "Labels of the secret" },
	{ .cli = "replace", F_BOOL(P, replace), .help = "Take the place of a secret of that name" },
	{}
};
#undef P

const struct command cmd_secret_create = {
	.summary = "Create a new secret",
	.description = "Makes a secret of a file's bytes, of standard input (-) or of an environment variable. Containers get it with\n"
		"--secret; nothing shows it again unless asked to.",
	.args = "NAME FILE|-", .min_args = 2, .max_args = 2,
	.groups = (const struct command_rows[]){ { create_rows, 0 }, {} }, .params_size = sizeof(struct create_params),
	.examples = "mysecret /path/to/secret\n--driver-opts=path=/srv/secrets mysecret /path/to/secret\nmysecret -",
	.run = run_create, .flags = COMMAND_IN_USERNS,
};

/* ---- ls ---- */
struct listed {
	char *id, *name, *driver, *created_at, *updated_at;
	char created_text[48], updated_text[48];
	const struct secret *secret;
};
static const struct field listed_rows[] = {
	{ .json = "ID", F_STR(struct listed, id) }, { .json = "Name", F_STR(struct listed, name) },
	{ .json = "Driver", F_STR(struct listed, driver) }, { .json = "CreatedAt", F_STR(struct listed, created_at) },
	{ .json = "UpdatedAt", F_STR(struct listed, updated_at) }, {}
};
static const struct value_type listed_type = { .name = "entities.SecretListReport", .rows = listed_rows };

static int by_name(const void *object, const char *value, struct error *err)
{
	return match_regex(value, ((const struct secret *)object)->spec.name, err);
}

static int by_id(const void *object, const char *value, struct error *err)
{
	return match_id(value, ((const struct secret *)object)->id, err);
}

static int by_driver(const void *object, const char *value, struct error *err)
{
	(void)err;
	return streq(((const struct secret *)object)->spec.driver.name, value);
}

static int by_label(const void *object, const char *value, struct error *err)
{
	(void)err;
	return match_label(value, &((const struct secret *)object)->spec.labels);
}

static const struct filter_key keys[] = {
	{ "name", FILTER_REGEX, by_name }, { "id", 0, by_id }, { "driver", 0, by_driver }, { "label", FILTER_ALL, by_label }, {}
};

struct ls_params {
	struct strv filters;
	char *format;
	bool quiet, noheading;
};
#define P struct ls_params

static void describe(struct listed *l, const struct secret *s)
{
	char span[40];
	int64_t now = time_now();

	l->secret = s;
	l->id = s->id;
	l->name = s->spec.name;
	l->driver = s->spec.driver.name;
	snprintf(l->created_text, sizeof(l->created_text), "%s ago", duration_human(now - s->created, span));
	snprintf(l->updated_text, sizeof(l->updated_text), "%s ago", duration_human(now - s->updated, span));
	l->created_at = l->created_text;
	l->updated_at = l->updated_text;
}

static int run_ls(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const P *p = params;
	auto_secret_list l = {};
	auto_filters filters = {};
	struct engine *e;

	(void)args;
	TRY(filters_add_all(&filters, keys, &p->filters, err));
	TRY(cli_engine(cli, &e, err));
	TRY(secret_load_all(e, &l, err));
	autofree struct listed *listed = calloc(l.n + 1, sizeof(*listed));
	if (!listed)
		return fail_oom(err);
	for (size_t i = 0; i < l.n; i++)
		describe(&listed[i], &l.v[i]);
	const struct list_of list = {
		.name = "secret ls", .what = "secrets", .n = l.n, .objects = l.v, .object_size = sizeof(*l.v), .shown = listed,
		.shown_size = sizeof(*listed), .type = &listed_type, .filters = &filters, .format = p->format, .noheading = p->noheading,
		.fallback = p->quiet ? "{{.ID}}" : "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.CreatedAt}}\t{{.UpdatedAt}}",
		.headers = (const struct format_header[]){ { "CreatedAt", "CREATED" }, { "UpdatedAt", "UPDATED" }, {} },
	};
	return list_print(&list, err);
}

static const struct field ls_rows[] = {
	{ .cli = "filter", .abbr = 'f', F_STRV(P, filters), .arg = "filter", .help = "Choose by name, id, driver or label (key=value)" },
	{ .cli = "format", F_STR(P, format), .arg = "format", .help = "JSON or a Go template" },
	{ .cli = "noheading", .abbr = 'n', F_BOOL(P, noheading), .help = "Do not print headers" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Print secret IDs only" },
	{}
};
#undef P

const struct command cmd_secret_ls = {
	.summary = "List secrets", .description = "Lists names and drivers of all secrets.", .examples = "-q\n--filter name=db",
	.groups = (const struct command_rows[]){ { ls_rows, 0 }, {} }, .params_size = sizeof(struct ls_params), .run = run_ls,
	.format_type = &listed_type, .flags = COMMAND_IN_USERNS,
};

/* ---- inspect ---- */
static const struct value_type secret_type = { .name = "entities.SecretInfoReport", .rows = secret_rows };

static const char pretty[] =
	"ID:              {{.ID}}\nName:            {{.Spec.Name}}\n"
	"{{if .Spec.Labels}}Labels:\n{{range $k, $v := .Spec.Labels}} - {{$k}}{{if $v}}={{$v}}{{end}}\n{{end}}{{end}}"
	"Driver:          {{.Spec.Driver.Name}}\nCreated at:      {{.CreatedAt}}\nUpdated at:      {{.UpdatedAt}}"
	"{{if .SecretData}}\nSecret data:     {{.SecretData}}{{end}}";

struct inspect_params {
	char *format;
	bool pretty, show;
};
#define P struct inspect_params

static int load_data(struct engine *e, struct secret *s, struct error *err)
{
	auto_secret_buf data = BUF_INIT(SECRET_BYTES_MAX);

	TRY(secret_read(e, s, &data, err));
	return str_set(&s->data, data.data ? data.data : "", err);
}

static int load(struct engine *e, const char *what, bool show, struct secret *ret, struct error *err)
{
	TRY(secret_find(e, what, ret, err));
	return show ? load_data(e, ret, err) : 0;
}

static int run_inspect(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const P *p = params;
	auto_secret_list l = { .v = calloc(args->n + 1, sizeof(struct secret)) };
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);
	struct engine *e;

	if (!l.v)
		return fail_oom(err);
	autofree struct value *rows = calloc(args->n + 1, sizeof(*rows));
	if (!rows)
		return fail_oom(err);
	TRY(cli_engine(cli, &e, err));
	for (size_t i = 0; i < args->n; i++) {
		struct error why;
		if (load(e, args->v[i], p->show, &l.v[l.n], &why) == 0) {
			rows[l.n] = value_struct(&secret_type, &l.v[l.n]);
			l.n++;
			continue;
		}
		(void)fail_wrap(&why, "inspecting secret");
		cli_note_error(cli, &why);
	}
	const struct format_request rq = { .name = "secret inspect", .format = p->pretty ? pretty : p->format, .type = &secret_type,
					   .json_indent = 4 };
	struct value list = value_list(rows, l.n);
	TRY(format_each(&rq, &list, &out, err));
	return text_print(&out, "secrets", err);
}

static const struct field inspect_rows[] = {
	{ .cli = "format", .abbr = 'f', F_STR(P, format), .arg = "format", .help = "Format with a Go template" },
	{ .cli = "pretty", F_BOOL(P, pretty), .help = "Print for people" },
	{ .cli = "showsecret", F_BOOL(P, show), .help = "Show the secret itself, too" },
	{}
};
#undef P

const struct command cmd_secret_inspect = {
	.summary = "Inspect a secret", .description = "Shows names, labels, driver and times of secrets.",
	.args = "SECRET [SECRET...]", .min_args = 1, .max_args = ARGS_ANY,
	.examples = "mysecret\n--format \"{{.ID}}\" mysecret\n--pretty mysecret",
	.groups = (const struct command_rows[]){ { inspect_rows, 0 }, {} }, .params_size = sizeof(struct inspect_params),
	.run = run_inspect, .format_type = &secret_type, .flags = COMMAND_IN_USERNS,
};

/* ---- rm, exists ---- */
struct rm_params {
	bool all, ignore;
};
#define P struct rm_params

static int all_ids(struct engine *e, struct strv *to, struct error *err)
{
	auto_secret_list l = {};

	TRY(secret_load_all(e, &l, err));
	for (size_t i = 0; i < l.n; i++)
		TRY(strv_add(to, l.v[i].id, err));
	return 0;
}

static int run_rm(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const P *p = params;
	struct engine *e;

	if (p->all && args->n)
		return fail(err, ERROR_INVALID, "`%s rm --all` takes no arguments", cli->path);
	if (!p->all && !args->n)
		return fail(err, ERROR_INVALID, "`%s rm` requires at least one argument", cli->program);
	TRY(cli_engine(cli, &e, err));
	if (p->all)
		TRY(all_ids(e, args, err));
	for (size_t i = 0; i < args->n; i++) {
		autofree char *id = NULL;
		struct error why;
		if (secret_remove(e, args->v[i], &id, &why) == 0)
			puts(id);
		else if (!(p->ignore && why.kind == ERROR_NOT_FOUND))
			cli_note_error(cli, &why);
	}
	return 0;
}

static const struct field rm_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(P, all), .help = "Remove all secrets" },
	{ .cli = "ignore", .abbr = 'i', F_BOOL(P, ignore), .help = "A secret that does not exist is no error" },
	{}
};
#undef P

const struct command cmd_secret_rm = {
	.summary = "Remove one or more secrets",
	.description = "Removes secrets. Containers that were created with one keep what they have.",
	.args = "SECRET [SECRET...]", .max_args = ARGS_ANY, .examples = "mysecret1 mysecret2\n--all",
	.groups = (const struct command_rows[]){ { rm_rows, 0 }, {} }, .params_size = sizeof(struct rm_params), .run = run_rm,
	.flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

static int run_exists(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	auto_secret s = {};
	struct engine *e;

	(void)params;
	TRY(cli_engine(cli, &e, err));
	if (secret_find(e, args->v[0], &s, err) == 0)
		return 0;
	return err->kind == ERROR_NOT_FOUND ? 1 : -1;
}

const struct command cmd_secret_exists = {
	.summary = "Check if a secret exists", .description = "Exit code 0 when the secret exists, 1 when not.", .args = "SECRET",
	.min_args = 1, .max_args = 1, .examples = "mysecret", .run = run_exists, .flags = COMMAND_IN_USERNS,
};
