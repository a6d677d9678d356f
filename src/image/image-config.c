/* SPDX-License-Identifier: Apache-2.0
 * image/image-config.c - the image config: OCI's members and Docker's further ones, in one set of rows. */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "image/oci-image.h"

#define ENV_MAX 10000

/* ---- {"80/tcp": {}, ...}: a set written as an object ---- */
static int set_load(const struct field *f, void *at, struct json_object *v, struct error *err)
{
	struct strv *to = at;
	auto_strv l = {};

	(void)f;
	if (!json_object_is_type(v, json_type_object))
		return fail(err, ERROR_INVALID, "expected an object, got %s",
			    json_type_to_name(json_object_get_type(v)));
	json_object_object_foreach(v, key, value) {
		(void)value;
		TRY(strv_add(&l, key, err));
	}
	strv_done(to);
	*to = l;
	l = (struct strv){};
	return 0;
}

static int set_save(const struct field *f, const void *at, struct json_object **ret, struct error *err)
{
	const struct strv *l = at;

	(void)f;
	if (!l->n)
		return 0;
	auto_json *o = json_object_new_object();
	if (!o)
		return fail_oom(err);
	for (size_t i = 0; i < l->n; i++)
		TRY(json_add(o, l->v[i], json_object_new_object(), err));
	*ret = take_ptr(o);
	return 0;
}

static void set_done(const struct field *f, void *at)
{
	(void)f;
	strv_done(at);
	*(struct strv *)at = (struct strv){};
}

static const struct field_custom string_set = { .load = set_load, .save = set_save, .done = set_done };

const struct field health_config_rows[] = {
	{ F_STRV(struct health_config, test), .json = "Test" },
	{ F_INT(struct health_config, interval), .json = "Interval" },
	{ F_INT(struct health_config, timeout), .json = "Timeout" },
	{ F_INT(struct health_config, start_period), .json = "StartPeriod" },
	{ F_INT(struct health_config, start_interval), .json = "StartInterval" },
	{ F_INT(struct health_config, retries), .json = "Retries" },
	{},
};

const struct field image_run_config_rows[] = {
	{ F_STR(struct image_run_config, hostname), .json = "Hostname" },
	{ F_STR(struct image_run_config, domainname), .json = "Domainname" },
	{ F_STR(struct image_run_config, user), .json = "User" },
	{ F_CUSTOM(struct image_run_config, exposed_ports, &string_set), .json = "ExposedPorts" },
	{ F_BOOL(struct image_run_config, tty), .json = "Tty" },
	{ F_BOOL(struct image_run_config, open_stdin), .json = "OpenStdin" },
	{ F_BOOL(struct image_run_config, stdin_once), .json = "StdinOnce" },
	{ F_STRV(struct image_run_config, env), .json = "Env" },
	{ F_STRV(struct image_run_config, entrypoint), .json = "Entrypoint" },
	{ F_STRV(struct image_run_config, cmd), .json = "Cmd" },
	{ F_OPT_OBJECT(struct image_run_config, healthcheck, struct health_config, health_config_rows),
	  .json = "Healthcheck" },
	{ F_BOOL(struct image_run_config, args_escaped), .json = "ArgsEscaped" },
	{ F_CUSTOM(struct image_run_config, volumes, &string_set), .json = "Volumes" },
	{ F_STR(struct image_run_config, working_dir), .json = "WorkingDir" },
	{ F_BOOL(struct image_run_config, network_disabled), .json = "NetworkDisabled" },
	{ F_STR(struct image_run_config, mac_address), .json = "MacAddress" },
	{ F_STRV(struct image_run_config, on_build), .json = "OnBuild" },
	{ F_MAP(struct image_run_config, labels), .json = "Labels" },
	{ F_STR(struct image_run_config, stop_signal), .json = "StopSignal" },
	{ F_OPT_INT(struct image_run_config, stop_timeout), .json = "StopTimeout" },
	{ F_STRV(struct image_run_config, shell), .json = "Shell" },
	{},
};

static const struct field history_rows[] = {
	{ F_STR(struct image_history, created), .json = "created" },
	{ F_STR(struct image_history, created_by), .json = "created_by" },
	{ F_STR(struct image_history, author), .json = "author" },
	{ F_STR(struct image_history, comment), .json = "comment" },
	{ F_BOOL(struct image_history, empty_layer), .json = "empty_layer" },
	{},
};

/* "rootfs" is an object of its own; its members land in struct image_config (offset 0 of the row). */
static const struct field rootfs_rows[] = {
	{ F_STR(struct image_config, rootfs_type), .json = "type", .flags = FIELD_ALWAYS },
	{ F_STRV(struct image_config, diff_ids), .json = "diff_ids", .flags = FIELD_ALWAYS },
	{},
};

const struct field image_config_rows[] = {
	{ F_STR(struct image_config, created), .json = "created" },
	{ F_STR(struct image_config, author), .json = "author" },
	{ F_STR(struct image_config, platform.architecture), .json = "architecture", .flags = FIELD_ALWAYS },
	{ F_STR(struct image_config, platform.variant), .json = "variant" },
	{ F_STR(struct image_config, platform.os), .json = "os", .flags = FIELD_ALWAYS },
	{ F_STR(struct image_config, platform.os_version), .json = "os.version", MORE(.go = "OSVersion") },
	{ F_STRV(struct image_config, platform.os_features), .json = "os.features", MORE(.go = "OSFeatures") },
	{ F_OBJECT(struct image_config, config, image_run_config_rows), .json = "config", .flags = FIELD_ALWAYS },
	{ .type = FIELD_OBJECT, .off = 0, .rows = rootfs_rows, .json = "rootfs", .flags = FIELD_ALWAYS },
	{ F_LIST(struct image_config, history, struct image_history, history_rows), .json = "history" },
	{ F_STR(struct image_config, comment), .json = "comment" },
	{ F_STR(struct image_config, docker_version), .json = "docker_version" },
	{},
};

void image_config_forget_history(struct image_config *c)
{
	static const struct field rows[] = {
		{ F_LIST(struct image_config, history, struct image_history, history_rows), .json = "history" },
		{}
	};

	fields_done(rows, c);
}

void image_config_done(struct image_config *c)
{
	fields_done(image_config_rows, c);
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 && *s != '\t' && *s != '\n' && *s != '\r')
			return true;
	return false;
}

static bool env_is_valid(const char *entry)
{
	const char *eq = strchr(entry, '=');

	if (!eq || eq == entry)
		return false;
	for (const char *p = entry; p < eq; p++)
		if ((unsigned char)*p < 0x20)
			return false;
	return true;
}

/* security-matrix E1: an entry without '=' means "copy from the host" to some engines. Such entries are dropped: the
 * image stays usable, nobody downstream ever sees one. */
static int clean_env(struct strv *env, struct error *err)
{
	if (env->n > ENV_MAX)
		return fail(err, ERROR_CORRUPT, "more than %d environment entries", ENV_MAX);
	for (size_t i = env->n; i-- > 0;)
		if (!env_is_valid(env->v[i]))
			strv_remove(env, i);
	return 0;
}

static int check_text(const char *what, const char *s, size_t max, struct error *err)
{
	if (!s)
		return 0;
	if (strlen(s) > max)
		return fail(err, ERROR_CORRUPT, "%s is longer than %zu bytes", what, max);
	return has_control(s) ? fail(err, ERROR_CORRUPT, "%s has control characters", what) : 0;
}

static int check_run_config(struct image_run_config *c, struct error *err)
{
	const struct { const char *what, *s; size_t max; } texts[] = {
		{ "User", c->user, 512 }, { "WorkingDir", c->working_dir, 4096 }, { "StopSignal", c->stop_signal, 64 },
		{ "Hostname", c->hostname, 256 }, { "Domainname", c->domainname, 256 },
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		TRY(check_text(texts[i].what, texts[i].s, texts[i].max, err));
	for (size_t i = 0; i < c->exposed_ports.n; i++)
		TRY(check_text("ExposedPorts", c->exposed_ports.v[i], 64, err));
	for (size_t i = 0; i < c->volumes.n; i++)
		TRY(check_text("Volumes", c->volumes.v[i], 4096, err));
	if (c->stop_timeout.set && (c->stop_timeout.value < -1 || c->stop_timeout.value > INT32_MAX))
		return fail(err, ERROR_CORRUPT, "StopTimeout is out of bounds");
	const struct health_config *h = c->healthcheck;
	if (h && (h->interval < 0 || h->timeout < 0 || h->start_period < 0 || h->start_interval < 0 || h->retries < 0))
		return fail(err, ERROR_CORRUPT, "Healthcheck has negative values");
	return clean_env(&c->env, err);
}

static int check_rootfs(const struct image_config *c, struct error *err)
{
	if (c->rootfs_type && *c->rootfs_type && !streq(c->rootfs_type, "layers"))
		return fail(err, ERROR_CORRUPT, "rootfs type \"%.40s\" is not \"layers\"", c->rootfs_type);
	if (c->diff_ids.n > IMAGE_LAYERS_MAX)
		return fail(err, ERROR_UNSUPPORTED, "%zu layers; at most %d can be mounted", c->diff_ids.n,
			    IMAGE_LAYERS_MAX);
	for (size_t i = 0; i < c->diff_ids.n; i++)
		if (!digest_is_valid(c->diff_ids.v[i]))
			return fail(err, ERROR_CORRUPT, "invalid diff_id \"%.80s\"", c->diff_ids.v[i]);
	return 0;
}

static int parse(struct json_object *tree, struct image_config *c, struct error *err)
{
	if (fields_load(image_config_rows, FIELD_COLUMN_JSON, tree, c, NULL, err) < 0)
		return err->kind = ERROR_CORRUPT, -1;
	TRY(check_rootfs(c, err));
	return check_run_config(&c->config, err);
}

int image_config_parse(const void *bytes, size_t len, struct image_config *ret, struct error *err)
{
	struct json_limits limits = { .max_bytes = CONFIG_BYTES_MAX, .max_depth = 32, .unique_keys = true };
	auto_json *tree = NULL;
	auto_image_config c = {};

	if (json_parse("image config", bytes, len, &limits, &tree, err) < 0)
		return err->kind = ERROR_CORRUPT, -1;
	if (parse(tree, &c, err) < 0)
		return fail_wrap(err, "image config");
	*ret = c;
	c = (struct image_config){};
	return 0;
}

int image_config_format(const struct image_config *c, struct buf *to, struct error *err)
{
	auto_json *tree = NULL;

	TRY(fields_save(image_config_rows, FIELD_COLUMN_JSON, c, &tree, err));
	json_format(to, tree, 0);
	return buf_ok(to, "image config", err);
}
