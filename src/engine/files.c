/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/info.h"
#include "engine/files.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/container-impl.h"
#include "engine/hosts.h"
#include "engine/network.h"
#include "os/file.h"
#include "os/path.h"
#include "os/user.h"

#define HOSTS_MAX ((size_t)4 << 20)

static int put(int dir, const char *name, const struct buf *text, mode_t mode, struct error *err)
{
	autoclose int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);

	TRY(buf_ok(text, name, err));
	if (fd < 0 || fchmod(fd, mode) < 0)
		return fail_errno(err, "create %s", name);
	return text->len ? file_write_all(fd, text->data, text->len, err) : 0;
}

/* ---- hosts ---- */
static int add_file(struct buf *to, const char *path, struct error *err)
{
	autofree char *text = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, path, HOSTS_MAX, &text, &len, err);

	if (r <= 0)
		return r;
	buf_add(to, text, len);
	if (len && text[len - 1] != '\n')
		buf_add_char(to, '\n');
	return 1;
}

static const char *base_name(const struct spec_context *x)
{
	return x->params->net.hosts_file ? x->params->net.hosts_file : x->engine->conf.containers.base_hosts_file;
}

static bool is_image_base(const struct spec_context *x)
{
	return streq0(base_name(x), "image");
}

static int base_hosts(const struct spec_context *x, struct buf *to, struct error *err)
{
	const char *base = base_name(x);
	autoclose int fd = -1;
	int r;

	if (str_empty(base)) {
		r = add_file(to, "/etc/hosts", err);
		return r < 0 ? -1 : 0;
	}
	if (streq(base, "none"))
		return 0;
	if (!streq(base, "image")) {
		r = add_file(to, base, err);
		return r < 0 ? -1 : r ? 0 : fail_with(err, ENOENT, "hosts file %s", base);
	}
	struct error missing;
	fd = path_open_in_root(x->rootfs_fd, "/etc/hosts", (struct path_open){ .oflags = O_RDONLY | O_NONBLOCK }, &missing);
	if (fd < 0)
		return 0;
	autofree char *text = NULL;
	size_t len;
	TRY(file_read_fd(fd, "/etc/hosts of the image", HOSTS_MAX, &text, &len, err));
	buf_add(to, text, len);
	return 0;
}

/* A value with a line break would become further lines of the file (CVE-2022-4318 and its kind). */
static int check_line(const char *value, const char *what, struct error *err)
{
	for (const char *p = value ? value : ""; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return fail(err, ERROR_INVALID, "%s: may not contain line breaks or other control characters", what);
	return 0;
}

static int check_lines(const struct spec_context *x, struct error *err)
{
	const struct params_network *net = &x->params->net;
	const struct { const struct strv *list; const char *what; } lists[] = {
		{ &net->add_hosts, "--add-host" }, { &net->dns, "--dns" }, { &net->dns_search, "--dns-search" },
		{ &net->dns_options, "--dns-option" },
	};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (size_t j = 0; j < lists[i].list->n; j++)
			TRY(check_line(lists[i].list->v[j], lists[i].what, err));
	return check_line(x->hostname, "--hostname", err);
}

/* host[;host...]:ip; the first colon separates, the address may hold more. */
static int add_extra_host(struct buf *to, const char *entry, const char *host, struct error *err)
{
	const char *colon = strchr(entry, ':');
	autofree char *names = NULL;

	if (!colon || colon == entry || !colon[1])
		return fail(err, ERROR_INVALID, "unable to parse host entry \"%s\": incorrect format", entry);
	names = strndup(entry, (size_t)(colon - entry));
	if (!names)
		return fail_oom(err);
	for (char *c = names; *c; c++)
		if (*c == ';')
			*c = ' ';
	bool gateway = streq(colon + 1, "host-gateway");
	if (gateway && !host)
		return fail(err, ERROR_INVALID, "unable to replace \"host-gateway\" of host entry \"%s\": host containers internal IP "
						"address is empty", entry);
	buf_addf(to, "%s\t%s\n", gateway ? host : colon + 1, names);
	return 0;
}

/* The name as a whole word behind an address, outside of comments. */
static bool has_line_for(const struct buf *b, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = b->data ? strstr(b->data, name) : NULL; at; at = strstr(at + 1, name)) {
		const char *line = at;
		while (line > b->data && line[-1] != '\n')
			line--;
		if (at > line && strchr(" \t", at[-1]) && strchr(" \t\r\n", at[len]) && !memchr(line, '#', (size_t)(at - line)))
			return true;
	}
	return false;
}

/* What is not there yet: localhost, the host, the container itself. */
static int add_own_hosts(const struct spec_context *x, const char *host, struct buf *text, struct error *err)
{
	const char *name = x->container->at.record.name;
	autofree char *names = NULL;

	if (!has_line_for(text, "localhost"))
		buf_add_str(text, "127.0.0.1\tlocalhost\n::1\tlocalhost\n");
	if (host && !has_line_for(text, "host.containers.internal"))
		buf_addf(text, "%s\t" HOST_NAMES "\n", host);
	bool hostname = !has_line_for(text, x->hostname), own = !has_line_for(text, name);
	if (x->params->ns.net.mode == NS_HOST || x->params->ns.net.mode == NS_PATH || (!hostname && !own))
		return 0;
	TRY(str_printf(&names, err, "%s%s%s", hostname ? x->hostname : "", hostname && own ? " " : "", own ? name : ""));
	if (x->net && x->net->attachments.n)
		network_hosts(x->net, names, text);
	else
		buf_addf(text, "127.0.0.1\t%s\n", names);
	return 0;
}

static int make_hosts(const struct spec_context *x, int dir, struct error *err)
{
	auto_buf text = BUF_INIT(HOSTS_MAX + 65536);
	const struct params_network *net = &x->params->net;

	if (net->no_hosts.value)
		return 0;
	if (x->params->ns.net.mode == NS_CONTAINER) {
		const struct peer *peer = spec_peer(x, &x->params->ns.net);
		return peer ? hosts_guest_add(peer->run_dir, x->container->at.record.name, err) : 0;
	}
	const char *host = network_host_address(x->engine, x->params, x->net);

	for (size_t i = 0; i < net->add_hosts.n; i++)
		TRY(add_extra_host(&text, net->add_hosts.v[i], host, err));
	TRY(base_hosts(x, &text, err));
	TRY(add_own_hosts(x, host, &text, err));
	return put(dir, "hosts", &text, 0644, err);
}

/* ---- resolv.conf ---- */
static bool is_loopback_server(const char *line)
{
	const char *word = line + strlen("nameserver");

	word += strspn(word, " \t");
	return str_after(word, "127.") || str_after(word, "::1");
}

/* A host whose only server is systemd-resolved's stub: what is behind it, which containers can reach as well. */
static int host_resolv(const struct spec_context *x, char **ret, struct error *err)
{
	static const char behind[] = "/run/systemd/resolve/resolv.conf";
	bool host_net = x->params->ns.net.mode == NS_HOST;
	int r = file_read(AT_FDCWD, "/etc/resolv.conf", 1 << 20, ret, NULL, err);

	if (r <= 0 || host_net || !strstr(*ret, "127.0.0.53"))
		return r < 0 ? -1 : 0;
	autofree char *other = NULL;
	if (file_read(AT_FDCWD, behind, 1 << 20, &other, NULL, err) > 0) {
		free(*ret);
		*ret = take_ptr(other);
	}
	return 0;
}

static bool is_pasta(const struct spec_context *x)
{
	return x->net && streq0(x->net->mode, "pasta");
}

/* The host's lines that nothing replaces. Servers of the host's loopback mean nothing in another namespace. */
static void add_host_lines(const struct spec_context *x, const struct strv *lines, const struct strv *servers, bool search, struct buf *to)
{
	const struct params_network *net = &x->params->net;
	bool own = net->dns.n || net->dns_search.n || net->dns_options.n, bridge = x->net && x->net->attachments.n;
	bool replaced = is_pasta(x) ? net->dns.n : servers->n;

	for (size_t i = 0; i < lines->n; i++) {
		const char *l = lines->v[i];
		bool server = str_after(l, "nameserver");
		if ((server && (replaced || (bridge && is_loopback_server(l)))) || (str_after(l, "search") && search) ||
		    (str_after(l, "options") && net->dns_options.n) || (own && *l == '#') || !*l)
			continue;
		buf_addf(to, "%s\n", l);
	}
}

/* Servers of networks that resolve names come first and alone: they know --dns and the host's servers. pasta's forwarder
 * stands before the host's own. */
static int list_servers(const struct spec_context *x, struct strv *servers, bool *ret_networks, struct error *err)
{
	if (is_pasta(x) && x->params->net.dns.n) {
		*ret_networks = false;
		return strv_copy(servers, &x->params->net.dns, err);
	}
	/* a DHCP server's advice is not needed where --dns was given */
	*ret_networks = false;
	if (!x->params->net.dns.n || !network_has_only_leases(x->net))
		TRY(network_nameservers(x->net, servers, err));
	*ret_networks = servers->n > 0 && !is_pasta(x);
	return servers->n ? 0 : strv_copy(servers, &x->params->net.dns, err);
}

static int make_resolv(const struct spec_context *x, int dir, struct error *err)
{
	auto_buf text = BUF_INIT(1 << 20);
	const struct params_network *net = &x->params->net;
	autofree char *host = NULL;
	auto_strv lines = {}, servers = {}, search = {};
	bool networks, none = net->dns_search.n == 1 && streq(net->dns_search.v[0], ".");

	if (x->params->ns.net.mode == NS_CONTAINER || (net->dns.n == 1 && streq(net->dns.v[0], "none")))
		return 0;
	TRY(host_resolv(x, &host, err));
	TRY(strv_split(&lines, host ? host : "", '\n', err));
	TRY(list_servers(x, &servers, &networks, err));
	if (net->dns_search.n)
		TRY(strv_copy(&search, &net->dns_search, err));
	else if (networks || (!net->dns.n && !is_pasta(x)))   /* a DHCP server may give domains without servers */
		TRY(network_search(x->net, &search, err));
	if (search.n && !none) {
		autofree char *words = strv_join(&search, " ");
		buf_addf(&text, "search %s\n", words ? words : "");
	}
	for (size_t i = 0; i < servers.n; i++)
		buf_addf(&text, "nameserver %s\n", servers.v[i]);
	add_host_lines(x, &lines, &servers, search.n, &text);
	if (net->dns_options.n) {
		autofree char *words = strv_join(&net->dns_options, " ");
		buf_addf(&text, "options %s\n", words ? words : "");
	}
	return put(dir, "resolv.conf", &text, 0644, err);
}

/* Over what the child wrote; its root file system is out of reach, so a base from the image stays as it is. */
int files_update(struct ctr *c, const struct net_status *net, struct error *err)
{
	autoclose int dir = ctr_open_run_dir(c, err);
	struct spec_context x = { .container = c, .params = &c->params, .engine = c->engine, .rootfs_fd = -1, .net = net,
				  .rootless = c->engine->paths.rootless };
	char name[256];

	if (dir < 0)   /* a step of a build has no directory: its files were made before */
		return err->errnum == ENOENT ? 0 : -1;
	x.hostname = file_read_small(dir, "hostname", name, sizeof(name)) > 0 ? name : (char *)c->at.record.name;
	if (faccessat(dir, "hosts", F_OK, 0) == 0 && !is_image_base(&x))
		TRY(make_hosts(&x, dir, err));
	return faccessat(dir, "resolv.conf", F_OK, 0) == 0 ? make_resolv(&x, dir, err) : 0;
}

/* ---- the small ones ---- */
static int make_hostname(const struct spec_context *x, int dir, struct error *err)
{
	auto_buf text = BUF_INIT(4096);

	if (x->params->ns.no_hostname || !x->hostname)
		return 0;
	buf_addf(&text, "%s\n", x->hostname);
	return put(dir, "hostname", &text, 0644, err);
}

static int make_containerenv(const struct spec_context *x, int dir, struct error *err)
{
	auto_buf text = BUF_INIT(65536);
	const struct container_record *r = &x->container->at.record;

	if (x->params->security.privileged || x->params->basic.external)   /* a builder tells its commands anyway */
		buf_addf(&text, "engine=\"%s\"\nname=\"%s\"\nid=\"%s\"\nimage=\"%s\"\nimageid=\"%s\"\nrootless=%d\n",
			 x->params->basic.external ? "buildah-" BUILDAH_LEVEL : "podman-5.8.2", r->name, r->id, r->image_name ? r->image_name : "", r->image_id ? r->image_id : "", x->rootless ? 1 : 0);
	return put(dir, ".containerenv", &text, 0644, err);
}

/* ---- time zone ---- */
static int zone_path(const char *zone, char **ret, struct error *err)
{
	if (streq(zone, "local"))
		return str_set(ret, "/etc/localtime", err);
	if (*zone == '/' || strstr(zone, ".."))
		return fail(err, ERROR_INVALID, "running container create option: finding timezone: unknown time zone %s", zone);
	return str_printf(ret, err, "/usr/share/zoneinfo/%s", zone);
}

int files_timezone_check(const char *zone, struct error *err)
{
	autofree char *path = NULL;

	if (str_empty(zone))
		return 0;
	TRY(zone_path(zone, &path, err));
	if (access(path, R_OK) < 0 && !streq(zone, "local"))
		return fail(err, ERROR_INVALID, "running container create option: finding timezone: unknown time zone %s", zone);
	return 0;
}

static int make_localtime(const struct spec_context *x, int dir, struct error *err)
{
	const char *zone = x->params->process.timezone;
	auto_buf text = BUF_INIT(HOSTS_MAX);
	autofree char *path = NULL, *data = NULL;
	size_t len;

	if (str_empty(zone))
		return 0;
	TRY(zone_path(zone, &path, err));
	int r = file_read(AT_FDCWD, path, HOSTS_MAX, &data, &len, err);
	if (r <= 0)
		return r;
	buf_add(&text, data, len);
	return put(dir, "localtime", &text, 0644, err);
}

/* In a user namespace of its own the container's root is somebody else. */
static int give_to_root(const struct spec_context *x, int dir, struct error *err)
{
	static const char *const files[] = { "hosts", "resolv.conf", "hostname", "localtime", ".containerenv" };
	uint32_t uid, gid;

	if (!x->maps || !idmap_to_outside(&x->maps->uids, 0, &uid) || !idmap_to_outside(&x->maps->gids, 0, &gid))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (fchownat(dir, files[i], uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
			return fail_errno(err, "chown %s", files[i]);
	return 0;
}

int files_make(const struct spec_context *x, int run_dir_fd, struct error *err)
{
	TRY(check_lines(x, err));
	TRY(make_hosts(x, run_dir_fd, err));
	TRY(make_resolv(x, run_dir_fd, err));
	TRY(make_hostname(x, run_dir_fd, err));
	TRY(make_localtime(x, run_dir_fd, err));
	TRY(make_containerenv(x, run_dir_fd, err));
	return give_to_root(x, run_dir_fd, err);
}

/* ---- passwd and group ---- */
static void expand_entry(const struct spec_context *x, const char *form, struct buf *to)
{
	char number[24];
	const char *user = x->passwd_name;

	for (const char *s = form; *s;) {
		if (str_after(s, "$USERNAME")) {
			if (user)
				buf_add_str(to, user);
			else
				buf_addf(to, "%llu", (unsigned long long)x->uid);
			s += strlen("$USERNAME");
		} else if (str_after(s, "$UID") || str_after(s, "$GID")) {
			snprintf(number, sizeof(number), "%llu", (unsigned long long)(s[1] == 'U' ? x->uid : x->gid));
			buf_add_str(to, number);
			s += 4;
		} else if (str_after(s, "$HOME")) {
			buf_add_str(to, x->home ? x->home : "/");
			s += 5;
		} else if (str_after(s, "$NAME")) {
			buf_add_str(to, "container user");
			s += 5;
		} else if (str_after(s, "$GROUPNAME")) {
			buf_addf(to, "%llu", (unsigned long long)x->gid);
			s += strlen("$GROUPNAME");
		} else {
			buf_add_char(to, *s++);
		}
	}
	buf_add_char(to, '\n');
}

static int passwd_line(const struct spec_context *x, struct buf *to)
{
	const struct params_process *p = &x->params->process;
	const char *home = x->home ? x->home : "/";

	if (p->passwd_entry) {
		expand_entry(x, p->passwd_entry, to);
		return 1;
	}
	if (x->known_user)
		return 0;
	if (x->passwd_name)
		buf_addf(to, "%s:*:%llu:%llu:%s:%s:/bin/sh\n", x->passwd_name, (unsigned long long)x->uid,
			 (unsigned long long)x->gid, x->passwd_name, home);
	else
		buf_addf(to, "%llu:*:%llu:%llu:container user:%s:/bin/sh\n", (unsigned long long)x->uid,
			 (unsigned long long)x->uid, (unsigned long long)x->gid, home);
	return 1;
}

static int append_entry(const struct spec_context *x, int dir, const char *path, const char *copy_name,
			const struct buf *line, struct error *err)
{
	struct error missing;
	autoclose int fd = path_open_in_root(x->rootfs_fd, path, (struct path_open){ .oflags = O_RDONLY | O_NONBLOCK }, &missing);
	autofree char *text = NULL;
	auto_buf whole = BUF_INIT(8 << 20);
	size_t len;

	if (fd < 0)
		return 0;   /* an image without such a file does not ask for users */
	TRY(file_read_fd(fd, path, 4 << 20, &text, &len, err));
	if (line->data && strstr(text, line->data))
		return 0;
	if (len && text[len - 1] != '\n')
		buf_add_char(&whole, '\n');
	buf_add(&whole, line->data, line->len);
	if (!x->params->storage.read_only.value && !x->container->at.record.rootfs) {
		autoclose int out = path_open_in_root(x->rootfs_fd, path,
						      (struct path_open){ .oflags = O_WRONLY | O_APPEND | O_NONBLOCK }, err);
		if (out < 0)
			return -1;
		return file_write_all(out, whole.data, whole.len, err);
	}
	auto_buf copy = BUF_INIT(8 << 20);
	buf_add(&copy, text, len);
	buf_add(&copy, whole.data, whole.len);
	return put(dir, copy_name, &copy, 0644, err);
}

static int add_host_user(const struct spec_context *x, const char *name, struct buf *to, struct error *err)
{
	const struct passwd *p = getpwnam(name);
	uint32_t uid;

	if (!p && parse_u32(name, &uid))
		p = getpwuid(uid);
	(void)x;
	if (!p)
		return fail(err, ERROR_NOT_EXECUTABLE, "--hostuser: user: unknown user %s", name);
	if (!user_field_is_safe(p->pw_dir) || !user_field_is_safe(p->pw_name))
		return fail(err, ERROR_INVALID, "--hostuser %s: its passwd entry cannot be copied", name);
	buf_addf(to, "%s:*:%u:%u:%s:%s:%s\n", p->pw_name, p->pw_uid, p->pw_gid, p->pw_name, p->pw_dir,
		 str_empty(p->pw_shell) ? "/bin/sh" : p->pw_shell);
	return 0;
}

int files_make_passwd(const struct spec_context *x, int run_dir_fd, struct error *err)
{
	const struct params_process *p = &x->params->process;
	auto_buf line = BUF_INIT(65536), group = BUF_INIT(65536);

	if (p->passwd.set && !p->passwd.value)
		return 0;
	for (size_t i = 0; i < p->host_users.n; i++)
		TRY(add_host_user(x, p->host_users.v[i], &line, err));
	if (passwd_line(x, &line) || line.len)
		TRY(append_entry(x, run_dir_fd, "/etc/passwd", "passwd", &line, err));
	if (p->group_entry) {
		expand_entry(x, p->group_entry, &group);
		return append_entry(x, run_dir_fd, "/etc/group", "group", &group, err);
	}
	return 0;
}
