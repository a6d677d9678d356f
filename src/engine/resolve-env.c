/* SPDX-License-Identifier: Apache-2.0
 * What a container's environment is. */
#include <stdlib.h>

#include "engine/resolve-impl.h"

static const char *const default_env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL };

static int env_add(struct strmap *env, const char *word, struct error *err)
{
	const char *eq = strchr(word, '=');
	autofree char *name = NULL;

	if (!eq)
		return strmap_set(env, word, "", err);
	name = strndup(word, (size_t)(eq - word));
	return name ? strmap_set(env, name, eq + 1, err) : fail_oom(err);
}

/* The credentials of http://user:secret@proxy:1/ are nobody's business inside. */
static int add_proxy_value(struct strmap *env, const char *name, const char *value, struct error *err)
{
	const char *scheme = strstr(value, "://");
	const char *start = scheme ? scheme + 3 : value;
	const char *at = strrchr(start, '@');
	autofree char *clean = NULL;

	if (!at || memchr(start, '/', (size_t)(at - start)))
		return strmap_set(env, name, value, err);
	TRY(str_printf(&clean, err, "%.*s%s", (int)(start - value), value, at + 1));
	return strmap_set(env, name, clean, err);
}

static int add_proxies(struct strmap *env, struct error *err)
{
	static const char *const names[] = { "http_proxy", "https_proxy", "ftp_proxy", "no_proxy",
		"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (getenv(names[i]))
			TRY(add_proxy_value(env, names[i], getenv(names[i]), err));
	return 0;
}

extern char **environ;

static int add_host_env(struct strmap *env, struct error *err)
{
	for (char **e = environ; *e; e++)
		if (strchr(*e, '=') && !str_after(*e, "_="))
			TRY(env_add(env, *e, err));
	return 0;
}

/* --env-merge NAME=text with ${NAME} or $NAME of what is there so far. */
static int expand(const struct strmap *env, const char *s, struct buf *to)
{
	while (*s) {
		size_t plain = strcspn(s, "$");
		buf_add(to, s, plain);
		s += plain;
		if (!*s)
			break;
		s++;
		bool brace = *s == '{';
		if (brace)
			s++;
		size_t n = brace ? strcspn(s, "}") :
				   strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
		char name[256];
		snprintf(name, sizeof(name), "%.*s", (int)(n < sizeof(name) ? n : sizeof(name) - 1), s);
		buf_add_str(to, n && strmap_get(env, name) ? strmap_get(env, name) : "");
		s += n;
		if (brace && *s == '}')
			s++;
	}
	return 0;
}

static int merge_env(struct strmap *env, const struct strv *merges, struct error *err)
{
	for (size_t i = 0; i < merges->n; i++) {
		auto_buf text = BUF_INIT(1 << 20);
		expand(env, merges->v[i], &text);
		TRY(buf_ok(&text, "--env-merge", err));
		TRY(env_add(env, text.data ? text.data : "", err));
	}
	return 0;
}

int resolve_env(struct params_process *p, const struct image_defaults *image, const struct engine *e,
		struct error *err)
{
	auto_strmap env = {};
	const struct conf_containers *conf = &e->conf.containers;
	bool proxies = p->http_proxy.set ? p->http_proxy.value : conf->http_proxy;

	if (!p->unset_env_all) {
		for (size_t i = 0; default_env[i]; i++)
			TRY(env_add(&env, default_env[i], err));
		for (size_t i = 0; i < conf->env.n; i++)
			TRY(env_add(&env, conf->env.v[i], err));
		for (size_t i = 0; i < image->env.n; i++)
			TRY(env_add(&env, image->env.v[i], err));
		if (proxies)
			TRY(add_proxies(&env, err));
		if (p->env_host || conf->env_host)
			TRY(add_host_env(&env, err));
		TRY(strmap_set(&env, "container", "podman", err));
	}
	for (size_t i = 0; i < p->unset_env.n; i++)
		strmap_remove(&env, p->unset_env.v[i]);
	TRY(merge_env(&env, &p->env_merge, err));
	TRY(strmap_copy(&env, &p->env, err));
	if (p->tty && !strmap_get(&env, "TERM") && !p->unset_env_all)
		TRY(strmap_set(&env, "TERM", "xterm", err));
	strmap_done(&p->env);
	p->env = env;
	env = (struct strmap){};
	return 0;
}
