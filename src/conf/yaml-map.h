/* SPDX-License-Identifier: Apache-2.0
 * conf/yaml-map.h - the little of YAML that configuration files of the containers family use: mappings by indentation
 * with scalar values (registries.d, sigstore parameters). Lists, anchors, block scalars and flow style other than {} are
 * refused by name and line. Kubernetes documents are another matter and another parser.
 * Pure. Allocates: not between clone() and exec(). */
#pragma once
#include "base/json.h"

#define YAML_MAP_BYTES_MAX ((size_t)1 << 20)
#define YAML_MAP_DEPTH_MAX 16

/* A tree of objects; plain true/false are booleans, null and ~ are null, all other scalars strings. An empty document
 * is an empty object. ERROR_INVALID "WHAT:LINE: reason". *ret is the caller's. */
int yaml_map_parse(const char *what, const char *text, size_t len, struct json_object **ret, struct error *err);
