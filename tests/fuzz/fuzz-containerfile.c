/* SPDX-License-Identifier: Apache-2.0
 * fuzz-containerfile: a whole file through parser, stage graph, linter, and every instruction through expansion. */
#include <stdint.h>

#include "build/graph.h"
#include "build/lint.h"

static const char *get(void *data, const char *name, size_t len)
{
	return len == 1 && *name == 'A' ? "x y" : len == 1 && *name == 'E' ? "" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_containerfile f = {};
	auto_scope_head head = {};
	auto_build_graph g = {};
	auto_lint_result lint = {};
	struct error err = {};
	struct graph_options o = { .head = &head };
	struct expand x = { .get = get, .escape = '\\' };

	if (containerfile_parse("F", (const char *)data, size, &f, &err) < 0 || scope_head_init(&head, "linux/amd64", "linux/arm", &err) < 0)
		return 0;
	(void)build_graph_make(&f, &o, &g, &err);
	(void)lint_run(&f, &(struct lint_options){}, &lint, &err);
	for (size_t i = 0; i < f.instructions.n; i++) {
		auto_instruction out = {};
		auto_run_script script = {};
		(void)instruction_expand(INSTRUCTION(&f, i), &x, &out, &err);
		(void)instruction_script(INSTRUCTION(&f, i), &script, &err);
	}
	return 0;
}
