/* SPDX-License-Identifier: Apache-2.0
 * What an image's configuration says about its containers. */
#include <stdlib.h>

#include "engine/resolve.h"

static int load_keys(const struct field *f, void *at, struct json_object *value, struct error *err)
{
	(void)f;
	if (!json_object_is_type(value, json_type_object))
		return 0;
	json_object_object_foreach(value, key, ignored) {
		(void)ignored;
		TRY(strv_add(at, key, err));
	}
	return 0;
}

static void done_keys(const struct field *f, void *at)
{
	(void)f;
	strv_done(at);
}

/* {"/data": {}, "80/tcp": {}}: only the keys say something */
static const struct field_custom keys_custom = { .load = load_keys, .done = done_keys };

static const struct field health_rows[] = {
	{ .json = "Test", F_STRV(struct image_defaults, health_test) },
	{ .json = "Interval", F_INT(struct image_defaults, health_interval) },
	{ .json = "Timeout", F_INT(struct image_defaults, health_timeout) },
	{ .json = "StartPeriod", F_INT(struct image_defaults, health_start_period) },
	{ .json = "Retries", F_UINT(struct image_defaults, health_retries) },
	{},
};

const struct field image_defaults_rows[] = {
	{ .json = "Entrypoint", F_STRV(struct image_defaults, entrypoint) },
	{ .json = "Cmd", F_STRV(struct image_defaults, cmd) },
	{ .json = "Env", F_STRV(struct image_defaults, env) },
	{ .json = "Volumes", F_CUSTOM(struct image_defaults, volumes, &keys_custom) },
	{ .json = "ExposedPorts", F_CUSTOM(struct image_defaults, exposed_ports, &keys_custom) },
	{ .json = "Labels", F_MAP(struct image_defaults, labels) },
	{ .json = "User", F_STR(struct image_defaults, user) },
	{ .json = "WorkingDir", F_STR(struct image_defaults, workdir) },
	{ .json = "StopSignal", F_STR(struct image_defaults, stop_signal) },
	{},
};

void image_defaults_done(struct image_defaults *d)
{
	fields_done(image_defaults_rows, d);
	fields_done(health_rows, d);
}

int image_defaults_load(const char *what, const char *text, size_t len, struct image_defaults *ret, struct error *err)
{
	auto_json *tree = NULL;
	CLEANUP(image_defaults_done) struct image_defaults d = {};
	struct json_object *config, *health;

	TRY(json_parse(what, text, len, NULL, &tree, err));
	config = json_get_object(tree, "config");
	/* members may be null, which Go writes for empty ones */
	if (config) {
		auto_json *given = json_object_new_object();
		if (!given)
			return fail_oom(err);
		json_object_object_foreach(config, key, value)
			if (value && json_object_object_add(given, key, json_object_get(value)) < 0)
				return fail_oom(err);
		if (fields_load(image_defaults_rows, FIELD_COLUMN_JSON, given, &d, NULL, err) < 0)
			return fail_wrap(err, "%s", what);
		health = json_get_object(config, "Healthcheck");
		if (health && fields_load(health_rows, FIELD_COLUMN_JSON, health, &d, NULL, err) < 0)
			return fail_wrap(err, "%s", what);
	}
	*ret = d;
	d = (struct image_defaults){};
	return 0;
}
