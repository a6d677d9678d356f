/* SPDX-License-Identifier: Apache-2.0
 * oci/cmd-manage.c - state, kill, delete, list, ps, pause, resume, spec. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "oci/cli.h"
#include "os/file.h"
#include "os/process.h"

const struct field cli_kill_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(struct cli, all), .help = "Signal all processes of the container" },
	{ .cli = "regex", .abbr = 'r', F_BOOL(struct cli, regex), .help = "CONTAINER is a regular expression" },
	{}
};
const struct field cli_delete_rows[] = {
	{ .cli = "force", .abbr = 'f', F_BOOL(struct cli, force), .help = "Also if it is running" },
	{ .cli = "regex", .abbr = 'r', F_BOOL(struct cli, regex), .help = "CONTAINER is a regular expression" },
	{}
};
const struct field cli_list_rows[] = {
	{ .cli = "quiet", .abbr = 'q', F_BOOL(struct cli, quiet), .help = "Only the names" },
	{ .cli = "format", .abbr = 'f', F_STR(struct cli, format), .arg = "FORMAT", .help = "table or json" },
	{}
};
const struct field cli_ps_rows[] = {
	{ .cli = "format", .abbr = 'f', F_STR(struct cli, format), .arg = "FORMAT", .help = "table or json" },
	{}
};
const struct field cli_spec_rows[] = {
	{ .cli = "bundle", .abbr = 'b', F_STR(struct cli, bundle), .arg = "DIR", .help = "Where config.json goes" },
	{ .cli = "rootless", F_BOOL(struct cli, spec_rootless), .help = "For a container with a user namespace" },
	{}
};

static int format_is_json(const struct cli *c, struct error *err)
{
	if (str_empty(c->format) || streq(c->format, "table"))
		return 0;
	if (streq(c->format, "json"))
		return 1;
	return fail(err, ERROR_INVALID, "invalid format `%s`: table and json are known", c->format);
}

/* ---- state ---- */
static int print_json(struct json_object *o, struct error *err)
{
	auto_buf b = BUF_INIT(BUF_MAX_DEFAULT);

	json_format(&b, o, 2);
	TRY(buf_ok(&b, "output", err));
	printf("%s\n", b.data);
	return 0;
}

static int add_annotations(struct json_object *o, const struct strmap *m, struct error *err)
{
	auto_json *a = json_object_new_object();

	if (!m->n)
		return 0;
	if (!a)
		return fail_oom(err);
	for (size_t i = 0; i < m->n; i++)
		TRY(json_add_str(a, m->v[i].key, m->v[i].value, err));
	return json_add(o, "annotations", take_ptr(a), err);
}

int cmd_state(struct cli *c, const struct strv *args, struct error *err)
{
	auto_container k = CONTAINER_INIT;
	auto_json *o = json_object_new_object();

	if (!o)
		return fail_oom(err);
	TRY(container_open(c, args->v[0], false, &k, err));
	TRY(json_add_str(o, "ociVersion", "1.0.2", err));
	TRY(json_add_str(o, "id", k.state.id, err));
	TRY(json_add(o, "pid", json_object_new_int64(k.status == OCI_STOPPED ? 0 : k.state.pid), err));
	TRY(json_add_str(o, "status", oci_status_names[k.status], err));
	TRY(json_add_str(o, "bundle", k.state.bundle, err));
	TRY(json_add_str(o, "rootfs", k.state.rootfs, err));
	TRY(json_add_str(o, "created", k.state.created, err));
	if (k.cgroup.scope[0])
		TRY(json_add_str(o, "systemd-scope", k.cgroup.scope, err));
	TRY(add_annotations(o, &k.state.annotations, err));
	return print_json(o, err);
}

/* ---- by name or regular expression ---- */
typedef int each_fn(struct cli *c, const char *id, void *arg, struct error *err);

static int each_match(struct cli *c, const char *pattern, each_fn *fn, void *arg, struct error *err)
{
	auto_strv ids = {};
	regex_t re;

	if (!c->regex)
		return fn(c, pattern, arg, err);
	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return fail(err, ERROR_INVALID, "invalid regular expression `%s`", pattern);
	int r = oci_state_list(c->state_root, &ids, err);
	for (size_t i = 0; r == 0 && i < ids.n; i++)
		if (regexec(&re, ids.v[i], 0, NULL, 0) == 0)
			r = fn(c, ids.v[i], arg, err);
	regfree(&re);
	return r;
}

/* ---- kill ---- */
static int parse_signal(const char *text, struct error *err)
{
	int64_t n;

	if (parse_i64(text, &n)) {
		if (n >= 0 && n <= SIGRTMAX)
			return (int)n;
		return fail(err, ERROR_INVALID, "unknown signal `%s`", text);
	}
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	for (int sig = 1; sig < SIGRTMIN; sig++) {
		const char *known = sigabbrev_np(sig);
		if (known && strcasecmp(known, name) == 0)
			return sig;
	}
	const char *rest = str_after(name, "RTMIN+");
	if (rest && parse_i64(rest, &n) && n >= 0 && n <= SIGRTMAX - SIGRTMIN)
		return SIGRTMIN + (int)n;
	if (streq(name, "RTMIN"))
		return SIGRTMIN;
	if (streq(name, "RTMAX"))
		return SIGRTMAX;
	return fail(err, ERROR_INVALID, "unknown signal `%s`", text);
}

static int kill_one(struct cli *c, const char *id, void *arg, struct error *err)
{
	auto_container k = CONTAINER_INIT;
	int sig = *(int *)arg;

	TRY(container_open(c, id, false, &k, err));
	if (c->all && k.cgroup.made)
		return sig == SIGKILL ? cgroup_kill(&k.cgroup, err) : cgroup_signal(&k.cgroup, sig, err);
	if (k.status == OCI_STOPPED)
		return fail(err, ERROR_STATE, "container `%s` is not running", id);
	TRY(process_signal(k.pidfd, sig, err));
	return 0;
}

int cmd_kill(struct cli *c, const struct strv *args, struct error *err)
{
	int sig = parse_signal(args->n > 1 ? args->v[1] : "SIGTERM", err);

	return sig < 0 ? -1 : each_match(c, args->v[0], kill_one, &sig, err);
}

/* ---- delete ---- */
static int delete_one(struct cli *c, const char *id, void *arg, struct error *err)
{
	auto_container k = CONTAINER_INIT;
	struct error ignored;

	(void)arg;
	int r = container_open(c, id, true, &k, err);
	if (r < 0 && err->kind == ERROR_NOT_FOUND && c->force) {
		(void)oci_state_remove(c->state_root, id, &ignored);   /* half-made: a directory without a record */
		return 0;
	}
	TRY(r);
	return container_delete(c, &k, c->force, err);
}

int cmd_delete(struct cli *c, const struct strv *args, struct error *err)
{
	for (size_t i = 0; i < args->n; i++)
		TRY(each_match(c, args->v[i], delete_one, NULL, err));
	return 0;
}

/* ---- list ---- */
static int list_json(struct cli *c, const struct strv *ids, struct error *err)
{
	auto_json *list = json_object_new_array();

	if (!list)
		return fail_oom(err);
	for (size_t i = 0; i < ids->n; i++) {
		auto_container k = CONTAINER_INIT;
		struct error gone;
		if (container_open(c, ids->v[i], false, &k, &gone) < 0)
			continue;
		auto_json *o = json_object_new_object();
		if (!o)
			return fail_oom(err);
		TRY(json_add_str(o, "ociVersion", "1.0.2", err));
		TRY(json_add_str(o, "id", k.state.id, err));
		TRY(json_add(o, "pid", json_object_new_int64(k.status == OCI_STOPPED ? 0 : k.state.pid), err));
		TRY(json_add_str(o, "status", oci_status_names[k.status], err));
		TRY(json_add_str(o, "bundle", k.state.bundle, err));
		TRY(json_add_str(o, "rootfs", k.state.rootfs, err));
		TRY(json_add_str(o, "created", k.state.created, err));
		TRY(json_add_str(o, "owner", k.state.owner ? k.state.owner : "", err));
		if (json_object_array_add(list, take_ptr(o)) < 0)
			return fail_oom(err);
	}
	return print_json(list, err);
}

int cmd_list(struct cli *c, const struct strv *args, struct error *err)
{
	auto_strv ids = {};

	(void)args;
	int json = format_is_json(c, err);
	TRY(json);
	TRY(oci_state_list(c->state_root, &ids, err));
	if (json)
		return list_json(c, &ids, err);
	if (!c->quiet)
		printf("%-24s %-9s %-8s %-39s %-30s %s\n", "ID", "PID", "STATUS", "BUNDLE PATH", "CREATED", "OWNER");
	for (size_t i = 0; i < ids.n; i++) {
		auto_container k = CONTAINER_INIT;
		struct error gone;
		if (container_open(c, ids.v[i], false, &k, &gone) < 0)
			continue;
		if (c->quiet)
			printf("%s\n", ids.v[i]);
		else
			printf("%-24s %-9lld %-8s %-39s %-30s %s\n", ids.v[i],
			       (long long)(k.status == OCI_STOPPED ? 0 : k.state.pid), oci_status_names[k.status],
			       k.state.bundle ? k.state.bundle : "", k.state.created ? k.state.created : "",
			       k.state.owner ? k.state.owner : "");
	}
	return 0;
}

/* ---- ps ---- */
int cmd_ps(struct cli *c, const struct strv *args, struct error *err)
{
	auto_container k = CONTAINER_INIT;
	struct cgroup_pids pids = {};

	int json = format_is_json(c, err);
	TRY(json);
	TRY(container_open(c, args->v[0], false, &k, err));
	if (k.status == OCI_STOPPED)
		return fail(err, ERROR_STATE, "container `%s` is not running", args->v[0]);
	if (!k.cgroup.made)
		return fail(err, ERROR_UNSUPPORTED, "container `%s` has no cgroup to list processes of", args->v[0]);
	TRY(cgroup_pids(&k.cgroup, &pids, err));
	fputs(json ? "[" : "PID\n", stdout);
	for (size_t i = 0; i < pids.n; i++)
		printf("%s%d%s", json && i ? "," : "", (int)pids.v[i], json ? "" : "\n");
	fputs(json ? "]\n" : "", stdout);
	cgroup_pids_done(&pids);
	return 0;
}

/* ---- pause, resume ---- */
static int freeze(struct cli *c, const char *id, bool frozen, struct error *err)
{
	auto_container k = CONTAINER_INIT;

	TRY(container_open(c, id, true, &k, err));
	if (k.status == OCI_STOPPED)
		return fail(err, ERROR_STATE, "container `%s` is not running", id);
	if (frozen == (k.status == OCI_PAUSED))
		return fail(err, ERROR_STATE, "container `%s` is %s", id, frozen ? "already paused" : "not paused");
	if (!k.cgroup.made)
		return fail(err, ERROR_UNSUPPORTED, "container `%s` has no cgroup that could be frozen", id);
	return frozen ? cgroup_freeze(&k.cgroup, err) : cgroup_thaw(&k.cgroup, err);
}

int cmd_pause(struct cli *c, const struct strv *args, struct error *err)
{
	return freeze(c, args->v[0], true, err);
}

int cmd_resume(struct cli *c, const struct strv *args, struct error *err)
{
	return freeze(c, args->v[0], false, err);
}

/* ---- spec ---- */
int cmd_spec(struct cli *c, const struct strv *args, struct error *err)
{
	auto_oci_spec s = {};
	auto_buf b = BUF_INIT(1 << 20);
	const char *dir = c->bundle ? c->bundle : ".";

	(void)args;
	TRY(oci_spec_default(c->spec_rootless, &s, err));
	TRY(oci_spec_save(&s, 4, &b, err));
	buf_add_char(&b, '\n');
	TRY(buf_ok(&b, "config.json", err));
	autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "bundle `%s`", dir);
	if (file_replace(fd, "config.json", b.data, b.len, 0644, FILE_EXCLUSIVE, err) < 0) {
		if (err->errnum == EEXIST)
			return fail(err, ERROR_EXISTS, "%s/config.json already exists", dir);
		return -1;
	}
	return 0;
}
