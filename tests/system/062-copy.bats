#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images from any transport to any other (`image copy`), looking at them where they are, and the program as `skopeo`.
# The real Skopeo is the other side: what one writes the other reads, digests equal.
load helpers

setup_file() {
    command -v docker-registry >/dev/null && command -v skopeo >/dev/null || skip "docker-registry or skopeo is missing"
    umiak_setup_file
    # the registry is on the host's loopback, and so is everything here
    umiak_on_host_network
    port=$((20000 + RANDOM % 20000))
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\nlog: {level: error, accesslog: {disabled: true}}\nhttp: {addr: "127.0.0.1:%s"}\n' \
        "$UMIAK_WORK/registry" "$port" >"$UMIAK_WORK/registry.yml"
    docker-registry serve "$UMIAK_WORK/registry.yml" >/dev/null 2>&1 3>&- &
    echo $! >"$UMIAK_WORK/pid"
    for _ in $(seq 100); do curl -s "http://127.0.0.1:$port/" >/dev/null && break; sleep 0.1; done
    export REG=127.0.0.1:$port L=$UMIAK_WORK/layout
    ln -s "$UMIAK_BUILD/umiak" "$UMIAK_WORK/skopeo"
}
teardown_file() {
    [ ! -f "$UMIAK_WORK/pid" ] || kill "$(cat "$UMIAK_WORK/pid")" 2>/dev/null || true
    umiak_teardown_file
}
setup() { T=$UMIAK_WORK/tmp; rm -rf "${T:?}"/*; }
teardown() { umiak_teardown; }

copy() { run_umiak image copy -q --src-tls-verify=false --dest-tls-verify=false "$@"; }
ours() { ( umiak() { exec -a skopeo "$UMIAK_BUILD/umiak" "$@"; }; umiak "$@" ); }
digest() { skopeo inspect --tls-verify=false "$1" | jq -r .Digest; }

@test "copy: the digest stays over registry, oci, oci-archive, dir and back; skopeo reads each" {
    want=$(digest "oci:$L:latest")
    copy "oci:$L:latest" "docker://$REG/a/b:1"
    is "$(digest "docker://$REG/a/b:1")" "$want" "registry"
    from=docker://$REG/a/b:1
    for to in "oci:$T/o:x" "oci-archive:$T/o.tar:x" "dir:$T/d" "docker://$REG/c:2"; do
        copy "$from" "$to"
        is "$(digest "$to")" "$want" "$to"
        from=$to
    done
    skopeo copy -q --insecure-policy "oci-archive:$T/o.tar:x" "dir:$T/theirs"
    copy "dir:$T/theirs" "oci:$T/back:y"
    is "$(digest "oci:$T/back:y")" "$want" "what skopeo wrote"
}

@test "copy: docker archives hold plain tars and names; podman-style loads and skopeo read them" {
    copy "oci:$L:latest" "docker-archive:$T/d.tar:busy:1" --additional-tag busy:2
    run skopeo list-tags "docker-archive:$T/d.tar"
    like "$output" "docker.io/library/busy:1" "name"; like "$output" "docker.io/library/busy:2" "additional name"
    skopeo copy -q --insecure-policy "docker-archive:$T/d.tar:busy:1" "dir:$T/x"
    run_umiak load -q -i "$T/d.tar"
    like "$output" "busy:2" "load"
    copy "docker-archive:$T/d.tar:busy:1" "docker://$REG/fromarchive:1"
    like "$(skopeo inspect --raw --tls-verify=false "docker://$REG/fromarchive:1")" "tar.gzip" "compressed on its way to a registry"
    run_umiak 125 image copy -q "oci:$L:latest" "docker-archive:$T/d.tar:busy:1"; like "$output" "modifying existing" "not overwritten"
    run_umiak rmi docker.io/library/busy:1 docker.io/library/busy:2
}

@test "copy: the local storage is a source and a destination" {
    copy "containers-storage:$IMAGE" "oci:$T/o:x"
    is "$(digest "oci:$T/o:x")" "$(umiak image inspect --format '{{.Digest}}' $IMAGE)" "out"
    copy "oci:$T/o:x" "containers-storage:localhost/copied:3"
    is "$(umiak image inspect --format '{{.Id}}' localhost/copied:3)" "$(umiak image inspect --format '{{.Id}}' $IMAGE)" "in"
    run_umiak rmi localhost/copied:3
}

@test "copy: compression and formats are changed on request, and never when digests must stay" {
    copy --dest-compress-format zstd "oci:$L:latest" "oci:$T/z:x"
    like "$(skopeo inspect --raw "oci:$T/z:x")" "tar.zstd" "zstd"
    copy "oci:$T/z:x" "dir:$T/zd"; copy --dest-decompress "oci:$T/z:x" "dir:$T/plain"
    is "$(skopeo inspect "dir:$T/plain" | jq -c .Layers)" "$(skopeo inspect --config --raw "oci:$L:latest" | jq -c .rootfs.diff_ids)" "plain tars"
    copy --format v2s2 "oci:$L:latest" "dir:$T/v"; like "$(cat "$T/v/manifest.json")" "docker.distribution.manifest.v2" "v2s2"
    run_umiak 125 image copy -q --preserve-digests --format v2s2 "oci:$L:latest" "dir:$T/no"; like "$output" "preserve digests" "refused"
    run_umiak 125 image copy -q --preserve-digests "oci:$L:latest" "docker-archive:$T/no.tar:x"; like "$output" "preserve digests" "refused"
    run_umiak 125 image copy -q --dest-compress-format lz4 "oci:$L:latest" "dir:$T/no2"; like "$output" "lz4 is not supported" "unknown"
}

@test "copy: --all takes every image of a list, --multi-arch index-only the list alone" {
    copy "oci:$L:latest" "docker://$REG/m:amd64"
    raw=$(skopeo inspect --raw --tls-verify=false "docker://$REG/m:amd64"); d=$(digest "docker://$REG/m:amd64")
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%s,"platform":{"os":"linux","architecture":"amd64"},"annotations":{"a":"b"}}]}' \
        "$d" "$(printf %s "$raw" | wc -c)" >"$T/index"
    curl -sf -X PUT -H "Content-Type: application/vnd.oci.image.index.v1+json" --data-binary "@$T/index" "http://$REG/v2/m/manifests/list"
    copy --all "docker://$REG/m:list" "docker://$REG/n:list"
    is "$(skopeo inspect --raw --tls-verify=false "docker://$REG/n:list")" "$(cat "$T/index")" "byte for byte"
    copy --all "docker://$REG/m:list" "dir:$T/l"; [ -e "$T/l/${d#sha256:}.manifest.json" ]
    copy "dir:$T/l" "oci:$T/one:x"; is "$(digest "oci:$T/one:x")" "$d" "one of it"
    run_umiak 125 image copy -q --override-arch s390x --src-tls-verify=false "docker://$REG/m:list" "dir:$T/s"
    like "$output" 'no image found in image index for architecture "s390x"' "no such image"
    run_umiak 125 image copy -q --all --src-tls-verify=false "docker://$REG/m:list" "docker-archive:$T/l.tar:x"; like "$output" "manifest list" "archives hold one"
}

@test "look: image inspect shows what is elsewhere, raw and parsed; list-tags, delete, manifest-digest" {
    copy "oci:$L:latest" "docker://$REG/look:1"
    run_umiak image inspect --tls-verify=false "docker://$REG/look:1"
    is "$(jq -r '.RepoTags[0] + .Digest' <<<"$output")" "1$(digest "oci:$L:latest")" "as skopeo inspect"
    run_umiak image inspect --raw "oci:$L:latest"; is "$output" "$(skopeo inspect --raw "oci:$L:latest")" "raw"
    run_umiak image inspect --raw --config $IMAGE; is "$output" "$(skopeo inspect --raw --config "oci:$L:latest")" "config"
    umiak commit -q --change 'LABEL z=1 a=2 m=3' "$(umiak create $IMAGE)" labelled >/dev/null
    run_umiak push -q labelled "oci:$T/labelled:1"; umiak rmi -f labelled >/dev/null
    run_umiak image inspect "oci:$T/labelled:1"
    is "$(jq -c .Labels <<<"$output")" "$(skopeo inspect "oci:$T/labelled:1" | jq -c .Labels)" "labels in the same order"
    umiak image inspect --raw "oci:$L:latest" >"$T/m"
    run_umiak image manifest-digest "$T/m"; is "$output" "$(digest "oci:$L:latest")" "digest"
    run_umiak image list-tags --tls-verify=false "docker://$REG/look"; is "$(jq -rc .Tags <<<"$output")" '["1"]' "tags"
    run_umiak image delete --tls-verify=false "docker://$REG/look:1"
    run_umiak 125 image inspect --tls-verify=false "docker://$REG/look:1"; like "$output" "manifest unknown" "gone"
}

@test "sync: a repository into directories and back" {
    copy "oci:$L:latest" "docker://$REG/s/x:1"; copy "oci:$L:latest" "docker://$REG/s/x:2"
    run_umiak image sync --src-tls-verify=false --src docker --dest dir "$REG/s/x" "$T/usb"
    [ -e "$T/usb/x:1/manifest.json" ] && [ -e "$T/usb/x:2/manifest.json" ]
    run_umiak image sync --dest-tls-verify=false --src dir --dest docker "$T/usb" "$REG/back"
    is "$(digest "docker://$REG/back/x:2")" "$(digest "oci:$L:latest")" "back"
    run_umiak 125 image sync --src yaml --dest dir x y; like "$output" "yaml is not supported" "by name"
}

@test "skopeo: its words, its exit codes" {
    skip_rootless "the name decides, not the user"
    run "$UMIAK_WORK/skopeo" --version; like "$output" "^skopeo version [0-9.]+" "version"
    run "$UMIAK_WORK/skopeo" inspect --tls-verify=false "docker://$REG/nonesuch:1"
    is "$status" 2 "not found"; like "$output" 'level=fatal msg=".*manifest unknown"' "logrus"
    run "$UMIAK_WORK/skopeo" copy nothing "dir:$T/x"; is "$status" 1 "generic"; like "$output" "expected colon-separated transport:reference" "text"
    run "$UMIAK_WORK/skopeo" copy foo:x "dir:$T/x"; like "$output" 'unknown transport' "text"
    run "$UMIAK_WORK/skopeo" --override-arch s390x --insecure-policy copy "oci:$L:latest" "dir:$T/d"; is "$status" 0 "global options: $output"
    like "$output" "Writing manifest to image destination" "progress on standard output"
    run "$UMIAK_WORK/skopeo" list-tags --tls-verify=false "docker://$REG/a/b"; is "$status" 0 "list-tags: $output"
    run "$UMIAK_WORK/skopeo" sync --dry-run --scoped --src docker --dest dir "$REG/a/b:1" "$T/y" 2>&1
    like "$output" "Would have synced 1 images from 1 sources" "dry run"
}

@test "docker-daemon: no daemon is told in one line; a daemon gets and gives docker archives" {
    run_umiak 125 image copy -q --dest-daemon-host unix:///nonexistent.sock "oci:$L:latest" docker-daemon:x:1
    like "$output" "Cannot connect to the Docker daemon at unix:///nonexistent.sock" "none"
    run_umiak 125 image copy -q --dest-daemon-host tcp://127.0.0.1:1 "oci:$L:latest" docker-daemon:x:1; like "$output" "only Unix sockets" "tcp"
    python3 - "$T/sock" "$T/got.tar" <<'P' 3>&- &
import os, socketserver, http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    def address_string(self): return ""
    def log_message(self, *a): pass
    def do_POST(self):
        open(sys.argv[2], "wb").write(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200); self.end_headers(); self.wfile.write(b'{"stream":"Loaded image: x:1\\n"}\n')
    def do_GET(self):
        d = open(sys.argv[2], "rb").read(); self.send_response(200); self.send_header("Content-Length", str(len(d))); self.end_headers(); self.wfile.write(d)
class S(socketserver.ThreadingUnixStreamServer): pass
s = S(sys.argv[1] + ".new", H); os.chmod(sys.argv[1] + ".new", 0o777); os.rename(sys.argv[1] + ".new", sys.argv[1]); s.timeout = 60
for _ in range(3): s.handle_request()
P
    for _ in $(seq 600); do [ -S "$T/sock" ] && break; sleep 0.1; done
    copy --dest-daemon-host "unix://$T/sock" "oci:$L:latest" docker-daemon:x:1
    like "$(tar tf "$T/got.tar")" "manifest.json" "an archive was sent"
    copy --src-daemon-host "unix://$T/sock" docker-daemon:x:1 "dir:$T/back"
    is "$(jq -r .config.digest "$T/back/manifest.json")" "$(skopeo inspect --raw "oci:$L:latest" | jq -r .config.digest)" "the same image"
    run_umiak 125 pull -q docker-daemon:x; like "$output" "want NAME:TAG" "no tag"
    export DOCKER_HOST=unix://$T/sock
    rootless && return   # the helper's user has no such variable
    run_umiak pull -q docker-daemon:x:1
    is "sha256:$output" "$(jq -r .config.digest "$T/back/manifest.json")" "pulled"
    run_umiak untag "$output" docker.io/library/x:1
}

@test "save and push honour compression for every destination; pull options and workers are read" {
    run_umiak save -q --format oci-archive --uncompressed -o "$T/u.tar" $IMAGE
    like "$(skopeo inspect --raw "oci-archive:$T/u.tar")" 'image.layer.v1.tar"' "--uncompressed"
    run_umiak push -q --compression-format zstd $IMAGE "oci:$T/z:1"; like "$(skopeo inspect --raw "oci:$T/z:1")" "tar.zstd" "push to a directory"
    run_umiak --max-workers 1 --pull-option enable_partial_images=true pull -q "oci:$T/z:1"
    run_umiak push -q --compression-format zstd:chunked $IMAGE "oci:$T/zc:1"; is "$output" "" "without a warning"
    like "$(skopeo inspect --raw "oci:$T/zc:1")" "zstd-chunked.manifest-position.*tar.zstd|tar.zstd.*zstd-chunked.manifest-position" "with its table"
    run_umiak 125 --pull-option nonsense=1 pull -q "oci:$T/z:1"; like "$output" "unknown option" "unknown"
    run_umiak 125 --pull-option convert_images=true pull -q "oci:$T/z:1"; like "$output" "convert_images=true is not supported" "by name"
}

@test "load: an archive at an address; what is no archive is told in Podman's words" {
    umiak save -q --format oci-archive -o "$T/i.tar" $IMAGE
    (cd "$T" && exec python3 -u -m http.server --bind 127.0.0.1 0) >"$T/web.log" 2>&1 3>&- & web=$!
    for _ in $(seq 600); do ! grep -q " port " "$T/web.log" || break; sleep 0.1; done
    port=$(sed -n 's/.* port \([0-9]*\).*/\1/p' "$T/web.log")
    run_umiak load -q -i "http://127.0.0.1:$port/i.tar"; kill $web
    like "$output" "Loaded image" "from an address"
    echo nonsense >"$T/n"
    run_umiak 125 load -i "$T/n"; like "$output" "payload does not match any of the supported image formats:" "words"
}

@test "archives packed by gzip, zstd, xz and bzip2 are read" {
    copy "oci:$L:latest" "oci-archive:$T/a.tar:x"
    for tool in gzip zstd xz bzip2; do
        command -v $tool >/dev/null || continue
        $tool -c "$T/a.tar" >"$T/a.$tool"
        run_umiak image inspect --raw "oci-archive:$T/a.$tool:x"; is "$output" "$(skopeo inspect --raw "oci:$L:latest")" "$tool"
        head -c "$(($(stat -c %s "$T/a.$tool") / 2))" "$T/a.$tool" >"$T/cut"
        run_umiak 125 image inspect --raw "oci-archive:$T/cut:x"
    done
}
