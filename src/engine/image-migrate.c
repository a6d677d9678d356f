/* SPDX-License-Identifier: Apache-2.0
 * engine/image-migrate.c - images of a Podman store come over: each is saved by Podman itself into a pipe and loaded from
 * it, so no registry and no second reader of its store is needed. Ids stay, names come along, the store is only read. */
#include "engine/image-migrate.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "conf/helpers.h"
#include "engine/image-commit.h"
#include "engine/image-list.h"
#include "os/spawn.h"
#include "store/image.h"

#define LIST_MAX ((size_t)16 << 20)

/* One image: its id and its names. */
struct found {
	char id[65];
	struct strv names;
};

struct migration {
	struct engine *e;
	char *podman;
	struct list images;   /* struct found */
};

static void migration_done(struct migration *m)
{
	for (size_t i = 0; i < m->images.n; i++)
		strv_done(&((struct found *)m->images.v)[i].names);
	free(m->images.v);
	free(m->podman);
}

/* A link of that name to this program is not Podman. */
static int find_podman(const char *given, char **ret, struct error *err)
{
	struct stat theirs, ours;

	if (!str_empty(given))
		TRY(str_set(ret, given, err));
	else
		TRY(helper_find_foreign("podman", NULL, true, ret, err));
	if (stat(*ret, &theirs) < 0)
		return fail_errno(err, "%s", *ret);
	if (stat("/proc/self/exe", &ours) == 0 && theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino)
		return fail(err, ERROR_INVALID, "%s is this program itself: say where Podman is, --from-podman=PATH", *ret);
	return 0;
}

static int run(const struct migration *m, char *const *argv, int out_fd, struct buf *out, struct spawned *ret, struct error *err)
{
	struct spawn s = SPAWN_INIT;
	int status;

	s.path = m->podman;
	s.argv = argv;
	s.envp = environ;
	s.stdout_fd = out_fd;
	s.stderr_fd = STDERR_FILENO;
	s.die_with_parent = true;
	if (!out)
		return spawn_start(&s, ret, err);
	struct spawn_io io = { .out = out };
	TRY(spawn_run(&s, &io, &status, err));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : fail(err, ERROR_INVALID, "%s %s failed", m->podman, argv[1]);
}

/* "ID REPOSITORY:TAG", one name a line. */
static int take_line(struct migration *m, char *line, struct error *err)
{
	char *blank = strchr(line, ' ');
	struct found *f = NULL;

	if (!blank)
		return 0;
	*blank = '\0';
	const char *id = str_after(line, "sha256:") ? line + strlen("sha256:") : line, *name = blank + 1;
	if (strlen(id) != 64)
		return fail(err, ERROR_CORRUPT, "%s lists an image without a full id", m->podman);
	for (size_t i = 0; i < m->images.n && !f; i++)
		if (streq(((struct found *)m->images.v)[i].id, id))
			f = &((struct found *)m->images.v)[i];
	if (!f)
		f = list_add(&m->images, sizeof(*f), err);
	if (!f)
		return -1;
	snprintf(f->id, sizeof(f->id), "%s", id);
	return strstr(name, "<none>") ? 0 : strv_add(&f->names, name, err);
}

static int list_images(struct migration *m, struct error *err)
{
	char *const argv[] = { m->podman, (char *)"images", (char *)"--noheading", (char *)"--no-trunc", (char *)"--format",
			       (char *)"{{.ID}} {{.Repository}}:{{.Tag}}", NULL };
	auto_buf out = BUF_INIT(LIST_MAX);
	char *rest = NULL;

	TRY(run(m, argv, -1, &out, NULL, err));
	buf_add_char(&out, '\0');
	TRY(buf_ok(&out, "list of images", err));
	for (char *line = strtok_r(out.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		TRY(take_line(m, line, err));
	return 0;
}

static int save_words(const struct migration *m, const struct found *f, struct strv *argv, struct error *err)
{
	TRY(strv_add(argv, m->podman, err));
	TRY(strv_add(argv, "save", err));
	TRY(strv_add(argv, "-q", err));
	return f->names.n ? strv_copy(argv, &f->names, err) : strv_add(argv, f->id, err);
}

static int bring(struct migration *m, const struct found *f, struct strv *ret, struct error *err)
{
	auto_strv argv = {};
	struct spawned p = SPAWNED_INIT;
	struct error loading = {};
	int ends[2], status = 0;

	TRY(save_words(m, f, &argv, err));
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail_errno(err, "pipe");
	autoclose int in = ends[0];
	autoclose int out = ends[1];
	TRY(run(m, argv.v, out, NULL, &p, err));
	close(take_fd(out));
	struct image_load o = { .fd = in };
	int r = image_load_archive(m->e, &o, ret, &loading);
	close(take_fd(in));
	TRY(spawn_wait(&p, -1, &status, err));
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return fail(err, ERROR_INVALID, "image %.12s: %s save failed", f->id, m->podman);
	if (r < 0) {
		*err = loading;
		return fail_wrap(err, "image %.12s", f->id);
	}
	return 0;
}

static int give_names(struct migration *m, const struct found *f, struct strv *ret, struct error *err)
{
	for (size_t i = 0; i < f->names.n; i++) {
		TRY(store_image_tag(m->e->store, f->id, f->names.v[i], err));
		TRY(strv_add(ret, f->names.v[i], err));
	}
	return 0;
}

int image_migrate_podman(struct engine *e, const char *podman, const struct image_progress *progress, struct strv *ret,
			 struct error *err)
{
	CLEANUP(migration_done) struct migration m = { .e = e };
	struct store *s;

	TRY(find_podman(podman, &m.podman, err));
	TRY(engine_store(e, &s, err));
	TRY(list_images(&m, err));
	for (size_t i = 0; i < m.images.n; i++) {
		const struct found *f = &((struct found *)m.images.v)[i];
		auto_store_image here = {};
		int there = store_image_get(s, f->id, 0, &here, err);
		TRY(there);
		image_say(progress, "%s image %.12s%s", there ? "Naming" : "Copying", f->id, there ? ", which is here" : "");
		TRY(there ? give_names(&m, f, ret, err) : bring(&m, f, ret, err));
	}
	return 0;
}
