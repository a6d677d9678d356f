/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/params-parse.h"

#define S struct container_params

const struct field param_port_rows[] = {
	{ .json = "host_ip", F_STR(struct param_port, host_ip), .flags = FIELD_ALWAYS },
	{ .json = "container_port", F_INT(struct param_port, container_port) },
	{ .json = "host_port", F_INT(struct param_port, host_port) },
	{ .json = "range", F_INT(struct param_port, range) },
	{ .json = "protocol", F_STR(struct param_port, protocol) },
	{},
};

const struct field params_network_rows[] = {
	{ .cli = "network", MORE(.aliases = "net"), .type = FIELD_CUSTOM, .off = 0, .custom = &param_ns_net_custom, .arg = "stringArray",
	  .complete = "networks", .help = "Network or network mode (repeatable)" },
	{ .json = "networks", F_STRV(S, net.networks) },
	{ .cli = "network-alias", .json = "network_aliases", F_CSV(S, net.aliases), .arg = "strings",
	  .help = "Further name of the container on its networks" },
	{ .cli = "publish", .abbr = 'p', F_CUSTOM(S, net.ports, &param_port_custom), .arg = "strings",
	  .help = "Lead a port or range of the host to the container" },
	{ .json = "portmappings", F_LIST(S, net.ports, struct param_port, param_port_rows) },
	{ .cli = "publish-all", .abbr = 'P', .json = "publish_image_ports", F_BOOL(S, net.publish_all),
	  .help = "Lead free ports of the host to all exposed ports" },
	{ .cli = "expose", .json = "expose", F_CSV(S, net.expose), .arg = "strings",
	  .help = "Note a port or range as served by the container" },
	{ .cli = "ip", .json = "static_ip", F_STR(S, net.ip), .arg = "string",
	  .help = "IPv4 address of the container" },
	{ .cli = "ip6", .json = "static_ip6", F_STR(S, net.ip6), .arg = "string",
	  .help = "IPv6 address of the container" },
	{ .cli = "mac-address", .json = "static_mac", F_STR(S, net.mac), .arg = "string",
	  .help = "MAC address of the container" },
	{ .cli = "link-local-ip", .json = "link_local_ips", F_STRV(S, net.link_local_ips), .arg = "ip",
	  .help = "Container IPv4 or IPv6 link-local address" },
	{ .cli = "dns", .json = "dns_server", F_CSV(S, net.dns), .arg = "strings",
	  .help = "Name server for the container (repeatable)" },
	{ .cli = "dns-option", MORE(.aliases = "dns-opt"), .json = "dns_option", F_CSV(S, net.dns_options), .arg = "strings",
	  .help = "Option line for resolv.conf (repeatable)" },
	{ .cli = "dns-search", .json = "dns_search", F_CSV(S, net.dns_search), .arg = "strings",
	  .help = "Search domain for the container (repeatable)" },
	{ .cli = "add-host", .json = "hostadd", F_CSV(S, net.add_hosts), .arg = "strings",
	  .help = "Line for /etc/hosts (HOST:IP, repeatable)" },
	{ .cli = "hosts-file", .json = "base_hosts_file", F_STR(S, net.hosts_file), .arg = "string", .complete = "files",
	  .help = "Base file to create the /etc/hosts file inside the container (path, \"none\" or \"image\")" },
	{ .cli = "no-hosts", .json = "use_image_hosts", F_OPT_BOOL(S, net.no_hosts),
	  .help = "Leave the image's /etc/hosts as it is" },
	{},
};
