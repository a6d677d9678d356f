/* SPDX-License-Identifier: Apache-2.0
 * build/context-fetch.c - bytes from outside: downloads and archives, both by workers. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/sha256.h"
#include "base/units.h"
#include "base/url.h"
#include "build/context-internal.h"
#include "conf/helpers.h"
#include "engine/image.h"
#include "image/worker.h"
#include "os/file.h"
#include "os/path.h"
#include "os/spawn.h"

#define TAR_BLOCK 512
#define XZ_SECONDS 3600

static int start_worker(const struct context_options *o, enum worker_role role, struct worker **ret, struct error *err)
{
	struct worker_options w = { .program = o->worker, .log = o->log, .root_fd = -1 };

	w.setup.userns = o->userns;
	w.setup.log_level = o->log ? (int64_t)o->log->level : LOG_LEVEL_ERROR;
	const struct strv certs = { .v = (char **)&o->cert_dir, .n = 1 };
	if (role == WORKER_FETCH && (o->read_paths || o->cert_dir))
		w.setup.read_paths = o->read_paths ? *o->read_paths : certs;
	if (role == WORKER_UNPACK) {
		w.setup.has_root = true;
		w.root_fd = o->scratch_fd;
	}
	return worker_start(role, &w, ret, err);
}

/* ---- URLs ---- */
int context_options_remote(struct context_options *o, const struct image_remote *r, struct error *err)
{
	o->insecure = r->tls_verify.set && !r->tls_verify.value;
	o->cert_dir = r->cert_dir;
	o->retries = r->retry.set ? r->retry.value : 0;
	o->retry_delay_ns = 2 * NSEC_PER_SEC;
	if (r->retry_delay && duration_parse(r->retry_delay, &o->retry_delay_ns, err) < 0)
		return fail_wrap(err, "unable to parse value provided \"%s\" as --retry-delay", r->retry_delay);
	return 0;
}

static bool may_pass(const struct error *e)
{
	return e->kind != ERROR_INVALID && e->kind != ERROR_NOT_FOUND && e->kind != ERROR_DENIED;
}

static int download(const struct context_options *o, const struct op_get *q, int fd, struct op_got *got, struct error *err)
{
	const int64_t delay = o->retry_delay_ns;

	for (uint64_t i = 1;; i++) {
		auto_worker *w = NULL;
		char text[40];
		TRY(start_worker(o, WORKER_FETCH, &w, err));
		if (worker_call(w, OP_GET_URL, q, &fd, 1, got, NULL, err) >= 0)
			return 0;
		if (i > o->retries || !may_pass(err))
			return -1;
		log_warn(o->log, "%s: retrying in %s ... (%llu/%llu)", err->text, duration_format(delay, text), (unsigned long long)i,
			 (unsigned long long)o->retries);
		nanosleep(&(struct timespec){ delay / NSEC_PER_SEC, delay % NSEC_PER_SEC }, NULL);
		if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
			return fail_errno(err, "download");
	}
}

int fetch_url(const struct context_options *o, const char *url, int64_t *ret_mtime, struct error *err)
{
	const struct op_get q = { .reference = (char *)(uintptr_t)url, .size = -1, .insecure = o->insecure,
				  .cert_dir = (char *)(uintptr_t)o->cert_dir };
	struct op_got got = {};
	autofree char *shown = NULL, *secret = NULL;
	autoclose int fd = scratch_file(o, err);

	if (fd < 0)
		return -1;
	TRY(url_take_user(url, &shown, &secret, err));
	if (download(o, &q, fd, &got, err) < 0)
		return strstr(err->text, shown) ? -1 : fail_wrap(err, "%s", shown);
	if (ret_mtime)
		*ret_mtime = got.mtime;
	fields_done(worker_ops[OP_GET_URL].reply, &got);
	return lseek(fd, 0, SEEK_SET) < 0 ? fail_errno(err, "%s", shown) : take_fd(fd);
}

static int check_digest(int fd, const char *source, const char *want, struct error *err)
{
	const char *hex = str_after(want, "sha256:");
	char have[SHA256_HEX_MAX], block[64 << 10];
	struct sha256 h;
	ssize_t n;

	if (!hex || strlen(hex) != 64 || strspn(hex, "0123456789abcdef") != 64)
		return fail(err, ERROR_INVALID, "invalid checksum digest format: \"%s\" is not sha256: and 64 hexadecimal digits", want);
	sha256_init(&h);
	while ((n = file_read_full(fd, block, sizeof(block), err)) > 0)
		sha256_add(&h, block, (size_t)n);
	if (n < 0)
		return -1;
	sha256_end_hex(&h, have);
	if (!streq(have, hex))
		return fail(err, ERROR_CORRUPT, "unexpected response digest for \"%s\": sha256:%s, want %s", source, have, want);
	return lseek(fd, 0, SEEK_SET) < 0 ? fail_errno(err, "%s", source) : 0;
}

/* What the file is called in a directory: the last component of the path, without query and fragment. */
static int url_name(const char *url, char **ret, struct error *err)
{
	const char *path = strstr(url, "://") + 3;
	size_t len = strcspn(path, "?#"), from = len;

	while (from > 0 && path[from - 1] != '/')
		from--;
	if (!from || from == len)   /* "http://host" and ".../" have none */
		return 0;
	autofree char *name = strndup(path + from, len - from);
	if (!name)
		return fail_oom(err);
	return path_is_name(name) ? str_set(ret, name, err) : 0;
}

enum add_source add_source_kind(const char *source)
{
	auto_git_address g = {};
	struct error ignored;

	if (!strstr(source, "://") && !str_after(source, "git@"))
		return ADD_PATH;
	if (git_address_parse(source, &g, &ignored) != 0)
		return ADD_GIT;
	return is_http(source) ? ADD_URL : ADD_PATH;
}

void add_fetched_done(struct add_fetched *f)
{
	close_p(&f->fd);
	free(f->name);
	*f = (struct add_fetched)ADD_FETCHED_INIT;
}

static int add_git(const struct context_options *o, const char *source, const char *checksum, bool keep_git_dir,
		   struct add_fetched *ret, struct error *err)
{
	auto_git_address g = {};

	if (git_address_parse(source, &g, err) < 0)
		return -1;
	g.keep_git_dir = g.keep_git_dir || keep_git_dir;
	if (checksum)
		TRY(str_set(&g.commit, checksum, err));
	return git_fetch(o, &g, &ret->fd, NULL, err);
}

int add_fetch(const struct context_options *o, const char *source, const char *checksum, bool keep_git_dir,
	      struct add_fetched *ret, struct error *err)
{
	auto_add_fetched f = ADD_FETCHED_INIT;
	enum add_source kind = add_source_kind(source);

	if (kind == ADD_PATH)
		return fail(err, ERROR_INVALID, "%s is no address", source);
	if (kind == ADD_GIT) {
		TRY(add_git(o, source, checksum, keep_git_dir, &f, err));
	} else {
		if (keep_git_dir)
			return fail(err, ERROR_INVALID, "--keep-git-dir: %s is no git repository", source);
		f.fd = fetch_url(o, source, &f.mtime, err);
		TRY(f.fd);
		if (checksum)
			TRY(check_digest(f.fd, source, checksum, err));
		TRY(url_name(source, &f.name, err));
	}
	*ret = f;
	f = (struct add_fetched)ADD_FETCHED_INIT;
	return 0;
}

/* ---- archives ---- */
/* The checksum of a tar header: the sum of its bytes with the field itself as blanks. */
static bool is_tar_header(const uint8_t h[TAR_BLOCK])
{
	unsigned sum = 0, said = 0;
	size_t i = 148;

	for (size_t k = 0; k < TAR_BLOCK; k++)
		sum += k >= 148 && k < 156 ? ' ' : h[k];
	while (i < 156 && h[i] == ' ')
		i++;
	if (i == 156 || h[i] < '0' || h[i] > '7')
		return false;
	for (; i < 156 && h[i] >= '0' && h[i] <= '7'; i++)
		said = said * 8 + (unsigned)(h[i] - '0');
	return said == sum;
}

static enum compression head_compression(const uint8_t *head, ssize_t n)
{
	return n > 0 ? compression_detect(head, (size_t)n) : COMPRESSION_NONE;
}

bool looks_like_archive(int fd)
{
	uint8_t head[TAR_BLOCK];
	ssize_t n = pread(fd, head, sizeof(head), 0);

	return head_compression(head, n) != COMPRESSION_NONE || (n == TAR_BLOCK && is_tar_header(head));
}

/* A decompressor the worker does not have: its output as a scratch file. */
static int decompress(const struct context_options *o, const char *program, int fd, const char *what, struct error *err)
{
	autofree char *path = NULL;
	char *argv[] = { (char *)(uintptr_t)program, (char *)"-dc", NULL };
	auto_buf complaint = BUF_INIT(64 << 10);
	autoclose int out = scratch_file(o, err);
	int status;

	if (out < 0)
		return -1;
	if (helper_find_foreign(program, NULL, true, &path, err) < 0)
		return fail_wrap(err, "%s", what);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, "%s", what);
	struct spawn s = SPAWN_INIT;
	s.path = path;
	s.argv = argv;
	s.stdin_fd = fd;
	s.stdout_fd = out;
	s.die_with_parent = true;
	struct spawn_io io = { .errout = &complaint, .timeout_ns = XZ_SECONDS * INT64_C(1000000000) };
	TRY(spawn_run(&s, &io, &status, err));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return fail(err, ERROR_CORRUPT, "%s: %s: %s", what, program, complaint.data ? complaint.data : "failed");
	return take_fd(out);
}

static bool is_empty(int dir)
{
	DIR *d = file_stream(dir, ".");
	int entries = 0;

	while (d && entries <= 2 && readdir(d))
		entries++;
	if (d)
		closedir(d);
	return d && entries <= 2;
}

static int unpack_tar(const struct context_options *o, int fd, const char *what, int to, struct error *err)
{
	struct op_unpack q = { .in_size = -1, .blob_size = -1, .has_tree = true, .plain_tree = true,
		.ignore_chown = o->ignore_chown };
	struct op_unpacked done = {};
	int fds[] = { fd, to };
	auto_worker *w = NULL;

	TRY(start_worker(o, WORKER_UNPACK, &w, err));
	if (worker_call(w, OP_UNPACK, &q, fds, 2, &done, NULL, err) < 0)
		return fail_wrap(err, "%s", what);
	fields_done(worker_ops[OP_UNPACK].reply, &done);
	return 1;
}

static int unpack_plain(const struct context_options *o, int fd, const char *what, int to, struct error *err)
{
	uint8_t head[TAR_BLOCK];
	ssize_t n = pread(fd, head, sizeof(head), 0);

	return n == TAR_BLOCK && is_tar_header(head) ? unpack_tar(o, fd, what, to, err) : 0;
}

int add_unpack(const struct context_options *o, int fd, const char *what, int to, struct error *err)
{
	uint8_t head[TAR_BLOCK];
	ssize_t n = pread(fd, head, sizeof(head), 0);

	if (n < 0)
		return fail_errno(err, "%s", what);
	enum compression c = head_compression(head, n);
	if (c == COMPRESSION_NONE)
		return unpack_plain(o, fd, what, to, err);
	if (c == COMPRESSION_XZ || c == COMPRESSION_BZIP2) {
		autoclose int plain = decompress(o, c == COMPRESSION_XZ ? "xz" : "bzip2", fd, what, err);
		return plain < 0 ? (err->kind == ERROR_CORRUPT ? 0 : -1) : unpack_plain(o, plain, what, to, err);
	}
	/* Something compressed that is no tar: the worker finds out before it writes anything. */
	int r = unpack_tar(o, fd, what, to, err);
	return r < 0 && err->kind == ERROR_CORRUPT && is_empty(to) ? 0 : r;
}
