/* SPDX-License-Identifier: Apache-2.0
 * build/step-copy.c - COPY, ADD and WORKDIR in their own process. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "build/place.h"
#include "build/step.h"
#include "os/path.h"
#include "os/user.h"

/* --chown USER[:GROUP], names from the image. Without a group: the user's own number (Docker), or its passwd entry's. */
static int find_owner(const char *spec, int view, uid_t *uid, gid_t *gid, struct error *err)
{
	auto_user u = {};
	const struct user_lookup l = { .spec = spec };
	autoclose int empty = -1;

	if (view < 0) {
		empty = open("/proc/self/fdinfo", O_PATH | O_DIRECTORY | O_CLOEXEC);   /* a directory without an etc */
		view = empty;
	}
	if (!*spec || *spec == ':')
		return fail(err, ERROR_INVALID, "looking up UID/GID for \"%s\": can't find uid for user", spec);
	if (user_lookup(view, &l, &u, err) < 0)
		return fail_wrap(err, "looking up user \"%s\"", spec);
	*uid = u.uid;
	*gid = u.gid;
	return 0;
}

static int find_sources(struct step_job *j, int from, struct error *err)
{
	struct copy_source *s = j->patterns.v;

	for (size_t i = 0; i < j->patterns.n; i++) {
		if (s[i].root < 0)
			s[i].root = from;
		if (s[i].root < 0)
			return fail(err, ERROR_NOT_FOUND, "%s: the source is empty", s[i].pattern);
		struct error missing;
		if (copy_find(&s[i], &j->items, &missing) == 0)
			continue;
		*err = missing;
		if (missing.kind != ERROR_NOT_FOUND || !ignore_has_glob(s[i].pattern))
			return -1;
	}
	/* a pattern may fit nothing when another source is there */
	return j->patterns.n && !j->items.v.n ? -1 : 0;
}

/* 1: go on. */
static int ask(int socket, const struct copy_job *c)
{
	struct step_message m = { .event = STEP_KEY };
	char answer = 'n';
	ssize_t n;

	snprintf(m.content, sizeof(m.content), "%s", c->digest);
	step_send(socket, &m);
	do
		n = recv(socket, &answer, 1, 0);
	while (n < 0 && errno == EINTR);
	return n == 1 && answer == 'y';
}

/* Several sources go into a directory: one that is not there becomes one (Buildah). */
static int check_directory(const struct step_job *j, int view, struct error *err)
{
	char real[PATH_MAX];
	mode_t type = 0;

	if (j->items.v.n < 2 || str_ends(j->destination, "/") || str_ends(j->destination, "/."))
		return 0;
	int there = place_resolve(view, j->destination, real, &type, err);
	TRY(there);
	if (there && !S_ISDIR(type))
		return fail(err, ERROR_INVALID, "destination %s already exists but is not a directory", j->destination);
	return 0;
}

static int is_plain(const struct step_job *j, int view, struct error *err)
{
	autofree char *clean = path_clean(j->destination);
	char real[PATH_MAX];

	if (!clean)
		return fail_oom(err);
	TRY(place_resolve(view, clean, real, NULL, err));
	return streq(real, clean);
}

int step_copy_child(struct step_job *j, int socket, struct step_message *ret, struct error *err)
{
	autoclose int view = -1, from = -1;
	struct copy_job c = { .items = &j->items, .destination = j->destination, .chmod = j->chmod, .excludes = j->excludes,
			      .owner = { .keep = j->keep_owner }, .time = j->copy_time, .parents = j->parents };

	TRY(step_view(j, &j->below, &view, err));
	TRY(step_view(j, &j->from, &from, err));
	TRY(find_sources(j, from, err));
	if (j->chown) {
		c.owner.set = true;
		TRY(find_owner(j->chown, view, &c.owner.uid, &c.owner.gid, err));
	}
	c.directory = j->items.v.n > 1 || (j->items.v.n == 1 && COPY_ITEM(&j->items, 0)->contents);
	c.view = j->link ? -1 : view;
	TRY(check_directory(j, c.view, err));
	int plain = is_plain(j, c.view, err);
	TRY(plain);
	ret->plain = plain == 1;
	c.upper = -1;
	c.hash = true;
	if (j->ask_first) {
		TRY(copy_run(&c, err));
		if (!ask(socket, &c))
			_exit(0);
		c.hash = false;
	}
	c.upper = j->upper;
	char content[SHA256_HEX_MAX];
	snprintf(content, sizeof(content), "%s", c.digest);
	TRY(copy_run(&c, err));
	snprintf(ret->content, sizeof(ret->content), "%s", j->ask_first ? content : c.digest);
	return step_layer(j, ret, err);
}

/* One layer of everything: the whole tree is copied when there are layers below, else the upper directory is it. */
int step_squash_child(struct step_job *j, struct step_message *ret, struct error *err)
{
	autoclose int from = -1;
	struct copy_job c = { .items = &j->items, .destination = "/", .directory = true, .owner = { .keep = true }, .view = -1,
			      .upper = j->upper };

	TRY(step_view(j, &j->from, &from, err));
	if (from >= 0) {
		struct copy_item *i = list_add(&j->items.v, sizeof(*i), err);
		if (!i)
			return -1;
		*i = (struct copy_item){ .root = from, .is_dir = true, .contents = true };
		TRY(str_set(&i->path, "", err));
		TRY(str_set(&i->name, "", err));
		TRY(copy_run(&c, err));
	}
	return step_layer(j, ret, err);
}

/* WORKDIR makes the directory, owned by the stage's user, when the image has none. */
int step_workdir_child(struct step_job *j, struct step_message *ret, struct error *err)
{
	autoclose int view = -1;
	struct place_owner owner = { 0, 0, 0755 };
	char real[PATH_MAX];
	mode_t type = 0;

	TRY(step_view(j, &j->below, &view, err));
	int there = place_resolve(view, j->directory, real, &type, err);
	if (there < 0)
		return -1;
	if (there && !S_ISDIR(type))
		return fail_with(err, ENOTDIR, "%s", j->directory);
	if (there)
		return 0;
	if (!str_empty(j->user))
		TRY(find_owner(j->user, view, &owner.uid, &owner.gid, err));
	int fd = place_mkdirs(view, j->upper, real, owner, NULL, err);
	close_p(&fd);
	return fd < 0 ? -1 : step_layer(j, ret, err);
}
