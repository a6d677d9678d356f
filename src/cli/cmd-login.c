/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-login.c - `login` and `logout`. */
#include <stdio.h>
#include <string.h>
#include <termios.h>

#include "cli/cli.h"
#include "engine/login.h"
#include "engine/secret.h"
#include "os/file.h"

#define PASSWORD_BYTES_MAX ((size_t)64 << 10)

struct login_params {
	struct login login;
	char *username, *password, *secret;
	bool password_stdin, get_login, verbose;
};

#define P struct login_params
static const struct field rows[] = {
	{ .cli = "get-login", F_BOOL(P, get_login), .help = "Print the user logged in at the registry" },
	{ .cli = "password", .abbr = 'p', F_STR(P, password), .arg = "password", .help = "Password for the registry" },
	{ .cli = "password-stdin", F_BOOL(P, password_stdin), .help = "Read the password from standard input" },
	{ .cli = "secret", F_STR(P, secret), .arg = "name", .help = "Take the password from this secret" },
	{ .cli = "username", .abbr = 'u', F_STR(P, username), .arg = "username", .help = "User name at the registry" },
	{ .cli = "verbose", .abbr = 'v', F_BOOL(P, verbose), .help = "Say where the login is kept" },
	{}
};

static void wipe_params(void *params)
{
	struct login_params *p = params;

	if (p->password)
		explicit_bzero(p->password, strlen(p->password));
	free(take_ptr(p->login.key));
	free(take_ptr(p->login.registry));
}

/* ---- asking ---- */
/* One line from standard input without its newline; ERROR_INVALID at its end. */
static int read_line(char **ret, struct error *err)
{
	autofree char *line = NULL;
	size_t cap = 0;
	ssize_t n = getline(&line, &cap, stdin);

	if (n < 0)
		return fail(err, ERROR_INVALID, "EOF");
	line[strcspn(line, "\r\n")] = '\0';
	*ret = take_ptr(line);
	return 0;
}

static int read_password(char **ret, struct error *err)
{
	struct termios before, silent;
	bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;

	printf("Password: ");
	fflush(stdout);
	if (terminal) {
		silent = before;
		silent.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	}
	int r = read_line(ret, err);
	if (terminal)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	printf("\n");
	return r < 0 ? fail_wrap(err, "reading password") : 0;
}

static int ask_user(const char *known, char **ret, struct error *err)
{
	if (known)
		printf("Username (%s): ", known);
	else
		printf("Username: ");
	fflush(stdout);
	if (read_line(ret, err) < 0)
		return fail_wrap(err, "reading username");
	return **ret || !known ? 0 : str_set(ret, known, err);
}

/* --password-stdin: lines are joined, as Podman does. */
static int password_from_stdin(struct login_params *p, struct error *err)
{
	autofree char *text = NULL;
	size_t len, n = 0;

	if (p->password)
		return fail(err, ERROR_INVALID, "can't specify both --password-stdin and --password");
	if (!p->username)
		return fail(err, ERROR_INVALID, "must provide --username with --password-stdin");
	autofclose FILE *copy = fdopen(dup(STDIN_FILENO), "re");
	text = malloc(PASSWORD_BYTES_MAX + 1);
	if (!copy || !text)
		return fail_oom(err);
	len = fread(text, 1, PASSWORD_BYTES_MAX, copy);
	for (size_t i = 0; i < len; i++)
		if (text[i] != '\n' && text[i] != '\r')
			text[n++] = text[i];
	text[n] = '\0';
	p->password = take_ptr(text);
	return 0;
}

/* --secret: its name is the user's when no other is given. */
static int password_from_secret(struct engine *e, struct login_params *p, struct error *err)
{
	auto_secret s = {};
	auto_secret_buf bytes = BUF_INIT(SECRET_BYTES_MAX + 1);

	if (p->password)
		return fail(err, ERROR_INVALID, "--secret can not be used with --password options");
	if (!p->username)
		TRY(str_set(&p->username, p->secret, err));
	TRY(secret_find(e, p->secret, &s, err));
	TRY(secret_read(e, &s, &bytes, err));
	return str_set(&p->password, bytes.data ? bytes.data : "", err);
}

static int complete_credentials(struct login_params *p, const struct auth *known, struct auth *ret, struct error *err)
{
	if (p->username)
		TRY(str_set(&ret->username, p->username, err));
	else if (ask_user(known->username, &ret->username, err) < 0)
		return fail_wrap(err, "getting username and password");
	if (!str_empty(p->password))
		return str_set(&ret->password, p->password, err);
	if (read_password(&ret->password, err) < 0)
		return fail_wrap(err, "getting username and password");
	return 0;
}

/* ---- login ---- */
/* 1: what is stored still works, nothing else to do. */
static int try_known(struct engine *e, const struct login_params *p, const struct auth *known, struct error *err)
{
	struct error refused;

	(void)err;
	if (p->username || p->password || !known->username || !known->password)
		return 0;
	printf("Authenticating with existing credentials for %s\n", p->login.key);
	if (login_check(e, &p->login, known, &refused) == 0) {
		printf("Existing credentials are valid. Already logged in to %s\n", p->login.registry);
		return 1;
	}
	printf("Existing credentials are invalid, please enter valid username and password\n");
	return 0;
}

static int log_in(struct engine *e, struct login_params *p, const struct auth *known, struct error *err)
{
	auto_auth a = {};
	autofree char *where = NULL;

	TRY(complete_credentials(p, known, &a, err));
	TRY(login_check(e, &p->login, &a, err));
	TRY(login_store(e, &p->login, &a, &where, err));
	if (p->verbose)
		printf("Used:  %s\n", where);
	printf("Login Succeeded!\n");
	return 0;
}

static int run_login(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct login_params *p = params;
	auto_auth known = {};
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	if (p->secret)
		TRY(password_from_secret(e, p, err));
	TRY(login_target(e, &p->login, args->n ? args->v[0] : NULL, err));
	TRY(login_known(e, &p->login, &known, err));
	if (p->get_login) {
		if (!known.username)
			return fail(err, ERROR_NOT_FOUND, "not logged into %s", p->login.key);
		printf("%s\n", known.username);
		return 0;
	}
	if (known.identity_token)
		return fail(err, ERROR_STATE, "currently logged in, auth file contains an Identity token");
	if (p->password_stdin)
		TRY(password_from_stdin(p, err));
	int done = try_known(e, p, &known, err);
	return done ? 0 : log_in(e, p, &known, err);
}

const struct command cmd_login = {
	.summary = "Log in to a container registry",
	.description = "Checks a user name and password at a registry and keeps them for later commands.",
	.args = "[REGISTRY]", .max_args = 1,
	.groups = (const struct command_rows[]){ { rows }, { login_rows, offsetof(P, login) }, {} },
	.params_size = sizeof(struct login_params), .done = wipe_params,
	.examples = "quay.io\n--username ann --password-stdin localhost:5000\n--get-login quay.io", .run = run_login,
	.flags = COMMAND_IN_USERNS,
};

/* ---- logout ---- */
struct logout_params {
	struct login login;
	bool all;
};

static const struct field logout_own_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(struct logout_params, all), .help = "Forget the logins at all registries" },
	{}
};

static void forget_target(void *params)
{
	struct logout_params *p = params;

	free(take_ptr(p->login.key));
	free(take_ptr(p->login.registry));
}

/* Docker's own file may know a login that is not ours to take away. */
static int tell_not_logged_in(struct engine *e, const struct login *l, struct error *err)
{
	auto_auth known = {};
	struct error refused;

	TRY(login_known(e, l, &known, err));
	if (!known.username || !known.password || login_check(e, l, &known, &refused) < 0)
		return fail(err, ERROR_NOT_FOUND, "not logged into %s", l->key);
	printf("Not logged into %s with current tool. Existing credentials were established via docker login. Please use docker "
	       "logout instead.\n", l->key);
	return 0;
}

static int run_logout(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct logout_params *p = params;
	struct engine *e;

	if (p->all && args->n)
		return fail(err, ERROR_INVALID, "--all takes no arguments");
	TRY(image_remote_check_authfile(&p->login.remote, err));
	TRY(cli_engine(cli, &e, err));
	if (!p->all)
		TRY(login_target(e, &p->login, args->n ? args->v[0] : NULL, err));
	int r = login_forget(e, &p->login, err);
	if (r < 0)
		return r;
	if (r == 0)
		return tell_not_logged_in(e, &p->login, err);
	if (p->all)
		printf("Removed login credentials for all registries\n");
	else
		printf("Removed login credentials for %s\n", p->login.key);
	return 0;
}

const struct command cmd_logout = {
	.summary = "Log out of a container registry",
	.description = "Forgets the user name and password kept for a registry.", .args = "[REGISTRY]", .max_args = 1,
	.groups = (const struct command_rows[]){ { logout_own_rows }, { logout_rows, offsetof(struct logout_params, login) }, {} },
	.params_size = sizeof(struct logout_params), .done = forget_target, .examples = "quay.io\n--all", .run = run_logout,
};
