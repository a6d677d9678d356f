/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/image-scp.h"

#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/wait.h>

#include "conf/helpers.h"
#include "engine/image-remove.h"
#include "os/file.h"
#include "os/spawn.h"

enum scp_kind { SCP_HERE, SCP_USER, SCP_REMOTE };

struct scp_end {
	enum scp_kind kind;
	char *user, *host, *identity, *image;
	char *port;
};

static void scp_end_done(struct scp_end *s)
{
	free(s->user);
	free(s->host);
	free(s->identity);
	free(s->image);
	free(s->port);
}

/* ---- who is meant ---- */
/* "[ssh://][user@]host[:port][/path]". */
static int parse_host(const char *text, struct scp_end *s, struct error *err)
{
	const char *rest = str_after(text, "ssh://") ?: text, *at = strchr(rest, '@');

	if (at)
		TRY(str_printf(&s->user, err, "%.*s", (int)(at - rest), rest));
	rest = at ? at + 1 : rest;
	TRY(str_printf(&s->host, err, "%.*s", (int)strcspn(rest, ":/"), rest));
	const char *colon = rest + strlen(s->host);
	if (*colon == ':')
		TRY(str_printf(&s->port, err, "%.*s", (int)strcspn(colon + 1, "/"), colon + 1));
	if (!*s->host || *s->host == '-' || (s->user && (!*s->user || *s->user == '-')) ||
	    (s->port && (!*s->port || s->port[strspn(s->port, "0123456789")])))
		return fail(err, ERROR_INVALID, "\"%s\" names no host: want [USER@]HOST:: or a connection", text);
	return 0;
}

static int parse_place(struct engine *e, const char *text, struct scp_end *s, struct error *err)
{
	const struct conf_destination *d = conf_destination_find(&e->conf, text);

	TRY(parse_host(d ? d->uri : text, s, err));
	if (d)
		TRY(str_set(&s->identity, d->identity, err));
	s->kind = streq(s->host, "localhost") && s->user && !d ? SCP_USER : SCP_REMOTE;
	return 0;
}

static int parse_end(struct engine *e, const char *text, struct scp_end *s, struct error *err)
{
	const char *mark = strstr(text, "::");

	if (!mark)
		return str_set(&s->image, text, err);
	autofree char *place = strndup(text, (size_t)(mark - text));
	if (!place)
		return fail_oom(err);
	TRY(parse_place(e, place, s, err));
	return mark[2] ? str_set(&s->image, mark + 2, err) : 0;
}

/* ---- running the other side ---- */
#define WORD(s) ((char *)(uintptr_t)(s))

struct command {
	char *argv[24];
	size_t n;
};

static void add(struct command *c, const char *word)
{
	if (word && c->n + 1 < ARRAY_LEN(c->argv))
		c->argv[c->n++] = WORD(word);
}

static int run(const struct spawn *s, const char *what, struct error *err)
{
	struct spawn_io io = {};
	int status;

	if (spawn_run(s, &io, &status, err) < 0)
		return fail_wrap(err, "%s", what);
	if (status == 0)
		return 0;
	return fail(err, ERROR_INVALID, "%s ended with status %d", what, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* A word for the shell at the other end. */
static int quote(const char *word, char **ret, struct error *err)
{
	auto_buf b = BUF_INIT(8192);

	buf_add_char(&b, '\'');
	for (; *word; word++)
		if (*word == '\'')
			buf_add_str(&b, "'\\''");
		else
			buf_add_char(&b, *word);
	buf_add_char(&b, '\'');
	TRY(buf_ok(&b, "word", err));
	*ret = buf_steal(&b);
	return *ret ? 0 : fail_oom(err);
}

/* words: a command of ours, NULL-terminated; image (may be NULL) is its last word. */
static int run_remote(const struct scp_end *s, const char *const *words, const char *image, int in, int out, struct error *err)
{
	autofree char *program = NULL, *target = NULL, *quoted = NULL;
	struct command c = {};
	struct spawn p = SPAWN_INIT;

	TRY(helper_find_foreign("ssh", NULL, true, &program, err));
	TRY(s->user ? str_printf(&target, err, "%s@%s", s->user, s->host) : str_set(&target, s->host, err));
	if (image)
		TRY(quote(image, &quoted, err));
	add(&c, "ssh");
	if (s->port)
		add(&c, "-p"), add(&c, s->port);
	if (!str_empty(s->identity))
		add(&c, "-i"), add(&c, s->identity);
	add(&c, "--"), add(&c, target), add(&c, "podman");
	for (; *words; words++)
		add(&c, *words);
	add(&c, quoted);
	p.path = program;
	p.argv = c.argv;
	p.envp = environ;
	p.stdin_fd = in;
	p.stdout_fd = out;
	p.stderr_fd = STDERR_FILENO;
	return run(&p, "ssh", err);
}

static int own_path(char **ret, struct error *err)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n < 0)
		return fail_errno(err, "readlink /proc/self/exe");
	path[n] = '\0';
	return str_set(ret, path, err);
}

static int user_environment(const struct passwd *pw, struct strv *env, struct error *err)
{
	TRY(strv_addf(env, err, "HOME=%s", pw->pw_dir));
	TRY(strv_addf(env, err, "USER=%s", pw->pw_name));
	TRY(strv_add(env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", err));
	TRY(strv_addf(env, err, "XDG_RUNTIME_DIR=/run/user/%u", (unsigned)pw->pw_uid));
	if (access(env->v[env->n - 1] + strlen("XDG_RUNTIME_DIR="), F_OK) < 0)
		strv_remove(env, env->n - 1);
	return 0;
}

/* Another user of this machine: root becomes that user, a user asks sudo. */
static int run_as_user(const struct scp_end *s, const char *const *words, const char *image, int in, int out, struct error *err)
{
	autofree char *self = NULL, *sudo = NULL;
	auto_strv env = {};
	struct command c = {};
	struct spawn p = SPAWN_INIT;
	struct passwd *pw = getpwnam(s->user);
	bool root = geteuid() == 0 && !getenv("_CONTAINERS_USERNS_CONFIGURED");

	if (!pw)
		return fail(err, ERROR_NOT_FOUND, "user %s: no such user", s->user);
	TRY(own_path(&self, err));
	TRY(user_environment(pw, &env, err));
	if (!root) {
		TRY(helper_find_foreign("sudo", NULL, true, &sudo, err));
		add(&c, "sudo"), add(&c, "-u"), add(&c, s->user), add(&c, "--"), add(&c, self);
	} else {
		add(&c, "podman");
	}
	for (; *words; words++)
		add(&c, *words);
	add(&c, image);
	p.path = root ? self : sudo;
	p.argv = c.argv;
	p.envp = root ? env.v : environ;
	p.set_ids = root;
	p.uid = pw->pw_uid;
	p.gid = pw->pw_gid;
	p.stdin_fd = in;
	p.stdout_fd = out;
	p.stderr_fd = STDERR_FILENO;
	return run(&p, s->user, err);
}

/* ---- both halves ---- */
static int save(struct engine *e, const struct scp_end *from, const struct image_scp *o, int fd, struct error *err)
{
	const char *const words[] = { "save", "--quiet", "--format", o->format == SAVE_OCI_ARCHIVE ? "oci-archive" : "docker-archive",
				      NULL };
	struct image_save how = { .kind = o->format, .fd = fd, .progress = o->progress };
	struct strv what = { (char **)(uintptr_t)&from->image, 1 };

	if (from->kind == SCP_REMOTE)
		return run_remote(from, words, from->image, -1, fd, err);
	if (from->kind == SCP_USER)
		return run_as_user(from, words, from->image, -1, fd, err);
	return image_save(e, &what, &how, err);
}

static int load_here(struct engine *e, const struct scp_end *to, const struct image_scp *o, int fd, struct strv *ret,
		     struct error *err)
{
	struct image_load how = { .fd = fd, .progress = o->progress };

	TRY(image_load_archive(e, &how, ret, err));
	return to->image && ret->n ? image_tag(e, ret->v[0], to->image, err) : 0;
}

static int load(struct engine *e, const struct scp_end *to, const struct image_scp *o, int fd, struct strv *ret,
		struct error *err)
{
	const char *const quiet[] = { "load", "--quiet", NULL }, *const loud[] = { "load", NULL };
	const char *const *words = o->quiet ? quiet : loud;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, "seek");
	if (to->kind == SCP_HERE)
		return load_here(e, to, o, fd, ret, err);
	if (to->image)
		return fail(err, ERROR_INVALID, "renaming of an image is currently not supported: invalid argument");
	if (to->kind == SCP_REMOTE)
		return run_remote(to, words, NULL, fd, STDOUT_FILENO, err);
	return run_as_user(to, words, NULL, fd, STDOUT_FILENO, err);
}

int image_scp(struct engine *e, const char *src, const char *dst, const struct image_scp *o, struct strv *ret_names,
	      struct error *err)
{
	CLEANUP(scp_end_done) struct scp_end from = {}, to = {};

	TRY(parse_end(e, src, &from, err));
	if (dst)
		TRY(parse_end(e, dst, &to, err));
	if (!from.image)
		return fail(err, ERROR_INVALID, "no source image specified: invalid argument");
	if (from.kind == SCP_HERE && to.kind == SCP_HERE)
		return fail(err, ERROR_INVALID, "must specify a destination: invalid argument");
	autoclose int fd = open(e->paths.tmp, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(err, "make a temporary file in %s", e->paths.tmp);
	if (save(e, &from, o, fd, err) < 0)
		return fail_wrap(err, "save %s", src);
	return load(e, &to, o, fd, ret_names, err) < 0 ? fail_wrap(err, "load %s", from.image) : 0;
}
