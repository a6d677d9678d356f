/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/units.h"
#include "conf/helpers.h"
#include "image/worker.h"
#include "os/process.h"
#include "store/store.h"

/* A second root, just for images: who brings images works on that one and reads from ours, everybody else the other way
 * round. Another program's store can only be read. */
static int split_images(struct engine *e, const char *store, struct error *err)
{
	autofree char *root = take_ptr(e->root), *runroot = take_ptr(e->runroot);

	if (*store != '/')
		return fail(err, ERROR_INVALID, "--imagestore %s: must be an absolute path", store);
	e->split = true;
	TRY(str_set(&e->root, e->opt.brings_images ? store : root, err));
	TRY(str_printf(&e->runroot, err, "%s%s", runroot, e->opt.brings_images ? "/imagestore" : ""));
	if (e->opt.brings_images)
		TRY(store_check_owner(store, err));
	return strv_add(&e->storage.additional_image_stores, e->opt.brings_images ? root : store, err);
}

static int decide_roots(struct engine *e, const char *store, struct error *err)
{
	const char *root = e->opt.root ? e->opt.root : e->storage.graphroot;
	const char *runroot = e->opt.runroot ? e->opt.runroot : e->storage.runroot;

	if (*root != '/' || *runroot != '/')
		return fail(err, ERROR_INVALID, "%s: --root and --runroot must be absolute paths", *root != '/' ? root : runroot);
	TRY(str_set(&e->root, root, err));
	TRY(str_set(&e->runroot, runroot, err));
	TRY(str_set(&e->state, runroot, err));
	return str_empty(store) || streq(store, root) ? 0 : split_images(e, store, err);
}

/* ret_imagestore: of the command line or [storage]; a driver's option of that name is one more store to read from. */
static int load_conf(struct engine *e, char **ret_imagestore, struct error *err)
{
	const struct strv *options = e->opt.storage_opts;

	TRY(paths_load(&e->paths, err));
	TRY(containers_conf_load(&e->conf, &e->paths, e->opt.modules, err));
	TRY(storage_conf_load(&e->storage, &e->paths, err));
	TRY(str_set(ret_imagestore, e->opt.imagestore ? e->opt.imagestore : e->storage.imagestore, err));
	for (size_t i = 0; options && i < options->n; i++)
		TRY(storage_conf_option(&e->storage, options->v[i], err));
	for (size_t i = 0; e->opt.pull_options && i < e->opt.pull_options->n; i++)
		TRY(strmap_add_pair(&e->storage.pull_options, e->opt.pull_options->v[i], err));
	for (size_t i = 0; i < e->conf.warnings.n; i++)
		log_warn(e->log, "%s", e->conf.warnings.v[i]);
	for (size_t i = 0; i < e->storage.warnings.n; i++)
		log_warn(e->log, "%s", e->storage.warnings.v[i]);
	return 0;
}

int engine_init(struct engine *e, const struct engine_options *opt, const struct log *log, struct error *err)
{
	autofree char *imagestore = NULL;

	*e = (struct engine){ .opt = *opt, .log = log };
	if (load_conf(e, &imagestore, err) < 0 || decide_roots(e, imagestore, err) < 0) {
		engine_done(e);
		return -1;
	}
	return 0;
}

/* Made as e was, but for whose root it works on. */
static int beside(struct engine *e, bool brings_images, struct engine **ret, struct error *err)
{
	struct engine_options o = e->opt;

	*ret = e;
	if (!e->split || e->opt.brings_images == brings_images)
		return 0;
	if (!e->beside) {
		autofree struct engine *other = calloc(1, sizeof(*other));
		if (!other)
			return fail_oom(err);
		o.brings_images = brings_images;
		TRY(engine_init(other, &o, e->log, err));
		other->progress = e->progress;
		e->beside = take_ptr(other);
		TRY(str_set(&e->beside->paths.registries_d, e->paths.registries_d, err));
		TRY(str_set(&e->beside->paths.short_name_aliases, e->paths.short_name_aliases, err));
	}
	*ret = e->beside;
	return 0;
}

int engine_of_images(struct engine *e, struct engine **ret, struct error *err) { return beside(e, true, ret, err); }
int engine_of_containers(struct engine *e, struct engine **ret, struct error *err) { return beside(e, false, ret, err); }

int engine_of_image(struct engine *e, bool read_only, struct engine **ret, struct error *err)
{
	return beside(e, e->opt.brings_images != read_only, ret, err);
}

void engine_done(struct engine *e)
{
	if (e->beside)
		engine_done(e->beside);
	free(e->beside);
	worker_free(e->fetcher);
	if (e->proc > 0)
		close(e->proc);
	if (e->store)
		store_close(e->store);
	containers_conf_done(&e->conf);
	storage_conf_done(&e->storage);
	paths_done(&e->paths);
	free(e->root);
	free(e->runroot);
	free(e->state);
	*e = (struct engine){};
}

int engine_proc(struct engine *e)
{
	struct error ignored;

	if (e->proc <= 0)
		e->proc = procfs_open_host(&ignored);
	return e->proc > 0 ? e->proc : PROC_HOST;
}

/* storage.conf's and --storage-opt's overlay.size, overlay.inodes. */
static int container_quota(const struct storage_conf *conf, enum store_driver driver, struct quota *ret, struct error *err)
{
	int64_t bytes = 0;

	if (!str_empty(conf->size) && (size_parse(conf->size, &bytes, err) < 0 || bytes < 0))
		return fail(err, ERROR_INVALID, "storage option size: %s is not a size such as 10g", conf->size);
	if (!str_empty(conf->inodes) && !parse_u64(conf->inodes, &ret->inodes))
		return fail(err, ERROR_INVALID, "storage option inodes: %s is not a number", conf->inodes);
	ret->bytes = (uint64_t)bytes;
	if (quota_limits(ret) && driver == STORE_VFS)
		return fail(err, ERROR_UNSUPPORTED, "storage options size and inodes: the vfs driver has no limits, overlay has");
	return 0;
}

int engine_store(struct engine *e, struct store **ret, struct error *err)
{
	const char *driver = e->opt.storage_driver ? e->opt.storage_driver : e->storage.driver;
	struct store_options o = {
		.root = e->root, .runroot = e->runroot, .additional = &e->storage.additional_image_stores,
		.userxattr = e->paths.rootless,
	};

	if (!e->store) {
		if (driver)
			TRY(store_driver_parse(driver, &o.driver, err));
		TRY(container_quota(&e->storage, o.driver, &o.quota, err));
		TRY(store_open(&o, &e->store, err));
	}
	*ret = e->store;
	return 0;
}

void engine_make_room(struct engine *e)
{
	struct error ignored;
	struct store *s;

	if (engine_store(e, &s, &ignored) == 0)
		store_make_room(s);
}

/* ---- what runs containers ---- */
static const char *runtime_word(const struct engine *e)
{
	const char *word = e->opt.runtime ? e->opt.runtime : e->conf.engine.runtime;

	if (str_empty(word) || streq(word, "umiak") || streq(word, "umiak-oci"))
		return NULL;
	return word;
}

/* A runtime asked for by name on the command line is used; one that only stands in containers.conf as "crun" or
 * "runc" names the default of other engines and means the built-in one. */
static bool runtime_is_default(const struct engine *e, const char *word)
{
	return !e->opt.runtime && (streq(word, "crun") || streq(word, "runc"));
}

const struct strv *engine_runtime_flags(const struct engine *e)
{
	if (e->opt.runtime_flags && e->opt.runtime_flags->n)
		return e->opt.runtime_flags;
	return conf_named_list_find(&e->conf.engine.runtimes_flags, engine_runtime_name(e));
}

int engine_runtime(struct engine *e, const char *recorded, char **ret, struct error *err)
{
	const char *word = recorded ? recorded : runtime_word(e);
	const struct strv *candidates;

	*ret = NULL;
	if (!word || streq(word, "umiak") || streq(word, "umiak-oci") || (!recorded && runtime_is_default(e, word)))
		return 0;
	if (strchr(word, '/')) {
		if (access(word, X_OK) < 0)
			return fail_errno(err, "default OCI runtime \"%s\" not found", word);
		return str_set(ret, word, err);
	}
	candidates = conf_named_list_find(&e->conf.engine.runtimes, word);
	for (size_t i = 0; candidates && i < candidates->n; i++)
		if (access(candidates->v[i], X_OK) == 0)
			return str_set(ret, candidates->v[i], err);
	if (helper_find_foreign(word, NULL, true, ret, err) < 0)
		return fail(err, ERROR_INVALID, "default OCI runtime \"%s\" not found: invalid argument", word);
	return 0;
}

const char *engine_runtime_name(const struct engine *e)
{
	const char *word = runtime_word(e);
	const char *slash = word ? strrchr(word, '/') : NULL;

	if (!word || runtime_is_default(e, word))
		return "crun";
	return slash ? slash + 1 : word;
}

const char *engine_cgroup_manager(const struct engine *e)
{
	const char *asked = e->opt.cgroup_manager ? e->opt.cgroup_manager : e->conf.engine.cgroup_manager;
	/* the directory alone is no proof: packages and test suites make it */
	bool systemd = access("/run/systemd/system", F_OK) == 0 && access("/run/systemd/private", F_OK) == 0;

	if (asked && streq(asked, "cgroupfs"))
		return "cgroupfs";
	return systemd && (!e->paths.rootless || getenv("DBUS_SESSION_BUS_ADDRESS")) ? "systemd" : "cgroupfs";
}

int engine_own_command(const struct engine *e, struct strv *to, struct error *err)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return fail_errno(err, "readlink /proc/self/exe");
	self[n] = '\0';
	TRY(strv_add(to, self, err));
	return engine_command_line(e, to, err);
}

int engine_command_line(const struct engine *e, struct strv *to, struct error *err)
{
	const struct {
		const char *option, *value;
	} words[] = {
		{ "--root", e->root }, { "--runroot", e->runroot }, { "--log-level", e->opt.log_level },
		{ "--storage-driver", e->opt.storage_driver }, { "--runtime", e->opt.runtime },
		{ "--cgroup-manager", e->opt.cgroup_manager }, { "--events-backend", e->opt.events_backend },
		{ "--network-config-dir", e->opt.network_config_dir }, { "--volumepath", e->opt.volume_path },
		{ "--default-mounts-file", e->opt.default_mounts_file },
	};
	const struct strv *modules = e->opt.modules, *hooks = e->opt.hooks_dirs;

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!words[i].value)
			continue;
		TRY(strv_add(to, words[i].option, err));
		TRY(strv_add(to, words[i].value, err));
	}
	for (size_t i = 0; hooks && i < hooks->n; i++)
		TRY(strv_addf(to, err, "--hooks-dir=%s", hooks->v[i]));
	for (size_t i = 0; modules && i < modules->n; i++)
		TRY(strv_addf(to, err, "--module=%s", modules->v[i]));
	return 0;
}
