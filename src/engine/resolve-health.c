/* SPDX-License-Identifier: Apache-2.0
 * Health checks: the image's, the user's, and what nobody said. */
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/units.h"
#include "engine/resolve-impl.h"

static int health_test(const char *command, struct strv *ret, struct error *err)
{
	auto_json *tree = NULL;
	struct error ignored;

	if (streq(command, "none") || !*command)
		return strv_add(ret, "NONE", err);
	if (*command == '[' && json_parse("--health-cmd", command, strlen(command), NULL, &tree, &ignored) >= 0) {
		for (size_t i = 0; i < json_object_array_length(tree); i++)
			TRY(strv_add(ret, json_object_get_string(json_object_array_get_idx(tree, i)), err));
		if (ret->n && (streq(ret->v[0], "CMD") || streq(ret->v[0], "CMD-SHELL") || streq(ret->v[0], "NONE")))
			return 0;
		auto_strv words = *ret;
		*ret = (struct strv){};
		TRY(strv_add(ret, "CMD", err));
		return strv_copy(ret, &words, err);
	}
	TRY(strv_add(ret, "CMD-SHELL", err));
	return strv_add(ret, command, err);
}

static void default_int(struct opt_int *o, int64_t image, int64_t fallback)
{
	if (!o->set)
		*o = (struct opt_int){ true, image ? image : fallback };
}

/* A directory that is there, named absolutely: checks run from another one. */
static int settle_destination(char **where, struct error *err)
{
	char path[PATH_MAX];
	struct stat st;

	if (str_empty(*where) || streq(*where, "local") || streq(*where, "events_logger"))
		return 0;
	if (!realpath(*where, path) || stat(path, &st) < 0) {
		fail_errno(err, "stat %s", *where);
		return fail_wrap(err, "HealthCheck Log '%s' destination error", *where);
	}
	if (!S_ISDIR(st.st_mode))
		return fail(err, ERROR_INVALID, "HealthCheck Log '%s' destination must be directory", *where);
	return str_set(where, path, err);
}

int resolve_health(struct params_health *h, const struct image_defaults *image, struct error *err)
{
	static const char *const actions[] = { "none", "kill", "restart", "stop" };
	bool known = !h->on_failure;

	for (size_t i = 0; h->on_failure && i < ARRAY_LEN(actions); i++)
		known |= streq(h->on_failure, actions[i]);
	if (!known)
		return fail(err, ERROR_INVALID, "invalid on-failure action \"%s\" for health check: supported actions are "
						"none,kill,restart,stop", h->on_failure);
	if (h->startup_command && !h->command && !h->test.n && !image->health_test.n)
		return fail(err, ERROR_INVALID,
			    "startup healthcheck specified but no regular healthcheck: a startup healthcheck must have a "
			    "healthcheck command");
	TRY(settle_destination(&h->log_destination, err));
	if (h->none)
		return strv_add(&h->test, "NONE", err);
	if (h->test.n)   /* an update that leaves the command alone */
		;
	else if (h->command)
		TRY(health_test(h->command, &h->test, err));
	else
		TRY(strv_copy(&h->test, &image->health_test, err));
	if (h->startup_command && !h->startup_test.n)
		TRY(health_test(h->startup_command, &h->startup_test, err));
	if (!h->test.n || streq(h->test.v[0], "NONE")) {
		if (h->on_failure && !streq(h->on_failure, "none"))
			return fail(err, ERROR_INVALID, "cannot set on-failure action to %s without a health check", h->on_failure);
		return 0;
	}
	default_int(&h->interval, h->interval_off ? 0 : image->health_interval, 30 * NSEC_PER_SEC);
	default_int(&h->timeout, image->health_timeout, 30 * NSEC_PER_SEC);
	default_int(&h->start_period, image->health_start_period, 0);
	if (!h->retries.set)
		h->retries = (struct opt_uint){ true, image->health_retries ? image->health_retries : 3 };
	return 0;
}

int health_params_refresh(struct params_health *h, bool command, bool startup, struct error *err)
{
	const struct image_defaults none = {};

	if (h->none || command) {
		strv_done(&h->test);
		h->test = (struct strv){};
	}
	if (h->none || startup) {
		strv_done(&h->startup_test);
		h->startup_test = (struct strv){};
	}
	if (h->none) {
		free(h->startup_command);
		h->startup_command = NULL;
	}
	return resolve_health(h, &none, err);   /* the image's part was taken over at creation */
}
