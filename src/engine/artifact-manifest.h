/* SPDX-License-Identifier: Apache-2.0
 * engine/artifact-manifest.h - files as an OCI artifact: their blobs and the manifest that names them.
 * Shared by `artifact add` and `manifest add --artifact`. Allocates. */
#pragma once
#include "base/buf.h"
#include "image/oci-image.h"
#include "store/stage.h"

#define ARTIFACT_TYPE_UNKNOWN "application/vnd.unknown.artifact.v1"
#define ANNOTATION_TITLE "org.opencontainers.image.title"

/* What Go's http.DetectContentType says of the beginning of a file. Static string. */
const char *content_type_detect(const void *head, size_t len);

/* A file becomes a blob of the stage's store. ret->media_type: what is detected, unless it is set already. */
int artifact_add_file(struct stage *st, const char *path, struct oci_descriptor *ret, struct error *err);
/* Bytes become a blob. */
int artifact_add_bytes(struct stage *st, const void *bytes, size_t len, const char *media_type, struct oci_descriptor *ret,
		       struct error *err);
/* The empty config "{}" as the OCI wants it in artifacts: with its bytes in the descriptor. */
int artifact_empty_config(struct stage *st, struct oci_descriptor *ret, struct error *err);
/* Appends the manifest. */
int artifact_format(const struct oci_manifest *m, struct buf *to, struct error *err);
