/* SPDX-License-Identifier: Apache-2.0
 * engine/gpg.c - every verdict is read from gpg's status lines, which have a descriptor to themselves: messages for
 * people may contain anything a signature carries. */
#include "engine/gpg.h"

#include <string.h>
#include <sys/wait.h>

#include "conf/helpers.h"
#include "os/file.h"
#include "os/spawn.h"
#include "store/stage.h"

#define GPG_TIMEOUT_NS (INT64_C(60) * 1000000000)
#define STATUS_BYTES_MAX ((size_t)1 << 20)

/* ---- running it ---- */
struct gpg_home {
	struct stage *stage;
	char *path, *env;
};

static void gpg_home_done(struct gpg_home *h)
{
	stage_done(h->stage);
	free(h->path);
	free(h->env);
}

static int make_home(struct engine *e, struct gpg_home *h, struct error *err)
{
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(stage_begin(s, "verify", &h->stage, err));
	TRY(str_printf(&h->path, err, "%s/gpg", stage_path(h->stage)));
	TRY(str_printf(&h->env, err, "GNUPGHOME=%s", h->path));
	return file_mkdirs(stage_fd(h->stage), "gpg", 0700, err) < 0 ? -1 : 0;
}

/* Runs gpg with these words; envp: NULL: the caller's environment. */
static int run(char *const *argv, char *const *envp, struct spawn_io *io, int *ret_status, struct error *err)
{
	autofree char *program = NULL;
	struct spawn s = SPAWN_INIT;

	if (helper_find_foreign("gpg", NULL, true, &program, err) < 0)
		return fail(err, ERROR_UNSUPPORTED, "gpg is needed for signatures and not installed (install gnupg)");
	s.path = program;
	s.argv = argv;
	s.envp = envp ? envp : environ;
	s.die_with_parent = true;
	io->timeout_ns = envp ? GPG_TIMEOUT_NS : 0;
	if (spawn_run(&s, io, ret_status, err) < 0)
		return fail_wrap(err, "gpg");
	return 0;
}

#define WORD(s) ((char *)(uintptr_t)(s))
#define QUIET                                                                                                     \
	WORD("gpg"), WORD("--batch"), WORD("--no-tty"), WORD("--no-options"), WORD("--no-autostart"),             \
	WORD("--logger-file"), WORD("/dev/null"), WORD("--status-fd"), WORD("2")

static int run_private(const struct gpg_home *h, char *const *argv, struct spawn_io *io, int *ret_status, struct error *err)
{
	char *envp[] = { h->env, WORD("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), WORD("LC_ALL=C"),
			 NULL };

	return run(argv, envp, io, ret_status, err);
}

static int import_keys(const struct gpg_home *h, const struct buf *keys, size_t n, struct error *err)
{
	char *argv[] = { QUIET, WORD("--import"), NULL };
	int status;

	for (size_t i = 0; i < n; i++) {
		auto_buf out = BUF_INIT(STATUS_BYTES_MAX), said = BUF_INIT(STATUS_BYTES_MAX);
		struct spawn_io io = { .input = keys[i].data ? keys[i].data : "", .input_len = keys[i].len, .out = &out,
				       .errout = &said };
		TRY(run_private(h, argv, &io, &status, err));
		if (!said.data || !strstr(said.data, "[GNUPG:] IMPORT_OK "))
			return fail(err, ERROR_INVALID, "no GPG key could be imported from the policy's key material");
	}
	return 0;
}

/* ---- the verdict ---- */
/* How many status lines begin with this word; *ret_rest: what follows the last one. */
static int count(const struct buf *status, const char *word, const char **ret_rest)
{
	char line[64];
	int n = 0;

	snprintf(line, sizeof(line), "[GNUPG:] %s ", word);
	for (const char *at = status->data; at && (at = strstr(at, line)); at += strlen(line))
		if (at == status->data || at[-1] == '\n') {
			n++;
			if (ret_rest)
				*ret_rest = at + strlen(line);
		}
	return n;
}

static int judge(const struct buf *status, int code, char *fingerprint, struct error *err)
{
	static const struct { const char *word, *meaning; } bad[] = {
		{ "BADSIG", "the signature is bad" }, { "EXPSIG", "the signature has expired" },
		{ "EXPKEYSIG", "its key has expired" }, { "REVKEYSIG", "its key was revoked" },
		{ "NO_PUBKEY", "it was made by a key the policy does not know" }, { "ERRSIG", "the signature cannot be checked" },
		{ "BEGIN_DECRYPTION", "the message is encrypted" },
	};
	const char *valid = NULL;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (count(status, bad[i].word, NULL))
			return fail(err, ERROR_DENIED, "Invalid GPG signature: %s", bad[i].meaning);
	if (code != 0 || count(status, "GOODSIG", NULL) != 1 || count(status, "VALIDSIG", &valid) != 1 ||
	    count(status, "PLAINTEXT", NULL) != 1)
		return fail(err, ERROR_DENIED, "Invalid GPG signature: not exactly one good signature of one text");
	/* VALIDSIG fpr date ... primary-key-fpr: the last word of the line. */
	size_t len = strcspn(valid, "\r\n"), start = len;
	while (start && valid[start - 1] != ' ')
		start--;
	if (fingerprint)
		snprintf(fingerprint, 65, "%.*s", (int)(len - start), valid + start);
	return 0;
}

int gpg_verify(struct engine *e, const struct buf *keys, size_t n_keys, const void *message, size_t len,
	       struct buf *ret_payload, char *ret_fingerprint, struct error *err)
{
	char *argv[] = { QUIET, WORD("--trust-model"), WORD("always"), WORD("--output"), WORD("-"), WORD("--decrypt"), NULL };
	CLEANUP(gpg_home_done) struct gpg_home h = {};
	auto_buf said = BUF_INIT(STATUS_BYTES_MAX);
	struct spawn_io io = { .input = message, .input_len = len, .out = ret_payload, .errout = &said };
	int status;

	TRY(make_home(e, &h, err));
	TRY(import_keys(&h, keys, n_keys, err));
	TRY(run_private(&h, argv, &io, &status, err));
	return judge(&said, status, ret_fingerprint, err);
}

/* ---- signing ---- */
int gpg_sign(const char *key, const char *passphrase, const void *bytes, size_t len, struct buf *ret, struct error *err)
{
	autoclose int secret = passphrase ? file_memfd_data("passphrase", passphrase, strlen(passphrase), err) : -1;
	char *plain[] = { WORD("gpg"), WORD("--batch"), WORD("--local-user"), WORD(key), WORD("--output"), WORD("-"),
			  WORD("--sign"), NULL };
	char fd_path[] = "3";
	char *with_secret[] = { WORD("gpg"), WORD("--batch"), WORD("--pinentry-mode"), WORD("loopback"), WORD("--passphrase-fd"),
				fd_path, WORD("--local-user"), WORD(key), WORD("--output"), WORD("-"), WORD("--sign"), NULL };
	autofree char *program = NULL;
	auto_buf said = BUF_INIT(STATUS_BYTES_MAX);
	struct spawn_fd pass = { secret, 3 };
	struct spawn s = SPAWN_INIT;
	struct spawn_io io = { .input = bytes, .input_len = len, .out = ret, .errout = &said };
	int status;

	if (passphrase && secret < 0)
		return -1;
	if (helper_find_foreign("gpg", NULL, true, &program, err) < 0)
		return fail(err, ERROR_UNSUPPORTED, "gpg is needed for signatures and not installed (install gnupg)");
	s.path = program;
	s.argv = passphrase ? with_secret : plain;
	s.envp = environ;
	s.fds = &pass;
	s.n_fds = passphrase ? 1 : 0;
	TRY(spawn_run(&s, &io, &status, err));
	if (status == 0 && ret->len)
		return 0;
	if (said.data)
		said.data[strcspn(said.data, "\n")] = '\0';
	return fail(err, ERROR_INVALID, "signing by gpg with key %s: %s", key, said.data ? said.data : "no output");
}

int gpg_export(const char *key, struct buf *ret, struct error *err)
{
	char *argv[] = { WORD("gpg"), WORD("--batch"), WORD("--export"), WORD(key), NULL };
	auto_buf said = BUF_INIT(STATUS_BYTES_MAX);
	struct spawn_io io = { .out = ret, .errout = &said };
	int status;

	TRY(run(argv, NULL, &io, &status, err));
	return status == 0 && ret->len ? 0 : fail(err, ERROR_NOT_FOUND, "gpg has no public key %s", key ? key : "at all");
}

/* ---- what is in a key file ---- */
int gpg_key_names(struct engine *e, const struct buf *keys, size_t n_keys, struct strv *ret, struct error *err)
{
	char *argv[] = { QUIET, WORD("--with-colons"), WORD("--list-keys"), NULL };
	CLEANUP(gpg_home_done) struct gpg_home h = {};
	auto_buf out = BUF_INIT(STATUS_BYTES_MAX), said = BUF_INIT(STATUS_BYTES_MAX);
	struct spawn_io io = { .out = &out, .errout = &said };
	int status;

	TRY(make_home(e, &h, err));
	TRY(import_keys(&h, keys, n_keys, err));
	TRY(run_private(&h, argv, &io, &status, err));
	for (char *line = out.data, *end; line && *line; line = end ? end + 1 : NULL) {
		auto_strv words = {};
		end = strchr(line, '\n');
		if (end)
			*end = '\0';
		if (strncmp(line, "uid:", 4) != 0)
			continue;
		TRY(strv_split(&words, line, ':', err));
		const char *name = words.n > 9 ? words.v[9] : "", *open = strrchr(name, '<'), *close = open ? strchr(open, '>') : NULL;
		TRY(close ? strv_add_n(ret, open + 1, (size_t)(close - open - 1), err) : strv_add(ret, name, err));
	}
	return 0;
}
