/* SPDX-License-Identifier: Apache-2.0
 * build/working-inspect.c - what `buildah inspect` shows of a working container or an image. */
#include <stdlib.h>

#include "base/json.h"
#include "base/value.h"
#include "build/working.h"

#include "base/units.h"
#include "engine/commit.h"
#include "engine/image-inspect.h"
#include "engine/image-list.h"
#include "store/layer.h"
#include "store/rootfs.h"

struct working_info {
	char *type, *from_image, *from_image_id, *from_image_digest;
	struct strv group_add, devices, capabilities;
	char *config, *manifest, *container, *container_id, *mount_point, *created_by, *isolation, *network, *empty;
	struct strmap annotations, ports, volumes;   /* ports, volumes: name -> "{}", for templates */
	struct image_config image, shown;            /* shown: the same for templates, times as Go prints them */
};
#define I struct working_info
#define ALWAYS .flags = FIELD_ALWAYS

/* ---- what templates see: Go's structs, member by member ---- */
static const struct field history_rows[] = {
	{ .json = "created", F_STR(struct image_history, created) },
	{ .json = "created_by", MORE(.go = "CreatedBy"), F_STR(struct image_history, created_by) },
	{ .json = "author", F_STR(struct image_history, author) },
	{ .json = "comment", F_STR(struct image_history, comment) },
	{ .json = "empty_layer", MORE(.go = "EmptyLayer"), F_BOOL(struct image_history, empty_layer) },
	{}
};
static const struct field health_rows[] = {
	{ .json = "Test", F_STRV(struct health_config, test) },
	{ .json = "Interval", F_DURATION(struct health_config, interval) },
	{ .json = "Timeout", F_DURATION(struct health_config, timeout) },
	{ .json = "StartPeriod", F_DURATION(struct health_config, start_period) },
	{ .json = "StartInterval", F_DURATION(struct health_config, start_interval) },
	{ .json = "Retries", F_INT(struct health_config, retries) },
	{}
};
/* Offsets of inner rows count from the whole struct. */
#define GROUP(name, r) { .json = name, .type = FIELD_OBJECT, .off = 0, .rows = (r) }
static const struct field rootfs_rows[] = {
	{ .json = "Type", F_STR(I, shown.rootfs_type) }, { .json = "diff_ids", MORE(.go = "DiffIDs"), F_STRV(I, shown.diff_ids) }, {}
};
static const struct field oci_config_rows[] = {
	{ .json = "User", F_STR(I, shown.config.user) }, { .json = "ExposedPorts", F_MAP(I, ports) },
	{ .json = "Env", F_STRV(I, shown.config.env) }, { .json = "Entrypoint", F_STRV(I, shown.config.entrypoint) },
	{ .json = "Cmd", F_STRV(I, shown.config.cmd) }, { .json = "Volumes", F_MAP(I, volumes) },
	{ .json = "WorkingDir", F_STR(I, shown.config.working_dir) }, { .json = "Labels", F_MAP(I, shown.config.labels) },
	{ .json = "StopSignal", F_STR(I, shown.config.stop_signal) }, {}
};
static const struct field docker_config_rows[] = {
	{ .json = "Hostname", F_STR(I, shown.config.hostname) }, { .json = "Domainname", F_STR(I, shown.config.domainname) },
	{ .json = "User", F_STR(I, shown.config.user) }, { .json = "ExposedPorts", F_MAP(I, ports) },
	{ .json = "Tty", F_BOOL(I, shown.config.tty) }, { .json = "OpenStdin", F_BOOL(I, shown.config.open_stdin) },
	{ .json = "StdinOnce", F_BOOL(I, shown.config.stdin_once) }, { .json = "Env", F_STRV(I, shown.config.env) },
	{ .json = "Cmd", F_STRV(I, shown.config.cmd) },
	{ .json = "Healthcheck", F_OPT_OBJECT(I, shown.config.healthcheck, struct health_config, health_rows) },
	{ .json = "ArgsEscaped", F_BOOL(I, shown.config.args_escaped) }, { .json = "Volumes", F_MAP(I, volumes) },
	{ .json = "WorkingDir", F_STR(I, shown.config.working_dir) }, { .json = "Entrypoint", F_STRV(I, shown.config.entrypoint) },
	{ .json = "OnBuild", F_STRV(I, shown.config.on_build) }, { .json = "Labels", F_MAP(I, shown.config.labels) },
	{ .json = "StopSignal", F_STR(I, shown.config.stop_signal) }, { .json = "Shell", F_STRV(I, shown.config.shell) }, {}
};
static const struct field shown_oci_rows[] = {
	{ .json = "Created", F_STR(I, shown.created) }, { .json = "Author", F_STR(I, shown.author) },
	{ .json = "Architecture", F_STR(I, shown.platform.architecture) }, { .json = "Variant", F_STR(I, shown.platform.variant) },
	{ .json = "OS", F_STR(I, shown.platform.os) }, { .json = "OSVersion", F_STR(I, shown.platform.os_version) },
	{ .json = "OSFeatures", F_STRV(I, shown.platform.os_features) }, GROUP("Config", oci_config_rows), GROUP("RootFS", rootfs_rows),
	{ .json = "History", F_LIST(I, shown.history, struct image_history, history_rows) }, {}
};
static const struct field shown_docker_rows[] = {
	{ .json = "Comment", F_STR(I, shown.comment) }, { .json = "Created", F_STR(I, shown.created) },
	GROUP("ContainerConfig", docker_config_rows), { .json = "DockerVersion", F_STR(I, shown.docker_version) },
	{ .json = "Author", F_STR(I, shown.author) }, GROUP("Config", docker_config_rows),
	{ .json = "Architecture", F_STR(I, shown.platform.architecture) }, { .json = "Variant", F_STR(I, shown.platform.variant) },
	{ .json = "OS", F_STR(I, shown.platform.os) }, { .json = "OSVersion", F_STR(I, shown.platform.os_version) },
	{ .json = "OSFeatures", F_STRV(I, shown.platform.os_features) }, GROUP("RootFS", rootfs_rows),
	{ .json = "History", F_LIST(I, shown.history, struct image_history, history_rows) }, {}
};

/* ---- what JSON has ---- */
#define D struct image_config
static const struct field docker_rootfs_rows[] = {
	{ .json = "type", F_STR(D, rootfs_type) }, { .json = "diff_ids", F_STRV(D, diff_ids) }, {}
};
static const struct field docker_rows[] = {
	{ .json = "comment", F_STR(D, comment) },
	{ .json = "created", F_STR(D, created), ALWAYS },
	{ .json = "container_config", F_OBJECT(D, config, image_run_config_rows), ALWAYS },
	{ .json = "docker_version", F_STR(D, docker_version) },
	{ .json = "author", F_STR(D, author) },
	{ .json = "config", F_OBJECT(D, config, image_run_config_rows), ALWAYS },
	{ .json = "architecture", F_STR(D, platform.architecture) },
	{ .json = "variant", F_STR(D, platform.variant) },
	{ .json = "os", F_STR(D, platform.os) },
	{ .json = "os.version", F_STR(D, platform.os_version) },
	{ .json = "os.features", F_STRV(D, platform.os_features) },
	GROUP("rootfs", docker_rootfs_rows),
	{ .json = "history", F_LIST(D, history, struct image_history, history_rows) },
	{}
};
static const struct field document_rows[] = {
	{ .json = "OCIv1", F_OBJECT(I, image, image_config_rows), ALWAYS },
	{ .json = "Docker", F_OBJECT(I, image, docker_rows), ALWAYS },
	{ .json = "History", F_LIST(I, image.history, struct image_history, history_rows), ALWAYS },
	{}
};

static const struct field rows[] = {
	{ .json = "Type", F_STR(I, type), ALWAYS },
	{ .json = "FromImage", F_STR(I, from_image), ALWAYS },
	{ .json = "FromImageID", F_STR(I, from_image_id), ALWAYS },
	{ .json = "FromImageDigest", F_STR(I, from_image_digest), ALWAYS },
	{ .json = "GroupAdd", F_STRV(I, group_add), ALWAYS },
	{ .json = "Config", F_STR(I, config), ALWAYS },
	{ .json = "Manifest", F_STR(I, manifest), ALWAYS },
	{ .json = "Container", F_STR(I, container), ALWAYS },
	{ .json = "ContainerID", F_STR(I, container_id), ALWAYS },
	{ .json = "MountPoint", F_STR(I, mount_point), ALWAYS },
	{ .json = "ProcessLabel", F_STR(I, empty), ALWAYS },
	{ .json = "MountLabel", F_STR(I, empty), ALWAYS },
	{ .json = "ImageAnnotations", F_MAP(I, annotations), ALWAYS },
	{ .json = "ImageCreatedBy", F_STR(I, created_by), ALWAYS },
	GROUP("OCIv1", shown_oci_rows),
	GROUP("Docker", shown_docker_rows),
	{ .json = "DefaultMountsFilePath", F_STR(I, empty), ALWAYS },
	{ .json = "Isolation", F_STR(I, isolation), ALWAYS },
	{ .json = "Capabilities", F_STRV(I, capabilities), ALWAYS },
	{ .json = "ConfigureNetwork", F_STR(I, network), ALWAYS },
	{ .json = "History", F_LIST(I, shown.history, struct image_history, history_rows), ALWAYS },
	{ .json = "Devices", F_STRV(I, devices), ALWAYS },
	{}
};

static int info_json(const void *self, struct json_object **ret, struct error *err)
{
	auto_json *all = NULL, *documents = NULL;

	TRY(fields_save(rows, FIELD_COLUMN_JSON, self, &all, err));
	TRY(fields_save(document_rows, FIELD_COLUMN_JSON, self, &documents, err));
	json_object_object_foreach(documents, key, value) {
		json_object_object_del(all, key);
		TRY(json_add(all, key, json_object_get(value), err));
	}
	*ret = take_ptr(all);
	return 0;
}

const struct value_type working_info_type = { .name = "buildah.BuilderInfo", .rows = rows, .json = info_json };

void working_info_free(struct working_info *i)
{
	if (!i)
		return;
	fields_done(rows, i);   /* members shown twice are empty the second time */
	image_config_done(&i->image);
	image_config_done(&i->shown);
	strmap_done(&i->ports);
	strmap_done(&i->volumes);
	free(i);
}

/* ---- filling ---- */
static int fill_documents(struct engine *e, const struct store_image *image, struct working_info *to, struct error *err)
{
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(str_set(&to->config, image->config, err));
	if (!image->manifest)
		return 0;
	auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX);
	TRY(store_blob_read(s, image->manifest, &text, err));
	buf_add_char(&text, '\0');
	return str_set(&to->manifest, text.data, err);
}

static int go_time(char **text, struct error *err)
{
	int64_t ns;
	char out[64];

	if (str_empty(*text) || time_parse(*text, 0, &ns, err) < 0)
		return 0;
	return str_set(text, time_format_go(ns, out), err);
}

static int fill_shown(struct working_info *i, struct error *err)
{
	auto_buf text = BUF_INIT(CONFIG_BYTES_MAX);

	TRY(image_config_format(&i->image, &text, err));
	TRY(image_config_parse(text.data, text.len, &i->shown, err));
	TRY(go_time(&i->shown.created, err));
	struct image_history *h = i->shown.history.v;
	for (size_t k = 0; k < i->shown.history.n; k++)
		TRY(go_time(&h[k].created, err));
	return 0;
}

static int fill_sets(struct working_info *i, struct error *err)
{
	const struct image_run_config *c = &i->image.config;

	TRY(fill_shown(i, err));
	for (size_t k = 0; k < c->exposed_ports.n; k++)
		TRY(strmap_set(&i->ports, c->exposed_ports.v[k], "{}", err));
	for (size_t k = 0; k < c->volumes.n; k++)
		TRY(strmap_set(&i->volumes, c->volumes.v[k], "{}", err));
	return 0;
}

static int new_info(struct working_info **ret, struct error *err)
{
	auto_working_info *i = calloc(1, sizeof(*i));

	if (!i)
		return fail_oom(err);
	TRY(str_set(&i->type, "buildah 0.0.1", err));
	TRY(str_set(&i->isolation, "oci", err));
	TRY(str_set(&i->network, "NetworkDefault", err));
	*ret = take_ptr(i);
	return 0;
}

static int fill_container(struct engine *e, const struct working *w, struct working_info *i, struct error *err)
{
	auto_buf text = BUF_INIT(CONFIG_BYTES_MAX);
	const struct container_record *r = &w->c->at.record;
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(image_config_format(&w->config, &text, err));
	TRY(image_config_parse(text.data, text.len, &i->image, err));
	TRY(str_set(&i->container, r->name, err));
	TRY(str_set(&i->container_id, r->id, err));
	TRY(str_set(&i->from_image, w->image, err));
	TRY(str_set(&i->from_image_id, r->image_id, err));
	TRY(str_set(&i->from_image_digest, w->digest, err));
	TRY(str_set(&i->created_by, w->created_by, err));
	TRY(strmap_copy(&i->annotations, &w->annotations, err));
	for (size_t k = 0; k < w->settings.n; k++) {
		const char *isolation = str_after(w->settings.v[k], "--isolation=");
		if (!isolation && streq(w->settings.v[k], "--isolation") && k + 1 < w->settings.n)
			isolation = w->settings.v[k + 1];
		TRY(isolation ? str_set(&i->isolation, isolation, err) : 0);
	}
	return store_rootfs_mounted(s, r->id, &i->mount_point, err);
}

int working_inspect(struct engine *e, struct working *w, struct working_info **ret, struct error *err)
{
	auto_store_image image = {};
	auto_working_info *i = NULL;
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(new_info(&i, err));
	TRY(fill_container(e, w, i, err));
	int found = w->c->at.record.image_id ? store_image_get(s, w->c->at.record.image_id, STORE_IMAGE_ALL, &image, err) : 0;
	TRY(found);
	if (found)
		TRY(fill_documents(e, &image, i, err));
	TRY(fill_sets(i, err));
	*ret = take_ptr(i);
	return 0;
}

int working_inspect_image(struct engine *e, const char *name, struct working_info **ret, struct error *err)
{
	auto_store_image image = {};
	auto_working_info *i = NULL;
	auto_image_inspect *inspect = NULL;
	autofree char *full = NULL;

	TRY(image_find(e, name, STORE_IMAGE_ALL, &image, &full, err));
	TRY(new_info(&i, err));
	TRY(image_inspect_new(e, &image, &inspect, err));
	TRY(commit_config(e, image.id, &i->image, err));
	TRY(str_set(&i->from_image, full ? full : image.id, err));
	TRY(str_set(&i->from_image_id, image.id, err));
	TRY(str_set(&i->from_image_digest, image.manifest, err));
	TRY(strmap_copy(&i->annotations, &inspect->annotations, err));
	TRY(fill_documents(e, &image, i, err));
	TRY(fill_sets(i, err));
	*ret = take_ptr(i);
	return 0;
}
