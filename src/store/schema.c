/* SPDX-License-Identifier: Apache-2.0
 * store/schema.c - the tables of both databases.
 *
 * index.db: one row per image with what `run` needs in one read (ordered diff-ids and the config, last because it is
 * the long one); names, digests and layers of images as rows of their own because they are what is looked for and
 * counted. A layer or blob has no row: it exists when its file does, and is needed when one of these tables says so.
 * containers holds the durable copy: the record as JSON and the last state a reboot may know.
 * run.db: every container with all that changes by running; `ps` reads these columns and parses nothing. */
#include "store/internal.h"

const struct db_schema index_schema = {
	.version = 1,
	.what = "the store's index",
	.sql =
	"CREATE TABLE images("
	"  row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, manifest TEXT NOT NULL, manifest_type TEXT,"
	"  created INT NOT NULL, added INT NOT NULL, size INT NOT NULL, os TEXT, arch TEXT, variant TEXT,"
	"  history TEXT, layers TEXT NOT NULL, labels TEXT, config TEXT);"
	"CREATE TABLE image_layers("
	"  image INT NOT NULL REFERENCES images(row) ON DELETE CASCADE, pos INT NOT NULL, diff_id TEXT NOT NULL,"
	"  blob TEXT, media_type TEXT, blob_size INT NOT NULL, bytes INT NOT NULL, PRIMARY KEY(image, pos)) WITHOUT ROWID;"
	"CREATE INDEX layers_by_diff_id ON image_layers(diff_id);"
	"CREATE INDEX layers_by_blob ON image_layers(blob);"
	"CREATE TABLE image_digests("
	"  digest TEXT NOT NULL, image INT NOT NULL REFERENCES images(row) ON DELETE CASCADE, pos INT NOT NULL,"
	"  PRIMARY KEY(digest, image)) WITHOUT ROWID;"
	"CREATE INDEX digests_by_image ON image_digests(image);"
	"CREATE TABLE names("
	"  name TEXT PRIMARY KEY, image INT NOT NULL REFERENCES images(row) ON DELETE CASCADE,"
	"  since INT NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX names_by_image ON names(image);"
	"CREATE TABLE containers("
	"  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, state INT NOT NULL DEFAULT 0, exited INT NOT NULL DEFAULT 0,"
	"  exit_code INT NOT NULL DEFAULT 0, started INT NOT NULL DEFAULT 0, finished INT NOT NULL DEFAULT 0,"
	"  oom INT NOT NULL DEFAULT 0, by_user INT NOT NULL DEFAULT 0, record TEXT NOT NULL)",
};

const struct db_schema run_schema = {
	.version = 1,
	.what = "the run database",
	.sql =
	"CREATE TABLE containers("
	"  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, intent INT NOT NULL, transient INT NOT NULL,"
	"  infra INT NOT NULL, read_only INT NOT NULL, image_id TEXT, image_name TEXT, created INT NOT NULL,"
	"  command TEXT, labels TEXT, pod TEXT, ports TEXT, networks TEXT, mounts TEXT, restart_policy TEXT,"
	"  state INT NOT NULL DEFAULT 0, pid INT NOT NULL DEFAULT 0, pid_start INT NOT NULL DEFAULT 0,"
	"  monitor_pid INT NOT NULL DEFAULT 0, monitor_start INT NOT NULL DEFAULT 0, exited INT NOT NULL DEFAULT 0,"
	"  exit_code INT NOT NULL DEFAULT 0, started INT NOT NULL DEFAULT 0, finished INT NOT NULL DEFAULT 0,"
	"  oom INT NOT NULL DEFAULT 0, by_user INT NOT NULL DEFAULT 0, restarts INT NOT NULL DEFAULT 0, health TEXT,"
	"  error TEXT, mount_count INT NOT NULL DEFAULT 0, new_name TEXT, runtime TEXT, rootfs TEXT, size_limit TEXT,"
	"  layers TEXT, params TEXT);"
	"CREATE INDEX intents ON containers(intent) WHERE intent <> 0;"
	"CREATE TABLE execs("
	"  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
	"  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,"
	"  created INT NOT NULL, pid INT NOT NULL, pid_start INT NOT NULL, running INT NOT NULL, exited INT NOT NULL,"
	"  exit_code INT NOT NULL, params TEXT);"
	"CREATE INDEX execs_by_container ON execs(container)",
};
