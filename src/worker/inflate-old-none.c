/* SPDX-License-Identifier: Apache-2.0
 * worker/inflate-old-none.c - a build without liblzma and libbz2: such archives are refused by name. */
#include "worker/inflate.h"

const struct inflate_codec inflate_xz = {}, inflate_bzip2 = {};
