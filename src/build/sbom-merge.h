/* SPDX-License-Identifier: Apache-2.0
 * build/sbom-merge.h - several scanners' documents become one, and a list of package URLs. Pure: text in, text out; the
 * documents are a stranger's. Allocates. */
#pragma once
#include "base/buf.h"
#include "base/str.h"

#define SBOM_BYTES_MAX ((size_t)64 << 20)

enum sbom_strategy { SBOM_CAT, SBOM_CYCLONEDX, SBOM_SPDX, SBOM_MAX };
/* "cat", "merge-cyclonedx-by-component-name-and-version", "merge-spdx-by-package-name-and-versioninfo". */
int sbom_strategy_parse(const char *s, enum sbom_strategy *ret, struct error *err);
/* The first document with what the others have more (by name and version); purls (sorted, each once) as
 * {"image_contents":{"dependencies":[...]}}. */
int sbom_merge(enum sbom_strategy how, const struct strv *documents, struct buf *ret, struct buf *ret_purls, struct error *err);
