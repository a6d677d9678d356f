/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-volume-mount.c - `volume export`, `import`, `mount`, `unmount`, `reload`. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "engine/container.h"
#include "engine/event.h"
#include "engine/volume-plugin.h"

static int find(struct cli *cli, const char *name, struct engine **ret_e, struct volume *ret, struct error *err)
{
	auto_strv all = {};
	const char *found = NULL;

	TRY(cli_engine(cli, ret_e, err));
	int r = volume_find(*ret_e, name, ret, err);
	if (r)
		return r < 0 ? -1 : 0;
	TRY(volume_list(*ret_e, &all, err));   /* a unique prefix will do */
	for (size_t i = 0; i < all.n; i++) {
		if (!str_after(all.v[i], name))
			continue;
		if (found)
			return fail(err, ERROR_INVALID, "more than one result for volume name %s: volume already exists", name);
		found = all.v[i];
	}
	if (found && volume_find(*ret_e, found, ret, err) == 1)
		return 0;
	return fail(err, ERROR_NOT_FOUND, "no volume with name \"%s\" found: no such volume", name);
}

/* ---- export ---- */
struct export_params {
	char *output;
};

static int run_export(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct export_params *p = params;
	bool std = str_empty(p->output);
	auto_volume v = {};
	struct engine *e;

	if (std && isatty(STDOUT_FILENO))
		return fail(err, ERROR_INVALID, "cannot write to terminal, use command-line redirection or the --output flag");
	TRY(find(cli, args->v[0], &e, &v, err));
	autoclose int out = std ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3) :
				  open(p->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (out < 0)
		return fail_errno(err, "%s", std ? "standard output" : p->output);
	return volume_export(e, &v, out, err);
}

static const struct field export_rows[] = {
	{ .cli = "output", .abbr = 'o', F_STR(struct export_params, output), .arg = "file", .complete = "files",
	  .help = "Write to this file (default: standard output, which must be redirected)" }, {}
};

const struct command cmd_volume_export = {
	.summary = "Export volumes", .description = "Writes the contents of a volume as a tar archive.", .args = "VOLUME",
	.min_args = 1, .max_args = 1, .examples = "myvol --output=vol.tar\nmyvol > vol.tar",
	.groups = (const struct command_rows[]){ { export_rows, 0 }, {} }, .params_size = sizeof(struct export_params),
	.run = run_export, .flags = COMMAND_IN_USERNS,
};

/* ---- import ---- */
static int run_import(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	bool std = streq(args->v[1], "-");
	auto_volume v = {};
	struct engine *e;

	(void)params;
	TRY(find(cli, args->v[0], &e, &v, err));
	autoclose int in = std ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(args->v[1], O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return fail_errno(err, "unable open input file: open %s", args->v[1]);
	return volume_import(e, &v, in, err);
}

const struct command cmd_volume_import = {
	.summary = "Import a tarball's contents into a volume",
	.description = "Unpacks a tar archive (plain or compressed; - for standard input) over the contents of a volume.",
	.args = "VOLUME SOURCE", .min_args = 2, .max_args = 2, .examples = "myvol vol.tar\nmyvol - < vol.tar.gz",
	.run = run_import, .flags = COMMAND_IN_USERNS,
};

/* ---- mount, unmount ---- */
static int each(struct cli *cli, struct strv *names, int (*act)(struct engine *e, struct volume *v, struct error *err),
		bool path, struct error *err)
{
	if (geteuid() != 0)
		return fail(err, ERROR_UNSUPPORTED, "cannot run command \"%s\" in rootless mode, must execute `%s unshare` first", cli->path,
			    cli->program);
	for (size_t i = 0; i < names->n; i++) {
		auto_volume v = {};
		struct engine *e;
		struct error why;
		if (find(cli, names->v[i], &e, &v, &why) < 0 || act(e, &v, &why) < 0)
			cli_note_error(cli, &why);
		else
			puts(path ? v.mountpoint : v.name);
	}
	return 0;
}

static int mount_one(struct engine *e, struct volume *v, struct error *err)
{
	TRY(volume_mount_host(e, v, err));
	engine_event(e, &(struct event){ .type = EVENT_VOLUME, .status = EVENT_MOUNT, .name = v->name });
	return 0;
}

static int unmount_one(struct engine *e, struct volume *v, struct error *err)
{
	TRY(volume_unmount_host(e, v, err));
	engine_event(e, &(struct event){ .type = EVENT_VOLUME, .status = EVENT_UNMOUNT, .name = v->name });
	return 0;
}

static int run_mount(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	(void)params;
	return each(cli, args, mount_one, true, err);
}

static int run_unmount(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	(void)params;
	return each(cli, args, unmount_one, false, err);
}

const struct command cmd_volume_mount = {
	.summary = "Mount volumes",
	.description = "Mounts volumes that have a file system of their own and prints where their contents are. As a user: inside unshare.",
	.args = "VOLUME [VOLUME...]", .min_args = 1, .max_args = ARGS_ANY, .examples = "myvol", .run = run_mount,
	.flags = COMMAND_IN_USERNS,
};

const struct command cmd_volume_unmount = {
	.summary = "Unmount volumes", .description = "Takes back one mount of each volume. Containers keep theirs.",
	.args = "VOLUME [VOLUME...]", .min_args = 1, .max_args = ARGS_ANY, .examples = "myvol", .run = run_unmount,
	.flags = COMMAND_IN_USERNS,
};

/* ---- reload ---- */
/* 1 when a container mounts it. */
static int is_used(void *arg, const char *name, struct error *err)
{
	const struct ctr_list *all = arg;

	for (size_t i = 0; i < all->n; i++) {
		int r = ctr_uses_volume(all->v[i], name, err);
		if (r)
			return r;
	}
	return 0;
}

static void print_names(const char *title, const struct strv *names)
{
	if (names->n)
		puts(title);
	for (size_t i = 0; i < names->n; i++)
		puts(names->v[i]);
}

static int run_reload(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	CLEANUP(volume_reload_done) struct volume_reload r = {};
	auto_ctr_list all = {};
	struct engine *e;

	(void)params;
	(void)args;
	TRY(cli_engine(cli, &e, err));
	TRY(ctr_list(e, &all, err));
	TRY(volume_reload(e, is_used, &all, &r, err));
	print_names("Added:", &r.added);
	print_names("Removed:", &r.removed);
	for (size_t i = 0; i < r.problems.n; i++) {
		struct error why;
		fail(&why, ERROR_SYSTEM, "%s", r.problems.v[i]);
		cli_note_error(cli, &why);
	}
	return 0;
}

const struct command cmd_volume_reload = {
	.summary = "Reload all volumes from volume plugins",
	.description = "Asks the volume plugins of containers.conf which volumes they have. Without plugins there is nothing to do.",
	.run = run_reload, .flags = COMMAND_IN_USERNS,
};
