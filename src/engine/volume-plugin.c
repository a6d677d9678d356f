/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/volume-plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/http-answer.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/units.h"
#include "os/file.h"

#define ANSWER_MAX ((size_t)1 << 20)
#define PLACE ".mountpoint"

bool volume_uses_plugin(const struct engine *e, const struct volume *v)
{
	if (streq0(v->driver, "image"))
		return strmap_get(&e->conf.engine.volume_plugins, "image");
	return !str_empty(v->driver) && !streq(v->driver, "local");
}

/* ---- one request, one answer ---- */
static int plugin_connect(const char *driver, const char *path, struct error *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct stat st;

	if (stat(path, &st) < 0)
		return fail_errno(err, "cannot access plugin %s socket \"%s\"", driver, path);
	if (!S_ISSOCK(st.st_mode))
		return fail(err, ERROR_INVALID, "volume %s path \"%s\" is not a unix socket: target does not appear to be a valid plugin",
			    driver, path);
	if (strlen(path) >= sizeof(a.sun_path))
		return fail(err, ERROR_INVALID, "plugin %s: the socket's path is longer than %zu bytes", driver, sizeof(a.sun_path) - 1);
	memcpy(a.sun_path, path, strlen(path));
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return fail_errno(err, "connect to plugin %s at %s", driver, path);
	return take_fd(fd);
}

static int wait_for(int fd, short events, int64_t deadline, struct error *err)
{
	for (;;) {
		int64_t left = deadline - time_monotonic();
		struct timespec ts = { left / NSEC_PER_SEC, left % NSEC_PER_SEC };
		struct pollfd p = { fd, events, 0 };
		if (left <= 0)
			return fail(err, ERROR_TIMEOUT, "no answer in time (volume_plugin_timeout of containers.conf)");
		int r = ppoll(&p, 1, &ts, NULL);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return fail_errno(err, "poll");
	}
}

static int send_all(int fd, const struct buf *b, int64_t deadline, struct error *err)
{
	for (size_t at = 0; at < b->len;) {
		TRY(wait_for(fd, POLLOUT, deadline, err));
		ssize_t n = send(fd, b->data + at, b->len - at, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return fail_errno(err, "write");
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int receive(int fd, int64_t deadline, int *ret_status, struct buf *body, struct error *err)
{
	auto_buf text = BUF_INIT(ANSWER_MAX);
	char piece[4096];

	for (;;) {
		TRY(wait_for(fd, POLLIN, deadline, err));
		ssize_t n = recv(fd, piece, sizeof(piece), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(err, "read");
		buf_add(&text, piece, (size_t)n);
		TRY(buf_ok(&text, "answer", err));
		int r = http_answer_parse(text.data ? text.data : "", text.len, n == 0, ret_status, body, err);
		if (r)
			return r < 0 ? -1 : 0;
	}
}

static int converse(struct engine *e, int fd, const char *call, struct json_object *request, int *ret_status, struct buf *body,
		    struct error *err)
{
	int64_t deadline = time_monotonic() + (int64_t)e->conf.engine.volume_plugin_timeout * NSEC_PER_SEC;
	auto_buf text = BUF_INIT(ANSWER_MAX), head = BUF_INIT(ANSWER_MAX);

	if (request)
		json_write(&text, request, &(struct json_style){});
	TRY(buf_ok(&text, "request", err));
	buf_addf(&head, "POST /%s HTTP/1.1\r\nHost: plugin\r\nAccept: application/vnd.docker.plugins.v1.1+json\r\n"
		 "Content-Type: application/vnd.docker.plugins.v1.1+json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", call, text.len);
	buf_add(&head, text.data ? text.data : "", text.len);
	TRY(buf_ok(&head, "request", err));
	TRY(send_all(fd, &head, deadline, err));
	return receive(fd, deadline, ret_status, body, err);
}

/* What the plugin says went wrong: {"Err": "..."} with any status but 200; old ones say so with 200, too. */
static int judge(const char *driver, const char *call, int status, struct json_object *answer, struct error *err)
{
	const char *said = answer ? json_get_str(answer, "Err") : NULL;

	if (status == 200 && str_empty(said))
		return 0;
	if (!str_empty(said))
		return fail(err, ERROR_INVALID, "on /%s in volume plugin %s: %.300s", call, driver, said);
	return fail(err, ERROR_INVALID, "on /%s in volume plugin %s: status %d, empty error from plugin", call, driver, status);
}

static int ask(struct engine *e, const char *driver, const char *call, struct json_object *request, struct json_object **ret,
	       struct error *err)
{
	const char *path = strmap_get(&e->conf.engine.volume_plugins, driver);
	auto_buf body = BUF_INIT(ANSWER_MAX);
	auto_json *answer = NULL;
	struct error odd;
	int status;

	if (!path)
		return fail(err, ERROR_UNSUPPORTED, "no volume plugin with name %s available: required plugin missing", driver);
	autoclose int fd = plugin_connect(driver, path, err);
	if (fd < 0)
		return -1;
	if (converse(e, fd, call, request, &status, &body, err) < 0)
		return fail_wrap(err, "/%s to volume plugin %s", call, driver);
	bool parsed = body.len && json_parse(driver, body.data, body.len, NULL, &answer, &odd) == 0;
	TRY(judge(driver, call, status, answer, err));
	if (body.len && !parsed)
		return fail(err, ERROR_INVALID, "/%s to volume plugin %s: %s", call, driver, odd.text);
	*ret = take_ptr(answer);
	return 0;
}

/* ---- calls ---- */
static int activate(struct engine *e, const char *driver, struct error *err)
{
	auto_json *answer = NULL;

	TRY(ask(e, driver, "Plugin.Activate", NULL, &answer, err));
	struct json_object *list = answer ? json_get_array(answer, "Implements") : NULL;
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *word = json_object_array_get_idx(list, i);
		if (json_object_is_type(word, json_type_string) && streq(json_object_get_string(word), "VolumeDriver"))
			return 0;
	}
	return fail(err, ERROR_INVALID, "plugin %s does not implement VolumeDriver: plugin is not a volume plugin", driver);
}

static int name_request(const char *name, struct json_object **ret, struct error *err)
{
	*ret = json_object_new_object();
	if (!*ret)
		return fail_oom(err);
	return json_add_str(*ret, "Name", name, err);
}

static int get(struct engine *e, const struct volume *v, struct error *err)
{
	auto_json *request = NULL, *answer = NULL;

	TRY(name_request(v->name, &request, err));
	TRY(ask(e, v->driver, "VolumeDriver.Get", request, &answer, err));
	return answer && json_get_object(answer, "Volume") ? 0 : fail(err, ERROR_NOT_FOUND, "volume plugin %s has no volume %s", v->driver,
								       v->name);
}

static int add_options(struct json_object *request, const struct strmap *options, struct error *err)
{
	struct json_object *o = json_object_new_object();

	TRY(json_add(request, "Opts", o, err));
	for (size_t i = 0; i < options->n; i++)
		TRY(json_add_str(o, options->v[i].key, options->v[i].value, err));
	return 0;
}

int volume_plugin_create(struct engine *e, const struct volume *v, struct error *err)
{
	auto_json *request = NULL, *answer = NULL;
	struct error missing;

	TRY(activate(e, v->driver, err));
	if (get(e, v, &missing) == 0)
		return 0;
	if (missing.kind == ERROR_TIMEOUT) {
		*err = missing;
		return -1;
	}
	TRY(name_request(v->name, &request, err));
	TRY(add_options(request, &v->options, err));
	if (ask(e, v->driver, "VolumeDriver.Create", request, &answer, err) < 0)
		return fail_wrap(err, "creating volume \"%s\" in plugin %s", v->name, v->driver);
	return 0;
}

int volume_plugin_remove(struct engine *e, const struct volume *v, struct error *err)
{
	auto_json *request = NULL, *answer = NULL;

	TRY(activate(e, v->driver, err));
	if (get(e, v, err) < 0) {
		err->kind = ERROR_NOT_FOUND;
		return -1;
	}
	TRY(name_request(v->name, &request, err));
	return ask(e, v->driver, "VolumeDriver.Remove", request, &answer, err);
}

/* ---- mounting ---- */
static int place_path(const struct engine *e, const char *name, char **ret, struct error *err)
{
	return str_printf(ret, err, "%s/volumes/%s/" PLACE, e->runroot, name);
}

static int mount_request(const struct engine *e, const struct volume *v, struct json_object **ret, struct error *err)
{
	char id[SHA256_HEX_MAX];
	struct sha256 h;

	sha256_init(&h);
	sha256_add(&h, e->root, strlen(e->root));
	TRY(name_request(v->name, ret, err));
	return json_add_str(*ret, "ID", sha256_end_hex(&h, id), err);
}

int volume_plugin_mount(struct engine *e, struct volume *v, struct error *err)
{
	auto_json *request = NULL, *answer = NULL;
	autofree char *note = NULL;

	TRY(mount_request(e, v, &request, err));
	if (activate(e, v->driver, err) < 0 || ask(e, v->driver, "VolumeDriver.Mount", request, &answer, err) < 0)
		return fail_wrap(err, "mounting volume %s", v->name);
	const char *where = answer ? json_get_str(answer, "Mountpoint") : NULL;
	if (!where || *where != '/' || strlen(where) >= PATH_MAX)
		return fail(err, ERROR_INVALID, "mounting volume %s: plugin %s gives no absolute path", v->name, v->driver);
	TRY(place_path(e, v->name, &note, err));
	TRY(file_replace(AT_FDCWD, note, where, strlen(where), 0600, 0, err));
	return str_set(&v->mountpoint, where, err);
}

int volume_plugin_unmount(struct engine *e, const struct volume *v, struct error *err)
{
	auto_json *request = NULL, *answer = NULL;
	autofree char *note = NULL;

	TRY(place_path(e, v->name, &note, err));
	TRY(mount_request(e, v, &request, err));
	if (activate(e, v->driver, err) < 0 || ask(e, v->driver, "VolumeDriver.Unmount", request, &answer, err) < 0)
		return fail_wrap(err, "unmounting volume %s", v->name);
	return unlink(note) < 0 && errno != ENOENT ? fail_errno(err, "remove %s", note) : 0;
}

int volume_plugin_place(struct engine *e, struct volume *v, struct error *err)
{
	autofree char *note = NULL, *text = NULL;

	TRY(place_path(e, v->name, &note, err));
	int r = file_read(AT_FDCWD, note, PATH_MAX, &text, NULL, err);
	TRY(r);
	return str_set(&v->mountpoint, r ? text : "", err);
}

/* ---- reload ---- */
void volume_reload_done(struct volume_reload *r)
{
	strv_done(&r->added);
	strv_done(&r->removed);
	strv_done(&r->problems);
}

static int list_names(struct engine *e, const char *driver, struct strv *ret, struct error *err)
{
	auto_json *answer = NULL;

	TRY(activate(e, driver, err));
	if (ask(e, driver, "VolumeDriver.List", NULL, &answer, err) < 0)
		return fail_wrap(err, "failed to read volumes from plugin \"%s\"", driver);
	struct json_object *list = answer ? json_get_array(answer, "Volumes") : NULL;
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		const char *name = json_object_is_type(o, json_type_object) ? json_get_str(o, "Name") : NULL;
		if (name)
			TRY(strv_add(ret, name, err));
	}
	return 0;
}

static int adopt(struct engine *e, const char *driver, const char *name, struct volume_reload *r, struct error *err)
{
	auto_volume v = {};
	struct error why;

	TRY(str_set(&v.name, name, err));
	TRY(str_set(&v.driver, driver, err));
	if (volume_adopt(e, &v, &why) == 0)
		return strv_add(&r->added, name, err);
	return why.kind == ERROR_EXISTS ? 0 : strv_add(&r->problems, why.text, err);
}

/* What each plugin has: "driver/name" in `have`; a driver that cannot be asked is in `silent`. */
static int ask_all(struct engine *e, struct strv *have, struct strv *silent, struct volume_reload *r, struct error *err)
{
	const struct strmap *plugins = &e->conf.engine.volume_plugins;

	for (size_t i = 0; i < plugins->n; i++) {
		const char *driver = plugins->v[i].key;
		auto_strv names = {};
		struct error why;
		if (list_names(e, driver, &names, &why) < 0) {
			TRY(strv_add(&r->problems, why.text, err));
			TRY(strv_add(silent, driver, err));
			continue;
		}
		for (size_t k = 0; k < names.n; k++) {
			TRY(strv_addf(have, err, "%s/%s", driver, names.v[k]));
			TRY(adopt(e, driver, names.v[k], r, err));
		}
	}
	return 0;
}

static int forget(struct engine *e, const struct volume *v, int used, struct volume_reload *r, struct error *err)
{
	struct error why;

	TRY(used);
	if (used)
		return strv_addf(&r->problems, err, "volume was removed from the plugin \"%s\" but containers still require it: volume %s is "
				 "being used", v->driver, v->name);
	if (volume_forget(e, v->name, &why) < 0)
		return why.kind == ERROR_NOT_FOUND ? 0 : strv_add(&r->problems, why.text, err);
	return strv_add(&r->removed, v->name, err);
}

int volume_reload(struct engine *e, int (*in_use)(void *arg, const char *name, struct error *err), void *arg,
		  struct volume_reload *ret, struct error *err)
{
	auto_strv have = {}, silent = {}, names = {};

	TRY(ask_all(e, &have, &silent, ret, err));
	TRY(volume_list(e, &names, err));
	for (size_t i = 0; i < names.n; i++) {
		auto_volume v = {};
		autofree char *key = NULL;
		int r = volume_find(e, names.v[i], &v, err);
		TRY(r);
		/* Where nobody answers nothing is known: a plugin that is down has not lost its volumes. */
		if (!r || !volume_uses_plugin(e, &v) || strv_has(&silent, v.driver) ||
		    !strmap_get(&e->conf.engine.volume_plugins, v.driver))
			continue;
		TRY(str_printf(&key, err, "%s/%s", v.driver, v.name));
		if (!strv_has(&have, key))
			TRY(forget(e, &v, in_use(arg, v.name, err), ret, err));
	}
	return 0;
}
