/* SPDX-License-Identifier: Apache-2.0
 * os/nft.h - nftables over nfnetlink: tables, chains, rules, sets and elements as messages of one transaction.
 *
 * A transaction is a batch (os/netlink.h) between nft_begin() and nft_commit(); the kernel takes all of it or nothing.
 * Rules are lists of the kernel's expressions, appended by the functions below (nftables wiki, "netlink
 * payload"; linux/netfilter/nf_tables.h). Registers are the 4-byte ones: 0..15. Everything is in family inet.
 * Works where iptables does not exist. Allocates: not between clone() and exec(). */
#pragma once
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stdint.h>

#include "os/netlink.h"

struct nft {
	struct netlink_batch b;
	const char *table;       /* all messages are about this one; borrowed */
	size_t nest;             /* the open list of elements or expressions */
};
#define NFT_INIT(name) { .b = NETLINK_BATCH_INIT, .table = (name) }
void nft_done(struct nft *t);
#define auto_nft CLEANUP(nft_done) struct nft

void nft_begin(struct nft *t);
/* Ends the batch and sends it on a NETLINK_NETFILTER socket. */
int nft_commit(struct nft *t, struct netlink *n, netlink_judge judge, void *arg, struct error *err);
/* 0: there is no such chain; else 1 and one more for each of its rules and for each rule or element that leads to it.
 * A kernel without nftables is ERROR_UNSUPPORTED. */
int nft_chain_find(struct netlink *n, const char *table, const char *chain, struct error *err);
/* 1: the set has no elements, or is not there; 0: it has some. */
int nft_set_is_empty(struct netlink *n, const char *table, const char *set, struct error *err);

/* ---- objects. Adding what exists is fine. ---- */
void nft_table_add(struct nft *t);
void nft_table_delete(struct nft *t);
struct nft_base {
	const char *type;        /* "filter", "nat" */
	uint32_t hook;           /* NF_INET_* */
	int32_t priority;
};
void nft_chain_add(struct nft *t, const char *chain, const struct nft_base *base);   /* base NULL: reached by jumps */
void nft_chain_delete(struct nft *t, const char *chain);
void nft_chain_flush(struct nft *t, const char *chain);

/* nft's data types, for `nft list`. */
enum nft_type { NFT_TYPE_IPV4 = 7, NFT_TYPE_IPV6 = 8, NFT_TYPE_PROTO = 12, NFT_TYPE_PORT = 13, NFT_TYPE_IFNAME = 41,
	NFT_TYPE_VERDICT = -256 };
struct nft_set {
	const char *name;
	uint32_t flags;          /* NFT_SET_MAP, NFT_SET_INTERVAL, ... */
	uint32_t key_type, key_len;      /* nft_concat() of nft_type; bytes, each part padded to 4 */
	uint32_t data_type, data_len;    /* maps; NFT_TYPE_VERDICT: length 0 */
};
#define NFT_CONCAT2(a, b) ((uint32_t)(a) << 6 | (uint32_t)(b))
#define NFT_CONCAT3(a, b, c) (NFT_CONCAT2(a, b) << 6 | (uint32_t)(c))
void nft_set_add(struct nft *t, const struct nft_set *s);

struct nft_element {
	const void *key;
	uint32_t key_len;
	const void *data;        /* maps to data; NULL: none */
	uint32_t data_len;
	const char *chain;       /* verdict maps: goto this chain */
	bool interval_end;
};
/* Elements of one set: begin, any number of puts, end. `exclusive`: one that exists fails with EEXIST. */
void nft_elements_begin(struct nft *t, const char *set, bool remove, bool exclusive);
void nft_elements_put(struct nft *t, const struct nft_element *e);
void nft_elements_end(struct nft *t);

/* ---- rules ---- */
void nft_rule_begin(struct nft *t, const char *chain);
void nft_rule_end(struct nft *t);
void nft_meta(struct nft *t, uint32_t key, unsigned reg);                  /* NFT_META_* -> register */
void nft_payload(struct nft *t, uint32_t base, uint32_t offset, uint32_t len, unsigned reg);
void nft_ct(struct nft *t, uint32_t key, unsigned reg);                    /* NFT_CT_* */
void nft_fib_daddr_type(struct nft *t, unsigned reg);
void nft_mask(struct nft *t, unsigned reg, const void *mask, uint32_t len);
void nft_compare(struct nft *t, unsigned reg, bool equal, const void *data, uint32_t len);
void nft_lookup(struct nft *t, const char *set, unsigned reg, int data_reg, bool invert);   /* data_reg < 0: none */
/* Verdict map: what the element says happens. */
void nft_lookup_verdict(struct nft *t, const char *map, unsigned reg);
void nft_verdict(struct nft *t, int32_t verdict, const char *chain);       /* NF_DROP, NF_ACCEPT, NFT_RETURN, NFT_JUMP ... */
void nft_dnat(struct nft *t, uint32_t family, unsigned address_reg, unsigned port_reg);
void nft_snat(struct nft *t, uint32_t family, unsigned address_reg);
void nft_masquerade(struct nft *t);
void nft_set_register(struct nft *t, unsigned reg, const void *data, uint32_t len);
