/* SPDX-License-Identifier: Apache-2.0
 * engine/secret.c - records of secrets.
 *
 * The bytes are stored first, the record makes the secret visible, in a removal it goes first: a killed command leaves at
 * most bytes without a record, which nobody can name. A replacement is a new secret whose record is written before the
 * old one goes; between the two the newer one of a name counts. */
#include "engine/secret.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/json.h"
#include "base/units.h"
#include "engine/event.h"
#include "engine/secret-driver.h"
#include "os/file.h"
#include "store/store.h"

enum { ID_DIGITS = 25, RECORD_MAX = 1 << 20 };

static const struct field driver_rows[] = {
	{ .json = "Name", F_STR(struct secret_driver, name), .flags = FIELD_ALWAYS },
	{ .json = "Options", F_MAP(struct secret_driver, options), .flags = FIELD_ALWAYS }, {}
};
static const struct field spec_rows[] = {
	{ .json = "Name", F_STR(struct secret_spec, name), .flags = FIELD_ALWAYS },
	{ .json = "Driver", F_OBJECT(struct secret_spec, driver, driver_rows), .flags = FIELD_ALWAYS },
	{ .json = "Labels", F_MAP(struct secret_spec, labels), .flags = FIELD_ALWAYS }, {}
};
const struct field secret_rows[] = {
	{ .json = "ID", F_STR(struct secret, id), .flags = FIELD_ALWAYS },
	{ .json = "CreatedAt", F_TIME(struct secret, created), .flags = FIELD_ALWAYS },
	{ .json = "UpdatedAt", F_TIME(struct secret, updated), .flags = FIELD_ALWAYS },
	{ .json = "Spec", F_OBJECT(struct secret, spec, spec_rows), .flags = FIELD_ALWAYS },
	{ .json = "SecretData", F_STR(struct secret, data) }, {}
};

void secret_wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->len);
	buf_done(b);
}

void secret_done(struct secret *s)
{
	if (s->data)
		explicit_bzero(s->data, strlen(s->data));
	fields_done(secret_rows, s);
}

void secret_list_done(struct secret_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		secret_done(&l->v[i]);
	free(l->v);
	*l = (struct secret_list){};
}

/* ---- records ---- */
int secret_dir(struct engine *e, char **ret, struct error *err)
{
	return str_printf(ret, err, "%s/secrets", e->root);
}

static int open_dir(struct engine *e, bool create, struct error *err)
{
	autofree char *path = NULL;

	TRY(secret_dir(e, &path, err));
	return file_open_dir(AT_FDCWD, path, create, 0700, err);
}

static int load_record(int dir, const char *name, struct secret *ret, struct error *err)
{
	autofree char *text = NULL;
	auto_json *tree = NULL;
	auto_secret s = {};
	size_t len;
	int r = file_read(dir, name, RECORD_MAX, &text, &len, err);

	if (r <= 0)
		return r;
	TRY(json_parse(name, text, len, NULL, &tree, err));
	TRY(fields_load(secret_rows, FIELD_COLUMN_JSON, tree, &s, NULL, err));
	if (str_empty(s.id) || str_empty(s.spec.name) || str_empty(s.spec.driver.name))
		return fail(err, ERROR_CORRUPT, "secrets/%s: no record of a secret", name);
	*ret = s;
	s = (struct secret){};
	return 1;
}

static int save_record(int dir, const struct secret *s, struct error *err)
{
	auto_json *tree = NULL;
	auto_buf text = BUF_INIT(RECORD_MAX);
	char name[ID_DIGITS + 8];

	TRY(fields_save(secret_rows, FIELD_COLUMN_JSON, s, &tree, err));
	json_format(&text, tree, 1);
	TRY(buf_ok(&text, "secret", err));
	snprintf(name, sizeof(name), "%s.json", s->id);
	return file_replace(dir, name, text.data, text.len, 0600, FILE_SYNC, err);
}

static int drop_record(int dir, const struct secret *s, struct error *err)
{
	char name[ID_DIGITS + 8];

	snprintf(name, sizeof(name), "%s.json", s->id);
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return fail_errno(err, "remove secret %s", s->spec.name);
	return file_sync_dir(dir, ".", err);
}

/* Of two records of a name - a replacement was cut short - the newer one stays in the list. */
static int list_put(struct secret_list *l, struct secret *s, struct error *err)
{
	for (size_t i = 0; i < l->n; i++) {
		if (!streq(l->v[i].spec.name, s->spec.name))
			continue;
		if (l->v[i].updated < s->updated) {
			struct secret older = l->v[i];
			l->v[i] = *s;
			*s = older;
		}
		secret_done(s);
		return 0;
	}
	struct secret *v = realloc(l->v, (l->n + 1) * sizeof(*v));
	if (!v)
		return fail_oom(err);
	l->v = v;
	v[l->n++] = *s;
	*s = (struct secret){};
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct secret *)a)->spec.name, ((const struct secret *)b)->spec.name);
}

static int read_all(int dir, struct secret_list *l, struct error *err)
{
	DIR *d = file_stream(dir, ".");
	struct dirent *entry;
	int r = 0;

	if (!d)
		return fail_errno(err, "read the secrets");
	while (r >= 0 && (entry = readdir(d))) {
		auto_secret s = {};
		if (entry->d_name[0] == '.' || !str_ends(entry->d_name, ".json"))
			continue;
		r = load_record(dir, entry->d_name, &s, err);
		if (r == 1)
			r = list_put(l, &s, err);
	}
	closedir(d);
	return r < 0 ? -1 : 0;
}

int secret_load_all(struct engine *e, struct secret_list *ret, struct error *err)
{
	auto_secret_list l = {};
	autoclose int dir = open_dir(e, false, err);

	if (dir < 0)
		return err->errnum == ENOENT ? (*ret = l, 0) : -1;
	TRY(read_all(dir, &l, err));
	if (l.n > 1)
		qsort(l.v, l.n, sizeof(*l.v), by_name);
	*ret = l;
	l = (struct secret_list){};
	return 0;
}

/* ---- finding ---- */
static int choose(const struct secret_list *l, const char *what, size_t *ret, struct error *err)
{
	size_t found = l->n;

	for (size_t i = 0; i < l->n; i++)
		if (streq(l->v[i].spec.name, what) || streq(l->v[i].id, what)) {
			*ret = i;
			return 0;
		}
	for (size_t i = 0; i < l->n && *what; i++) {
		if (!str_after(l->v[i].id, what))
			continue;
		if (found < l->n)
			return fail(err, ERROR_INVALID, "more than one result secret with prefix %s: secret is ambiguous", what);
		found = i;
	}
	*ret = found;
	return found < l->n ? 0 : fail(err, ERROR_NOT_FOUND, "no secret with name or id \"%s\": no such secret", what);
}

int secret_find(struct engine *e, const char *what, struct secret *ret, struct error *err)
{
	auto_secret_list l = {};
	size_t i;

	TRY(secret_load_all(e, &l, err));
	TRY(choose(&l, what, &i, err));
	*ret = l.v[i];
	l.v[i] = (struct secret){};
	return 0;
}

int secret_read(struct engine *e, const struct secret *s, struct buf *to, struct error *err)
{
	const struct secret_driver_ops *d = secret_driver_find(s->spec.driver.name, err);

	if (!d || d->lookup(e, s, to, err) < 0)
		return fail_wrap(err, "secret %s", s->spec.name);
	return buf_ok(to, "secret", err);
}

/* ---- making and removing ---- */
static int check_name(const char *name, struct error *err)
{
	size_t n = strlen(name);

	if (n >= 1 && n <= 253 && !strpbrk(name, "=/,"))
		return 0;
	return fail(err, ERROR_INVALID, "secret name \"%s\" can not include '=', '/', ',', or the '\\0' (NULL) and be between 1 and 253 "
		    "characters: invalid secret name", name);
}

static int lock_all(struct engine *e, struct lock *ret, struct error *err)
{
	struct store *s;

	TRY(engine_store(e, &s, err));
	return store_lock(s, "secrets", "all", (struct lock_how){ .mode = LOCK_EXCLUSIVE, .timeout_ns = -1 }, ret, err) < 0 ? -1 : 0;
}

static int describe(struct engine *e, const struct secret_new *n, struct secret *s, struct error *err)
{
	const struct conf_secrets *conf = &e->conf.secrets;
	const char *driver = str_empty(n->driver) ? conf->driver : n->driver;
	char id[65];

	TRY(random_id(id, err));
	id[ID_DIGITS] = '\0';
	TRY(str_set(&s->id, id, err));
	TRY(str_set(&s->spec.name, n->name, err));
	TRY(str_set(&s->spec.driver.name, str_empty(driver) ? "file" : driver, err));
	if (n->options && n->options->n)
		TRY(strmap_copy(&s->spec.driver.options, n->options, err));
	else if (streq0(conf->driver, s->spec.driver.name))
		TRY(strmap_copy(&s->spec.driver.options, &conf->opts, err));
	if (n->labels)
		TRY(strmap_copy(&s->spec.labels, n->labels, err));
	s->created = s->updated = time_now();
	const struct secret_driver_ops *d = secret_driver_find(s->spec.driver.name, err);
	return d ? d->prepare(e, &s->spec.driver.options, err) : -1;
}

static int forget(struct engine *e, int dir, const struct secret *s, struct error *err)
{
	const struct secret_driver_ops *d = secret_driver_find(s->spec.driver.name, err);

	TRY(drop_record(dir, s, err));
	return d && d->remove(e, s, err) >= 0 ? 0 : fail_wrap(err, "removing the data of secret %s", s->spec.name);
}

static int store_new(struct engine *e, int dir, const struct secret_new *n, const struct secret *s, struct error *err)
{
	const struct secret_driver_ops *d = secret_driver_find(s->spec.driver.name, err);
	struct error ignored;

	if (!d || d->store(e, s, n->data, n->len, err) < 0)
		return fail_wrap(err, "creating secret %s", n->name);
	if (save_record(dir, s, err) == 0)
		return 0;
	d->remove(e, s, &ignored);
	return -1;
}

static void tell(const struct engine *e, enum event_status status, const char *id)
{
	engine_event(e, &(struct event){ .type = EVENT_SECRET, .status = status, .id = id });
}

int secret_create(struct engine *e, const struct secret_new *n, char **ret_id, struct error *err)
{
	auto_secret s = {}, old = {};
	auto_lock lock = LOCK_INIT;

	TRY(check_name(n->name, err));
	if (!n->len || n->len >= SECRET_BYTES_MAX)
		return fail(err, ERROR_INVALID, "secret data must be larger than 0 and less than %d bytes", SECRET_BYTES_MAX);
	TRY(lock_all(e, &lock, err));
	autoclose int dir = open_dir(e, true, err);
	if (dir < 0)
		return -1;
	struct error missing;
	bool taken = secret_find(e, n->name, &old, &missing) == 0 && streq(old.spec.name, n->name);
	if (taken && n->ignore)
		return str_set(ret_id, old.id, err);
	if (taken && !n->replace)
		return fail(err, ERROR_EXISTS, "%s: secret name in use", n->name);
	TRY(describe(e, n, &s, err));
	if (taken)
		s.created = old.created;
	TRY(store_new(e, dir, n, &s, err));
	if (taken)
		TRY(forget(e, dir, &old, err));
	tell(e, EVENT_CREATE, s.id);
	return str_set(ret_id, s.id, err);
}

int secret_remove(struct engine *e, const char *what, char **ret_id, struct error *err)
{
	auto_secret s = {};
	auto_lock lock = LOCK_INIT;

	engine_make_room(e);
	TRY(lock_all(e, &lock, err));
	TRY(secret_find(e, what, &s, err));
	autoclose int dir = open_dir(e, false, err);
	if (dir < 0)
		return -1;
	TRY(forget(e, dir, &s, err));
	tell(e, EVENT_REMOVE, s.id);
	return str_set(ret_id, s.id, err);
}
