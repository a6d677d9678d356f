/* SPDX-License-Identifier: Apache-2.0
 * tests/fuzz/replay.c - main() for a fuzz target without libFuzzer: runs it over the files of the directories named
 * on the command line, so that every corpus is an ordinary test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REPLAY_MAX ((size_t)16 << 20)

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(REPLAY_MAX);

	if (!f || !data) {
		perror(path);
		return -1;
	}
	size_t size = fread(data, 1, REPLAY_MAX, f);
	fclose(f);
	/* An exact-size copy, so that AddressSanitizer sees the first byte read behind the end. */
	uint8_t *exact = malloc(size ? size : 1);
	for (size_t i = 0; exact && i < size; i++)
		exact[i] = data[i];
	free(data);
	if (exact)
		LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	return 0;
}

static int replay_dir(const char *dir)
{
	struct dirent **names;
	int n = scandir(dir, &names, NULL, alphasort), count = 0;
	char path[4096];

	if (n < 0) {
		perror(dir);
		return -1;
	}
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
			if (replay_file(path) < 0)
				return -1;
			count++;
		}
		free(names[i]);
	}
	free(names);
	return count;
}

int main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		int n = replay_dir(argv[i]);
		if (n < 0)
			return 1;
		total += n;
	}
	printf("%d inputs replayed\n", total);
	return total > 0 ? 0 : 1;
}
