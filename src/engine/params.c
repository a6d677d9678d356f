/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/params.h"

#include <fcntl.h>
#include <stdlib.h>

#include "engine/params-parse.h"
#include "os/file.h"

#define TEXT_FILE_MAX ((size_t)1 << 20)

const char *const restart_policy_names[] = {
	[RESTART_NONE] = "", [RESTART_NO] = "no", [RESTART_ON_FAILURE] = "on-failure", [RESTART_ALWAYS] = "always",
	[RESTART_UNLESS_STOPPED] = "unless-stopped", NULL,
};

const struct field *const params_groups[] = {
	params_basic_rows, params_image_rows, params_process_rows, params_storage_rows, params_namespaces_rows,
	params_network_rows, params_security_rows, params_resources_rows, params_log_rows, params_health_rows, NULL,
};

void params_init(struct container_params *p)
{
	*p = (struct container_params){};
}

void params_done(struct container_params *p)
{
	for (size_t i = 0; params_groups[i]; i++)
		fields_done(params_groups[i], p);
	*p = (struct container_params){};
}

int params_save(const struct container_params *p, struct json_object **ret, struct error *err)
{
	auto_json *all = json_object_new_object();

	if (!all)
		return fail_oom(err);
	for (size_t i = 0; params_groups[i]; i++) {
		auto_json *part = NULL;
		TRY(fields_save(params_groups[i], FIELD_COLUMN_JSON, p, &part, err));
		json_object_object_foreach(part, key, value)
			if (json_object_object_add(all, key, json_object_get(value)) < 0)
				return fail_oom(err);
	}
	*ret = take_ptr(all);
	return 0;
}

int params_load(struct json_object *tree, struct container_params *p, struct error *err)
{
	for (size_t i = 0; params_groups[i]; i++)
		TRY(fields_load(params_groups[i], FIELD_COLUMN_JSON, tree, p, NULL, err));
	return 0;
}

static int read_text(const char *path, char **ret, size_t *ret_len, struct error *err)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return fail_errno(err, "open %s", path);
	/* may be a pipe: --env-file <(...) */
	autofree char *text = malloc(TEXT_FILE_MAX + 1);
	if (!text)
		return fail_oom(err);
	ssize_t n = file_read_full(fd, text, TEXT_FILE_MAX + 1, err);
	if (n < 0)
		return fail_wrap(err, "read %s", path);
	if ((size_t)n > TEXT_FILE_MAX)
		return fail(err, ERROR_INVALID, "%s: larger than %zu bytes", path, TEXT_FILE_MAX);
	text[n] = '\0';
	*ret = take_ptr(text);
	*ret_len = (size_t)n;
	return 0;
}

/* Files first: what stands on the command line itself is stronger. */
static int merge_env_files(struct params_process *p, struct error *err)
{
	auto_strmap all = {};

	if (!p->env_files.n)
		return 0;
	for (size_t i = 0; i < p->env_files.n; i++) {
		autofree char *text = NULL;
		size_t len;
		TRY(read_text(p->env_files.v[i], &text, &len, err));
		TRY(param_env_file_parse(p->env_files.v[i], text, &all, err));
	}
	TRY(strmap_copy(&all, &p->env, err));
	strmap_done(&p->env);
	p->env = all;
	all = (struct strmap){};
	return 0;
}

static int add_label_line(struct strmap *labels, const char *line, struct error *err)
{
	while (*line == ' ' || *line == '\t')
		line++;
	if (!*line || *line == '#')
		return 0;
	if (*line == '=')
		return fail(err, ERROR_INVALID, "invalid label format: \"%s\"", line);
	return strmap_add_pair(labels, line, err);
}

static int merge_label_files(struct params_basic *b, struct error *err)
{
	auto_strmap all = {};

	if (!b->label_files.n)
		return 0;
	for (size_t i = 0; i < b->label_files.n; i++) {
		autofree char *text = NULL;
		size_t len;
		auto_strv lines = {};
		TRY(read_text(b->label_files.v[i], &text, &len, err));
		TRY(strv_split(&lines, text, '\n', err));
		for (size_t j = 0; j < lines.n; j++)
			TRY(add_label_line(&all, lines.v[j], err));
	}
	TRY(strmap_copy(&all, &b->labels, err));
	strmap_done(&b->labels);
	b->labels = all;
	all = (struct strmap){};
	return 0;
}

/* Settings that exclude each other: when both hold, the sentence is the error. */
static int check_exclusions(const struct container_params *p, struct error *err)
{
	const struct params_resources *r = &p->resources;
	bool restarts = p->basic.restart.policy > RESTART_NO;
	const struct {
		bool bad;
		const char *text;
	} rules[] = {
		{ p->basic.remove && restarts && p->basic.restart.policy != RESTART_ON_FAILURE,
		  "the --rm option conflicts with --restart, when the restartPolicy is not \"\" and \"no\"" },
		{ p->image.platform && (p->image.arch || p->image.os), "--platform option can not be specified with --arch or --os" },
		{ r->cpus && r->cpu_period.set, "--cpu-period and --cpus cannot be set together" },
		{ r->cpus && r->cpu_quota.set, "--cpu-quota and --cpus cannot be set together" },
		{ p->health.none && p->health.command, "cannot specify both --no-healthcheck and --health-cmd" },
		{ p->net.no_hosts.set && p->net.no_hosts.value && p->net.add_hosts.n,
		  "--no-hosts and --add-host cannot be set together" },
		{ p->net.no_hosts.set && p->net.no_hosts.value && p->net.hosts_file,
		  "--no-hosts and --hosts-file cannot be set together" },
		{ p->ns.user.mode != NS_DEFAULT && p->ns.user.mode != NS_PRIVATE && (p->ns.uidmap.n || p->ns.gidmap.n),
		  "--userns and --uidmap/--gidmap/--subuidname/--subgidname are mutually exclusive" },
		{ p->ns.user.mode != NS_DEFAULT && (p->ns.subuid_name || p->ns.subgid_name),
		  "--userns and --uidmap/--gidmap/--subuidname/--subgidname are mutually exclusive" },
		{ r->memory_swap.set && r->memory_swap.value > 0 && !r->memory.set,
		  "specifying memory swap without memory: you should always set the memory limit when using a memory swap limit" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].bad)
			return fail(err, ERROR_INVALID, "%s", rules[i].text);
	return 0;
}

int params_finish(struct container_params *p, struct error *err)
{
	TRY(merge_env_files(&p->process, err));
	TRY(merge_label_files(&p->basic, err));
	return check_exclusions(p, err);
}
