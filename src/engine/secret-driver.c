/* SPDX-License-Identifier: Apache-2.0
 * engine/secret-driver.c - file, shell, pass. */
#include "engine/secret-driver.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/units.h"
#include "os/file.h"
#include "os/spawn.h"

#define COMMAND_TIME_NS (60 * NSEC_PER_SEC)

extern char **environ;

/* ---- file ---- */
static int file_prepare(struct engine *e, struct strmap *options, struct error *err)
{
	autofree char *dir = NULL, *path = NULL;

	if (strmap_get(options, "path"))
		return 0;
	TRY(secret_dir(e, &dir, err));
	TRY(str_printf(&path, err, "%s/filedriver", dir));
	return strmap_set(options, "path", path, err);
}

static int open_file_dir(const struct secret *s, bool create, struct error *err)
{
	const char *path = strmap_get(&s->spec.driver.options, "path");

	if (str_empty(path))
		return fail(err, ERROR_CORRUPT, "secret %s: its record names no path", s->spec.name);
	return file_open_dir(AT_FDCWD, path, create, 0700, err);
}

static int file_store(struct engine *e, const struct secret *s, const void *data, size_t len, struct error *err)
{
	autoclose int dir = open_file_dir(s, true, err);

	(void)e;
	return dir < 0 ? -1 : file_replace(dir, s->id, data, len, 0600, FILE_SYNC | FILE_EXCLUSIVE, err);
}

static int file_lookup(struct engine *e, const struct secret *s, struct buf *to, struct error *err)
{
	autoclose int dir = open_file_dir(s, false, err);
	autofree char *data = NULL;
	size_t len;

	(void)e;
	if (dir < 0)
		return -1;
	int r = file_read(dir, s->id, SECRET_BYTES_MAX, &data, &len, err);
	if (r <= 0)
		return r < 0 ? -1 : fail(err, ERROR_NOT_FOUND, "secret %s: its data is gone: no secret data with ID", s->spec.name);
	buf_add(to, data, len);
	explicit_bzero(data, len);
	return buf_ok(to, "secret", err);
}

static int file_remove(struct engine *e, const struct secret *s, struct error *err)
{
	autoclose int dir = open_file_dir(s, false, err);

	(void)e;
	if (dir < 0)
		return err->errnum == ENOENT ? 0 : -1;
	if (unlinkat(dir, s->id, 0) < 0 && errno != ENOENT)
		return fail_errno(err, "remove secret %s", s->spec.name);
	return 0;
}

/* ---- programs ---- */
struct program {
	const char *path;
	char *const *argv;
	const char *secret_id;       /* SECRET_ID in its environment; NULL: not set */
	const void *input;
	size_t input_len;
};

static int run_program(const struct program *p, const char *what, struct buf *out, struct error *err)
{
	auto_strv env = {};
	auto_buf message = BUF_INIT(4096);
	struct spawn s = SPAWN_INIT;
	struct spawn_io io = { .input = p->input, .input_len = p->input_len, .out = out, .errout = &message,
			       .timeout_ns = COMMAND_TIME_NS };
	int status;

	for (char **v = environ; *v; v++)
		TRY(strv_add(&env, *v, err));
	if (p->secret_id)
		TRY(strv_env_set(&env, "SECRET_ID", p->secret_id, err));
	s.path = p->path;
	s.argv = p->argv;
	s.envp = env.v;
	TRY(spawn_run(&s, &io, &status, err));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	const char *said = message.len ? message.data : "";
	return fail(err, ERROR_SYSTEM, "%s: %.*s%s(status %d)", what, (int)strcspn(said, "\n"), said, *said ? " " : "",
		    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* ---- shell ---- */
static const char *const shell_options[] = { "delete", "list", "lookup", "store" };

static int shell_prepare(struct engine *e, struct strmap *options, struct error *err)
{
	(void)e;
	for (size_t i = 0; i < ARRAY_LEN(shell_options); i++)
		if (str_empty(strmap_get(options, shell_options[i])))
			return fail(err, ERROR_INVALID, "the shell driver wants the options delete, list, lookup and store "
				    "(--driver-opts %s=COMMAND): missing config", shell_options[i]);
	for (size_t i = 0; i < options->n; i++) {
		bool known = false;
		for (size_t k = 0; k < ARRAY_LEN(shell_options); k++)
			known |= streq(options->v[i].key, shell_options[k]);
		if (!known)
			return fail(err, ERROR_INVALID, "invalid shell driver option: %s", options->v[i].key);
	}
	return 0;
}

static int shell(const struct secret *s, const char *which, const void *input, size_t len, struct buf *out, struct error *err)
{
	const char *command = strmap_get(&s->spec.driver.options, which);
	char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" }, (char *)(uintptr_t)(command ? command : "false"), NULL };
	const struct program p = { "/bin/sh", argv, s->id, input ? input : "", len };
	char what[64];

	snprintf(what, sizeof(what), "secret driver's command \"%s\"", which);
	return run_program(&p, what, out, err);
}

static int shell_store(struct engine *e, const struct secret *s, const void *data, size_t len, struct error *err)
{
	auto_buf ignored = BUF_INIT(1 << 16);

	(void)e;
	return shell(s, "store", data, len, &ignored, err);
}

static int shell_lookup(struct engine *e, const struct secret *s, struct buf *to, struct error *err)
{
	(void)e;
	return shell(s, "lookup", NULL, 0, to, err);
}

static int shell_remove(struct engine *e, const struct secret *s, struct error *err)
{
	auto_buf ignored = BUF_INIT(1 << 16);

	(void)e;
	return shell(s, "delete", NULL, 0, &ignored, err);
}

/* ---- pass ---- */
static int default_root(struct strmap *options, struct error *err)
{
	const char *dir = getenv("PASSWORD_STORE_DIR"), *home = getenv("HOME");
	autofree char *path = NULL;

	if (strmap_get(options, "root"))
		return 0;
	if (str_empty(dir) && str_empty(home))
		return fail(err, ERROR_INVALID, "the pass driver wants the option root (--driver-opts root=DIRECTORY): HOME is not set");
	TRY(str_empty(dir) ? str_printf(&path, err, "%s/.password-store", home) : str_set(&path, dir, err));
	return strmap_set(options, "root", path, err);
}

static int default_key(struct strmap *options, struct error *err)
{
	autofree char *file = NULL, *text = NULL;

	if (strmap_get(options, "key"))
		return 0;
	TRY(str_printf(&file, err, "%s/.gpg-id", strmap_get(options, "root")));
	int r = file_read(AT_FDCWD, file, 4096, &text, NULL, err);
	if (r <= 0)
		return r < 0 ? -1 : fail(err, ERROR_INVALID, "the pass driver knows no key: %s does not exist: run \"pass init KEY\" or give "
					 "--driver-opts key=KEY", file);
	text[strcspn(text, "\n")] = '\0';
	return strmap_set(options, "key", text, err);
}

static int find_gpg(char **ret, struct error *err)
{
	const char *path = getenv("PATH");
	auto_strv dirs = {};

	TRY(strv_split(&dirs, str_empty(path) ? "/usr/bin:/bin" : path, ':', err));
	for (size_t i = 0; i < dirs.n; i++) {
		autofree char *file = NULL;
		TRY(str_printf(&file, err, "%s/gpg", dirs.v[i]));
		if (*file == '/' && access(file, X_OK) == 0) {
			*ret = take_ptr(file);
			return 0;
		}
	}
	return fail(err, ERROR_UNSUPPORTED, "the pass driver needs the program gpg, which is not installed (package gnupg)");
}

static int pass_prepare(struct engine *e, struct strmap *options, struct error *err)
{
	autofree char *gpg = NULL;

	(void)e;
	TRY(default_root(options, err));
	TRY(default_key(options, err));
	return find_gpg(&gpg, err);
}

static int pass_file(const struct secret *s, char **ret, struct error *err)
{
	const char *root = strmap_get(&s->spec.driver.options, "root");

	if (str_empty(root))
		return fail(err, ERROR_CORRUPT, "secret %s: its record names no password store", s->spec.name);
	return str_printf(ret, err, "%s/%s.gpg", root, s->id);
}

static int gpg_run(const struct secret *s, const struct strv *words, const void *input, size_t len, struct buf *out,
		   struct error *err)
{
	const char *home = strmap_get(&s->spec.driver.options, "gpghomedir");
	autofree char *gpg = NULL;
	auto_strv argv = {};

	TRY(find_gpg(&gpg, err));
	TRY(strv_add(&argv, "gpg", err));
	TRY(strv_add(&argv, "--batch", err));
	TRY(strv_add(&argv, "--quiet", err));
	if (home) {
		TRY(strv_add(&argv, "--homedir", err));
		TRY(strv_add(&argv, home, err));
	}
	TRY(strv_copy(&argv, words, err));
	const struct program p = { gpg, argv.v, NULL, input ? input : "", len };
	return run_program(&p, "gpg", out, err);
}

static int pass_store(struct engine *e, const struct secret *s, const void *data, size_t len, struct error *err)
{
	autofree char *file = NULL;
	auto_strv words = {};
	auto_buf sealed = BUF_INIT((size_t)4 << 20);
	const char *root = strmap_get(&s->spec.driver.options, "root");

	(void)e;
	TRY(pass_file(s, &file, err));
	TRY(file_mkdirs(AT_FDCWD, root, 0700, err));
	TRY(strv_add(&words, "--encrypt", err));
	TRY(strv_add(&words, "--trust-model=always", err));
	TRY(strv_add(&words, "--recipient", err));
	TRY(strv_add(&words, strmap_get(&s->spec.driver.options, "key"), err));
	TRY(gpg_run(s, &words, data, len, &sealed, err));
	return file_replace(AT_FDCWD, file, sealed.data, sealed.len, 0600, FILE_SYNC, err);
}

static int pass_lookup(struct engine *e, const struct secret *s, struct buf *to, struct error *err)
{
	autofree char *file = NULL;
	auto_strv words = {};

	(void)e;
	TRY(pass_file(s, &file, err));
	TRY(strv_add(&words, "--decrypt", err));
	TRY(strv_add(&words, file, err));
	return gpg_run(s, &words, NULL, 0, to, err);
}

static int pass_remove(struct engine *e, const struct secret *s, struct error *err)
{
	autofree char *file = NULL;

	(void)e;
	TRY(pass_file(s, &file, err));
	return unlink(file) < 0 && errno != ENOENT ? fail_errno(err, "remove %s", file) : 0;
}

/* ---- rows ---- */
static const struct secret_driver_ops drivers[] = {
	{ "file", file_prepare, file_store, file_lookup, file_remove },
	{ "shell", shell_prepare, shell_store, shell_lookup, shell_remove },
	{ "pass", pass_prepare, pass_store, pass_lookup, pass_remove },
};

const struct secret_driver_ops *secret_driver_find(const char *name, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (streq(drivers[i].name, name))
			return &drivers[i];
	(void)fail(err, ERROR_INVALID, "%s: invalid driver (known: file, pass, shell)", name);
	return NULL;
}
