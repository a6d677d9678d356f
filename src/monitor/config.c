/* SPDX-License-Identifier: Apache-2.0
 * The engine's side of monitor/config.h: filling the config, the descriptors it names, and becoming the monitor. */
#include "monitor/config.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "base/str.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U   /* Linux 6.3 */
#endif

extern char **environ;

#define STRINGS_MAX ((size_t)4 << 20)
#define DAY 86400

static int32_t offset_at(time_t t)
{
	struct tm tm;

	return localtime_r(&t, &tm) ? (int32_t)tm.tm_gmtoff : 0;
}

/* The second in (low, high] at which the offset of `high` begins. */
static time_t change_between(time_t low, time_t high)
{
	int32_t after = offset_at(high);

	while (high - low > 1) {
		time_t middle = low + (high - low) / 2;
		if (offset_at(middle) == after)
			high = middle;
		else
			low = middle;
	}
	return high;
}

/* Offsets from now on for as many changes as fit: some four years where clocks change twice a year. A container that
 * runs longer logs with the last known offset, which still names the right instant. */
static void fill_zones(struct monitor_zone *zone)
{
	const time_t step = 30 * DAY;
	time_t t = time(NULL);
	size_t n = 0;

	zone[n++] = (struct monitor_zone){ 0, offset_at(t), 0 };
	for (time_t end = t + 5 * 365 * (time_t)DAY; t < end && n < MONITOR_ZONES_MAX; t += step)
		if (offset_at(t + step) != zone[n - 1].offset_s)
			zone[n++] = (struct monitor_zone){ change_between(t, t + step), offset_at(t + step), 0 };
	for (; n < MONITOR_ZONES_MAX; n++)
		zone[n] = (struct monitor_zone){ INT64_MAX, zone[n - 1].offset_s, 0 };
}

static int32_t own_oom_score(void)
{
	char text[16] = "";
	int64_t v = 0;
	autoclose int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = 0;
	return parse_i64(text, &v) ? (int32_t)v : 0;
}

void monitor_builder_init(struct monitor_builder *b)
{
	struct monitor_config *c = &b->c;

	memset(b, 0, sizeof(*b));
	b->strings = BUF_INIT(STRINGS_MAX);
	c->magic = MONITOR_MAGIC;
	c->version = MONITOR_CONFIG_VERSION;
	c->pid = c->pidfd = c->start_fd = c->listen_fd = c->run_dir_fd = c->store_dir_fd = c->lock_fd = -1;
	c->oom_fd = c->kill_fd = c->log_fd = c->notify_fd = -1;
	for (size_t i = 0; i < ARRAY_LEN(c->stdio_fd); i++)
		c->stdio_fd[i] = -1;
	for (size_t i = 0; i < ARRAY_LEN(c->hold_fd); i++)
		c->hold_fd[i] = -1;
	for (size_t i = 0; i < ARRAY_LEN(c->client); i++)
		c->client[i].fd = -1;
	fill_zones(c->zone);
	c->oom_score_restore = own_oom_score();
}

void monitor_builder_done(struct monitor_builder *b)
{
	buf_done(&b->strings);
}

uint32_t monitor_builder_string(struct monitor_builder *b, const char *s)
{
	size_t at = b->strings.len;

	if (!s)
		return 0;
	buf_add(&b->strings, s, strlen(s) + 1);
	return (uint32_t)(sizeof(b->c) + at);
}

struct monitor_list monitor_builder_list(struct monitor_builder *b, char *const *v)
{
	struct monitor_list l = { 0, 0 };

	for (; v && v[l.n]; l.n++) {
		uint32_t off = monitor_builder_string(b, v[l.n]);
		if (l.n == 0)
			l.off = off;
	}
	return l;
}

/* Beginnings of NAME=VALUE. */
static const char *const kept_variables[] = {
	"PATH=", "HOME=", "USER=", "LOGNAME=", "TMPDIR=", "TZ=", "LANG=", "LC_", "XDG_", "CONTAINERS_", "CONTAINER_",
	"STORAGE_", "REGISTRY_", "UMIAK_", "_CONTAINERS_", "DBUS_SESSION_BUS_ADDRESS=", "NO_COLOR=",
};

static bool is_kept(const char *variable)
{
	for (size_t i = 0; i < ARRAY_LEN(kept_variables); i++)
		if (str_after(variable, kept_variables[i]))
			return true;
	return false;
}

void monitor_builder_env(struct monitor_builder *b)
{
	struct monitor_list l = { 0, 0 };

	for (char **e = environ; e && *e; e++) {
		if (!is_kept(*e))
			continue;
		uint32_t off = monitor_builder_string(b, *e);
		if (l.n++ == 0)
			l.off = off;
	}
	b->c.env = l;
}

int monitor_builder_seal(struct monitor_builder *b, struct error *err)
{
	const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	autoclose int fd = -1;

	TRY(buf_ok(&b->strings, "the monitor's configuration", err));
	b->c.size = (uint32_t)(sizeof(b->c) + b->strings.len);
	fd = memfd_create("umiak-monitor", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("umiak-monitor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return fail_errno(err, "make a memory file");
	if (write(fd, &b->c, sizeof(b->c)) != (ssize_t)sizeof(b->c) ||
	    (b->strings.len && write(fd, b->strings.data, b->strings.len) != (ssize_t)b->strings.len))
		return fail_errno(err, "write the monitor's configuration");
	if (fcntl(fd, F_ADD_SEALS, seals) < 0)
		return fail_errno(err, "seal the monitor's configuration");
	return take_fd(fd);
}

/* Everything from 3 on becomes close-on-exec, then the named ones are let through again. */
static int pass_descriptors(const struct monitor_builder *b, int config_fd, struct error *err)
{
	const struct monitor_config *c = &b->c;
	const int single[] = { config_fd, c->pidfd, c->start_fd, c->stdio_fd[0], c->stdio_fd[1], c->stdio_fd[2],
			       c->listen_fd, c->run_dir_fd, c->store_dir_fd, c->lock_fd, c->oom_fd, c->kill_fd,
			       c->log_fd, c->notify_fd, c->hold_fd[0], c->hold_fd[1], c->client[0].fd, c->client[1].fd, c->client[2].fd,
			       c->client[3].fd };
	_Static_assert(MONITOR_INHERITED_MAX == 4, "list the clients above");

	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return fail_errno(err, "mark descriptors");
	for (size_t i = 0; i < ARRAY_LEN(single); i++)
		if (single[i] >= 0 && fcntl(single[i], F_SETFD, 0) < 0)
			return fail_errno(err, "pass descriptor %d to the monitor", single[i]);
	for (size_t i = 0; i < b->n_keep; i++)
		if (fcntl(b->keep[i], F_SETFD, 0) < 0)
			return fail_errno(err, "pass descriptor %d to the monitor", b->keep[i]);
	return 0;
}

static int silence_stdio(struct error *err)
{
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return fail_errno(err, "open /dev/null");
	for (int i = 0; i < 3; i++)
		if (null == i ? fcntl(i, F_SETFD, 0) < 0 : dup2(null, i) < 0)
			return fail_errno(err, "redirect descriptor %d", i);
	if (null < 3)
		take_fd(null);
	return 0;
}

void monitor_take_start(struct monitor_builder *b, int timeout_ms)
{
	struct pollfd p = { .fd = b->c.client[0].fd, .events = POLLIN };
	struct monitor_message head;

	if (b->c.start_fd < 0 || p.fd < 0 || poll(&p, 1, timeout_ms) != 1 ||
	    recv(p.fd, &head, sizeof(head), MSG_PEEK | MSG_DONTWAIT) != sizeof(head) || head.type != MONITOR_START)
		return;
	if (!monitor_release(b->c.start_fd))
		return;   /* the monitor finds the message and tries */
	(void)recv(p.fd, &head, sizeof(head), MSG_DONTWAIT);
	b->c.flags |= MONITOR_STARTING;
}

int monitor_exec(struct monitor_builder *b, const char *path, struct error *err)
{
	int fd = monitor_builder_seal(b, err);
	char number[12];
	const char *id = b->strings.data && b->c.id ? b->strings.data + (b->c.id - sizeof(b->c)) : "";

	if (fd < 0)
		return -1;
	snprintf(number, sizeof(number), "%d", fd);
	TRY(pass_descriptors(b, fd, err));
	TRY(silence_stdio(err));
	/* The environment it hands on is in the config; its own is nobody's business (/proc/PID/environ). */
	char *const argv[] = { (char *)"umiak-monitor", number, (char *)id, NULL };
	char *const envp[] = { NULL };
	execve(path, argv, envp);
	return fail_errno(err, "run the container's monitor %s", path);
}

int monitor_stdio_pipe(bool output, int *ret_container, int *ret_monitor, struct error *err)
{
	int ends[2];
	char path[32];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail_errno(err, "make a pipe");
	autoclose int reader = ends[0], writer = ends[1];
	if (!output) {
		if (fcntl(writer, F_SETFL, O_NONBLOCK) < 0)
			return fail_errno(err, "make a pipe non-blocking");
		*ret_container = take_fd(reader);
		*ret_monitor = take_fd(writer);
		return 0;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", writer);
	autoclose int both = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fcntl(reader, F_SETFL, O_NONBLOCK) < 0)
		return fail_errno(err, "make a pipe non-blocking");
	/* Without /proc the plain end must do: it only costs robustness. */
	*ret_container = both >= 0 ? take_fd(both) : take_fd(writer);
	*ret_monitor = take_fd(reader);
	return 0;
}

int monitor_stdio_adopt(pid_t pid, int32_t ret[3], struct error *err)
{
	for (int i = 0; i < 3; i++) {
		char path[48];
		struct stat st;

		ret[i] = -1;
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, i);
		if (stat(path, &st) < 0) {
			if (errno == ENOENT)
				continue;
			return fail_errno(err, "look at %s", path);
		}
		if (S_ISFIFO(st.st_mode))
			ret[i] = open(path, (i == 0 ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC);
	}
	return 0;
}

int monitor_listen(int dirfd, const char *name, struct error *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int n = snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s", dirfd, name);

	if (n < 0 || (size_t)n >= sizeof(addr.sun_path))
		return fail(err, ERROR_INVALID, "socket name %s is too long", name);
	if (fd < 0)
		return fail_errno(err, "make a socket");
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return fail_errno(err, "remove the old socket %s", name);
	/* The mode of the inode is the socket's, without touching the process's umask. */
	if (fchmod(fd, 0600) < 0)
		return fail_errno(err, "set the mode of socket %s", name);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return fail_errno(err, "make the socket %s", name);
	if (listen(fd, MONITOR_CLIENTS_MAX) < 0)
		return fail_errno(err, "listen on %s", name);
	return take_fd(fd);
}

int monitor_client_pair(int *ret_client, int *ret_monitor, struct error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_errno(err, "make a socket pair");
	if (fcntl(pair[1], F_SETFL, O_NONBLOCK) < 0) {
		int saved = errno;
		close(pair[0]);
		close(pair[1]);
		return fail_with(err, saved, "make a socket non-blocking");
	}
	*ret_client = pair[0];
	*ret_monitor = pair[1];
	return 0;
}
