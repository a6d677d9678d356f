/* SPDX-License-Identifier: Apache-2.0
 * build/context-git.c - git addresses, and git itself: started with everything said on its command line.
 * Security-matrix I8, I9: nothing of an address may become an option, a program or a path outside of the clone. */
#include <ctype.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "base/url.h"
#include "build/context-internal.h"
#include "conf/helpers.h"
#include "os/file.h"
#include "os/path.h"
#include "os/spawn.h"

extern char **environ;

void git_address_done(struct git_address *g)
{
	free(g->remote);
	free(g->authorization);
	free(g->ref);
	free(g->subdir);
	free(g->commit);
	*g = (struct git_address){};
}

/* ---- addresses ---- */
static bool has_git_suffix(const char *s, size_t len)
{
	return len > 4 && strncmp(s + len - 4, ".git", 4) == 0;
}

/* "git@host:path", "user@host:path": what scp would take. */
static bool is_scp_form(const char *s)
{
	size_t user = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
	const char *host = s + user + 1;

	if (s[user] != '@' || !user || *s == '-')
		return false;
	size_t n = strcspn(host, ":/?# ");
	return n && *host != '-' && host[n] == ':' && host[n + 1];
}

static bool is_git(const char *s, size_t path_len, bool has_query_ref)
{
	if (str_after(s, "git://") || str_after(s, "ssh://") || is_scp_form(s))
		return true;
	if (str_after(s, "github.com/"))
		return true;
	return is_http(s) && (has_git_suffix(s, path_len) || has_query_ref);
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= 0x20 || *s == 0x7f)
			return true;
	return false;
}

/* git-check-ref-format(1), and nothing that looks like an option. */
static int check_ref(const char *ref, struct error *err)
{
	if (*ref == '-' || strpbrk(ref, "~^:?*[\\") || strstr(ref, "..") || strstr(ref, "@{") || has_control(ref) || !*ref ||
	    strlen(ref) > 250)
		return fail(err, ERROR_INVALID, "\"%.80s\" cannot be a git reference", ref);
	return 0;
}

static int set_ref(struct git_address *g, const char *ref, struct error *err)
{
	if (!*ref)
		return 0;
	TRY(check_ref(ref, err));
	return str_set(&g->ref, ref, err);
}

static int set_subdir(struct git_address *g, const char *subdir, struct error *err)
{
	auto_strv parts = {};

	while (*subdir == '/')
		subdir++;
	TRY(strv_split(&parts, subdir, '/', err));
	if (strv_has(&parts, "..") || strv_has(&parts, ".git") || has_control(subdir) || strlen(subdir) >= PATH_MAX / 2)
		return fail(err, ERROR_INVALID, "\"%.200s\" cannot be a subdirectory of a git repository", subdir);
	char *clean = path_clean(subdir);
	if (!clean)
		return fail_oom(err);
	free(g->subdir);
	g->subdir = streq(clean, ".") ? (free(clean), NULL) : clean;
	return 0;
}

static int set_commit(struct git_address *g, const char *commit, struct error *err)
{
	size_t n = strlen(commit);

	if (n < 7 || n > 64 || strspn(commit, "0123456789abcdef") != n)
		return fail(err, ERROR_INVALID, "\"%.80s\" is no commit", commit);
	return str_set(&g->commit, commit, err);
}

static int set_truth(bool *at, const char *value, struct error *err)
{
	*at = true;
	return !*value || parse_bool(value, at) ? 0 : fail(err, ERROR_INVALID, "invalid boolean \"%.20s\"", value);
}

/* %XX in place. */
static int decode(char *s, struct error *err)
{
	char *to = s;

	for (; *s; s++) {
		char hex[3] = { *s == '%' ? s[1] : 0, *s == '%' && s[1] ? s[2] : 0 };
		if (*s != '%') {
			*to++ = *s;
			continue;
		}
		if (!isxdigit((unsigned char)hex[0]) || !isxdigit((unsigned char)hex[1]))
			return fail(err, ERROR_INVALID, "bad %% in a git address");
		*to++ = (char)strtoul(hex, NULL, 16);
		if (!to[-1])
			return fail(err, ERROR_INVALID, "a NUL byte in a git address");
		s += 2;
	}
	*to = '\0';
	return 0;
}

/* ref= tag= branch= subdir= commit= checksum= keep-git-dir submodules */
static int take_query(struct git_address *g, char *pair, struct error *err)
{
	char *value = strchr(pair, '=');

	if (value)
		*value++ = '\0';
	else
		value = pair + strlen(pair);
	TRY(decode(value, err));
	if (streq(pair, "ref") || streq(pair, "tag") || streq(pair, "branch"))
		return set_ref(g, value, err);
	if (streq(pair, "subdir"))
		return set_subdir(g, value, err);
	if (streq(pair, "commit") || streq(pair, "checksum"))
		return set_commit(g, value, err);
	if (streq(pair, "keep-git-dir"))
		return set_truth(&g->keep_git_dir, value, err);
	if (streq(pair, "submodules"))
		return set_truth(&g->submodules, value, err);
	return fail(err, ERROR_INVALID, "unknown part \"%.40s\" of a git address", pair);
}

static int take_queries(struct git_address *g, const char *s, size_t len, struct error *err)
{
	autofree char *text = strndup(s, len);
	auto_strv pairs = {};

	if (!text)
		return fail_oom(err);
	TRY(strv_split(&pairs, text, '&', err));
	for (size_t i = 0; i < pairs.n; i++)
		if (*pairs.v[i])
			TRY(take_query(g, pairs.v[i], err));
	return 0;
}

/* "#REF[:SUBDIR]" */
static int take_fragment(struct git_address *g, const char *s, struct error *err)
{
	size_t n = strcspn(s, ":");
	autofree char *ref = strndup(s, n);

	if (!ref)
		return fail_oom(err);
	TRY(set_ref(g, ref, err));
	return s[n] ? set_subdir(g, s + n + 1, err) : 0;
}

static int set_remote(struct git_address *g, const char *s, size_t len, struct error *err)
{
	autofree char *given = strndup(s, len), *remote = NULL;

	if (!given)
		return fail_oom(err);
	if (is_http(given))
		TRY(url_take_user(given, &remote, &g->authorization, err));
	else
		remote = take_ptr(given);
	const char *host = strstr(remote, "://");
	if (has_control(remote) || *remote == '-' || (host && (host[3] == '-' || !host[3])))
		return fail(err, ERROR_INVALID, "\"%.80s\" cannot be a git repository", remote);
	if (str_after(remote, "github.com/"))
		return str_printf(&g->remote, err, "https://%s", remote);
	g->remote = take_ptr(remote);
	return 0;
}

static int refuse_other_protocols(const char *s, struct error *err)
{
	static const char *const refused[] = { "file://", "ext::", "fd::", "git+", "ftp://", "ftps://" };

	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (strncasecmp(s, refused[i], strlen(refused[i])) == 0)
			return fail(err, ERROR_INVALID, "%s: git repositories are fetched over https, http, git or ssh only", refused[i]);
	return 0;
}

static int parse(const char *s, struct git_address *g, struct error *err)
{
	size_t len = strcspn(s, "?#");
	const char *query = s[len] == '?' ? s + len + 1 : NULL, *fragment = strchr(s, '#');
	size_t query_len = query ? strcspn(query, "#") : 0;
	bool asks = query && (strncmp(query, "ref=", 4) == 0 || strncmp(query, "tag=", 4) == 0 || strncmp(query, "branch=", 7) == 0) &&
		    !str_ends(s, ".tar") && !str_ends(s, ".gz");

	TRY(refuse_other_protocols(s, err));
	if (!is_git(s, len, asks))
		return 0;
	TRY(set_remote(g, s, len, err));
	if (query)
		TRY(take_queries(g, query, query_len, err));
	if (fragment)
		TRY(take_fragment(g, fragment + 1, err));
	return 1;
}

int git_address_parse(const char *s, struct git_address *ret, struct error *err)
{
	auto_git_address g = {};
	int is = parse(s, &g, err);

	if (is <= 0)
		return is;
	*ret = g;
	g = (struct git_address){};
	return 1;
}

/* ---- git ---- */
struct clone {
	const char *program;
	char *path;              /* of the working tree */
	struct strv env;
};

static void clone_done(struct clone *c)
{
	free(c->path);
	strv_done(&c->env);
}

/* A password is given to git in its environment: everybody reads command lines. It goes to the address' own host only. */
static int add_authorization(struct clone *c, const struct git_address *g, struct error *err)
{
	size_t scheme = strcspn(g->remote, ":") + 3, host = strcspn(g->remote + scheme, "/?#");

	TRY(strv_add(&c->env, "GIT_CONFIG_COUNT=1", err));
	TRY(strv_addf(&c->env, err, "GIT_CONFIG_KEY_0=http.%.*s/.extraHeader", (int)(scheme + host), g->remote));
	return strv_addf(&c->env, err, "GIT_CONFIG_VALUE_0=Authorization: %s", g->authorization);
}

/* The user's environment without GIT_*: a hook's or a test's GIT_DIR must not lead git elsewhere. */
static int make_env(struct clone *c, const struct git_address *g, struct error *err)
{
	static const char *const own[] = { "GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=https:http:git:ssh", "LC_ALL=C" };

	for (char **e = environ; *e; e++)
		if (!str_after(*e, "GIT_") && !str_after(*e, "LC_ALL="))
			TRY(strv_add(&c->env, *e, err));
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		TRY(strv_add(&c->env, own[i], err));
	return g->authorization ? add_authorization(c, g, err) : 0;
}

/* The last line git said, for the message. */
static const char *last_line(struct buf *b)
{
	while (b->len && (b->data[b->len - 1] == '\n' || b->data[b->len - 1] == '\r'))
		b->data[--b->len] = '\0';
	const char *newline = b->data ? strrchr(b->data, '\n') : NULL;
	return newline ? newline + 1 : b->data ? b->data : "";
}

/* git -C TREE ... words; output into `out` (may be NULL). */
static int run_git(const struct clone *c, const char *const *words, struct buf *out, struct error *err)
{
	static const char *const fixed[] = { "git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c",
		"submodule.recurse=false", "-c", "protocol.ext.allow=never", "-c", "protocol.file.allow=never", "-c",
		"advice.detachedHead=false", "-c", "gc.auto=0", "-c", "core.symlinks=true", "-C" };
	auto_strv argv = {};
	auto_buf complaint = BUF_INIT(256 << 10);
	const char *what = *words;
	int status;

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		TRY(strv_add(&argv, fixed[i], err));
	TRY(strv_add(&argv, c->path, err));
	for (; *words; words++)
		TRY(strv_add(&argv, *words, err));
	struct spawn s = SPAWN_INIT;
	s.path = c->program;
	s.argv = argv.v;
	s.envp = c->env.v;
	s.die_with_parent = true;
	struct spawn_io io = { .out = out, .errout = &complaint };
	TRY(spawn_run(&s, &io, &status, err));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return fail(err, ERROR_UNREACHABLE, "failed while performing `git %s`: %s", what, last_line(&complaint));
}
#define GIT(c, out, err, ...) run_git(c, (const char *const[]){ __VA_ARGS__, NULL }, out, err)

/* One commit is enough; a server that does not give it away by its id, or an abbreviated id, takes all of them. */
static int fetch_ref(const struct clone *c, const struct git_address *g, struct error *err)
{
	const char *ref = g->ref ? g->ref : g->commit && strlen(g->commit) >= 40 ? g->commit : "HEAD";
	autofree char *commit = NULL;
	struct error first;

	if (GIT(c, NULL, &first, "fetch", "-q", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", g->remote, ref) == 0)
		return GIT(c, NULL, err, "checkout", "-q", "--detach", "--force", "FETCH_HEAD");
	if (strspn(ref, "0123456789abcdef") != strlen(ref))
		return *err = first, -1;
	TRY(GIT(c, NULL, err, "fetch", "-q", "--no-tags", "--no-recurse-submodules", "--", g->remote, "+refs/heads/*:refs/remotes/x/*",
		"+refs/tags/*:refs/tags/*"));
	TRY(str_printf(&commit, err, "%s^{commit}", ref));
	if (GIT(c, NULL, err, "checkout", "-q", "--detach", "--force", commit) < 0)
		return *err = first, -1;
	return 0;
}

static int check_commit(const struct clone *c, const struct git_address *g, struct error *err)
{
	auto_buf head = BUF_INIT(4096);

	if (!g->commit)
		return 0;
	TRY(GIT(c, &head, err, "rev-parse", "--verify", "HEAD"));
	if (head.data && str_after(head.data, g->commit))
		return 0;
	return fail(err, ERROR_CORRUPT, "expected checksum to match %s, got %.*s", g->commit, head.data ? (int)strcspn(head.data, "\n") : 0,
		    head.data ? head.data : "");
}

static int fill_clone(const struct clone *c, const struct git_address *g, struct error *err)
{
	TRY(GIT(c, NULL, err, "init", "-q"));
	TRY(fetch_ref(c, g, err));
	TRY(check_commit(c, g, err));
	if (g->submodules)
		TRY(GIT(c, NULL, err, "submodule", "update", "-q", "--init", "--recursive", "--depth=1"));
	return 0;
}

/* The subdirectory must be one of the tree itself: no link on the way. */
static int enter_subdir(int tree, struct clone *c, const struct git_address *g, struct error *err)
{
	struct path_open how = { .oflags = O_RDONLY | O_DIRECTORY };

	if (!g->subdir)
		return fcntl(tree, F_DUPFD_CLOEXEC, 3);
	int fd = path_open_beneath(tree, g->subdir, how, err);
	if (fd < 0)
		return fail_wrap(err, "subdirectory of the git repository");
	autofree char *path = take_ptr(c->path);
	autoclose int owned = fd;
	TRY(str_printf(&c->path, err, "%s/%s", path, g->subdir));
	return take_fd(owned);
}

int git_fetch(const struct context_options *o, const struct git_address *g, int *ret_fd, char **ret_path, struct error *err)
{
	CLEANUP(clone_done) struct clone c = {};
	autofree char *program = NULL;
	autoclose int tree = scratch_dir(o, "git-", &c.path, err);

	if (tree < 0)
		return -1;
	if (helper_find_foreign("git", NULL, true, &program, err) < 0)
		return fail_wrap(err, "%s", g->remote);
	c.program = program;
	TRY(make_env(&c, g, err));
	if (fill_clone(&c, g, err) < 0)
		return fail_wrap(err, "fetching %s%s%s", g->remote, g->ref ? " " : "", g->ref ? g->ref : "");
	if (!g->keep_git_dir)
		TRY(file_remove_tree(tree, ".git", err));
	int fd = enter_subdir(tree, &c, g, err);
	if (fd < 0)
		return -1;
	*ret_fd = fd;
	if (ret_path)
		*ret_path = take_ptr(c.path);
	return 0;
}
