/* SPDX-License-Identifier: Apache-2.0
 * oci/resources.h - linux.resources as the cgroup module takes them.
 * The result owns copies of everything: cgroup_resources_done() it. Allocates. */
#pragma once
#include "oci/spec.h"
#include "os/cgroup.h"

/* r may be NULL: nothing is limited. ERROR_INVALID names the member that makes no sense. */
int oci_resources_convert(const struct oci_resources *r, struct cgroup_resources *ret, struct error *err);
