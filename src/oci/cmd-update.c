/* SPDX-License-Identifier: Apache-2.0
 * oci/cmd-update.c - changing the limits of a container: from a resources object, from options, or both. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "oci/cli.h"
#include "oci/resources.h"
#include "os/file.h"

/* An option is a path in the resources object: they are put there and the object is loaded like any other. */
static const struct limit_row {
	const char *option, *object, *member;
	bool text;
} limit_rows[] = {
	{ "blkio-weight", "blockIO", "weight", false },
	{ "cpu-period", "cpu", "period", false },
	{ "cpu-quota", "cpu", "quota", false },
	{ "cpu-share", "cpu", "shares", false },
	{ "cpu-rt-period", "cpu", "realtimePeriod", false },
	{ "cpu-rt-runtime", "cpu", "realtimeRuntime", false },
	{ "cpu-burst", "cpu", "burst", false },
	{ "cpu-idle", "cpu", "idle", false },
	{ "cpuset-cpus", "cpu", "cpus", true },
	{ "cpuset-mems", "cpu", "mems", true },
	{ "kernel-memory", "memory", "kernel", false },
	{ "kernel-memory-tcp", "memory", "kernelTCP", false },
	{ "memory", "memory", "limit", false },
	{ "memory-reservation", "memory", "reservation", false },
	{ "memory-swap", "memory", "swap", false },
	{ "pids-limit", "pids", "limit", false },
};

static int parse_limit(const struct field *f, void *at, const char *value, struct error *err)
{
	int64_t n;

	for (size_t i = 0; i < ARRAY_LEN(limit_rows); i++)
		if (streq(limit_rows[i].option, f->cli) && !limit_rows[i].text && !parse_i64(value, &n))
			return fail(err, ERROR_INVALID, "`%s` is not a number", value);
	return strmap_set(at, f->cli, value, err);
}

static const struct field_custom limit = { .parse = parse_limit };
#define LIMIT(name, text) { .cli = name, F_CUSTOM(struct cli, limits, &limit), .arg = "VALUE", .help = text }

const struct field cli_update_rows[] = {
	{ .cli = "resources", .abbr = 'r', F_STR(struct cli, resources_file), .arg = "FILE",
	  .help = "File with a resources object, - for standard input" },
	LIMIT("blkio-weight", "Relative weight of block I/O"),
	LIMIT("cpu-period", "CPU period in microseconds"),
	LIMIT("cpu-quota", "CPU quota in microseconds"),
	{ .cli = "cpu-share", MORE(.aliases = "cpu-shares"), F_CUSTOM(struct cli, limits, &limit), .arg = "VALUE",
	  .help = "Relative weight of CPU time" },
	LIMIT("cpu-rt-period", "Realtime period in microseconds"),
	LIMIT("cpu-rt-runtime", "Realtime runtime in microseconds"),
	LIMIT("cpu-burst", "CPU burst in microseconds"),
	LIMIT("cpu-idle", "1: only when the CPU is idle"),
	LIMIT("cpuset-cpus", "CPUs to use, as 0-3,7"),
	LIMIT("cpuset-mems", "Memory nodes to use"),
	LIMIT("kernel-memory", "Kernel memory in bytes"),
	LIMIT("kernel-memory-tcp", "Memory of TCP buffers in bytes"),
	LIMIT("memory", "Memory in bytes"),
	LIMIT("memory-reservation", "Soft limit of memory in bytes"),
	LIMIT("memory-swap", "Memory and swap in bytes"),
	LIMIT("pids-limit", "Number of processes"),
	{}
};

static int put_limit(struct json_object *tree, const struct limit_row *row, const char *value, struct error *err)
{
	struct json_object *o = json_get_object(tree, row->object);
	int64_t n = 0;

	if (!o) {
		o = json_object_new_object();
		TRY(json_add(tree, row->object, o, err));
	}
	if (row->text)
		return json_add_str(o, row->member, value, err);
	if (!parse_i64(value, &n))
		return fail(err, ERROR_INVALID, "--%s: `%s` is not a number", row->option, value);
	return json_add(o, row->member, json_object_new_int64(n), err);
}

static int read_resources(const char *path, struct json_object **ret, struct error *err)
{
	autofree char *text = NULL;
	size_t len = 0;
	bool standard = streq(path, "-");

	int found = standard ? file_read_fd(STDIN_FILENO, "standard input", 4 << 20, &text, &len, err)
			     : file_read(AT_FDCWD, path, 4 << 20, &text, &len, err);
	if (found < 0)
		return -1;
	if (!found)
		return fail(err, ERROR_NOT_FOUND, "open `%s`: No such file or directory", path);
	return json_parse(path, text, len, NULL, ret, err);
}

static int load_limits(struct cli *c, struct oci_resources **ret, struct error *err)
{
	auto_json *tree = NULL;
	auto_buf text = BUF_INIT(4 << 20);

	if (c->resources_file)
		TRY(read_resources(c->resources_file, &tree, err));
	else
		tree = json_object_new_object();
	if (!json_object_is_type(tree, json_type_object))
		return fail(err, ERROR_INVALID, "%s: expected a resources object", c->resources_file);
	for (size_t i = 0; i < ARRAY_LEN(limit_rows); i++) {
		const char *value = strmap_get(&c->limits, limit_rows[i].option);
		if (value)
			TRY(put_limit(tree, &limit_rows[i], value, err));
	}
	json_format(&text, tree, 0);
	TRY(buf_ok(&text, "resources", err));
	return oci_resources_load("resources", text.data, text.len, ret, err);
}

int cmd_update(struct cli *c, const struct strv *args, struct error *err)
{
	auto_container k = CONTAINER_INIT;
	CLEANUP(oci_resources_free_p) struct oci_resources *r = NULL;
	struct cgroup_resources limits = {};
	struct cgroup_warnings w = {};

	TRY(load_limits(c, &r, err));
	TRY(container_open(c, args->v[0], true, &k, err));
	if (k.status == OCI_STOPPED)
		return fail(err, ERROR_STATE, "the container `%s` is not running", args->v[0]);
	if (!k.cgroup.made)
		return fail(err, ERROR_UNSUPPORTED, "container `%s` has no cgroup whose limits could be changed", args->v[0]);
	TRY(oci_resources_convert(r, &limits, err));
	int ret = cgroup_set(&k.cgroup, &limits, &w, err);
	cgroup_resources_done(&limits);
	for (size_t i = 0; i < w.n; i++)
		cli_say(c, CLI_WARNING, w.text[i]);
	return ret < 0 ? -1 : 0;
}
