/* SPDX-License-Identifier: Apache-2.0 */
#include "build/options.h"

#include <fcntl.h>
#include <stdlib.h>

#include "build/sbom.h"
#include "engine/params-parse.h"
#include "os/file.h"

#define O struct build_options
#define ARG_FILE_MAX ((size_t)1 << 20)

const struct field build_rows[] = {
	/* what is built */
	{ .cli = "file", .abbr = 'f', F_CSV(O, files), .arg = "pathname", .complete = "files",
	  .help = "Containerfile to build from ('-': standard input)" },
	{ .cli = "tag", .abbr = 't', F_STRV(O, tags), .arg = "name", .complete = "images",
	  .help = "Name for the image (repeatable)" },
	{ .cli = "target", F_STR(O, target), .arg = "stage", .help = "Stage to build" },
	{ .cli = "from", F_STR(O, from), .arg = "image", .complete = "images",
	  .help = "Base image instead of that of the first FROM" },
	{ .cli = "build-arg", F_STRV(O, build_args), .arg = "argument=value", .help = "Value of a build argument" },
	{ .cli = "build-arg-file", F_STRV(O, build_arg_files), .arg = "path", .complete = "files",
	  .help = "File with build arguments, one a line" },
	{ .cli = "build-context", F_STRV(O, build_contexts), .arg = "name=source",
	  .help = "Further directory, archive, URL or image that --from may name" },
	{ .cli = "cpp-flag", F_STRV(O, cpp_flags), .arg = "flag", .help = "Flag for cpp, which .in files go through" },
	{ .cli = "ignorefile", F_STR(O, ignorefile), .arg = "path", .complete = "files",
	  .help = "Ignore file instead of .containerignore and .dockerignore" },
	{ .cli = "platform", F_CSV(O, platforms), .arg = "os/arch[/variant]", .complete = "platforms",
	  .help = "Platform to build for (repeatable)" },
	{ .cli = "all-platforms", F_BOOL(O, all_platforms), .help = "Build for every platform the base images have" },
	{ .cli = "arch", MORE(.aliases = "override-arch"), F_STR(O, arch), .arg = "arch", .complete = "arch", .help = "Architecture of the image" },
	{ .cli = "os", MORE(.aliases = "override-os"), F_STR(O, os), .arg = "os", .help = "Operating system of the image" },
	{ .cli = "variant", MORE(.aliases = "override-variant"), F_STR(O, variant), .arg = "variant", .help = "Architecture variant of the image" },
	{ .cli = "os-version", F_STR(O, os_version), .arg = "version", .help = "Operating system version noted in the image" },
	{ .cli = "os-feature", F_STRV(O, os_features), .arg = "feature", .help = "Operating system feature noted in the image" },
	{ .cli = "check", F_BOOL(O, check), .help = "Look for common mistakes in the Containerfile, build nothing" },

	/* what the image says */
	{ .cli = "format", F_STR(O, format), .arg = "format", .fallback = "oci", .help = "Format of the image: oci or docker" },
	{ .cli = "manifest", F_STR(O, manifest), .arg = "name", .help = "Manifest list the image is added to" },
	{ .cli = "annotation", F_STRV(O, annotations), .arg = "key=value", .help = "Annotation of the image" },
	{ .cli = "label", F_STRV(O, labels), .arg = "key=value", .help = "Label of the image" },
	{ .cli = "layer-label", F_STRV(O, layer_labels), .arg = "key[=value]", .help = "Label of intermediate images (--save-stages)" },
	{ .cli = "save-stages", F_BOOL(O, save_stages), .help = "Keep the other stages as images, too" },
	{ .cli = "stage-labels", F_BOOL(O, stage_labels), .help = "With --save-stages: labels that tell a stage's name and base" },
	{ .cli = "env", F_STRV(O, env), .arg = "env[=value]", .help = "Environment variable of the image" },
	{ .cli = "unsetenv", F_STRV(O, unset_env), .arg = "env", .help = "Environment variable to leave out of the image" },
	{ .cli = "unsetlabel", F_CSV(O, unset_labels), .arg = "label", .help = "Label of the base image to leave out" },
	{ .cli = "unsetannotation", F_CSV(O, unset_annotations), .arg = "annotation",
	  .help = "Annotation of the base image to leave out" },
	{ .cli = "identity-label", F_OPT_BOOL(O, identity_label), .fallback = "true", .help = "Note the builder's version in a label" },
	{ .cli = "inherit-labels", F_OPT_BOOL(O, inherit_labels), .fallback = "true", .help = "Take over labels of the base image" },
	{ .cli = "inherit-annotations", F_OPT_BOOL(O, inherit_annotations), .fallback = "true",
	  .help = "Take over annotations of the base image" },
	{ .cli = "created-annotation", F_OPT_BOOL(O, created_annotation), .fallback = "true", .help = "Note the time of creation in an annotation" },
	{ .cli = "omit-history", F_BOOL(O, omit_history), .help = "Write no history into the image" },
	{ .cli = "squash", F_BOOL(O, squash), .help = "Put all new layers into one" },
	{ .cli = "squash-all", F_BOOL(O, squash_all), .help = "Put all layers, those of the base image too, into one" },
	{ .cli = "timestamp", F_OPT_INT(O, timestamp), .arg = "seconds",
	  .help = "Time of creation, of history and of all new files, in seconds since 1970" },
	{ .cli = "source-date-epoch", F_STR(O, source_date_epoch), .arg = "seconds",
	  .help = "Time of creation and of history, in seconds since 1970 (SOURCE_DATE_EPOCH)" },
	{ .cli = "rewrite-timestamp", F_BOOL(O, rewrite_timestamp),
	  .help = "With --source-date-epoch: files in layers are no younger than that" },

	/* cache */
	{ .cli = "layers", F_OPT_BOOL(O, layers), .fallback = "true", .help = "Make a layer of every step and use the cache" },
	{ .cli = "no-cache", F_BOOL(O, no_cache), .help = "Do every step again" },
	{ .cli = "cache-from", F_STRV(O, cache_from), .arg = "image", .help = "Repository to look for results of steps in" },
	{ .cli = "cache-to", F_STRV(O, cache_to), .arg = "image", .help = "Repository to put results of steps into" },
	{ .cli = "cache-ttl", F_STR(O, cache_ttl), .arg = "duration", .help = "Results older than this are not used" },
	{ .cli = "compression-format", F_STR(O, compression), .arg = "format", .help = "How layers that are sent away are compressed" },
	{ .cli = "compression-level", F_OPT_INT(O, compression_level), .arg = "level", .help = "How hard they are compressed" },
	{ .cli = "force-compression", F_BOOL(O, force_compression), .help = "Compress again what is compressed in another way" },
	{ .cli = "pull", F_STR(O, pull), .arg = "policy", MORE(.implied = "always"), .flags = FIELD_OPTIONAL_VALUE,
	  .fallback = "missing", .help = "When to pull base images: always, missing, never, newer" },
	{ .cli = "pull-always", F_BOOL(O, pull_always), .flags = FIELD_HIDDEN, .help = "Old spelling of --pull=always" },
	{ .cli = "pull-never", F_BOOL(O, pull_never), .flags = FIELD_HIDDEN, .help = "Old spelling of --pull=never" },
	{ .cli = "rm", F_OPT_BOOL(O, rm), .fallback = "true", .help = "Leave no working containers of the steps of a build that is done" },
	{ .cli = "force-rm", F_OPT_BOOL(O, force_rm), .fallback = "true",
	  .help = "Nor one of what there was before the step that failed" },

	/* how */
	{ .cli = "jobs", F_OPT_INT(O, jobs), .arg = "number", .fallback = "0", .help = "Steps to run at the same time (0: all that can)" },
	{ .cli = "isolation", F_STR(O, isolation), .arg = "type", .help = "How RUN is confined: oci, rootless or chroot (BUILDAH_ISOLATION)" },
	{ .cli = "skip-unused-stages", F_OPT_BOOL(O, skip_unused_stages), .fallback = "true",
	  .help = "Leave out stages the target does not need" },
	{ .cli = "compat-volumes", F_OPT_BOOL(O, compat_volumes), .help = "What RUN changes in volumes of the image is dropped" },
	{ .cli = "secret", F_STRV(O, secrets), .arg = "id=id,src=path", .help = "Secret that RUN --mount=type=secret may ask for" },
	{ .cli = "ssh", F_STRV(O, ssh), .arg = "default|id[=socket|key,...]", .help = "SSH agent or keys that RUN --mount=type=ssh may ask for" },
	{ .cli = "source-policy-file", F_STR(O, source_policy), .arg = "path", .complete = "files",
	  .help = "BuildKit's source policy: images and URLs to allow, deny or replace (JSON)" },
	{ .cli = "allow", F_CSV(O, allow), .arg = "entitlement",
	  .help = "What instructions may ask for: security.insecure, device[=NAME], network.host" },
	{ .cli = "mount", .type = FIELD_CUSTOM, .off = 0, .custom = &build_mount_custom, .arg = "mount",
	  .help = "Mount for every RUN (type=TYPE,target=PATH,...)" },
	{ .cli = "stdin", F_BOOL(O, use_stdin), .help = "Let RUN read our standard input" },
	{ .cli = "decryption-key", F_STRV(O, decryption_keys), .arg = "key[:passphrase]", .help = "Key for encrypted base images" },

	/* what RUN's containers get: as `run` */
	{ .cli = "volume", .abbr = 'v', F_CUSTOM(O, run.storage.mounts, &param_volume_custom), .arg = "volume", .complete = "volumes",
	  .help = "Directory for every RUN ([SOURCE:]TARGET[:OPTIONS])" },
	{ .cli = "device", F_CUSTOM(O, run.storage.devices, &param_device_custom), .arg = "device", .complete = "files",
	  .help = "Device of the host for every RUN (HOST[:CONTAINER][:rwm])" },
	{ .cli = "shm-size", F_CUSTOM(O, run.storage.shm_size, &param_memory_custom), .arg = "size", .help = "Size of /dev/shm" },
	{ .cli = "cap-add", F_CSV(O, run.security.cap_add), .arg = "capability", .complete = "capabilities", .help = "Capability to add" },
	{ .cli = "cap-drop", F_CSV(O, run.security.cap_drop), .arg = "capability", .complete = "capabilities", .help = "Capability to take away" },
	{ .cli = "security-opt", F_STRV(O, run.security.security_opt), .arg = "option", .help = "Security option" },
	{ .cli = "cgroup-parent", F_STR(O, run.ns.cgroup_parent), .arg = "path", .help = "Cgroup below which those of RUN are made" },
	{ .cli = "cgroupns", F_CUSTOM(O, run.ns.cgroup, &build_ns_cgroup_custom), .arg = "how", .complete = "namespaces", .help = "Cgroup namespace" },
	{ .cli = "ipc", F_CUSTOM(O, run.ns.ipc, &build_ns_ipc_custom), .arg = "how", .complete = "namespaces", .help = "IPC namespace" },
	{ .cli = "pid", F_CUSTOM(O, run.ns.pid, &build_ns_pid_custom), .arg = "how", .complete = "namespaces", .help = "PID namespace" },
	{ .cli = "uts", F_CUSTOM(O, run.ns.uts, &build_ns_uts_custom), .arg = "how", .complete = "namespaces", .help = "UTS namespace" },
	{ .cli = "userns", F_STR(O, userns), .arg = "how", .help = "User namespace of RUN: container (an own one) or host" },
	{ .cli = "userns-uid-map", F_CUSTOM(O, run.ns.uidmap, &build_idmap_custom), .arg = "mapping", .help = "User ids of the user namespace" },
	{ .cli = "userns-gid-map", F_CUSTOM(O, run.ns.gidmap, &build_idmap_custom), .arg = "mapping", .help = "Group ids of the user namespace" },
	{ .cli = "userns-uid-map-user", F_STR(O, run.ns.subuid_name), .arg = "user", .help = "User whose subordinate ids are used" },
	{ .cli = "userns-gid-map-group", F_STR(O, run.ns.subgid_name), .arg = "group", .help = "Group whose subordinate ids are used" },
	{ .cli = "network", MORE(.aliases = "net"), .type = FIELD_CUSTOM, .off = 0, .custom = &build_ns_net_custom, .arg = "mode",
	  .complete = "networks", .help = "Network of RUN: default, host, none, a name" },
	{ .cli = "dns", F_CSV(O, run.net.dns), .arg = "address", .help = "Name server" },
	{ .cli = "dns-option", MORE(.aliases = "dns-opt"), F_CSV(O, run.net.dns_options), .arg = "option", .help = "Option line of resolv.conf" },
	{ .cli = "dns-search", F_CSV(O, run.net.dns_search), .arg = "domain", .help = "Search domain" },
	{ .cli = "add-host", F_CSV(O, run.net.add_hosts), .arg = "host:ip", .help = "Line of /etc/hosts" },
	{ .cli = "no-hosts", F_OPT_BOOL(O, run.net.no_hosts), .help = "Leave the image's /etc/hosts as it is" },
	{ .cli = "no-hostname", F_BOOL(O, run.ns.no_hostname), .help = "Leave the image's /etc/hostname as it is" },
	{ .cli = "group-add", F_CSV(O, run.process.groups), .arg = "group", .help = "Further group of RUN's processes" },
	{ .cli = "http-proxy", F_OPT_BOOL(O, run.process.http_proxy), .fallback = "true", .help = "Hand proxy variables of the environment to RUN" },
	{ .cli = "cdi-config-dir", F_STRV(O, cdi_dirs), .arg = "path", .complete = "dirs",
	  .help = "Directory with CDI specifications (global option --cdi-spec-dir)", .flags = FIELD_HIDDEN },
	{ .cli = "hooks-dir", F_STRV(O, hooks_dirs), .arg = "path", .complete = "dirs", .help = "Directory with OCI hooks" },
	{ .cli = "ulimit", F_CUSTOM(O, run.resources.ulimits, &param_ulimit_custom), .arg = "name=soft[:hard]", .help = "Resource limit" },
	{ .cli = "memory", .abbr = 'm', F_CUSTOM(O, run.resources.memory, &param_memory_custom), .arg = "size", .help = "Memory limit of a RUN" },
	{ .cli = "memory-swap", F_CUSTOM(O, run.resources.memory_swap, &param_memory_custom), .arg = "size", .help = "Limit of memory and swap together" },
	{ .cli = "cpu-shares", .abbr = 'c', F_OPT_UINT(O, run.resources.cpu_shares), .arg = "shares", .help = "CPU weight" },
	{ .cli = "cpu-period", F_OPT_UINT(O, run.resources.cpu_period), .arg = "microseconds", .help = "Length of a CPU accounting period" },
	{ .cli = "cpu-quota", F_OPT_INT(O, run.resources.cpu_quota), .arg = "microseconds", .help = "CPU time per period" },
	{ .cli = "cpuset-cpus", F_STR(O, run.resources.cpuset_cpus), .arg = "list", .help = "CPUs to run on" },
	{ .cli = "cpuset-mems", F_STR(O, run.resources.cpuset_mems), .arg = "list", .help = "Memory nodes to use" },
	{ .cli = "runtime", F_STR(O, runtime), .arg = "path", .help = "OCI runtime for RUN (global option --runtime)" },
	{ .cli = "runtime-flag", F_STRV(O, runtime_flags), .arg = "flag", .help = "Flag for the OCI runtime" },

	/* results */
	{ .cli = "output", .abbr = 'o', F_STRV(O, outputs), .arg = "type=TYPE,dest=PATH",
	  .help = "Where the result goes: a directory, type=local|tar|oci|docker|image|registry (repeatable)" },
	{ .cli = "sign-by", F_STR(O, sign_by), .arg = "fingerprint", .help = "Key to sign with what --output type=registry pushes" },
	{ .cli = "sbom", F_STR(O, sbom), .arg = "preset", .help = "Scanner for a bill of materials: syft, syft-spdx, trivy, trivy-spdx" },
	{ .cli = "sbom-scanner-image", F_STR(O, sbom_image), .arg = "image", .complete = "images", .help = "Image of the scanner" },
	{ .cli = "sbom-scanner-command", F_STRV(O, sbom_commands), .arg = "command",
	  .help = "Command that scans {ROOTFS} or {CONTEXT} into {OUTPUT} (repeatable)" },
	{ .cli = "sbom-merge-strategy", F_STR(O, sbom_merge), .arg = "method", .help = "How several scans become one (cat, merge-cyclonedx-by-..., merge-spdx-by-...)" },
	{ .cli = "sbom-output", F_STR(O, sbom_output), .arg = "file", .complete = "files", .help = "File for the bill of materials" },
	{ .cli = "sbom-purl-output", F_STR(O, sbom_purl), .arg = "file", .complete = "files", .help = "File for its package URLs" },
	{ .cli = "sbom-image-output", F_STR(O, sbom_image_output), .arg = "path", .help = "Place in the image for the bill of materials" },
	{ .cli = "sbom-image-purl-output", F_STR(O, sbom_image_purl), .arg = "path", .help = "Place in the image for its package URLs" },
	{ .cli = "load", F_BOOL(O, load), .help = "Put the image into the store (always done)", .flags = FIELD_HIDDEN },
	{ .cli = "push", F_BOOL(O, push), .help = "Push the image to the registries of its names", .flags = FIELD_HIDDEN },
	{ .cli = "iidfile", F_STR(O, iidfile), .arg = "path", .complete = "files", .help = "File the image's id is written to (sha256:ID)" },
	{ .cli = "iidfile-raw", MORE(.aliases = "raw-iidfile"), F_STR(O, iidfile_raw), .arg = "path", .complete = "files",
	  .help = "File the image's id is written to, without algorithm" },
	{ .cli = "metadata-file", F_STR(O, metadata_file), .arg = "path", .complete = "files", .help = "File that describes the result as JSON" },
	{ .cli = "logfile", F_STR(O, logfile), .arg = "path", .complete = "files", .help = "File for what the build says" },
	{ .cli = "log-rusage", F_BOOL(O, log_rusage), .help = "Tell what each step used", .flags = FIELD_HIDDEN },
	{ .cli = "rusage-logfile", F_STR(O, rusage_logfile), .arg = "path", .complete = "files",
	  .help = "File for what each step used", .flags = FIELD_HIDDEN },
	{ .cli = "logsplit", F_OPT_BOOL(O, logsplit), .help = "With --logfile and several platforms: one file each" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(O, quiet), .help = "Print nothing but the image's id" },
	{ .cli = "progress", F_STR(O, progress), .arg = "auto|plain|tty", .fallback = "auto", .flags = FIELD_HIDDEN,
	  .help = "How progress is shown" },

	/* for old scripts */
	{ .cli = "compress", F_BOOL(O, ignored_bool), .help = "Does nothing: contexts are never sent anywhere", .flags = FIELD_HIDDEN },
	{ .cli = "disable-compression", .abbr = 'D', F_OPT_BOOL(O, ignored_opt), .help = "Does nothing: local layers are never compressed",
	  .flags = FIELD_HIDDEN },
	{ .cli = "disable-content-trust", F_BOOL(O, ignored_bool), .help = "Accepted for Docker's sake, does nothing", .flags = FIELD_HIDDEN },
	{ .cli = "loglevel", F_INT(O, ignored_int), .arg = "level", .help = "Does nothing: --log-level is global", .flags = FIELD_HIDDEN },

	/* known, not possible: refused by name in build_options_finish() */
	{ .cli = "cw", F_STR(O, cw), .arg = "options", .help = "Confidential workloads (not supported)", .flags = FIELD_HIDDEN },
	{ .cli = "blob-cache", F_STR(O, blob_cache), .arg = "path", .help = "Not supported", .flags = FIELD_HIDDEN },
	{}
};

void build_options_init(void *options)
{
	struct build_options *o = options;

	params_init(&o->run);
}

void build_options_done(struct build_options *o)
{
	params_done(&o->run);
	image_remote_done(&o->remote);
	fields_done(build_rows, o);
	strv_done(&o->run_mounts);
}

/* ---- checks ---- */
static int refuse(const struct build_options *o, struct error *err)
{
	const struct {
		bool given;
		const char *option, *why;
	} known[] = {
		{ o->cw != NULL, "--cw", "confidential workloads are not supported" },
		{ o->blob_cache != NULL, "--blob-cache", "the store keeps blobs itself" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].given)
			return fail(err, ERROR_UNSUPPORTED, "%s: %s", known[i].option, known[i].why);
	return 0;
}

static int check_exclusions(const struct build_options *o, struct error *err)
{
	const struct opt_bool *layers = &o->layers;

	if (o->squash && o->squash_all)
		return fail(err, ERROR_INVALID, "cannot specify --squash-all with --squash");
	if (o->timestamp.set && o->source_date_epoch)
		return fail(err, ERROR_INVALID, "timestamp and source-date-epoch would be ambiguous if allowed together");
	if (layers->set && !layers->value && (o->cache_from.n || o->cache_to.n))
		return fail(err, ERROR_INVALID, "can't use --cache-from or --cache-to without --layers");
	if (o->rm.set && !o->rm.value && o->force_rm.value)
		return fail(err, ERROR_INVALID, "\"rm\" and \"force-rm\" cannot be used together");
	if (o->run.net.no_hosts.set && o->run.net.no_hosts.value && o->run.net.add_hosts.n)
		return fail(err, ERROR_INVALID, "--no-hosts and --add-host conflict, can not be used together");
	if (o->format && !streq(o->format, "oci") && !streq(o->format, "docker") &&
	    !streq(o->format, "application/vnd.oci.image.manifest.v1+json") &&
	    !streq(o->format, "application/vnd.docker.distribution.manifest.v2+json"))
		return fail(err, ERROR_INVALID, "unrecognized image type \"%s\"", o->format);
	if (o->all_platforms && (o->platforms.n || o->arch || o->os || o->variant))
		return fail(err, ERROR_INVALID, "--all-platforms cannot be used with --platform, --os, --arch or --variant");
	if (o->platforms.n && (o->arch || o->os || o->variant))
		return fail(err, ERROR_INVALID, "invalid --platform may not be used with --os, --arch, or --variant");
	if (o->run.ns.net.mode == NS_NONE && o->run.net.dns.n)
		return fail(err, ERROR_INVALID, "the --dns option cannot be used with --network=none");
	if (o->run.ns.net.mode == NS_NONE && o->run.net.dns_options.n)
		return fail(err, ERROR_INVALID, "the --dns-option option cannot be used with --network=none");
	if (o->run.ns.net.mode == NS_NONE && o->run.net.dns_search.n)
		return fail(err, ERROR_INVALID, "the --dns-search option cannot be used with --network=none");
	if (o->stage_labels && !o->save_stages)
		return fail(err, ERROR_INVALID, "\"--stage-labels\" requires \"--save-stages\"");
	if (o->jobs.set && o->jobs.value < 0)
		return fail(err, ERROR_INVALID, "building: invalid value for jobs.  It must be a positive integer");
	return 0;
}

/* --secret id=ID[,src=PATH][,env=NAME][,type=file|env] */
static int check_secret(const char *text, struct error *err)
{
	static const char *const keys[] = { "id", "src", "source", "env", "type" };
	auto_strv words = {};
	bool has_id = false;

	TRY(strv_split(&words, text, ',', err));
	for (size_t i = 0; i < words.n; i++) {
		bool known = false;
		for (size_t k = 0; k < ARRAY_LEN(keys) && !known; k++) {
			const char *value = str_after(words.v[i], keys[k]);
			known = value && *value == '=' && value[1];
		}
		has_id |= known && str_after(words.v[i], "id=");
		if (!known) {
			has_id = false;
			break;
		}
	}
	return has_id ? 0 : fail(err, ERROR_INVALID, "--secret %s: incorrect secret flag format: should be --secret id=foo,src=bar"
				 "[,env=ENV][,type=file|env]", text);
}

/* "" and "container" are Buildah's words for a new one. */
static int choose_userns(struct build_options *o, struct error *err)
{
	struct params_namespaces *ns = &o->run.ns;
	const char *how = o->userns;
	const bool maps = ns->uidmap.n || ns->gidmap.n || ns->subuid_name || ns->subgid_name;

	if (ns->gidmap.n && !ns->uidmap.n && !ns->subuid_name)
		return fail(err, ERROR_INVALID, "userns-gid-map can not be used without --userns-uid-map");
	if (how && streq(how, "host") && maps)
		return fail(err, ERROR_INVALID, "--userns=host cannot be used with --userns-uid-map and its like");
	if (how && streq(how, "host"))
		ns->user.mode = NS_HOST;
	else if (how && (!*how || streq(how, "container") || streq(how, "private")))
		ns->user.mode = NS_PRIVATE;
	else if (how && *how == '/')
		TRY((ns->user.mode = NS_PATH, str_set(&ns->user.value, how, err)));
	else if (how && (streq(how, "auto") || str_after(how, "auto:") || str_after(how, "ns:") || str_after(how, "container:")))
		TRY(param_ns_user_custom.parse(NULL, &ns->user, how, err));
	else if (how)
		return fail(err, ERROR_INVALID, "unrecognized user namespace \"%s\": container, private, auto, host, container:NAME or a path", how);
	if (maps)   /* names imply it */
		ns->user.mode = ns->subuid_name || ns->subgid_name ? NS_DEFAULT : NS_PRIVATE;
	return 0;
}

/* ---- files ---- */
static int read_arg_file(const char *path, struct strv *to, struct error *err)
{
	autofree char *text = NULL;
	auto_strv lines = {};
	size_t len;
	int r = file_read(AT_FDCWD, path, ARG_FILE_MAX, &text, &len, err);

	if (r == 0)
		return fail_with(err, ENOENT, "open %s", path);
	if (r < 0)
		return -1;
	TRY(strv_split(&lines, text, '\n', err));
	for (size_t i = 0; i < lines.n; i++) {
		const char *line = lines.v[i] + strspn(lines.v[i], " \t");
		if (*line && *line != '#')
			TRY(strv_add(to, line, err));
	}
	return 0;
}

/* Files first: the command line is stronger. */
static int merge_arg_files(struct build_options *o, struct error *err)
{
	auto_strv all = {};

	for (size_t i = 0; i < o->build_arg_files.n; i++)
		TRY(read_arg_file(o->build_arg_files.v[i], &all, err));
	TRY(strv_copy(&all, &o->build_args, err));
	strv_done(&o->build_args);
	o->build_args = all;
	all = (struct strv){};
	return 0;
}

int build_options_finish(struct build_options *o, struct error *err)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	const char *layers = getenv("BUILDAH_LAYERS");
	bool yes;

	TRY(refuse(o, err));
	TRY(check_exclusions(o, err));
	for (size_t i = 0; i < o->secrets.n; i++)
		TRY(check_secret(o->secrets.v[i], err));
	TRY(choose_userns(o, err));
	TRY(sbom_check(o, err));
	if (!o->layers.set && layers && parse_bool(layers, &yes))
		o->layers = (struct opt_bool){ true, yes };
	if (!o->layers.set)
		o->layers = (struct opt_bool){ true, true };
	if (!o->source_date_epoch && !o->timestamp.set && !str_empty(epoch))
		TRY(str_set(&o->source_date_epoch, epoch, err));
	if (!o->format && !str_empty(getenv("BUILDAH_FORMAT")))
		TRY(str_set(&o->format, getenv("BUILDAH_FORMAT"), err));
	if (!str_empty(getenv("BUILDAH_CPPFLAGS")))
		TRY(strv_split(&o->cpp_flags, getenv("BUILDAH_CPPFLAGS"), ' ', err));
	if (o->pull_always)
		TRY(str_set(&o->pull, "always", err));
	if (o->pull_never)
		TRY(str_set(&o->pull, "never", err));
	return merge_arg_files(o, err);
}

int build_isolation_parse(const struct build_options *o, enum build_isolation *ret, struct error *err)
{
	static const struct {
		const char *name;
		enum build_isolation value;
	} names[] = {
		{ "oci", BUILD_ISOLATION_OCI }, { "0", BUILD_ISOLATION_OCI }, { "chroot", BUILD_ISOLATION_CHROOT },
		{ "rootless", BUILD_ISOLATION_ROOTLESS }, { "default", BUILD_ISOLATION_DEFAULT },
	};
	const char *word = o->isolation ? o->isolation : getenv("BUILDAH_ISOLATION");

	*ret = BUILD_ISOLATION_DEFAULT;
	if (str_empty(word))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcasecmp(word, names[i].name) == 0) {
			*ret = names[i].value;
			return 0;
		}
	return fail(err, ERROR_INVALID, "unrecognized isolation type \"%s\"", word);
}
