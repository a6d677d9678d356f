/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "base/buf.h"
#include "build/containerfile.h"

static void parse(const char *text, struct containerfile *f)
{
	struct error err = {};

	if (containerfile_parse("Containerfile", text, strlen(text), f, &err) < 0)
		fail_msg("%s\n%s", err.text, text);
}

/* kind, words joined by '|' */
static void test_words_table(void **state)
{
	static const struct { const char *line; bool json; const char *words; } cases[] = {
		{ "RUN echo  a  b", false, "echo  a  b" }, { "run [\"a\", \"b c\"]", true, "a|b c" }, { "RUN [ -f x ]", false, "[ -f x ]" },
		{ "RUN [\"a\"] && b", false, "[\"a\"] && b" }, { "RUN a \\\n  b", false, "a   b" }, { "RUN a \\\n# note\n  # note\n b", false, "a  b" },
		{ "RUN a \\  \n b", false, "a  b" }, { "RUN a\\\\\nCMD b", false, "a\\\\" }, { "RUN a \\\n\n b", false, "a  b" },
		{ "RUN a # b", false, "a # b" }, { "RUN --network=none -- --x", false, "--x" }, { "CMD", false, "" }, { "CMD []", true, "" },
		{ "CMD [\"\"]", true, "" }, { "ENTRYPOINT top -b", false, "top -b" }, { "COPY a b /c", false, "a|b|/c" },
		{ "COPY [\"a b\", \"/c d\"]", true, "a b|/c d" }, { "ADD --chown=1:2 a /b", false, "a|/b" }, { "EXPOSE 80 443/udp", false, "80|443/udp" },
		{ "VOLUME /a /b", false, "/a|/b" }, { "VOLUME [\"/a\"]", true, "/a" }, { "USER u:g", false, "u:g" },
		{ "WORKDIR /a b", false, "/a b" }, { "SHELL [\"/bin/bash\", \"-c\"]", true, "/bin/bash|-c" }, { "STOPSIGNAL 9", false, "9" },
		{ "MAINTAINER me <a@b>", false, "me <a@b>" }, { "HEALTHCHECK NONE", false, "NONE" },
		{ "HEALTHCHECK --interval=5s CMD curl x", false, "CMD-SHELL|curl x" }, { "HEALTHCHECK cmd [\"a\",\"b\"]", true, "CMD|a|b" },
		{ "FROM busybox", false, "busybox" }, { "FROM --platform=linux/arm64 busybox AS Two", false, "busybox|two" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_buf text = BUF_INIT(4096);
		auto_containerfile f = {};
		buf_addf(&text, "FROM scratch\n%s\n", cases[i].line);
		parse(text.data, &f);
		const struct instruction *in = INSTRUCTION(&f, 1);
		autofree char *words = strv_join(&in->words, "|");
		if (strcmp(words, cases[i].words) != 0 || in->json != cases[i].json)
			fail_msg("%s: %s (json %d)", cases[i].line, words, in->json);
	}
}

static void test_pairs_table(void **state)
{
	static const struct { const char *line; bool legacy; const char *pairs; } cases[] = {
		{ "ENV a=b c=d", false, "a=b;c=d;" }, { "ENV a b c", true, "a=b c;" }, { "ENV a=\"b c\" d='e f'", false, "a=\"b c\";d='e f';" },
		{ "ENV a=b\\ c", false, "a=b\\ c;" }, { "ENV a=", false, "a=;" }, { "ENV a=b=c", false, "a=b=c;" },
		{ "LABEL \"a b\"=c", false, "\"a b\"=c;" }, { "LABEL a \"b c\"", true, "a=\"b c\";" }, { "ARG a", false, "a!;" },
		{ "ARG a=b c", false, "a=b;c!;" }, { "ARG a=", false, "a=;" }, { "ENV a=1 \\\n b=2", false, "a=1;b=2;" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_buf text = BUF_INIT(4096), pairs = BUF_INIT(4096);
		auto_containerfile f = {};
		buf_addf(&text, "FROM scratch\n%s\n", cases[i].line);
		parse(text.data, &f);
		const struct instruction *in = INSTRUCTION(&f, 1);
		for (size_t j = 0; j < in->pairs.n; j++) {
			const struct instruction_pair *p = &((struct instruction_pair *)in->pairs.v)[j];
			buf_addf(&pairs, "%s%s%s;", p->name, p->value ? "=" : "!", p->value ? p->value : "");
		}
		if (strcmp(pairs.data, cases[i].pairs) != 0 || in->legacy != cases[i].legacy)
			fail_msg("%s: %s (legacy %d)", cases[i].line, pairs.data, in->legacy);
	}
}

static void test_positions(void **state)
{
	auto_containerfile f = {};

	parse("\xef\xbb\xbf# syntax=docker/dockerfile:1\r\n# escape=`\r\n\r\nFROM scratch\r\n  # about\r\n  # RUN\r\n"
	      "  RUN a `\r\n    b\r\nCOPY <<X <<Y /d/\r\none\r\nX\r\ntwo\r\nY\r\nCMD c", &f);
	assert_string_equal(f.syntax, "docker/dockerfile:1");
	assert_int_equal(f.escape, '`');
	assert_int_equal(f.instructions.n, 4);
	static const struct { unsigned line, end, column; } want[] = { { 4, 4, 1 }, { 7, 8, 3 }, { 9, 13, 1 }, { 14, 14, 1 } };
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(INSTRUCTION(&f, i)->line, want[i].line);
		assert_int_equal(INSTRUCTION(&f, i)->end_line, want[i].end);
		assert_int_equal(INSTRUCTION(&f, i)->column, want[i].column);
	}
	assert_string_equal(INSTRUCTION(&f, 1)->comment, "about\nRUN");
	assert_string_equal(INSTRUCTION(&f, 1)->text, "RUN a     b");
	const struct heredoc *docs = INSTRUCTION(&f, 2)->heredocs.v;
	assert_int_equal(docs[1].line, 12);
	assert_string_equal(docs[1].text, "two\r\n");
}

static void test_directives_table(void **state)
{
	static const struct { const char *text, *syntax; char escape; const char *check; } cases[] = {
		{ "# escape = `\nFROM a", NULL, '`', NULL }, { "#escape=`\nFROM a", NULL, '`', NULL },
		{ "# about\n# escape=`\nFROM a", NULL, '\\', NULL }, { "\n# escape=`\nFROM a", NULL, '\\', NULL },
		{ "# unknown=x\n# escape=`\nFROM a", NULL, '\\', NULL }, { "# SYNTAX=x/y:1  \nFROM a", "x/y:1", '\\', NULL },
		{ "# check=skip=all;error=true\n# syntax=a\nFROM a", "a", '\\', "skip=all;error=true" },
		{ "#!/usr/bin/env x\n# escape=`\nFROM a", NULL, '`', NULL }, { "FROM a\n# escape=`", NULL, '\\', NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_containerfile f = {};
		parse(cases[i].text, &f);
		if (!streq0(f.syntax, cases[i].syntax) || f.escape != cases[i].escape || !streq0(f.check, cases[i].check))
			fail_msg("%s: syntax %s escape %c check %s", cases[i].text, f.syntax, f.escape, f.check);
	}
}

static void test_flags(void **state)
{
	auto_containerfile f = {};

	parse("FROM scratch\n"
	      "COPY --from=x --chown=\"a b\" --chmod=u+x --link --parents --exclude=*.o --exclude=*.a a /b\n"
	      "ADD --keep-git-dir=true --checksum=sha256:00 --unpack=false http://x/y /b\n"
	      "RUN --mount=type=cache,target=/c --mount=type=secret,id=s --network=host --security=insecure --device=v=d x\n"
	      "HEALTHCHECK --interval=1m --timeout=3s --start-period=5s --start-interval=1s --retries=4 CMD x\n", &f);
	const struct instruction_flags *c = &INSTRUCTION(&f, 1)->flags, *a = &INSTRUCTION(&f, 2)->flags,
		*r = &INSTRUCTION(&f, 3)->flags, *h = &INSTRUCTION(&f, 4)->flags;
	assert_string_equal(c->from, "x");
	assert_string_equal(c->chown, "a b");
	assert_string_equal(c->chmod, "u+x");
	assert_true(c->link && c->parents && c->excludes.n == 2);
	assert_true(a->keep_git_dir && a->unpack.set && !a->unpack.value);
	assert_true(r->mounts.n == 2 && r->devices.n == 1);
	assert_string_equal(r->network, "host");
	assert_true(h->interval == 60000000000 && h->start_interval == 1000000000 && h->retries == 4);
}

static void test_heredocs_table(void **state)
{
	static const struct { const char *text; bool shebang; const char *script; } cases[] = {
		{ "RUN <<EOF\na\n b\nEOF\n", false, "a\n b\n" },
		{ "RUN <<-EOF\n\ta\n\t\tb\n\tEOF\n", false, "a\nb\n" },
		{ "RUN <<'EOF'\n$a\nEOF", false, "$a\n" },
		{ "RUN <<EOF\n#!/bin/x\na\nEOF\n", true, "#!/bin/x\na\n" },
		{ "RUN cat <<EOF >/x\na\nEOF\n", false, "cat <<EOF >/x\na\nEOF" },
		{ "RUN cat <<A <<B\n1\nA\n2\nB\n", false, "cat <<A <<B\n1\nA\n2\nB" },
		{ "RUN 3<<EOF\na\nEOF\n", false, "a\n" },
		{ "RUN <<EOF cat\na\nEOF\n", false, "<<EOF cat\na\nEOF" },
		{ "RUN cat <<<x", false, "cat <<<x" }, { "RUN a<<b", false, "a<<b" }, { "RUN echo $((1 << 2))", false, "echo $((1 << 2))" },
		{ "RUN <<EOF\n\nEOF\n", false, "\n" }, { "RUN <<EOF\nFROM x\n# no comment\nEOF\n", false, "FROM x\n# no comment\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		auto_buf text = BUF_INIT(4096);
		auto_containerfile f = {};
		auto_run_script s = {};
		buf_addf(&text, "FROM scratch\n%s", cases[i].text);
		parse(text.data, &f);
		assert_int_equal(instruction_script(INSTRUCTION(&f, 1), &s, &err), 0);
		const char *got = cases[i].shebang ? s.file : s.line;
		if (!got || strcmp(got, cases[i].script) != 0)
			fail_msg("%s: %s", cases[i].text, got ? got : "NULL");
	}
}

static void test_copy_heredocs(void **state)
{
	auto_containerfile f = {};

	parse("FROM scratch\nCOPY a <<one <<\"two\" b /d/\n$x\none\n$y\ntwo\nONBUILD RUN <<E\nx\nE\n", &f);
	const struct instruction *c = INSTRUCTION(&f, 1), *o = INSTRUCTION(&f, 2);
	const struct heredoc *d = c->heredocs.v;
	assert_int_equal(c->words.n, 3);
	assert_string_equal(c->words.v[1], "b");
	assert_true(c->heredocs.n == 2 && d[0].expand && !d[1].expand);
	assert_string_equal(d[1].text, "$y\n");
	assert_string_equal(o->trigger->text, "RUN <<E\nx\nE");
	auto_instruction again = {};
	struct error err = {};
	assert_int_equal(instruction_parse(o->trigger->text, '\\', &again, &err), 0);
	assert_int_equal(again.heredocs.n, 1);
}

static void test_errors_table(void **state)
{
	static const struct { const char *text, *error; } cases[] = {
		{ "", "C: file with no instructions" }, { "# only\n\n", "C: file with no instructions" },
		{ "RUN a", "C:1: no build stage in current context: only ARG may come before FROM: \"RUN a\"" },
		{ "FROM a\nRNU x", "C:2: unknown instruction: RNU (did you mean RUN?): \"RNU x\"" },
		{ "FROM a\n\nXYZZYX x", "C:3: unknown instruction: XYZZYX: \"XYZZYX x\"" },
		{ "FROM a b", "C:1: FROM requires either one or three arguments" }, { "FROM a is b", "C:1: FROM: \"is\" where AS" },
		{ "FROM a AS 1b", "C:1: invalid name for build stage: \"1b\"" }, { "FROM a\nCOPY a", "C:2: COPY requires at least two arguments" },
		{ "FROM a\nCOPY", "C:2: COPY requires at least one" }, { "FROM a\nCOPY --form=x a b", "C:2: unknown flag: --form" },
		{ "FROM a\nCOPY --from a b", "C:2: missing a value on flag: from" }, { "FROM a\nCOPY --from=a --from=b a b", "C:2: duplicate flag" },
		{ "FROM a\nRUN --mount=type=x y", "C:2: --mount=type=x: unsupported mount type" }, { "FROM a\nRUN --network=x y", "C:2: unsupported value \"x\" for --network" },
		{ "FROM a\nENV a", "C:2: ENV must have two arguments" }, { "FROM a\nENV a=b c", "C:2: Syntax error - can't find = in \"c\"" },
		{ "FROM a\nENV =b", "C:2: ENV names can not be blank" }, { "FROM a\nEXPOSE", "C:2: EXPOSE requires at least one" },
		{ "FROM a\nSHELL bash", "C:2: SHELL requires the arguments to be in JSON form" }, { "FROM a\nCMD [\"a\", 1]", "C:2: when using JSON" },
		{ "FROM a\nONBUILD ONBUILD RUN a", "C:2: Chaining ONBUILD" }, { "FROM a\nONBUILD FROM b", "C:2: FROM isn't allowed as an ONBUILD trigger" },
		{ "FROM a\nHEALTHCHECK FOO", "C:2: unknown type \"FOO\" in HEALTHCHECK" }, { "FROM a\nHEALTHCHECK CMD", "C:2: missing command" },
		{ "FROM a\nHEALTHCHECK NONE x", "C:2: HEALTHCHECK NONE takes no" }, { "FROM a\nHEALTHCHECK --interval=1us CMD x", "C:2: --interval cannot be" },
		{ "FROM a\nRUN <<EOF\nx\n", "C:2: unterminated heredoc" }, { "FROM a\nCOPY a <<EOF\nx\nEOF", "C:2: COPY cannot accept a heredoc" },
		{ "# escape=x\nFROM a", "C:1: invalid ESCAPE" }, { "# escape=`\n# escape=`\nFROM a", "C:2: only one escape" },
		{ "FROM a\n  RUN \\\n  --bad x", "C:2: unknown flag: --bad: \"  RUN \\\"" }, { "FROM a\nVOLUME [\"\"]", "C:2: VOLUME specified can not" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		auto_containerfile f = {};
		int r = containerfile_parse("C", cases[i].text, strlen(cases[i].text), &f, &err);
		if (r == 0 || !str_after(err.text, cases[i].error))
			fail_msg("%s: \"%s\", want \"%s\"", cases[i].text, r ? err.text : "success", cases[i].error);
	}
}

static void test_mounts_table(void **state)
{
	static const struct { const char *text; int type; const char *target, *source, *from, *id; bool ro; } cases[] = {
		{ "type=bind,target=/t", RUN_MOUNT_BIND, "/t", NULL, NULL, NULL, true },
		{ "target=/t,src=/s,from=img,rw", RUN_MOUNT_BIND, "/t", "/s", "img", NULL, false },
		{ "type=bind,dst=/t,source=s,z", RUN_MOUNT_BIND, "/t", "s", NULL, NULL, true },
		{ "type=cache,target=/t,id=../../x,sharing=locked,mode=0700,uid=1,gid=2", RUN_MOUNT_CACHE, "/t", NULL, NULL, "../../x", false },
		{ "type=cache,target=/t,ro", RUN_MOUNT_CACHE, "/t", NULL, NULL, NULL, true },
		{ "type=tmpfs,target=/t,size=1m", RUN_MOUNT_TMPFS, "/t", NULL, NULL, NULL, false },
		{ "type=secret,id=s,required=true,mode=0440", RUN_MOUNT_SECRET, NULL, NULL, NULL, "s", false },
		{ "type=secret,id=s,env=TOKEN", RUN_MOUNT_SECRET, NULL, NULL, NULL, "s", false },
		{ "type=tmpfs,target=/t,tmpcopyup", RUN_MOUNT_TMPFS, "/t", NULL, NULL, NULL, false },
		{ "type=ssh,id=k", RUN_MOUNT_SSH, NULL, NULL, NULL, "k", false }, { "type=ssh", RUN_MOUNT_SSH, NULL, NULL, NULL, NULL, false },
		{ "\"target=/a,b\",type=bind", RUN_MOUNT_BIND, "/a,b", NULL, NULL, NULL, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		auto_run_mount m = {};
		if (run_mount_parse(cases[i].text, &m, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		if (m.type != cases[i].type || !streq0(m.target, cases[i].target) || !streq0(m.source, cases[i].source) ||
		    !streq0(m.from, cases[i].from) || !streq0(m.id, cases[i].id) || m.read_only != cases[i].ro)
			fail_msg("%s: wrong", cases[i].text);
	}
}

/* security-matrix I3: unknown, doubled, misplaced and dangerous options are errors. */
static void test_devices(void **state)
{
	static const struct {
		const char *text, *name, *error;
		bool required;
	} cases[] = {
		{ "/dev/x", "/dev/x", NULL, false }, { "v.com/c=d", "v.com/c=d", NULL, false }, { "name=v.com/c=d,required", "v.com/c=d", NULL, true },
		{ "/dev/x,required=true", "/dev/x", NULL, true }, { "required=0,name=/dev/x", "/dev/x", NULL, false },
		{ "required", NULL, "name is missing", false }, { "a=b,name=c", NULL, "already set to a=b", false },
		{ "/dev/x,other=1", NULL, "unexpected field", false }, { "/dev/x,required=maybe", NULL, "invalid value for required", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_run_device d = {};
		struct error err = {};
		int r = run_device_parse(cases[i].text, &d, &err);
		if (cases[i].error) {
			assert_int_equal(r, -1);
			assert_non_null(strstr(err.text, cases[i].error));
			continue;
		}
		assert_int_equal(r, 0);
		assert_string_equal(d.name, cases[i].name);
		assert_int_equal(d.required, cases[i].required);
	}
}

static void test_mounts_refused(void **state)
{
	static const char *const cases[] = {
		"type=bind", "type=cache", "type=tmpfs", "type=secret", "type=volume,target=/t", "type=", "type=bind,type=bind,target=/t",
		"target=/t,target=/u", "target=/t,dst=/u", "target=", "target=/t,bind-propagation=rshared", "target=/t,bind-propagation=shared",
		"target=/t,shared", "target=/t,rshared", "target=/t,suid", "target=/t,dev", "target=/t,exec", "target=/t,unknown=1",
		"target=/t,sharing=locked", "type=cache,target=/t,sharing=x", "type=tmpfs,target=/t,from=x", "type=tmpfs,target=/t,size=-1",
		"type=secret,id=x,source=y", "type=ssh,from=x", "type=cache,target=/t,mode=999", "type=cache,target=/t,uid=-1",
		"target=/t,rw=maybe", "target=/t,bind-propagation=rslave\\,rshared", "\"target=/t", "type=secret,id=x,required=x",
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		auto_run_mount m = {};
		if (run_mount_parse(cases[i], &m, &err) == 0)
			fail_msg("accepted: %s", cases[i]);
	}
}

static void test_expand_instruction(void **state)
{
	char *const v[] = { (char *)"A=x y", (char *)"B=b", NULL };
	struct strv env = { (char **)v, 2 };
	struct expand x = { .get = expand_get_env, .data = &env, .escape = '\\' };
	static const struct { const char *line, *words; } cases[] = {
		{ "COPY --chown=$B $A \"$B\"", "x y|b" }, { "RUN echo $A", "echo $A" }, { "EXPOSE $A $B", "x|y|b" }, { "WORKDIR /$B/'c'", "/b/c" },
		{ "USER ${B}", "b" }, { "VOLUME [\"/$B\"]", "/b" }, { "CMD $A", "$A" }, { "FROM $B AS n", "b|n" }, { "STOPSIGNAL $B", "b" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		auto_instruction in = {}, out = {};
		assert_int_equal(instruction_parse(cases[i].line, '\\', &in, &err), 0);
		assert_int_equal(instruction_expand(&in, &x, &out, &err), 0);
		autofree char *words = strv_join(&out.words, "|");
		if (strcmp(words, cases[i].words) != 0)
			fail_msg("%s: %s", cases[i].line, words);
		assert_true(i != 0 || streq(out.flags.chown, "b"));
	}
}

/* security-matrix I17 */
static void test_bounds(void **state)
{
	struct error err = {};
	auto_buf long_line = BUF_INIT(16 << 20), many = BUF_INIT(16 << 20);
	auto_containerfile f = {};

	buf_add_str(&long_line, "FROM a\nRUN x");
	for (int i = 0; i < 300000; i++)
		buf_add_str(&long_line, " \\\nab");
	assert_int_equal(containerfile_parse("C", long_line.data, long_line.len, &f, &err), 0);
	for (int i = 0; i <= CONTAINERFILE_INSTRUCTIONS_MAX; i++)
		buf_add_str(&many, "FROM a\n");
	assert_int_equal(containerfile_parse("C", many.data, many.len, &f, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_table), cmocka_unit_test(test_pairs_table), cmocka_unit_test(test_positions),
		cmocka_unit_test(test_directives_table), cmocka_unit_test(test_flags), cmocka_unit_test(test_heredocs_table),
		cmocka_unit_test(test_copy_heredocs), cmocka_unit_test(test_errors_table), cmocka_unit_test(test_mounts_table),
		cmocka_unit_test(test_mounts_refused), cmocka_unit_test(test_devices), cmocka_unit_test(test_expand_instruction), cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
