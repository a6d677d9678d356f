/* SPDX-License-Identifier: Apache-2.0
 * dhcp/arp.h - whether somebody on the wire has an address already: ARP probes of RFC 5227 as bytes, without their Ethernet
 * header. Pure functions over bounded memory; a client shows what came between the lease and its use. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dhcp/message.h"

enum { ARP_SIZE = 28 };
/* Who has `address`? Asked without naming an own one, so that nobody's table changes. */
void arp_probe(const uint8_t mac[DHCP_MAC], uint32_t address, uint8_t ret[ARP_SIZE]);
/* Whether a packet says that another MAC has the address, or wants it at the same time (RFC 5227, 2.1.1). */
bool arp_is_conflict(const uint8_t *packet, size_t n, const uint8_t mac[DHCP_MAC], uint32_t address, uint8_t ret_owner[DHCP_MAC]);
