/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-runlabel.c - `container runlabel`: the command that a label of an image holds. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/transfer.h"
#include "engine/container.h"
#include "engine/image-list.h"
#include "image/oci-image.h"

struct runlabel_params {
	struct image_remote remote;
	char *name, *opt1, *opt2, *opt3;
	bool display, quiet, replace, pull;
};
#define P struct runlabel_params
#define TEXT_MAX ((size_t)1 << 16)

/* ---- words ---- */
struct names {
	const char *image, *name;
	const P *p;
};

static const char *variable(const struct names *n, const char *key, char cwd[4096])
{
	const struct { const char *key, *value; } known[] = {
		{ "NAME", n->name }, { "IMAGE", n->image }, { "OPT1", n->p->opt1 }, { "OPT2", n->p->opt2 }, { "OPT3", n->p->opt3 },
		{ "HOME", getenv("HOME") },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (streq(known[i].key, key))
			return known[i].value ? known[i].value : "";
	return streq(key, "PWD") && getcwd(cwd, 4096) ? cwd : "";
}

/* "$NAME", "${NAME}": *at stands behind the dollar. */
static void expand(const struct names *n, const char **at, struct buf *to)
{
	char key[64] = "", cwd[4096];
	bool brace = **at == '{';
	const char *s = *at + brace;
	size_t len = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

	if (!len || len >= sizeof(key) || (brace && s[len] != '}')) {
		buf_add_char(to, '$');
		return;
	}
	memcpy(key, s, len);
	buf_add_str(to, variable(n, key, cwd));
	*at = s + len + brace;
}

/* One word; *at moves behind it. */
static int take_word(const struct names *n, const char **at, struct buf *to, struct error *err)
{
	char quote = 0;

	while (**at && (quote || (**at != ' ' && **at != '\t' && **at != '\n'))) {
		char c = *(*at)++;
		if (c == '\\' && quote != '\'' && **at)
			buf_add_char(to, *(*at)++);
		else if (quote ? c == quote : c == '"' || c == '\'')
			quote = quote ? 0 : c;
		else if (c == '$' && quote != '\'')
			expand(n, at, to);
		else
			buf_add_char(to, c);
	}
	return quote ? fail(err, ERROR_INVALID, "the label has a quote that is not closed") : buf_ok(to, "label", err);
}

/* Whole words NAME and IMAGE, and what ends in =NAME and =IMAGE. */
static int add_word(const struct names *n, const char *word, struct strv *to, struct error *err)
{
	const struct { const char *key, *value; } places[] = { { "NAME", n->name }, { "IMAGE", n->image } };
	size_t len = strlen(word);

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		size_t k = strlen(places[i].key);
		if (len >= k && streq(word + len - k, places[i].key) && (len == k || word[len - k - 1] == '='))
			return strv_addf(to, err, "%.*s%s", (int)(len - k), word, places[i].value);
	}
	return strv_add(to, word, err);
}

static int split(const struct names *n, const char *label, struct strv *to, struct error *err)
{
	while (*(label += strspn(label, " \t\n"))) {
		auto_buf word = BUF_INIT(TEXT_MAX);
		bool is_variable = *label == '$';
		TRY(take_word(n, &label, &word, err));
		if (is_variable && !word.len)
			continue;
		TRY(add_word(n, word.data ? word.data : "", to, err));
	}
	return to->n ? 0 : fail(err, ERROR_INVALID, "the label is empty");
}

/* ---- the label ---- */
static int find_label(const struct store_image *i, const char *label, const char *image, char **ret, struct error *err)
{
	auto_image_config c = {};

	if (i->config)
		TRY(image_config_parse(i->config, strlen(i->config), &c, err));
	for (size_t k = 0; k < c.config.labels.n; k++)
		if (strcasecmp(c.config.labels.v[k].key, label) == 0 && *c.config.labels.v[k].value)
			return str_set(ret, c.config.labels.v[k].value, err);
	return fail(err, ERROR_NOT_FOUND, "cannot find the value of label: %s in image: %s", label, image);
}

static int bring_image(struct engine *e, const P *p, const char *name, struct store_image *ret, char **ret_name, struct error *err)
{
	auto_strv ids = {};
	struct image_pull pull = { .remote = p->remote, .policy = PULL_MISSING, .progress = cli_progress(p->quiet) };

	int r = image_find(e, name, STORE_IMAGE_CONFIG, ret, ret_name, err);
	if (r >= 0 || err->kind != ERROR_NOT_FOUND || !p->pull)
		return r < 0 ? -1 : 0;
	TRY(image_pull(e, name, &pull, &ids, err));
	return image_find(e, name, STORE_IMAGE_CONFIG, ret, ret_name, err) < 0 ? -1 : 0;
}

static int container_name(const P *p, const char *image, char **ret, struct error *err)
{
	const char *slash = strrchr(image, '/'), *base = slash ? slash + 1 : image;

	if (p->name)
		return str_set(ret, p->name, err);
	return str_printf(ret, err, "%.*s", (int)strcspn(base, ":@"), base);
}

/* ---- running it ---- */
static int remove_old(struct engine *e, const struct strv *words, struct error *err)
{
	const struct ctr_remove_options o = { .force = true };

	for (size_t i = 0; i + 1 < words->n; i++) {
		auto_ctr *c = NULL;
		if (!streq(words->v[i], "--name"))
			continue;
		if (ctr_find(e, words->v[i + 1], &c, err) < 0)
			return err->kind == ERROR_NOT_FOUND ? 0 : -1;
		return ctr_remove(c, &o, NULL, err) < 0 ? -1 : 0;
	}
	return 0;
}

static bool is_ours(const struct cli *cli, const char *word)
{
	const char *slash = strrchr(word, '/'), *base = slash ? slash + 1 : word;

	return streq(word, "podman") || streq(base, "docker") || streq(word, "umiak") || streq(word, cli->program);
}

/* What is shown can be executed as it stands. */
static int name_ourselves(const struct cli *cli, struct strv *words, struct error *err)
{
	char path[4096];
	ssize_t n = is_ours(cli, words->v[0]) ? readlink("/proc/self/exe", path, sizeof(path) - 1) : -1;

	if (n < 0)
		return 0;
	path[n] = '\0';
	return str_set(&words->v[0], path, err);
}

static int execute(const struct cli *cli, const P *p, struct strv *words, struct error *err)
{
	const struct { const char *key, *value; } env[] = {
		{ "OPT1", p->opt1 }, { "OPT2", p->opt2 }, { "OPT3", p->opt3 }, { "PODMAN_RUNLABEL_NESTED", "1" },
	};
	bool ours = is_ours(cli, words->v[0]);

	for (size_t i = 0; i < ARRAY_LEN(env); i++)
		if (env[i].value && setenv(env[i].key, env[i].value, 1) < 0)
			return fail_oom(err);
	fflush(NULL);
	if (p->quiet) {
		autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		for (int i = 0; null >= 0 && i < 3; i++)
			dup2(null, i);
	}
	if (ours)
		TRY(str_set(&words->v[0], cli->program, err));
	if (ours)
		execv("/proc/self/exe", words->v);
	else
		execvp(words->v[0], words->v);
	fail_with(err, errno, "%s", words->v[0]);
	err->kind = err->errnum == ENOENT ? ERROR_NO_COMMAND : ERROR_NOT_EXECUTABLE;
	return -1;
}

static int run_runlabel(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const P *p = params;
	const char *label = args->v[0] + (args->v[0][0] == '/'), *image = args->v[1];
	auto_store_image found = {};
	autofree char *full = NULL, *text = NULL, *name = NULL;
	auto_strv words = {};
	struct engine *e;

	TRY(image_remote_check_authfile(&p->remote, err));
	TRY(cli_engine(cli, &e, err));
	TRY(bring_image(e, p, image, &found, &full, err));
	TRY(find_label(&found, label, image, &text, err));
	TRY(container_name(p, full ? full : image, &name, err));
	const struct names n = { full ? full : found.id, name, p };
	TRY(split(&n, text, &words, err));
	for (size_t i = 2; i < args->n; i++)
		TRY(strv_add(&words, args->v[i], err));
	if (p->display) {
		TRY(name_ourselves(cli, &words, err));
		autofree char *line = strv_join(&words, " ");
		printf("command: %s\n", line ? line : "");
		return 0;
	}
	if (p->replace)
		TRY(remove_old(e, &words, err));
	return execute(cli, p, &words, err);
}

static void init(void *params)
{
	((P *)params)->pull = true;
}

static const struct field rows[] = {
	{ .cli = "display", F_BOOL(P, display), .help = "Show the command that the label would run" },
	{ .cli = "name", .abbr = 'n', F_STR(P, name), .arg = "name", .complete = "none", .help = "Name for the container" },
	{ .cli = "opt1", F_STR(P, opt1), .arg = "string", .flags = FIELD_HIDDEN, .help = "Value of $OPT1" },
	{ .cli = "opt2", F_STR(P, opt2), .arg = "string", .flags = FIELD_HIDDEN, .help = "Value of $OPT2" },
	{ .cli = "opt3", F_STR(P, opt3), .arg = "string", .flags = FIELD_HIDDEN, .help = "Value of $OPT3" },
	{ .cli = "pull", .abbr = 'p', F_BOOL(P, pull), .flags = FIELD_HIDDEN, .help = "Pull the image when it is not here" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Suppress output" },
	{ .cli = "replace", F_BOOL(P, replace), .help = "Remove a container of that name first" },
	{}
};

const struct command cmd_container_runlabel = {
	.summary = "Execute the command described by an image label",
	.description = "Runs the command that a label of an image holds (often RUN or INSTALL), on this machine, as you. Look at it with\n"
		"--display first: whoever made the image wrote it.",
	.args = "LABEL IMAGE [ARG...]", .min_args = 2, .max_args = ARGS_ANY, .params_size = sizeof(P), .init = init,
	.groups = (const struct command_rows[]){
		{ rows, 0 }, { image_remote_rows, offsetof(P, remote), "authfile cert-dir creds tls-verify signature-policy" }, {} },
	.examples = "--display run imageID\ninstall docker.io/example/tool", .run = run_runlabel,
	.flags = COMMAND_IN_USERNS | COMMAND_ARGS_STOP,
};
