/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/zone.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- text ---- */
static bool parse_addr(const char *text, size_t len, struct dns_addr *ret)
{
	char word[INET6_ADDRSTRLEN];
	struct dns_addr a = {};

	if (len >= sizeof(word))
		return false;
	memcpy(word, text, len);
	word[len] = '\0';
	if (inet_pton(AF_INET, word, a.b) == 1)
		a.len = 4;
	else if (inet_pton(AF_INET6, word, a.b) == 1)
		a.len = 16;
	if (a.len)
		*ret = a;
	return a.len;
}

static void add_addr(const char *value, size_t len, struct dns_addr *to, uint8_t *n, uint8_t max)
{
	if (*n < max && parse_addr(value, len, &to[*n]))
		++*n;
}

static uint16_t parse_number(const char *text, size_t len)
{
	unsigned v = 0;

	for (size_t i = 0; i < len && i < 6; i++)
		v = text[i] >= '0' && text[i] <= '9' ? v * 10 + (unsigned)(text[i] - '0') : 65536;
	return v < 65536 ? (uint16_t)v : 0;
}

static void add_subnet(const char *value, size_t len, struct zone_network *n)
{
	const char *slash = memchr(value, '/', len);
	struct zone_subnet s = {};

	if (!slash || n->n_subnets >= ZONE_ADDRS || !parse_addr(value, (size_t)(slash - value), &s.addr))
		return;
	uint16_t prefix = parse_number(slash + 1, len - (size_t)(slash + 1 - value));
	if (prefix > s.addr.len * 8)
		return;
	s.prefix = (uint8_t)prefix;
	n->subnets[n->n_subnets++] = s;
}

/* Room for one more behind n elements; the new one is zero. NULL: `max` of them are enough, or no memory. */
static void *add_element(void **v, size_t n, size_t max, size_t size)
{
	char *grown = n < max ? reallocarray(*v, n + 1, size) : NULL;

	if (!grown)
		return NULL;
	*v = grown;
	return memset(grown + n * size, 0, size);
}

static void add_name(const char *value, size_t len, struct zone_member *m)
{
	struct dns_name name, *added;

	if (!dns_name_from_text(value, len, &name))
		return;
	added = add_element((void **)&m->names, m->n_names, ZONE_NAMES, sizeof(*added));
	if (!added)
		return;
	*added = name;
	m->n_names++;
}

/* The next "WORD VALUE" line; false at the end. */
static bool next_line(const char **at, const char *end, const char **word, size_t *word_len, const char **value, size_t *value_len)
{
	while (*at < end) {
		const char *line = *at, *stop = memchr(line, '\n', (size_t)(end - line));
		if (!stop)
			stop = end;
		*at = stop < end ? stop + 1 : end;
		const char *space = memchr(line, ' ', (size_t)(stop - line));
		if (!space)
			continue;
		*word = line;
		*word_len = (size_t)(space - line);
		*value = space + 1;
		*value_len = (size_t)(stop - space - 1);
		return true;
	}
	return false;
}

static bool is(const char *word, size_t len, const char *want)
{
	return strlen(want) == len && memcmp(word, want, len) == 0;
}

void zone_parse_member(const char *text, size_t len, struct zone_member *ret)
{
	const char *at = text, *word, *value;
	size_t word_len, n;

	while (next_line(&at, text + len, &word, &word_len, &value, &n)) {
		if (is(word, word_len, "ip"))
			add_addr(value, n, ret->addrs, &ret->n_addrs, ZONE_ADDRS);
		else if (is(word, word_len, "dns"))
			add_addr(value, n, ret->servers, &ret->n_servers, ZONE_SERVERS);
		else if (is(word, word_len, "name"))
			add_name(value, n, ret);
	}
}

void zone_parse_listen(const char *text, size_t len, struct zone_network *ret)
{
	const char *at = text, *word, *value;
	size_t word_len, n;

	ret->n_listen = ret->n_servers = ret->n_subnets = 0;
	ret->internal = false;
	while (next_line(&at, text + len, &word, &word_len, &value, &n)) {
		if (is(word, word_len, "address"))
			add_addr(value, n, ret->listen, &ret->n_listen, ZONE_ADDRS);
		else if (is(word, word_len, "forward"))
			add_addr(value, n, ret->servers, &ret->n_servers, ZONE_SERVERS);
		else if (is(word, word_len, "subnet"))
			add_subnet(value, n, ret);
		else if (is(word, word_len, "port"))
			ret->port = parse_number(value, n);
		else if (is(word, word_len, "internal"))
			ret->internal = true;
	}
}

/* ---- the tree ---- */
void zone_member_done(struct zone_member *m)
{
	free(m->names);
	*m = (struct zone_member){};
}

static void network_done(struct zone_network *n)
{
	for (size_t i = 0; i < n->n_members; i++)
		zone_member_done(&n->members[i]);
	free(n->members);
	*n = (struct zone_network){};
}

void zone_done(struct zone *z)
{
	for (size_t i = 0; i < z->n_networks; i++)
		network_done(&z->networks[i]);
	free(z->networks);
	*z = (struct zone){};
}

struct zone_network *zone_find(struct zone *z, const char *id)
{
	for (size_t i = 0; i < z->n_networks; i++)
		if (strcmp(z->networks[i].id, id) == 0)
			return &z->networks[i];
	return NULL;
}

size_t zone_count_members(const struct zone *z)
{
	size_t n = 0;

	for (size_t i = 0; i < z->n_networks; i++)
		n += z->networks[i].n_members;
	return n;
}

static struct zone_member *find_member(struct zone_network *n, const char *id)
{
	for (size_t i = 0; i < n->n_members; i++)
		if (strcmp(n->members[i].id, id) == 0)
			return &n->members[i];
	return NULL;
}

static void forget_member(struct zone_network *n, struct zone_member *m)
{
	zone_member_done(m);
	*m = n->members[--n->n_members];
}

static struct zone_member *new_member(struct zone_network *n, const char *id)
{
	struct zone_member *m = add_element((void **)&n->members, n->n_members, ZONE_MEMBERS, sizeof(*m));

	if (!m)
		return NULL;
	n->n_members++;
	memcpy(m->id, id, strlen(id) + 1);
	return m;
}

/* -1: no such file (or none of ours). */
static ssize_t read_file(int dir, const char *name, char *text, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = 0, got;

	if (fd < 0)
		return -1;
	while ((size_t)n < size && (got = read(fd, text + n, size - (size_t)n)) > 0)
		n += got;
	close(fd);
	return n;
}

void zone_update(struct zone_network *n, int dir, const char *file)
{
	static char text[ZONE_FILE_MAX];   /* one thread, never two files at a time */
	struct zone_member *m;

	if (file[0] == '.' || strlen(file) >= ZONE_ID)
		return;
	ssize_t len = read_file(dir, file, text, sizeof(text));
	if (strcmp(file, "listen") == 0) {
		if (len >= 0)
			zone_parse_listen(text, (size_t)len, n);
		return;
	}
	m = find_member(n, file);
	if (len < 0) {
		if (m)
			forget_member(n, m);
		return;
	}
	if (!m)
		m = new_member(n, file);
	if (!m)
		return;
	free(m->names);
	m->names = NULL;
	m->n_names = m->n_addrs = m->n_servers = 0;
	zone_parse_member(text, (size_t)len, m);
}

static void scan_network(struct zone_network *n, int dir)
{
	int copy = dup(dir);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	if (!d) {
		if (copy >= 0)
			close(copy);
		return;
	}
	rewinddir(d);
	while (n->n_members)
		forget_member(n, &n->members[0]);
	while ((e = readdir(d)))
		zone_update(n, dir, e->d_name);
	closedir(d);
}

static struct zone_network *find_or_add(struct zone *z, const char *id)
{
	struct zone_network *n = zone_find(z, id);

	if (n)
		return n;
	n = add_element((void **)&z->networks, z->n_networks, ZONE_NETWORKS, sizeof(*n));
	if (!n)
		return NULL;
	z->n_networks++;
	memcpy(n->id, id, strlen(id) + 1);
	return n;
}

static void scan_entry(struct zone *z, int dir, const char *name)
{
	struct zone_network *n;

	if (name[0] == '.' || strlen(name) >= ZONE_ID)
		return;
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	n = find_or_add(z, name);
	if (n) {
		n->seen = true;
		scan_network(n, fd);
	}
	close(fd);
}

int zone_scan(struct zone *z, int dir)
{
	int copy = dup(dir);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	if (!d) {
		if (copy >= 0)
			close(copy);
		return -1;
	}
	rewinddir(d);
	for (size_t i = 0; i < z->n_networks; i++)
		z->networks[i].seen = false;
	while ((e = readdir(d)))
		scan_entry(z, dir, e->d_name);
	closedir(d);
	for (size_t i = 0; i < z->n_networks;) {
		if (z->networks[i].seen) {
			i++;
			continue;
		}
		network_done(&z->networks[i]);
		z->networks[i] = z->networks[--z->n_networks];
	}
	return 0;
}

/* ---- looking up ---- */
static bool has_addr(const struct zone_member *m, const struct dns_addr *a)
{
	for (size_t i = 0; i < m->n_addrs; i++)
		if (dns_addr_equal(&m->addrs[i], a))
			return true;
	return false;
}

static bool has_name(const struct zone_member *m, const struct dns_name *name)
{
	for (size_t i = 0; i < m->n_names; i++)
		if (dns_name_equal(&m->names[i], name))
			return true;
	return false;
}

bool zone_has_addr(const struct zone_network *n, const struct dns_addr *a)
{
	for (size_t i = 0; i < n->n_subnets; i++) {
		const struct zone_subnet *s = &n->subnets[i];
		unsigned bytes = s->prefix / 8, bits = s->prefix % 8;
		if (s->addr.len == a->len && memcmp(s->addr.b, a->b, bytes) == 0 &&
		    (!bits || (s->addr.b[bytes] ^ a->b[bytes]) >> (8 - bits) == 0))
			return true;
	}
	return false;
}

const struct zone_member *zone_member_at(const struct zone_network *n, const struct dns_addr *a)
{
	for (size_t i = 0; i < n->n_members; i++)
		if (has_addr(&n->members[i], a))
			return &n->members[i];
	return NULL;
}

static bool may_see(const struct zone_network *in, const struct zone_network *own, const struct zone_member *asker)
{
	if (in == own)
		return true;
	for (size_t i = 0; asker && i < in->n_members; i++)
		if (strcmp(in->members[i].id, asker->id) == 0)
			return true;
	return false;
}

struct search {
	const struct dns_name *name;
	const struct dns_addr *addr;
	zone_each each;
	void *arg;
};

static size_t search_network(const struct zone_network *n, const struct search *s)
{
	size_t found = 0;

	for (size_t i = 0; i < n->n_members; i++) {
		const struct zone_member *m = &n->members[i];
		if (s->name ? !has_name(m, s->name) : !has_addr(m, s->addr))
			continue;
		s->each(s->arg, m);
		found++;
	}
	return found;
}

static size_t search_all(const struct zone *z, const struct zone_network *n, const struct zone_member *asker, const struct search *s)
{
	size_t found = search_network(n, s);

	for (size_t i = 0; i < z->n_networks; i++)
		if (&z->networks[i] != n && may_see(&z->networks[i], n, asker))
			found += search_network(&z->networks[i], s);
	return found;
}

size_t zone_by_name(const struct zone *z, const struct zone_network *n, const struct zone_member *asker, const struct dns_name *name,
		    zone_each each, void *arg)
{
	const struct search s = { .name = name, .each = each, .arg = arg };

	return search_all(z, n, asker, &s);
}

size_t zone_by_addr(const struct zone *z, const struct zone_network *n, const struct zone_member *asker, const struct dns_addr *a,
		    zone_each each, void *arg)
{
	const struct search s = { .addr = a, .each = each, .arg = arg };

	return search_all(z, n, asker, &s);
}
