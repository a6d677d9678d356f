/* SPDX-License-Identifier: Apache-2.0
 * A session with a container's monitor: one loop over our streams, the monitor's messages and signals. */
#include "engine/attach.h"

#include <poll.h>
#include <sys/syscall.h>

#include "base/own.h"
#include "base/str.h"
#include "engine/attach-pump.h"

void attach_done(struct attach *a)
{
	if (a->fd >= 0)
		close(take_fd(a->fd));
	if (a->stdin_fd >= 0)
		close(take_fd(a->stdin_fd));
}

unsigned attach_role(const struct attach_options *o)
{
	unsigned role = MONITOR_ROLE_WAIT;

	/* The pty's master is wanted without input, too: for the window size. */
	if (o->in >= 0 || o->tty)
		role |= MONITOR_ROLE_STDIN;
	if (o->out >= 0)
		role |= MONITOR_ROLE_STDOUT;
	if (o->err >= 0)
		role |= MONITOR_ROLE_STDERR;
	if (o->owner)
		role |= MONITOR_ROLE_OWNER;
	return role;
}

static void set_size(const struct attach *a)
{
	const int fds[] = { a->options.in, a->options.out, a->options.err };
	struct winsize size = {};

	if (a->tty && a->stdin_fd >= 0 && terminal_size(fds, ARRAY_LEN(fds), &size))
		ioctl(a->stdin_fd, TIOCSWINSZ, &size);
}

int attach_open(int run_dir_fd, const struct attach_options *o, struct attach *ret, struct error *err)
{
	auto_attach a = ATTACH_INIT;
	struct monitor_welcome welcome;

	a.options = *o;
	int r = monitor_connect(run_dir_fd, MONITOR_SOCKET_NAME, &a.fd, err);
	if (r <= 0)
		return r;
	if (monitor_hello(a.fd, attach_role(o), &welcome, &a.stdin_fd, err) < 0)
		return err->kind == ERROR_NOT_FOUND ? 0 : -1;
	a.tty = welcome.tty;
	set_size(&a);
	*ret = a;
	a = ATTACH_INIT;
	return 1;
}

int attach_inherit(int fd, const struct attach_options *o, struct attach *ret, struct error *err)
{
	auto_attach a = ATTACH_INIT;
	struct monitor_welcome welcome = { .tty = o->tty };

	a.fd = fd;
	a.options = *o;
	if (attach_role(o) & MONITOR_ROLE_STDIN)
		TRY(monitor_welcome(fd, &welcome, &a.stdin_fd, err));
	a.tty = welcome.tty;
	set_size(&a);
	*ret = a;
	a = ATTACH_INIT;
	return 0;
}

int attach_start(struct attach *a, struct error *err)
{
	return monitor_start(a->fd, err);
}

void attach_cleaned(struct attach *a)
{
	struct error ignored;

	monitor_send(a->fd, MONITOR_CLEANED, 0, NULL, 0, &ignored);
}

static void send_signal(void *arg, int sig)
{
	const struct attach *a = arg;
	struct error ignored;

	if (a->options.signal_pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, a->options.signal_pidfd, sig, NULL, 0);
	else
		monitor_send(a->fd, MONITOR_SIGNAL, (uint32_t)sig, NULL, 0, &ignored);
}

struct session {
	struct attach *a;
	struct pump pump;
	uint8_t data[MONITOR_DATA_MAX];
	bool exited;
	struct monitor_exit exit;
};

/* One message of the monitor. */
static int receive(struct session *s, struct error *err)
{
	struct monitor_message head;
	ssize_t n = monitor_receive(s->a->fd, &head, s->data, sizeof(s->data), err);

	if (n < 0)
		return -1;
	switch (head.type) {
	case MONITOR_STDOUT:
	case MONITOR_STDERR:
		pump_offer(&s->pump, s->data, (size_t)n, head.type == MONITOR_STDERR);
		break;
	case MONITOR_STDIN_CLOSED:
		s->pump.to = -1;
		close_p(&s->a->stdin_fd);
		s->a->stdin_fd = -1;
		break;
	case MONITOR_EXIT:
		memcpy(&s->exit, s->data, (size_t)n < sizeof(s->exit) ? (size_t)n : sizeof(s->exit));
		s->exited = true;
		break;
	default:
		break;   /* answers to signals, and what newer monitors say */
	}
	return 0;
}

/* The user's end of input is the container's; a terminal's is only a byte, and was passed on as one. */
static int end_input(struct session *s, struct error *err)
{
	s->pump.end_of_input = false;
	if (s->pump.tty || s->a->stdin_fd < 0)
		return 0;
	s->pump.to = -1;
	close(take_fd(s->a->stdin_fd));
	return monitor_send(s->a->fd, MONITOR_STDIN_EOF, 0, NULL, 0, err);
}

static int step(struct session *s, struct error *err)
{
	struct pollfd fds[PUMP_SLOTS + 1];

	pump_fill(&s->pump, fds);
	fds[PUMP_SLOTS] = (struct pollfd){ pump_is_busy(&s->pump) ? -1 : s->a->fd, POLLIN, 0 };
	if (poll(fds, ARRAY_LEN(fds), -1) < 0)
		return errno == EINTR ? 0 : fail_errno(err, "wait for the container");
	TRY(pump_serve(&s->pump, fds, err));
	if (s->pump.end_of_input && s->pump.typed_pos == s->pump.typed_len)
		TRY(end_input(s, err));
	if (fds[PUMP_SLOTS].revents)
		return receive(s, err);
	return 0;
}

static int detach(struct session *s)
{
	struct error ignored;

	monitor_send(s->a->fd, MONITOR_DETACH, 0, NULL, 0, &ignored);
	attach_done(s->a);
	return ATTACH_DETACHED;
}

int attach_run(struct attach *a, struct monitor_exit *ret_exit, struct error *err)
{
	const struct attach_options *o = &a->options;
	autofree struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return fail_oom(err);
	s->a = a;
	s->pump = (struct pump){ .in = a->stdin_fd >= 0 ? o->in : -1, .out = o->out, .err = o->err, .to = a->stdin_fd,
				 .tty = a->tty, .proxy = o->sig_proxy, .send_signal = send_signal, .arg = a };
	struct pump *pump CLEANUP_PUMP = &s->pump;
	TRY(pump_init(pump, o->detach_keys, err));
	while (!s->exited || pump_is_busy(pump)) {
		int r = step(s, err);
		if (r < 0 && err->kind == ERROR_NOT_FOUND)
			return ATTACH_LOST;
		if (r < 0)
			return r;
		if (pump->detached)
			return detach(s);
	}
	*ret_exit = s->exit;
	return ATTACH_EXITED;
}
