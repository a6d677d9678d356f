/* SPDX-License-Identifier: Apache-2.0
 * Checks that need little but the params. */
#include <sys/stat.h>
#include <unistd.h>

#include "engine/access.h"
#include "engine/container-create.h"
#include "engine/files.h"
#include "engine/network.h"
#include "engine/secret.h"
#include "engine/spec.h"
#include "image/auth.h"

static int check_mounts(const struct engine *e, const struct container_params *p, struct error *err)
{
	const struct param_mount *m = p->storage.mounts.v;
	struct stat st;

	for (size_t i = 0; i < p->storage.mounts.n; i++) {
		if (e->paths.rootless && streq(m[i].type, "tmpfs") && strv_has(&m[i].options, "noswap"))
			return fail(err, ERROR_INVALID, "the 'noswap' option is only allowed with rootful tmpfs mounts: must provide "
				    "an argument for option");
		if (!streq(m[i].type, "bind") || streq0(m[i].origin, "from") || lstat(m[i].source, &st) == 0)
			continue;
		if (errno == ENOENT)
			return fail(err, ERROR_NOT_FOUND, "statfs %s: no such file or directory", m[i].source);
		fail_errno(err, "statfs %s", m[i].source);
		return fail_access(e, ACCESS_LOOK, m[i].source, err);
	}
	return 0;
}

static const char *portless_mode(int mode)
{
	return mode == NS_HOST ? "host" : mode == NS_NONE ? "none" : "container";
}

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (streq(word, *list))
			return true;
	return false;
}

/* Words with a fixed set of values. */
static int check_words(const struct container_params *p, struct error *err)
{
	static const char *const notify[] = { "container", "conmon", "healthy", "ignore", NULL };
	static const char *const groups[] = { "enabled", "disabled", "no-conmon", "split", "default", NULL };
	const char *sdnotify = p->basic.sdnotify_mode, *cgroups = p->ns.cgroups;

	if (!str_empty(sdnotify) && !is_one_of(sdnotify, notify))
		return fail(err, ERROR_INVALID, "running container create option: invalid argument: invalid sdnotify value \"%s\": must "
						"be conmon, container, healthy or ignore", sdnotify);
	if (!str_empty(cgroups) && !is_one_of(cgroups, groups))
		return fail(err, ERROR_INVALID, "running container create option: invalid cgroup mode \"%s\": invalid argument", cgroups);
	if (cgroups && streq(cgroups, "split") && p->ns.cgroup_parent)
		return fail(err, ERROR_INVALID, "cannot specify --cgroup-mode=split with a cgroup-parent: invalid argument");
	if (cgroups && streq(cgroups, "disabled") && p->ns.cgroup_parent)
		return fail(err, ERROR_INVALID, "cannot set cgroup parent if not creating cgroups: invalid argument");
	return 0;
}

int creation_check(struct creation *k, struct error *err)
{
	const struct container_params *p = &k->c->params;
	static const char *const drivers[] = { "k8s-file", "json-file", "journald", "none", "passthrough", "passthrough-tty" };
	bool known = false;
	capset ignored;

	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		known |= streq0(p->log.driver, drivers[i]);
	if (!known)
		return fail(err, ERROR_INVALID, "running container create option: invalid log driver: invalid argument");
	if ((p->net.ports.n || p->net.publish_all) &&
	    (p->ns.net.mode == NS_HOST || p->ns.net.mode == NS_NONE || p->ns.net.mode == NS_CONTAINER))
		log_notice(k->engine->log, "Port mappings have been discarded because \"%s\" network namespace mode does not "
					   "support them", portless_mode(p->ns.net.mode));
	TRY(network_params_settle(k->engine, &k->c->params, err));
	if (p->basic.init_container_type && !p->basic.pod)
		return fail(err, ERROR_INVALID, "must specify pod value with init-ctr");
	if (strv_has(&p->process.groups, "keep-groups") && p->process.groups.n > 1)
		return fail(err, ERROR_INVALID, "the '--group-add keep-groups' option is not allowed with any other --group-add options");
	TRY(secret_params_check(k->engine, p, err));
	if (!k->c->config.args.n && k->record.rootfs)
		TRY(strv_add(&k->c->config.args, "", err));
	if (!k->c->config.args.n)
		return fail(err, ERROR_INVALID, "no command or entrypoint provided, and no CMD or ENTRYPOINT from image");
	TRY(check_words(p, err));
	if (security_caps(p, caps_default(), &ignored, err) < 0)
		return fail_wrap(err, "invalid capability");
	TRY(security_options_check(p, err));
	TRY(files_timezone_check(p->process.timezone, err));
	if (p->storage.device_cgroup_rules.n && (k->engine->paths.rootless || (p->ns.user.mode != NS_HOST)))
		return fail(err, ERROR_INVALID, "device cgroup rules are not supported in rootless mode or in a user namespace");
	TRY(spec_limits_check(&p->resources, err));
	if (spec_limits_asked(&p->resources) && spec_limits_ignored(k->engine))
		log_notice(k->engine->log, "Resource limits are not supported and ignored on cgroups V1 rootless systems");
	for (size_t i = 0; i < p->storage.device_cgroup_rules.n; i++)
		TRY(spec_device_rule_check(p->storage.device_cgroup_rules.v[i], err));
	TRY(auth_check_file(p->image.authfile, err));
	return check_mounts(k->engine, p, err);
}
