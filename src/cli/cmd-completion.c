/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-completion.c - prints the completion script of a shell; the scripts are contrib/completions/. */
#include <stdio.h>

#include "cli/cli.h"

struct completion_params {
	char *file;
	bool no_desc;
};

static const struct field rows[] = {
	{ .cli = "file", .abbr = 'f', F_STR(struct completion_params, file), .complete = "files",
	  .help = "Write the script to this file instead of standard output" },
	{ .cli = "no-desc", F_BOOL(struct completion_params, no_desc), .help = "Suggest without descriptions" },
	{}
};

static const struct {
	const char *shell, *script;
} scripts[] = {
	{ "bash",
#include "umiak.bash.h"
	},
	{ "zsh",
#include "umiak.zsh.h"
	},
	{ "fish",
#include "umiak.fish.h"
	},
};

static const char *script_of(const char *shell)
{
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		if (streq(scripts[i].shell, shell))
			return scripts[i].script;
	return NULL;
}

static void add_filled_in(struct buf *to, const char *script, const char *program, bool descriptions)
{
	static const char mark[] = "@PROGRAM@", call[] = "__complete ";

	for (const char *p = script; *p; p++) {
		if (str_after(p, mark)) {
			buf_add_str(to, program);
			p += sizeof(mark) - 2;
		} else if (!descriptions && str_after(p, call)) {
			buf_add_str(to, "__completeNoDesc ");
			p += sizeof(call) - 2;
		} else {
			buf_add_char(to, *p);
		}
	}
}

static int write_out(const char *path, const struct buf *text, struct error *err)
{
	autofclose FILE *f = fopen(path, "we");

	if (!f)
		return fail_errno(err, "open %s", path);
	if (fwrite(text->data, 1, text->len, f) != text->len || fflush(f) != 0)
		return fail_errno(err, "write %s", path);
	return 0;
}

static int run_completion(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct completion_params *p = params;
	const char *script = script_of(args->v[0]);
	auto_buf text = BUF_INIT(1 << 20);

	if (!script)
		return fail(err, ERROR_INVALID, "no completion script for shell \"%s\", choose from: bash, zsh, fish",
			    args->v[0]);
	add_filled_in(&text, script, cli->program, !p->no_desc);
	TRY(buf_ok(&text, "completion script", err));
	if (p->file)
		return write_out(p->file, &text, err);
	fwrite(text.data, 1, text.len, stdout);
	return 0;
}

const struct command cmd_completion = {
	.summary = "Emit a completion script for bash, zsh or fish",
	.description = "Prints a script that completes commands, options and the names of containers and images.\n"
		       "Packages install these scripts; this command is for shells that are set up by hand.",
	.args = "SHELL", .min_args = 1, .max_args = 1, .examples = "bash\nzsh -f _umiak\nfish --no-desc",
	.groups = (const struct command_rows[]){ { rows }, {} }, .params_size = sizeof(struct completion_params),
	.run = run_completion, .flags = COMMAND_HIDDEN | COMMAND_EARLY,
};
