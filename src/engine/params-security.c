/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/params-parse.h"

#define S struct container_params

const struct field params_security_rows[] = {
	{ .cli = "cap-add", .json = "cap_add", F_CSV(S, security.cap_add), .arg = "strings", .complete = "capabilities",
	  .help = "Capability to add (repeatable)" },
	{ .cli = "cap-drop", .json = "cap_drop", F_CSV(S, security.cap_drop), .arg = "strings", .complete = "capabilities",
	  .help = "Capability to take away (repeatable)" },
	{ .cli = "privileged", .json = "privileged", F_BOOL(S, security.privileged),
	  .help = "Lift the container's confinement" },
	{ .cli = "security-opt", .json = "security_opt", F_STRV(S, security.security_opt), .arg = "stringArray",
	  .help = "Security options" },
	{ .cli = "seccomp-policy", .json = "seccomp_policy", F_STR(S, security.seccomp_policy), .arg = "string",
	  .fallback = "default", .help = "Policy for selecting a seccomp profile (\"default\"|\"image\")" },
	{ .cli = "sysctl", .json = "sysctl", F_MAP(S, security.sysctl), .arg = "strings", .complete = "sysctls",
	  .help = "Sysctl options" },
	{},
};
