/* SPDX-License-Identifier: Apache-2.0
 * build/sbom.h - bills of materials: a scanner's image looks at what was built and at its context (--sbom...).
 *
 * The scan is a build of its own: a stage of the scanner's image whose RUNs see the image at /.rootfs and the context at
 * /.context0, both read-only, with the confinement of any RUN. What it writes is merged here; with --sbom-image-output the
 * image gets one more layer with it. Everything in between lies in a stage: a kill leaves nothing. Allocates. */
#pragma once
#include "build/build.h"

bool sbom_wanted(const struct build_options *o);
/* Presets and combinations of options that make no sense. */
int sbom_check(const struct build_options *o, struct error *err);
/* Builds the request and scans it. */
int sbom_build(struct engine *e, const struct build_request *r, struct build_result *ret, struct error *err);
/* Scans an image that is there (full id). Writes what --sbom-output and --sbom-purl-output name, and what goes into the image
 * as files "sbom" and "purls" of the directory `dir`. *ret_status: exit code of a scanner that failed. */
int sbom_scan(struct engine *e, const struct build_options *o, const char *id, int dir, int *ret_status, struct error *err);
