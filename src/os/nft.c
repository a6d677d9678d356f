/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "base/str.h"
#include "os/nft.h"

void nft_done(struct nft *t)
{
	netlink_batch_done(&t->b);
}

static void message(struct nft *t, uint16_t type, uint16_t flags, const char *verb, const char *what, const char *name)
{
	const struct nfgenmsg g = { .nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0 };

	netlink_message(&t->b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, &g, sizeof(g), "nftables: %s %s%s%s", verb, what,
			name ? " " : "", name ? name : "");
}

static void edge(struct nft *t, uint16_t type)
{
	const struct nfgenmsg g = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	netlink_message(&t->b, type, 0, &g, sizeof(g), "nftables: transaction");
}

void nft_begin(struct nft *t)
{
	edge(t, NFNL_MSG_BATCH_BEGIN);
}

int nft_commit(struct nft *t, struct netlink *n, netlink_judge judge, void *arg, struct error *err)
{
	t->b.ack = t->b.n;   /* not the end's: kernels before 6.10 do not acknowledge that */
	edge(t, NFNL_MSG_BATCH_END);
	return netlink_send_judged(n, &t->b, judge, arg, err);
}

/* An answer's attributes follow struct nfgenmsg. */
static void attributes(const struct netlink_answer *a, struct netlink_attr *table, uint16_t max)
{
	const size_t skip = NLMSG_ALIGN(sizeof(struct nfgenmsg));
	const bool any = a->len > skip;

	netlink_attrs(any ? (const char *)a->data + skip : NULL, any ? a->len - skip : 0, table, max);
}

static int see_chain(void *arg, const struct netlink_answer *a, struct error *err)
{
	struct netlink_attr table[NFTA_CHAIN_USE + 1];
	uint32_t use = 0;

	(void)err;
	attributes(a, table, NFTA_CHAIN_USE);
	if (table[NFTA_CHAIN_USE].len == sizeof(use))
		memcpy(&use, table[NFTA_CHAIN_USE].data, sizeof(use));
	use = ntohl(use);
	*(int *)arg = 1 + (use < 1 << 20 ? (int)use : 1 << 20);
	return 0;
}

int nft_chain_find(struct netlink *n, const char *table, const char *chain, struct error *err)
{
	auto_nft t = NFT_INIT(table);
	int found = 1;

	message(&t, NFT_MSG_GETCHAIN, 0, "look for", "chain", chain);
	netlink_put_str(&t.b, NFTA_CHAIN_TABLE, table);
	netlink_put_str(&t.b, NFTA_CHAIN_NAME, chain);
	if (netlink_ask(n, &t.b, see_chain, &found, err) >= 0)
		return found;
	return err->errnum == ENOENT ? 0 : -1;
}

static int see_elements(void *arg, const struct netlink_answer *a, struct error *err)
{
	struct netlink_attr table[NFTA_SET_ELEM_LIST_ELEMENTS + 1];

	(void)err;
	attributes(a, table, NFTA_SET_ELEM_LIST_ELEMENTS);
	*(bool *)arg |= table[NFTA_SET_ELEM_LIST_ELEMENTS].len > 0;
	return 0;
}

int nft_set_is_empty(struct netlink *n, const char *table, const char *set, struct error *err)
{
	auto_nft t = NFT_INIT(table);
	bool some = false;

	message(&t, NFT_MSG_GETSETELEM, NLM_F_DUMP, "look into", "set", set);
	netlink_put_str(&t.b, NFTA_SET_ELEM_LIST_TABLE, table);
	netlink_put_str(&t.b, NFTA_SET_ELEM_LIST_SET, set);
	if (netlink_ask(n, &t.b, see_elements, &some, err) >= 0)
		return !some;
	return err->errnum == ENOENT ? 1 : -1;
}

/* ---- objects ---- */
void nft_table_add(struct nft *t)
{
	message(t, NFT_MSG_NEWTABLE, NLM_F_CREATE, "add", "table", t->table);
	netlink_put_str(&t->b, NFTA_TABLE_NAME, t->table);
}

void nft_table_delete(struct nft *t)
{
	message(t, NFT_MSG_DELTABLE, 0, "delete", "table", t->table);
	netlink_put_str(&t->b, NFTA_TABLE_NAME, t->table);
}

void nft_chain_add(struct nft *t, const char *chain, const struct nft_base *base)
{
	message(t, NFT_MSG_NEWCHAIN, NLM_F_CREATE, "add", "chain", chain);
	netlink_put_str(&t->b, NFTA_CHAIN_TABLE, t->table);
	netlink_put_str(&t->b, NFTA_CHAIN_NAME, chain);
	if (!base)
		return;
	size_t hook = netlink_nest(&t->b, NFTA_CHAIN_HOOK);
	netlink_put_be32(&t->b, NFTA_HOOK_HOOKNUM, base->hook);
	netlink_put_be32(&t->b, NFTA_HOOK_PRIORITY, (uint32_t)base->priority);
	netlink_nest_end(&t->b, hook);
	netlink_put_str(&t->b, NFTA_CHAIN_TYPE, base->type);
	netlink_put_be32(&t->b, NFTA_CHAIN_POLICY, NF_ACCEPT);
}

void nft_chain_delete(struct nft *t, const char *chain)
{
	message(t, NFT_MSG_DELCHAIN, 0, "delete", "chain", chain);
	netlink_put_str(&t->b, NFTA_CHAIN_TABLE, t->table);
	netlink_put_str(&t->b, NFTA_CHAIN_NAME, chain);
}

void nft_chain_flush(struct nft *t, const char *chain)
{
	message(t, NFT_MSG_DELRULE, 0, "flush", "chain", chain);
	netlink_put_str(&t->b, NFTA_RULE_TABLE, t->table);
	netlink_put_str(&t->b, NFTA_RULE_CHAIN, chain);
}

void nft_set_add(struct nft *t, const struct nft_set *s)
{
	/* how the nft program shall print keys and data: big endian, names in the host's order */
	const uint8_t order[] = { 0, 4, s->key_type == NFT_TYPE_IFNAME ? 1 : 2, 0, 0, 0, 1, 4, 2, 0, 0, 0 };

	message(t, NFT_MSG_NEWSET, NLM_F_CREATE, "add", "set", s->name);
	netlink_put_str(&t->b, NFTA_SET_TABLE, t->table);
	netlink_put_str(&t->b, NFTA_SET_NAME, s->name);
	netlink_put_be32(&t->b, NFTA_SET_FLAGS, s->flags);
	netlink_put_be32(&t->b, NFTA_SET_KEY_TYPE, s->key_type);
	netlink_put_be32(&t->b, NFTA_SET_KEY_LEN, s->key_len);
	netlink_put_be32(&t->b, NFTA_SET_ID, t->b.n);
	if (s->flags & NFT_SET_MAP) {
		netlink_put_be32(&t->b, NFTA_SET_DATA_TYPE, s->data_type);
		if (s->data_len)
			netlink_put_be32(&t->b, NFTA_SET_DATA_LEN, s->data_len);
	}
	netlink_put(&t->b, NFTA_SET_USERDATA, order, s->data_len ? sizeof(order) : sizeof(order) / 2);
}

/* ---- elements ---- */
void nft_elements_begin(struct nft *t, const char *set, bool remove, bool exclusive)
{
	message(t, remove ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM,
		remove ? 0 : (uint16_t)(NLM_F_CREATE | (exclusive ? NLM_F_EXCL : 0)), remove ? "remove from" : "add to", "set", set);
	netlink_put_str(&t->b, NFTA_SET_ELEM_LIST_TABLE, t->table);
	netlink_put_str(&t->b, NFTA_SET_ELEM_LIST_SET, set);
	t->nest = netlink_nest(&t->b, NFTA_SET_ELEM_LIST_ELEMENTS);
}

static void put_value(struct nft *t, uint16_t attr, const void *data, uint32_t len)
{
	size_t at = netlink_nest(&t->b, attr);

	netlink_put(&t->b, NFTA_DATA_VALUE, data, len);
	netlink_nest_end(&t->b, at);
}

static void put_verdict(struct nft *t, uint16_t attr, int32_t code, const char *chain)
{
	size_t data = netlink_nest(&t->b, attr), verdict = netlink_nest(&t->b, NFTA_DATA_VERDICT);

	netlink_put_be32(&t->b, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		netlink_put_str(&t->b, NFTA_VERDICT_CHAIN, chain);
	netlink_nest_end(&t->b, verdict);
	netlink_nest_end(&t->b, data);
}

void nft_elements_put(struct nft *t, const struct nft_element *e)
{
	size_t at = netlink_nest(&t->b, NFTA_LIST_ELEM);

	if (e->interval_end)
		netlink_put_be32(&t->b, NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
	put_value(t, NFTA_SET_ELEM_KEY, e->key, e->key_len);
	if (e->data)
		put_value(t, NFTA_SET_ELEM_DATA, e->data, e->data_len);
	if (e->chain)
		put_verdict(t, NFTA_SET_ELEM_DATA, NFT_GOTO, e->chain);
	netlink_nest_end(&t->b, at);
}

void nft_elements_end(struct nft *t)
{
	netlink_nest_end(&t->b, t->nest);
}

/* ---- rules ---- */
void nft_rule_begin(struct nft *t, const char *chain)
{
	message(t, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, "add rule to", "chain", chain);
	netlink_put_str(&t->b, NFTA_RULE_TABLE, t->table);
	netlink_put_str(&t->b, NFTA_RULE_CHAIN, chain);
	t->nest = netlink_nest(&t->b, NFTA_RULE_EXPRESSIONS);
}

void nft_rule_end(struct nft *t)
{
	netlink_nest_end(&t->b, t->nest);
}

struct expression {
	size_t element, data;
};

static struct expression begin(struct nft *t, const char *name)
{
	struct expression x = { .element = netlink_nest(&t->b, NFTA_LIST_ELEM) };

	netlink_put_str(&t->b, NFTA_EXPR_NAME, name);
	x.data = netlink_nest(&t->b, NFTA_EXPR_DATA);
	return x;
}

static void end(struct nft *t, struct expression x)
{
	netlink_nest_end(&t->b, x.data);
	netlink_nest_end(&t->b, x.element);
}

static void put_register(struct nft *t, uint16_t attr, unsigned reg)
{
	netlink_put_be32(&t->b, attr, NFT_REG32_00 + reg);
}

void nft_meta(struct nft *t, uint32_t key, unsigned reg)
{
	struct expression x = begin(t, "meta");

	put_register(t, NFTA_META_DREG, reg);
	netlink_put_be32(&t->b, NFTA_META_KEY, key);
	end(t, x);
}

void nft_payload(struct nft *t, uint32_t base, uint32_t offset, uint32_t len, unsigned reg)
{
	struct expression x = begin(t, "payload");

	put_register(t, NFTA_PAYLOAD_DREG, reg);
	netlink_put_be32(&t->b, NFTA_PAYLOAD_BASE, base);
	netlink_put_be32(&t->b, NFTA_PAYLOAD_OFFSET, offset);
	netlink_put_be32(&t->b, NFTA_PAYLOAD_LEN, len);
	end(t, x);
}

void nft_ct(struct nft *t, uint32_t key, unsigned reg)
{
	struct expression x = begin(t, "ct");

	put_register(t, NFTA_CT_DREG, reg);
	netlink_put_be32(&t->b, NFTA_CT_KEY, key);
	end(t, x);
}

void nft_fib_daddr_type(struct nft *t, unsigned reg)
{
	struct expression x = begin(t, "fib");

	put_register(t, NFTA_FIB_DREG, reg);
	netlink_put_be32(&t->b, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	netlink_put_be32(&t->b, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	end(t, x);
}

void nft_mask(struct nft *t, unsigned reg, const void *mask, uint32_t len)
{
	static const uint8_t zeros[16];
	struct expression x = begin(t, "bitwise");

	put_register(t, NFTA_BITWISE_SREG, reg);
	put_register(t, NFTA_BITWISE_DREG, reg);
	netlink_put_be32(&t->b, NFTA_BITWISE_LEN, len);
	put_value(t, NFTA_BITWISE_MASK, mask, len);
	put_value(t, NFTA_BITWISE_XOR, zeros, len);
	end(t, x);
}

void nft_compare(struct nft *t, unsigned reg, bool equal, const void *data, uint32_t len)
{
	struct expression x = begin(t, "cmp");

	put_register(t, NFTA_CMP_SREG, reg);
	netlink_put_be32(&t->b, NFTA_CMP_OP, equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
	put_value(t, NFTA_CMP_DATA, data, len);
	end(t, x);
}

void nft_lookup(struct nft *t, const char *set, unsigned reg, int data_reg, bool invert)
{
	struct expression x = begin(t, "lookup");

	netlink_put_str(&t->b, NFTA_LOOKUP_SET, set);
	put_register(t, NFTA_LOOKUP_SREG, reg);
	if (data_reg >= 0)
		put_register(t, NFTA_LOOKUP_DREG, (unsigned)data_reg);
	if (invert)
		netlink_put_be32(&t->b, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
	end(t, x);
}

void nft_lookup_verdict(struct nft *t, const char *map, unsigned reg)
{
	struct expression x = begin(t, "lookup");

	netlink_put_str(&t->b, NFTA_LOOKUP_SET, map);
	put_register(t, NFTA_LOOKUP_SREG, reg);
	netlink_put_be32(&t->b, NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
	end(t, x);
}

void nft_verdict(struct nft *t, int32_t verdict, const char *chain)
{
	struct expression x = begin(t, "immediate");

	netlink_put_be32(&t->b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	put_verdict(t, NFTA_IMMEDIATE_DATA, verdict, chain);
	end(t, x);
}

void nft_set_register(struct nft *t, unsigned reg, const void *data, uint32_t len)
{
	struct expression x = begin(t, "immediate");

	put_register(t, NFTA_IMMEDIATE_DREG, reg);
	put_value(t, NFTA_IMMEDIATE_DATA, data, len);
	end(t, x);
}

void nft_dnat(struct nft *t, uint32_t family, unsigned address_reg, unsigned port_reg)
{
	struct expression x = begin(t, "nat");

	netlink_put_be32(&t->b, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	netlink_put_be32(&t->b, NFTA_NAT_FAMILY, family);
	put_register(t, NFTA_NAT_REG_ADDR_MIN, address_reg);
	put_register(t, NFTA_NAT_REG_PROTO_MIN, port_reg);
	end(t, x);
}

void nft_snat(struct nft *t, uint32_t family, unsigned address_reg)
{
	struct expression x = begin(t, "nat");

	netlink_put_be32(&t->b, NFTA_NAT_TYPE, NFT_NAT_SNAT);
	netlink_put_be32(&t->b, NFTA_NAT_FAMILY, family);
	put_register(t, NFTA_NAT_REG_ADDR_MIN, address_reg);
	end(t, x);
}

void nft_masquerade(struct nft *t)
{
	end(t, begin(t, "masq"));
}
