/* SPDX-License-Identifier: Apache-2.0
 * image/tar-format.h - the 512-byte header as it lies in the stream; shared by reader and writer. */
#pragma once
#include <stdint.h>

struct tar_header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], typeflag, linkname[100];
	char magic[6], version[2];                 /* "ustar\0" "00", or GNU's "ustar " " \0" */
	char uname[32], gname[32], devmajor[8], devminor[8];
	union {
		char prefix[155];                  /* POSIX */
		struct {
			char atime[12], ctime[12], offset[12], longnames[4], unused;
			char sparse[4][24];        /* offset[12], size[12] */
			char is_extended, real_size[12];
		} gnu;
		struct {
			char prefix[131], atime[12], ctime[12];   /* Schily star: "tar\0" at the very end */
		} star;
	};
	char tail[12];
};
_Static_assert(sizeof(struct tar_header) == 512, "a tar header is one block");

struct tar_sparse_block {
	char sparse[21][24];
	char is_extended;
	char pad[7];
};
_Static_assert(sizeof(struct tar_sparse_block) == 512, "a sparse extension is one block");
