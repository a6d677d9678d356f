/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/attach-pump.h"

#include <limits.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

/* Faults are ours, job control is the shell's, children are reaped elsewhere. */
static const int left_alone[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGCHLD, SIGURG, SIGCONT,
				  SIGTTIN, SIGTTOU, SIGPIPE };

static int take_signals(struct pump *p, struct error *err)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < ARRAY_LEN(left_alone); i++)
		sigdelset(&set, left_alone[i]);
	if (!p->proxy)
		sigdelset(&set, SIGTSTP);
	if (sigprocmask(SIG_BLOCK, &set, &p->before) < 0)
		return fail_errno(err, "block signals");
	/* A reader of our output that left shows as EPIPE. */
	sigaction(SIGPIPE, &ignore, &p->pipe_before);
	p->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (p->signal_fd < 0) {
		int saved = errno;
		sigprocmask(SIG_SETMASK, &p->before, NULL);
		return fail_with(err, saved, "make a signal descriptor");
	}
	return 0;
}

void pump_resize(const struct pump *p)
{
	const int fds[] = { p->in, p->out, p->err };
	struct winsize size = {};

	if (p->tty && p->to >= 0 && terminal_size(fds, ARRAY_LEN(fds), &size))
		ioctl(p->to, TIOCSWINSZ, &size);
}

int pump_init(struct pump *p, const char *detach_keys, struct error *err)
{
	p->signal_fd = -1;
	TRY(detach_keys_parse(detach_keys, &p->keys, err));
	if (!p->tty)
		p->keys.n = 0;
	TRY(take_signals(p, err));
	if (p->tty && p->in >= 0)
		TRY(terminal_raw(p->in, &p->terminal, err));
	pump_resize(p);
	return 0;
}

void pump_done(struct pump *p)
{
	struct signalfd_siginfo info;

	terminal_restore(take_ptr(p->terminal));
	if (p->signal_fd < 0)
		return;
	/* Late ones are the container's, too; they must not hit us when the mask falls. */
	while (p->proxy && read(p->signal_fd, &info, sizeof(info)) == sizeof(info))
		;
	close(p->signal_fd);
	p->signal_fd = -1;
	sigaction(SIGPIPE, &p->pipe_before, NULL);
	sigprocmask(SIG_SETMASK, &p->before, NULL);
}

void pump_fill(const struct pump *p, struct pollfd *fds)
{
	bool pending = p->typed_pos < p->typed_len;

	fds[PUMP_SLOT_SIGNAL] = (struct pollfd){ p->signal_fd, POLLIN, 0 };
	fds[PUMP_SLOT_IN] = (struct pollfd){ pending || p->to < 0 ? -1 : p->in, POLLIN, 0 };
	fds[PUMP_SLOT_TO] = (struct pollfd){ pending ? p->to : -1, POLLOUT, 0 };
	fds[PUMP_SLOT_OUT] = (struct pollfd){ pump_is_busy(p) ? (p->data_is_err ? p->err : p->out) : -1, POLLOUT, 0 };
}

void pump_offer(struct pump *p, const void *data, size_t len, bool is_err)
{
	p->data = data;
	p->data_pos = 0;
	p->data_len = (is_err ? p->err : p->out) < 0 ? 0 : len;
	p->data_is_err = is_err;
}

/* As the signal would have done to us without the pump. */
static void die_of(struct pump *p, int sig)
{
	struct sigaction now;

	if (sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
		return;
	pump_done(p);
	raise(sig);
}

static void on_signal(struct pump *p, int sig)
{
	struct sigaction now;

	if (sig == SIGWINCH) {
		pump_resize(p);
	} else if (!p->proxy) {
		die_of(p, sig);
	} else if (sig != SIGHUP || (sigaction(sig, NULL, &now) == 0 && now.sa_handler != SIG_IGN)) {
		/* nohup(1) means us; SIGINT ignored by a shell's "&" does not mean the container. */
		p->send_signal(p->arg, sig);
	}
}

static void read_typed(struct pump *p)
{
	uint8_t in[PUMP_TYPED];
	ssize_t n = read(p->in, in, sizeof(in));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		p->end_of_input = true;
		p->in = -1;
		return;
	}
	p->typed_pos = 0;
	p->detached = detach_keys_feed(&p->keys, in, (size_t)n, p->typed, &p->typed_len);
}

static void write_typed(struct pump *p)
{
	ssize_t n = write(p->to, p->typed + p->typed_pos, p->typed_len - p->typed_pos);

	if (n >= 0)
		p->typed_pos += (size_t)n;
	else if (errno != EAGAIN && errno != EINTR)
		p->typed_pos = p->typed_len;   /* the container closed its end: the input goes nowhere */
}

/* A pipe that polls writable takes PIPE_BUF bytes without blocking, and we must not block: signals wait in their
 * descriptor meanwhile. */
static size_t writable_at_once(int fd, size_t len)
{
	struct stat st;

	if (len <= PIPE_BUF || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
		return len;
	return PIPE_BUF;
}

static int write_output(struct pump *p, struct error *err)
{
	int *fd = p->data_is_err ? &p->err : &p->out;
	size_t left = p->data_len - p->data_pos;
	ssize_t n = write(*fd, p->data + p->data_pos, writable_at_once(*fd, left));

	if (n >= 0) {
		p->data_pos += (size_t)n;
		return 0;
	}
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	/* Nobody reads any more (or the terminal is gone): that stream is over, the container's life is not. */
	p->data_pos = p->data_len;
	if (errno != EPIPE && errno != EIO)
		return fail_errno(err, "write the container's output");
	*fd = -1;
	return 0;
}

int pump_serve(struct pump *p, const struct pollfd *fds, struct error *err)
{
	struct signalfd_siginfo info;

	if (fds[PUMP_SLOT_SIGNAL].revents)
		while (p->signal_fd >= 0 && read(p->signal_fd, &info, sizeof(info)) == sizeof(info))
			on_signal(p, (int)info.ssi_signo);
	if (fds[PUMP_SLOT_OUT].revents && pump_is_busy(p))
		TRY(write_output(p, err));
	if (fds[PUMP_SLOT_TO].revents)
		write_typed(p);
	if (fds[PUMP_SLOT_IN].revents)
		read_typed(p);
	return 0;
}
