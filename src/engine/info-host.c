/* SPDX-License-Identifier: Apache-2.0
 * engine/info-host.c - the machine: /proc, os-release, cgroups, security modules. What cannot be read stays empty. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "conf/helpers.h"
#include "config.h"
#include "engine/event.h"
#include "engine/info.h"
#include "image/oci-image.h"
#include "os/cgroup.h"
#include "os/file.h"

/* A small file's text, or NULL. */
static char *slurp(const char *path)
{
	struct error ignored = {};
	char *text = NULL;

	return file_read(AT_FDCWD, path, 1 << 20, &text, NULL, &ignored) < 0 ? NULL : text;
}

/* ---- /etc/os-release ---- */
static int take_os_value(const char *line, const char *key, char **to, struct error *err)
{
	const char *value = str_after(line, key);

	if (!value || *value++ != '=')
		return 0;
	size_t n = strlen(value);
	if (n >= 2 && (*value == '"' || *value == '\'') && value[n - 1] == *value) {
		value++;
		n -= 2;
	}
	free(*to);
	*to = strndup(value, n);
	return *to ? 0 : fail_oom(err);
}

static int fill_distribution(struct info_host *to, struct error *err)
{
	autofree char *text = slurp("/etc/os-release");

	if (!text)
		text = slurp("/usr/lib/os-release");
	for (char *line = text, *next; line && *line; line = next) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		TRY(take_os_value(line, "ID", &to->distribution.name, err));
		TRY(take_os_value(line, "VARIANT_ID", &to->distribution.variant, err));
		TRY(take_os_value(line, "VERSION_ID", &to->distribution.version, err));
		TRY(take_os_value(line, "VERSION_CODENAME", &to->distribution.codename, err));
	}
	if (!to->distribution.name)
		TRY(str_set(&to->distribution.name, "unknown", err));
	return to->distribution.version ? 0 : str_set(&to->distribution.version, "unknown", err);
}

/* ---- /proc ---- */
/* Kilobytes behind "NAME:" in /proc/meminfo, as bytes. */
static int64_t meminfo(const char *text, const char *name)
{
	const char *at = text ? strstr(text, name) : NULL;
	return at ? strtoll(at + strlen(name), NULL, 10) * 1024 : 0;
}

static void fill_memory(struct info_host *to)
{
	autofree char *text = slurp("/proc/meminfo");

	to->mem_free = meminfo(text, "MemFree:");
	to->mem_total = meminfo(text, "MemTotal:");
	to->swap_free = meminfo(text, "SwapFree:");
	to->swap_total = meminfo(text, "SwapTotal:");
}

static double percent(unsigned long long part, unsigned long long whole)
{
	return whole ? (double)(part * 10000 / whole) / 100 : 0;
}

static void fill_cpu(struct info_host *to)
{
	autofree char *text = slurp("/proc/stat");
	unsigned long long user = 0, nice = 0, kernel = 0, idle = 0;

	to->cpus = get_nprocs();
	if (!text || sscanf(text, "cpu %llu %llu %llu %llu", &user, &nice, &kernel, &idle) != 4)
		return;
	unsigned long long all = user + nice + kernel + idle;
	to->cpu.user = percent(user + nice, all);
	to->cpu.kernel = percent(kernel, all);
	to->cpu.idle = percent(idle, all);
}

static int fill_uptime(struct info_host *to, struct error *err)
{
	autofree char *text = slurp("/proc/uptime");
	long seconds = text ? strtol(text, NULL, 10) : 0, hours = seconds / 3600;
	char days[48] = "";

	if (hours > 0)
		snprintf(days, sizeof(days), " (Approximately %.2f days)", (double)hours / 24);
	return str_printf(&to->uptime, err, "%ldh %ldm %ld.00s%s", hours, seconds / 60 % 60, seconds % 60, days);
}

static int read_map(const char *path, struct list *to, struct error *err)
{
	autofree char *text = slurp(path);

	for (char *p = text, *end; p && *p; p = end) {
		long long v[3];
		int i = 0;
		for (; i < 3; i++, p = end) {
			v[i] = strtoll(p, &end, 10);
			if (end == p)
				return 0;
		}
		struct info_idmap *m = list_add(to, sizeof(*m), err);
		if (!m)
			return -1;
		*m = (struct info_idmap){ v[0], v[1], v[2] };
		end += *end == '\n';
	}
	return 0;
}

static int fill_kernel(struct info_host *to, struct error *err)
{
	struct utsname u;

	if (uname(&u) < 0)
		return fail_errno(err, "uname");
	TRY(str_set(&to->kernel, u.release, err));
	return str_set(&to->hostname, u.nodename, err);
}

/* binfmt_misc entries of qemu: "qemu-aarch64" -> "linux/aarch64". */
static int fill_emulated(struct info_host *to, struct error *err)
{
	DIR *d = opendir("/proc/sys/fs/binfmt_misc");
	int r = 0;

	for (struct dirent *e; d && r >= 0 && (e = readdir(d));) {
		const char *arch = str_after(e->d_name, "qemu-");
		if (arch)
			r = strv_addf(&to->emulated, err, "linux/%s", arch);
	}
	if (d)
		closedir(d);
	strv_sort(&to->emulated);
	return r;
}

/* ---- cgroups ---- */
static int fill_cgroups(const struct engine *e, struct info_host *to, struct error *err)
{
	uint32_t bits = cgroup_controllers();

	TRY(str_set(&to->cgroup_manager, engine_cgroup_manager(e), err));
	TRY(str_set(&to->cgroup_version, cgroup_mode_version(cgroup_mode()), err));
	for (int c = 0; c < CGROUP_SYSTEMD; c++)
		if (bits & (1u << c))
			TRY(strv_add(&to->cgroup_controllers, cgroup_controller_name(c), err));
	return 0;
}

/* ---- security ---- */
static bool seccomp_is_there(void)
{
	return access("/proc/sys/kernel/seccomp/actions_avail", R_OK) == 0;
}

static bool apparmor_is_on(void)
{
	autofree char *text = slurp("/sys/module/apparmor/parameters/enabled");
	return text && text[0] == 'Y';
}

/* "CAP_CHOWN,CAP_..." whichever way the configuration writes them. */
static int fill_capabilities(const struct strv *from, char **ret, struct error *err)
{
	auto_buf text = BUF_INIT(1 << 16);

	for (size_t i = 0; i < from->n; i++)
		buf_addf(&text, "%s%s%s", i ? "," : "", strncasecmp(from->v[i], "CAP_", 4) == 0 ? "" : "CAP_", from->v[i]);
	TRY(buf_ok(&text, "capabilities", err));
	*ret = buf_steal(&text);
	return *ret ? 0 : fail_oom(err);
}

static int fill_security(const struct engine *e, struct info_host *to, struct error *err)
{
	const char *profile = e->conf.containers.seccomp_profile;

	to->security.rootless = e->paths.rootless;
	to->security.apparmor = apparmor_is_on();
	to->security.seccomp = seccomp_is_there();
	to->security.selinux = access("/sys/fs/selinux/enforce", F_OK) == 0;
	TRY(fill_capabilities(&e->conf.containers.default_capabilities, &to->security.capabilities, err));
	return str_set(&to->security.seccomp_profile, profile ? profile : "", err);
}

/* ---- programs ---- */
static int fill_own(struct info_program *to, const char *helper, const char *package, struct error *err)
{
	struct error ignored = {};

	if (helper_find(helper, &to->path, &ignored) < 0)
		TRY(str_set(&to->path, "", err));
	TRY(str_set(&to->package, package, err));
	return str_printf(&to->version, err, "%s version %s", helper, UMIAK_VERSION);
}

static int fill_runtime(struct engine *e, struct info_host *to, struct error *err)
{
	autofree char *path = NULL;

	TRY(engine_runtime(e, NULL, &path, err));
	TRY(str_set(&to->runtime.name, engine_runtime_name(e), err));
	if (!path)
		return fill_own(&to->runtime, "umiak-oci", "built in", err);
	TRY(str_set(&to->runtime.package, "unknown", err));
	TRY(str_set(&to->runtime.version, "unknown", err));
	to->runtime.path = take_ptr(path);
	return 0;
}

static int fill_pasta(const struct engine *e, struct info_host *to, struct error *err)
{
	struct error ignored = {};

	if (helper_find_foreign("pasta", &e->conf.engine.helper_binaries_dir, true, &to->pasta.executable, &ignored) < 0)
		TRY(str_set(&to->pasta.executable, "", err));
	TRY(str_set(&to->pasta.package, "unknown", err));
	return str_set(&to->pasta.version, "unknown", err);
}

static int fill_network(const struct engine *e, struct info_host *to, struct error *err)
{
	const char *usual = e->conf.network.default_network;

	TRY(str_set(&to->default_network, str_empty(usual) ? "podman" : usual, err));
	TRY(str_set(&to->network_backend, "netavark", err));   /* whose files and options ours are */
	TRY(str_set(&to->rootless_network, "pasta", err));
	TRY(str_set(&to->network.name, "netavark", err));
	TRY(str_set(&to->network.package, "built in", err));
	return str_set(&to->dns.package, "built in", err);
}

static int fill_settings(const struct engine *e, struct info_host *to, struct error *err)
{
	const char *log = e->conf.containers.log_driver;
	autofree char *path = NULL;
	struct events events;

	TRY(engine_events(e, &events, &path, err));
	TRY(str_set(&to->event_logger, events.backend, err));
	TRY(str_set(&to->log_driver, str_empty(log) ? "k8s-file" : log, err));
	TRY(str_set(&to->database_backend, "sqlite", err));
	TRY(str_set(&to->socket.path, e->paths.socket, err));
	to->socket.exists = access(e->paths.socket, F_OK) == 0;
	TRY(str_set(&to->linkmode, "dynamic", err));
	TRY(str_set(&to->os, platform_host_os(), err));
	TRY(str_set(&to->arch, platform_host_architecture(), err));
	TRY(str_set(&to->variant, platform_host_variant(), err));
	return str_set(&to->buildah_version, BUILDAH_LEVEL, err);
}

int info_get_host(struct engine *e, struct info_host *ret, struct error *err)
{
	fill_memory(ret);
	fill_cpu(ret);
	TRY(fill_distribution(ret, err));
	TRY(fill_uptime(ret, err));
	TRY(fill_kernel(ret, err));
	TRY(fill_emulated(ret, err));
	if (e->paths.rootless) {
		TRY(read_map("/proc/self/uid_map", &ret->uid_map, err));
		TRY(read_map("/proc/self/gid_map", &ret->gid_map, err));
	}
	TRY(fill_cgroups(e, ret, err));
	TRY(fill_security(e, ret, err));
	TRY(fill_own(&ret->conmon, "umiak-monitor", "umiak-monitor (in place of conmon)", err));
	TRY(fill_runtime(e, ret, err));
	TRY(fill_pasta(e, ret, err));
	TRY(fill_network(e, ret, err));
	return fill_settings(e, ret, err);
}
