/* SPDX-License-Identifier: Apache-2.0
 * engine/registry-sources.h - which registries may be talked to at all: BUILD_REGISTRY_SOURCES of the environment, as build
 * services set it for Buildah: {"allowedRegistries": [...], "blockedRegistries": [...]}. Reads the environment. Allocates. */
#pragma once
#include "base/error.h"

/* ERROR_DENIED "registry "D" denied by policy: ..." when the variable says so. NULL: no registry is meant. */
int registry_sources_check(const char *domain, struct error *err);
