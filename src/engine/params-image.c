/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/params-parse.h"

#define S struct container_params

/* How the image is found. None of it is part of the container: no JSON names. */
const struct field params_image_rows[] = {
	{ .cli = "arch", MORE(.aliases = "override-arch"), F_STR(S, image.arch), .arg = "ARCH",
	  .help = "Architecture to choose images for" },
	{ .cli = "os", MORE(.aliases = "override-os"), F_STR(S, image.os), .arg = "OS",
	  .help = "Operating system to choose images for" },
	{ .cli = "variant", MORE(.aliases = "override-variant"), F_STR(S, image.variant), .arg = "VARIANT",
	  .help = "Architecture variant to choose images for" },
	{ .cli = "platform", F_STR(S, image.platform), .arg = "string",
	  .help = "Take the image for this platform: OS/ARCH[/VARIANT]" },
	{ .cli = "pull", F_STR(S, image.pull), .arg = "string", .fallback = "missing", .complete = "pull-policies",
	  .help = "When to pull the image (\"always\"|\"missing\"|\"never\"|\"newer\")" },
	{ .cli = "authfile", F_STR(S, image.authfile), .arg = "string", .complete = "files",
	  .help = "File with the credentials for registries" },
	{ .cli = "cert-dir", F_STR(S, image.cert_dir), .arg = "string", .complete = "dirs",
	  .help = "Path of a directory with certificates for the registry" },
	{ .cli = "creds", F_STR(S, image.creds), .arg = "[username[:password]]",
	  .help = "Credentials for the registry" },
	{ .cli = "decryption-key", F_STRV(S, image.decryption_keys), .arg = "stringArray",
	  .help = "Private key for an encrypted image" },
	{ .cli = "retry", F_OPT_UINT(S, image.retry), .arg = "uint", .fallback = "@engine.retry:3",
	  .help = "How often to try again when performing\u00a0pull" },
	{ .cli = "retry-delay", F_STR(S, image.retry_delay), .arg = "string", .fallback = "@engine.retry_delay:",
	  .help = "Time to wait between pull\u00a0failures" },
	{ .cli = "tls-verify", F_OPT_BOOL(S, image.tls_verify), .fallback = "true",
	  .help = "Insist on HTTPS and on a valid certificate of the registry" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(S, image.quiet), .help = "Show no progress while pulling" },
	{ .cli = "signature-policy", F_STR(S, image.signature_policy), .arg = "string", .flags = FIELD_HIDDEN,
	  .help = "Signature policy to use instead of policy.json" },
	{},
};
