/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/attached.h"

#include <unistd.h>

#include "engine/attach.h"
#include "monitor/protocol.h"

static bool wants(const struct attached_options *o, const char *stream)
{
	if (!o->streams || !o->streams->n)
		return true;
	for (size_t i = 0; i < o->streams->n; i++)
		if (strcasecmp(o->streams->v[i], stream) == 0)
			return true;
	return false;
}

static struct attach_options streams(const struct cli *cli, const struct ctr *c, const struct attached_options *o)
{
	struct attach_options a = ATTACH_OPTIONS_INIT;

	if (o->interactive && wants(o, "stdin"))
		a.in = STDIN_FILENO;
	if (wants(o, "stdout"))
		a.out = STDOUT_FILENO;
	if (wants(o, "stderr"))
		a.err = STDERR_FILENO;
	a.tty = c->params.process.tty;
	a.sig_proxy = o->sig_proxy && !a.tty;
	a.detach_keys = o->detach_keys ? o->detach_keys : cli->engine->conf.engine.detach_keys;
	a.owner = true;
	return a;
}

/* The monitor is gone: what it recorded, if it could. */
static int code_from_record(struct ctr *c, struct error *err)
{
	TRY(ctr_sync(c, err));
	return c->at.status.exited ? c->at.status.exit_code : 125;
}

/* The monitor was killed. The container may go on under a new one, which ctr_sync() starts: then so do we. 1 attached
 * again; 0: it ended. */
static int reattach(struct ctr *c, struct attach *a, struct error *err)
{
	const struct attach_options how = a->options;

	attach_done(a);
	for (int tries = 0; tries < 40; tries++) {
		TRY(ctr_sync(c, err));
		if (!(ctr_conditions(c) & (1u << WAIT_RUNNING | 1u << WAIT_PAUSED | 1u << WAIT_STOPPING)))
			return 0;
		int r = ctr_attach(c, &how, a, err);
		if (r != 0)
			return r;
		usleep(50000);
	}
	return 0;
}

static int pump(struct ctr *c, struct attach *a, struct error *err)
{
	const struct ctr_cleanup_options plain = {};
	struct monitor_exit x = {};
	int end = attach_run(a, &x, err), again = 1;

	while (end == ATTACH_LOST && again > 0) {
		again = reattach(c, a, err);
		if (again > 0)
			end = attach_run(a, &x, err);
	}
	if (again < 0)
		return -1;
	if (end < 0)
		return -1;
	if (end == ATTACH_DETACHED)
		return 0;
	if (end == ATTACH_LOST)
		return code_from_record(c, err);
	TRY(ctr_finish(c, &x, &plain, err));
	attach_cleaned(a);
	return x.exit_code < 0 ? 125 : x.timed_out ? 255 : x.exit_code;
}

int attached_start(struct cli *cli, struct ctr *c, const struct attached_options *o, struct error *err)
{
	auto_attach a = ATTACH_INIT;
	struct attach_options how = streams(cli, c, o);
	int r;

	if (how.tty && how.in >= 0 && !isatty(STDIN_FILENO))
		log_warn(&cli->log, "The input device is not a TTY. The --tty and --interactive flags might not work properly");
	r = ctr_start_attached(c, &how, &a, err);
	if (r < 0)
		return -1;
	if (r == 0 && attach_start(&a, err) < 0)
		return ctr_start_failed(c, err);
	ctr_started_attached(c, r == 1);
	return pump(c, &a, err);
}
