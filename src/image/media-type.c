/* SPDX-License-Identifier: Apache-2.0
 * image/media-type.c - the media types of images: one table. */
#include <string.h>

#include "base/str.h"
#include "image/compress.h"
#include "image/oci-image.h"

#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."

static const struct {
	const char *name;
	enum media_kind kind;
} types[MEDIA_MAX] = {
	[MEDIA_UNKNOWN] = { "", MEDIA_KIND_OTHER },
	[MEDIA_OCI_INDEX] = { OCI "index.v1+json", MEDIA_KIND_INDEX },
	[MEDIA_OCI_MANIFEST] = { OCI "manifest.v1+json", MEDIA_KIND_MANIFEST },
	[MEDIA_OCI_CONFIG] = { OCI "config.v1+json", MEDIA_KIND_CONFIG },
	[MEDIA_OCI_EMPTY] = { "application/vnd.oci.empty.v1+json", MEDIA_KIND_OTHER },
	[MEDIA_DOCKER_LIST] = { DOCKER "distribution.manifest.list.v2+json", MEDIA_KIND_INDEX },
	[MEDIA_DOCKER_MANIFEST] = { DOCKER "distribution.manifest.v2+json", MEDIA_KIND_MANIFEST },
	[MEDIA_DOCKER_CONFIG] = { DOCKER "container.image.v1+json", MEDIA_KIND_CONFIG },
	[MEDIA_DOCKER_SCHEMA1] = { DOCKER "distribution.manifest.v1+json", MEDIA_KIND_SCHEMA1 },
	[MEDIA_DOCKER_SCHEMA1_SIGNED] = { DOCKER "distribution.manifest.v1+prettyjws", MEDIA_KIND_SCHEMA1 },
	[MEDIA_OCI_LAYER] = { OCI "layer.v1.tar", MEDIA_KIND_LAYER },
	[MEDIA_OCI_LAYER_GZIP] = { OCI "layer.v1.tar+gzip", MEDIA_KIND_LAYER },
	[MEDIA_OCI_LAYER_ZSTD] = { OCI "layer.v1.tar+zstd", MEDIA_KIND_LAYER },
	[MEDIA_OCI_LAYER_FOREIGN] = { OCI "layer.nondistributable.v1.tar", MEDIA_KIND_FOREIGN_LAYER },
	[MEDIA_OCI_LAYER_FOREIGN_GZIP] = { OCI "layer.nondistributable.v1.tar+gzip", MEDIA_KIND_FOREIGN_LAYER },
	[MEDIA_OCI_LAYER_FOREIGN_ZSTD] = { OCI "layer.nondistributable.v1.tar+zstd", MEDIA_KIND_FOREIGN_LAYER },
	[MEDIA_OCI_LAYER_ENCRYPTED] = { OCI "layer.v1.tar+encrypted", MEDIA_KIND_ENCRYPTED_LAYER },
	[MEDIA_OCI_LAYER_GZIP_ENCRYPTED] = { OCI "layer.v1.tar+gzip+encrypted", MEDIA_KIND_ENCRYPTED_LAYER },
	[MEDIA_OCI_LAYER_ZSTD_ENCRYPTED] = { OCI "layer.v1.tar+zstd+encrypted", MEDIA_KIND_ENCRYPTED_LAYER },
	[MEDIA_DOCKER_LAYER] = { DOCKER "image.rootfs.diff.tar", MEDIA_KIND_LAYER },
	[MEDIA_DOCKER_LAYER_GZIP] = { DOCKER "image.rootfs.diff.tar.gzip", MEDIA_KIND_LAYER },
	[MEDIA_DOCKER_LAYER_FOREIGN] = { DOCKER "image.rootfs.foreign.diff.tar", MEDIA_KIND_FOREIGN_LAYER },
	[MEDIA_DOCKER_LAYER_FOREIGN_GZIP] = { DOCKER "image.rootfs.foreign.diff.tar.gzip", MEDIA_KIND_FOREIGN_LAYER },
	[MEDIA_DOCKER_LAYER_ZSTD] = { DOCKER "image.rootfs.diff.tar.zstd", MEDIA_KIND_LAYER },
};

const char media_accept_manifest[] =
	OCI "manifest.v1+json, " DOCKER "distribution.manifest.v2+json, " OCI "index.v1+json, " DOCKER
	"distribution.manifest.list.v2+json";

enum media_type media_type_parse(const char *s)
{
	size_t n = s ? strcspn(s, "; \t") : 0;

	for (int i = MEDIA_UNKNOWN + 1; n && i < MEDIA_MAX; i++)
		if (strncasecmp(types[i].name, s, n) == 0 && !types[i].name[n])
			return (enum media_type)i;
	return MEDIA_UNKNOWN;
}

const char *media_type_name(enum media_type t)
{
	return types[t].name;
}

enum media_kind media_type_kind(enum media_type t)
{
	return types[t].kind;
}

/* ---- relations ---- */
static const struct layer_types {
	enum compression compression;
	enum media_type oci, docker;
} layer_types[] = {
	{ COMPRESSION_NONE, MEDIA_OCI_LAYER, MEDIA_DOCKER_LAYER },
	{ COMPRESSION_GZIP, MEDIA_OCI_LAYER_GZIP, MEDIA_DOCKER_LAYER_GZIP },
	{ COMPRESSION_ZSTD, MEDIA_OCI_LAYER_ZSTD, MEDIA_DOCKER_LAYER_ZSTD },
};

bool media_type_is_docker(enum media_type t)
{
	return strncmp(types[t].name, DOCKER, sizeof(DOCKER) - 1) == 0;
}

enum compression media_type_compression(enum media_type layer)
{
	for (size_t i = 0; i < ARRAY_LEN(layer_types); i++)
		if (layer == layer_types[i].oci || layer == layer_types[i].docker)
			return layer_types[i].compression;
	return COMPRESSION_NONE;
}

enum media_type media_type_layer(enum compression c, bool docker)
{
	for (size_t i = 0; i < ARRAY_LEN(layer_types); i++)
		if (layer_types[i].compression == c || (c == COMPRESSION_ZSTD_CHUNKED && layer_types[i].compression == COMPRESSION_ZSTD))
			return docker ? layer_types[i].docker : layer_types[i].oci;
	return MEDIA_UNKNOWN;
}

enum media_type media_type_for(enum media_type manifest, const char *old)
{
	enum media_type was = media_type_parse(old);

	if (media_type_kind(was) != MEDIA_KIND_LAYER)
		return was;
	return media_type_layer(media_type_compression(was), media_type_is_docker(manifest));
}
