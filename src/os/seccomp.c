/* SPDX-License-Identifier: Apache-2.0
 * os/seccomp.c - the built-in filter made to measure, installing filters, evaluating them for tests. */
#include "os/seccomp.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>

#include "os/seccomp-builtin.h"
#include "os/seccomp-policy.h"
#include "os/seccomp-profile.h"

void seccomp_filter_done(struct seccomp_filter *f)
{
	if (!f->borrowed)
		free(f->code);
	*f = (struct seccomp_filter){ 0 };
}

bool seccomp_group_is_allowed(const struct seccomp_builtin *b, int group)
{
	bool nested = group == SECCOMP_GROUP_NESTED || group == SECCOMP_GROUP_NESTED_CLONE3;

	return (nested && b->profile == SECCOMP_PROFILE_DEFAULT) || (b->caps & seccomp_groups[group].caps);
}

int seccomp_family_number(const char *name, uint32_t *ret, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(seccomp_extra_families); i++)
		if (strcasecmp(seccomp_extra_families[i].name, name) == 0) {
			*ret = seccomp_extra_families[i].number;
			return 0;
		}
	return fail(err, ERROR_INVALID, "socket family %.40s: unknown (known are for example can, alg, vsock, bluetooth)", name);
}

/* What a placeholder in the program becomes for this container. */
static uint32_t patched_return(const struct seccomp_builtin *b, uint32_t k)
{
	uint32_t group = (k & SECCOMP_RET_DATA) - SECCOMP_MARK;

	if ((k & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ERRNO)
		return k;
	if (group < SECCOMP_GROUP_MAX && seccomp_group_is_allowed(b, (int)group))
		k = SECCOMP_RET_ALLOW;
	else if (group < SECCOMP_GROUP_MAX)
		k = SECCOMP_RET_ERRNO | (uint32_t)seccomp_groups[group].errnum;
	return b->log && k != SECCOMP_RET_ALLOW ? SECCOMP_RET_LOG : k;
}

static int families_of(const struct strv *names, uint32_t families[SECCOMP_FAMILY_SLOTS], struct error *err)
{
	if (names && names->n > SECCOMP_FAMILY_SLOTS)
		return fail(err, ERROR_INVALID, "more than %d additional socket families", SECCOMP_FAMILY_SLOTS);
	for (size_t i = 0; names && i < names->n; i++)
		TRY(seccomp_family_number(names->v[i], &families[i], err));
	return 0;
}

int seccomp_builtin(const struct seccomp_builtin *b, struct seccomp_filter *ret, struct error *err)
{
	uint32_t families[SECCOMP_FAMILY_SLOTS];
	size_t size = seccomp_builtin_len * sizeof(struct sock_filter);

	for (uint32_t i = 0; i < SECCOMP_FAMILY_SLOTS; i++)
		families[i] = SECCOMP_FAMILY_MARK + i;
	TRY(families_of(b->families, families, err));
	struct sock_filter *code = malloc(size);
	if (!code)
		return fail_oom(err);
	memcpy(code, seccomp_builtin_code, size);
	for (size_t i = 0; i < seccomp_builtin_len; i++) {
		uint32_t slot = code[i].k - SECCOMP_FAMILY_MARK;
		if (code[i].code == (BPF_RET | BPF_K))
			code[i].k = patched_return(b, code[i].k);
		else if (code[i].code == (BPF_JMP | BPF_JEQ | BPF_K) && slot < SECCOMP_FAMILY_SLOTS)
			code[i].k = families[slot];
	}
	*ret = (struct seccomp_filter){ .code = code, .n = seccomp_builtin_len };
	return 0;
}

int seccomp_install(const struct seccomp_filter *f, struct error *err)
{
	struct sock_fprog prog = { .len = f->n, .filter = f->code };
	unsigned flags = f->flags | (f->notify ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0);

	if (!f->code)
		return 0;
	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
	if (r < 0)
		return fail_errno(err, "install the seccomp filter");
	return f->notify ? (int)r : 0;
}

/* ---- evaluation ---- */

struct machine {
	uint32_t a, x, mem[BPF_MEMWORDS];
	const struct seccomp_data *data;
};

static uint32_t load_word(const struct machine *m, uint32_t off)
{
	uint32_t v = 0;

	if (off <= sizeof(*m->data) - sizeof(v))
		memcpy(&v, (const char *)m->data + off, sizeof(v));
	return v;
}

static bool compare(uint16_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	default:
		return a & b;   /* BPF_JSET */
	}
}

static uint32_t alu(uint16_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_RSH:
		return b < 32 ? a >> b : 0;
	case BPF_LSH:
		return b < 32 ? a << b : 0;
	case BPF_ADD:
		return a + b;
	default:
		return a - b;   /* BPF_SUB: nothing else is made by us or by libseccomp */
	}
}

static void step(struct machine *m, const struct sock_filter *i)
{
	uint32_t operand = BPF_SRC(i->code) == BPF_X ? m->x : i->k;

	switch (BPF_CLASS(i->code)) {
	case BPF_LD:
		m->a = BPF_MODE(i->code) == BPF_ABS ? load_word(m, i->k)
		     : BPF_MODE(i->code) == BPF_MEM ? m->mem[i->k % BPF_MEMWORDS]
						    : i->k;
		break;
	case BPF_LDX:
		m->x = BPF_MODE(i->code) == BPF_MEM ? m->mem[i->k % BPF_MEMWORDS] : i->k;
		break;
	case BPF_ST:
		m->mem[i->k % BPF_MEMWORDS] = m->a;
		break;
	case BPF_STX:
		m->mem[i->k % BPF_MEMWORDS] = m->x;
		break;
	case BPF_ALU:
		m->a = alu(BPF_OP(i->code), m->a, operand);
		break;
	case BPF_MISC:
		if (BPF_MISCOP(i->code) == BPF_TAX)
			m->x = m->a;
		else
			m->a = m->x;
		break;
	}
}

uint32_t seccomp_evaluate(const struct seccomp_filter *f, const struct seccomp_call *call)
{
	struct seccomp_data d = { .nr = call->nr, .arch = call->arch };
	struct machine m = { .data = &d };

	memcpy(d.args, call->args, sizeof(d.args));
	for (size_t pc = 0; pc < f->n; pc++) {
		const struct sock_filter *i = &f->code[pc];
		uint32_t operand = BPF_SRC(i->code) == BPF_X ? m.x : i->k;
		if (BPF_CLASS(i->code) == BPF_RET)
			return BPF_RVAL(i->code) == BPF_A ? m.a : i->k;
		if (BPF_CLASS(i->code) != BPF_JMP)
			step(&m, i);
		else if (BPF_OP(i->code) == BPF_JA)
			pc += i->k;
		else
			pc += compare(BPF_OP(i->code), m.a, operand) ? i->jt : i->jf;
	}
	return SECCOMP_RET_KILL_PROCESS;
}
