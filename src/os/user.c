/* SPDX-License-Identifier: Apache-2.0
 * os/user.c - user specifications against a rootfs' passwd and group files.
 *
 * Both files are hostile (the image wrote them) and read once, line by line, in a window of 64 KiB: memory does not
 * grow with them. What a line says is only believed field by field: a line with a malformed id is skipped. */
#include "os/user.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "os/path.h"

#define FILE_MAX   ((size_t)1 << 20)
#define LINE_MAX_  ((size_t)64 << 10)
#define GROUPS_MAX 65536
#define ID_MAX     (UINT32_MAX - 1)   /* -1 means "leave unchanged" to setresuid() */

int user_parse_id(const char *text, uint32_t *ret_id, struct error *err)
{
	size_t len = strlen(text), digits = strspn(text, "0123456789");
	uint64_t v = 0;

	if (len == 0)
		return fail(err, ERROR_INVALID, "empty user or group");
	if (len > 4096)
		return fail(err, ERROR_INVALID, "user or group name of more than 4096 bytes");
	if (digits == len) {
		for (size_t i = 0; i < len && v <= ID_MAX; i++)
			v = v * 10 + (uint64_t)(text[i] - '0');
		if (v > ID_MAX)
			return fail(err, ERROR_INVALID, "%.40s%s: user and group ids are in the range 0-%u", text,
				    len > 40 ? "..." : "", ID_MAX);
		*ret_id = (uint32_t)v;
		return 1;
	}
	if (text[0] == '-' || text[0] == '+')
		return fail(err, ERROR_INVALID, "%.40s: neither a number nor a user or group name", text);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f || text[i] == ':' || text[i] == ',')
			return fail(err, ERROR_INVALID, "a user or group name may not contain blanks, control characters, "
						       "colons or commas");
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return fail(err, ERROR_INVALID, "%.40s: only decimal numbers are taken for ids", text);
	return 0;
}

bool user_field_is_safe(const char *value)
{
	return !value[strcspn(value, ":\n\r")];
}

void user_result_done(struct user_result *u)
{
	free(u->groups);
	free(u->name);
	free(u->home);
	free(u->shell);
	*u = (struct user_result){ 0 };
}

/* ---- reading lines of a bounded text source ---- */

struct lines {
	const char *text;    /* memory source (tests), or */
	size_t text_len;
	int fd;              /* a file, -1 */
	const char *what;
	char *window;        /* LINE_MAX_ + 1 bytes, of a file */
	size_t have, at, total;
	bool eof;
};

static void lines_done(struct lines *l)
{
	free(l->window);
	close_p(&l->fd);
}

/* Moves what is left to the front of the window and fills it up. */
static int refill(struct lines *l, struct error *err)
{
	memmove(l->window, l->window + l->at, l->have - l->at);
	l->have -= l->at;
	l->at = 0;
	while (!l->eof && l->have < LINE_MAX_) {
		ssize_t n = read(l->fd, l->window + l->have, LINE_MAX_ - l->have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(err, "%s", l->what);
		l->eof = n == 0;
		l->have += (size_t)n;
		l->total += (size_t)n;
		if (l->total > FILE_MAX)
			return fail(err, ERROR_INVALID, "%s: larger than %zu bytes", l->what, FILE_MAX);
	}
	return 0;
}

static int next_from_memory(struct lines *l, char **ret)
{
	if (l->at >= l->text_len)
		return 0;
	const char *start = l->text + l->at, *nl = memchr(start, '\n', l->text_len - l->at);
	size_t len = nl ? (size_t)(nl - start) : l->text_len - l->at;
	l->at += len + 1;
	if (len > LINE_MAX_)
		len = 0;
	memcpy(l->window, start, len);
	l->window[len] = '\0';
	*ret = l->window;
	return 1;
}

/* 1: *ret is the next line, valid until the next call; 0: end. */
static int next_line(struct lines *l, char **ret, struct error *err)
{
	if (l->fd < 0)
		return next_from_memory(l, ret);
	char *nl = memchr(l->window + l->at, '\n', l->have - l->at);
	if (!nl && !l->eof) {
		TRY(refill(l, err));
		nl = memchr(l->window, '\n', l->have);
	}
	if (l->at >= l->have)
		return 0;
	if (!nl && !l->eof)
		return fail(err, ERROR_INVALID, "%s: a line is longer than %zu bytes", l->what, LINE_MAX_);
	*ret = l->window + l->at;
	size_t end = nl ? (size_t)(nl - l->window) : l->have;
	l->window[end] = '\0';
	l->at = nl ? end + 1 : l->have;
	return 1;
}

static int lines_open(struct lines *l, struct error *err)
{
	l->window = malloc(LINE_MAX_ + 1);
	return l->window ? 0 : fail_oom(err);
}

/* Opens a file of the rootfs. A missing one, or one behind a dangling link, is an empty one. */
static int lines_open_in_root(struct lines *l, int root, const char *path, struct error *err)
{
	struct path_open how = { .oflags = O_RDONLY | O_NONBLOCK | O_NOCTTY };
	struct stat st;

	l->what = path;
	l->fd = path_open_in_root(root, path, how, err);
	if (l->fd < 0 && (err->errnum == ENOENT || err->errnum == ENOTDIR)) {
		l->text = "";
		return lines_open(l, err);
	}
	if (l->fd < 0)
		return -1;
	if (fstat(l->fd, &st) < 0)
		return fail_errno(err, "%s", path);
	if (!S_ISREG(st.st_mode))
		return fail(err, ERROR_INVALID, "%s in the container: not a regular file", path);
	if ((uint64_t)st.st_size > FILE_MAX)
		return fail(err, ERROR_INVALID, "%s in the container: larger than %zu bytes", path, FILE_MAX);
	return lines_open(l, err);
}

/* Splits at colons in place; the number of fields, at most max (further colons stay in the last one). */
static size_t split_fields(char *line, char **fields, size_t max)
{
	size_t n = 0;

	for (char *p = line; p && n < max;) {
		fields[n++] = p;
		p = n < max ? strchr(p, ':') : NULL;
		if (p)
			*p++ = '\0';
	}
	return n;
}

static bool field_id(const char *text, uint32_t *ret)
{
	struct error ignored;

	return user_parse_id(text, ret, &ignored) == 1;
}

/* ---- the look-up ---- */

struct part {
	bool given, is_number, found;
	uint32_t id;
	const char *name;
};

struct query {
	struct part user, group;
	const struct strv *extra;
	bool *extra_found;         /* of extra names */
	struct user_result r;
	size_t groups_cap;
};

static void query_done(struct query *q)
{
	free(q->extra_found);
	user_result_done(&q->r);
}

static int part_parse(const char *text, struct part *p, struct error *err)
{
	int r = user_parse_id(text, &p->id, err);

	p->given = true;
	p->is_number = r == 1;
	p->name = text;
	return r < 0 ? -1 : 0;
}

/* Splits "user:group" in place. */
static int parse_spec(char *spec, struct query *q, struct error *err)
{
	char *colon = strchr(spec, ':');

	if (!*spec) {
		q->user = (struct part){ .is_number = true, .name = "0" };
		return 0;
	}
	if (colon) {
		*colon = '\0';
		TRY(part_parse(colon + 1, &q->group, err));
	}
	return part_parse(spec, &q->user, err);
}

static int keep(char **to, const char *value, struct error *err)
{
	return *value && user_field_is_safe(value) ? str_set(to, value, err) : 0;
}

/* name:password:uid:gid:gecos:home:shell */
static int match_passwd(struct query *q, char *line, struct error *err)
{
	char *f[7];
	uint32_t uid, gid;

	if (split_fields(line, f, 7) < 7 || !field_id(f[2], &uid) || !field_id(f[3], &gid) || q->user.found)
		return 0;
	if (q->user.is_number ? uid != q->user.id : !streq(f[0], q->user.name))
		return 0;
	q->user.found = true;
	q->r.uid = uid;
	q->r.gid = gid;
	TRY(keep(&q->r.name, f[0], err));
	TRY(keep(&q->r.shell, f[6], err));
	return f[5][0] == '/' ? keep(&q->r.home, f[5], err) : 0;
}

static int add_group(struct query *q, gid_t gid, struct error *err)
{
	struct user_result *r = &q->r;

	if (r->n_groups == GROUPS_MAX)
		return fail(err, ERROR_INVALID, "more than %d groups", GROUPS_MAX);
	if (r->n_groups == q->groups_cap) {
		size_t cap = q->groups_cap ? 2 * q->groups_cap : 16;
		gid_t *v = realloc(r->groups, cap * sizeof(*v));
		if (!v)
			return fail_oom(err);
		r->groups = v;
		q->groups_cap = cap;
	}
	r->groups[r->n_groups++] = gid;
	return 0;
}

static bool is_member(const char *members, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = members; *p; p += *p == ',') {
		size_t n = strcspn(p, ",");
		if (n == len && memcmp(p, name, len) == 0)
			return true;
		p += n;
	}
	return false;
}

/* name:password:gid:member,member */
static int match_group(struct query *q, char *line, struct error *err)
{
	char *f[4];
	uint32_t gid;

	if (split_fields(line, f, 4) < 4 || !field_id(f[2], &gid))
		return 0;
	if (q->group.given && !q->group.is_number && !q->group.found && streq(f[0], q->group.name)) {
		q->group.found = true;
		q->group.id = gid;
	}
	/* an explicit group replaces the ones of the file; without an entry in passwd there is no name to look for */
	if (!q->group.given && q->r.name && is_member(f[3], q->r.name))
		TRY(add_group(q, gid, err));
	for (size_t i = 0; q->extra && i < q->extra->n; i++)
		if (!q->extra_found[i] && streq(q->extra->v[i], f[0])) {
			q->extra_found[i] = true;
			TRY(add_group(q, gid, err));
		}
	return 0;
}

static int scan(struct lines *l, struct query *q, int (*match)(struct query *, char *, struct error *), struct error *err)
{
	char *line = NULL;
	int r;

	while ((r = next_line(l, &line, err)) == 1)
		if (*line && *line != '#')
			TRY(match(q, line, err));
	return r;
}

static int add_numeric_extras(struct query *q, struct error *err)
{
	for (size_t i = 0; q->extra && i < q->extra->n; i++) {
		uint32_t gid;
		int r = user_parse_id(q->extra->v[i], &gid, err);
		if (r < 0)
			return -1;
		q->extra_found[i] = r == 1;
		if (r == 1)
			TRY(add_group(q, gid, err));
	}
	return 0;
}

static int compare_gids(const void *a, const void *b)
{
	gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

	return x < y ? -1 : x > y;
}

static void tidy_groups(struct user_result *r)
{
	size_t n = 0;

	if (r->n_groups)
		qsort(r->groups, r->n_groups, sizeof(gid_t), compare_gids);
	for (size_t i = 0; i < r->n_groups; i++)
		if (r->groups[i] != r->gid && (n == 0 || r->groups[n - 1] != r->groups[i]))
			r->groups[n++] = r->groups[i];
	r->n_groups = n;
}

static int conclude(struct query *q, struct error *err)
{
	if (q->group.given && !q->group.is_number && !q->group.found)
		return fail(err, ERROR_INVALID, "unable to find group %s: no matching entries in group file", q->group.name);
	for (size_t i = 0; q->extra && i < q->extra->n; i++)
		if (!q->extra_found[i])
			return fail(err, ERROR_INVALID, "unable to find group %s: no matching entries in group file",
				    q->extra->v[i]);
	if (q->group.given)
		q->r.gid = q->group.id;
	if (!q->r.home)
		TRY(str_set(&q->r.home, q->r.uid == 0 ? "/root" : "/", err));
	tidy_groups(&q->r);
	return 0;
}

static int look_up(struct lines *passwd, struct lines *group, const struct user_lookup *l, struct user_result *ret,
		   struct error *err)
{
	CLEANUP(query_done) struct query q = { .extra = l->extra };
	autofree char *spec = strdup(l->spec ? l->spec : "");

	q.extra_found = calloc(l->extra && l->extra->n ? l->extra->n : 1, sizeof(bool));
	if (!spec || !q.extra_found)
		return fail_oom(err);
	TRY(parse_spec(spec, &q, err));
	TRY(scan(passwd, &q, match_passwd, err));
	if (!q.user.found && !q.user.is_number)
		return fail(err, ERROR_INVALID, "unable to find user %s: no matching entries in passwd file", q.user.name);
	if (!q.user.found)
		q.r.uid = q.user.id;
	TRY(add_numeric_extras(&q, err));
	TRY(scan(group, &q, match_group, err));
	TRY(conclude(&q, err));
	*ret = q.r;
	q.r = (struct user_result){ 0 };
	return 0;
}

int user_lookup(int root, const struct user_lookup *l, struct user_result *ret, struct error *err)
{
	CLEANUP(lines_done) struct lines passwd = { .fd = -1 };
	CLEANUP(lines_done) struct lines group = { .fd = -1 };

	TRY(lines_open_in_root(&passwd, root, "/etc/passwd", err));
	TRY(lines_open_in_root(&group, root, "/etc/group", err));
	return look_up(&passwd, &group, l, ret, err);
}

int user_lookup_in_text(const char *passwd, size_t passwd_len, const char *group, size_t group_len,
			const struct user_lookup *l, struct user_result *ret, struct error *err)
{
	CLEANUP(lines_done) struct lines p = { .fd = -1, .text = passwd, .text_len = passwd_len };
	CLEANUP(lines_done) struct lines g = { .fd = -1, .text = group, .text_len = group_len };

	TRY(lines_open(&p, err));
	TRY(lines_open(&g, err));
	return look_up(&p, &g, l, ret, err);
}
