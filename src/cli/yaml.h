/* SPDX-License-Identifier: Apache-2.0
 * cli/yaml.h - a JSON tree written as YAML, keys sorted, as `info` and its readers expect. Owns nothing. */
#pragma once
#include "base/buf.h"
#include "base/json.h"

int yaml_format(struct buf *to, struct json_object *o, struct error *err);
