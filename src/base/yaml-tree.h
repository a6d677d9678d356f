/* SPDX-License-Identifier: Apache-2.0
 * base/yaml-tree.h - YAML documents as JSON trees: what Kubernetes, CDI and compose files are made of.
 *
 * libyaml splits the text; what scalars mean is decided here as Go's YAML packages do: plain null, booleans, numbers (0o17,
 * 017 and 0x1f too), all the rest and everything in quotes is a string. Anchors, aliases and merge keys (<<) work; what they
 * expand to is bounded, as size and depth are. Keys are scalars, once in a mapping. Owns nothing between calls.
 * Allocates: not between clone() and exec(). YAML 1.1 and 1.2 as far as libyaml reads them. */
#pragma once
#include "base/json.h"

#define YAML_TREE_BYTES_MAX ((size_t)4 << 20)
#define YAML_TREE_NODES_MAX 200000   /* with aliases expanded */
#define YAML_TREE_DEPTH_MAX 64

/* The only document; an empty one is null (*ret NULL). ERROR_INVALID "WHAT:LINE: reason". *ret is the caller's. */
int yaml_tree_parse(const char *what, const char *text, size_t len, struct json_object **ret, struct error *err);
/* All documents of a stream as an array; those that are empty are left out. */
int yaml_tree_parse_all(const char *what, const char *text, size_t len, struct json_object **ret, struct error *err);
