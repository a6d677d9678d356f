/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/version.h"

#include <sys/utsname.h>
#include <time.h>

#include "build-info.h"
#include "config.h"
#include "image/oci-image.h"

#define V struct version

const struct field version_rows[] = {
	{ .json = "APIVersion", F_STR(V, api_version), .flags = FIELD_ALWAYS },
	{ .json = "Version", F_STR(V, version), .flags = FIELD_ALWAYS },
	{ .json = "GoVersion", F_STR(V, go_version), .flags = FIELD_ALWAYS },
	{ .json = "GitCommit", F_STR(V, git_commit), .flags = FIELD_ALWAYS },
	{ .json = "BuiltTime", F_STR(V, built_time), .flags = FIELD_ALWAYS },
	{ .json = "Built", F_INT(V, built), .flags = FIELD_ALWAYS },
	{ .json = "BuildOrigin", F_STR(V, build_origin) },
	{ .json = "OsArch", F_STR(V, os_arch), .flags = FIELD_ALWAYS },
	{ .json = "Os", F_STR(V, os), .flags = FIELD_ALWAYS },
	{ .json = "EngineVersion", F_STR(V, engine_version), .flags = FIELD_ALWAYS },
	{}
};

const struct value_type version_type = { .name = "define.Version", .rows = version_rows };

const char *version_number(const char *program)
{
	if (streq(program, "skopeo"))
		return SKOPEO_LEVEL;
	return streq(program, "umiak") ? UMIAK_VERSION : PODMAN_LEVEL;
}

int version_get(const char *program, struct version *ret, struct error *err)
{
	time_t built = UMIAK_BUILT;
	char stamp[40] = "";
	struct tm tm;

	localtime_r(&built, &tm);
	strftime(stamp, sizeof(stamp), "%a %b %e %H:%M:%S %Y", &tm);
	ret->built = UMIAK_BUILT;
	TRY(str_set(&ret->api_version, PODMAN_LEVEL, err));
	TRY(str_set(&ret->version, version_number(program), err));
	TRY(str_set(&ret->go_version, "none (" UMIAK_COMPILER ")", err));
	TRY(str_set(&ret->git_commit, UMIAK_COMMIT, err));
	TRY(str_set(&ret->built_time, stamp, err));
	TRY(str_printf(&ret->os_arch, err, "linux/%s", platform_host_architecture()));
	TRY(str_set(&ret->os, "linux", err));
	return str_set(&ret->engine_version, UMIAK_VERSION, err);
}
