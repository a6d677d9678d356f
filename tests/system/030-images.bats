#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

@test "load: docker-archive, oci-archive and directories made by skopeo" {
    skopeo copy -q --insecure-policy "oci:$UMIAK_WORK/layout:latest" "docker-archive:$UMIAK_WORK/tmp/d.tar:localhost/from/docker:1"
    skopeo copy -q --insecure-policy "oci:$UMIAK_WORK/layout:latest" "oci-archive:$UMIAK_WORK/tmp/o.tar:localhost/from/oci:1"
    chmod 644 "$UMIAK_WORK"/tmp/*.tar
    run_umiak load -i "$UMIAK_WORK/tmp/d.tar"; like "$output" "Loaded image: localhost/from/docker:1" "docker-archive"
    run_umiak load -i "$UMIAK_WORK/tmp/o.tar"; like "$output" "Loaded image: localhost/from/oci:1" "oci-archive"
    out=$(umiak load -q <"$UMIAK_WORK/tmp/d.tar"); like "$out" "localhost/from/docker:1" "stdin"
    run_umiak run --rm --network none localhost/from/docker:1 cat /etc/motd; is "$output" "umiak test image" "runs"
    run_umiak rmi localhost/from/docker:1 localhost/from/oci:1
    rm -f "$UMIAK_WORK"/tmp/*.tar
}

@test "load: garbage, truncation and a wrong digest are refused in one line, nothing is left" {
    before=$(umiak images -q | sort)
    head -c 100000 /dev/urandom >"$UMIAK_WORK/tmp/g"; chmod 644 "$UMIAK_WORK/tmp/g"
    run_umiak 125 load -i "$UMIAK_WORK/tmp/g"; like "${lines[-1]}" "^Error: " "garbage"
    head -c 300000 "$UMIAK_WORK/image.tar" >"$UMIAK_WORK/tmp/g"
    run_umiak 125 load -i "$UMIAK_WORK/tmp/g"; like "${lines[-1]}" "^Error: " "truncated"
    cp -r "$UMIAK_WORK/layout" "$UMIAK_WORK/tmp/bad"; chmod -R u+w "$UMIAK_WORK/tmp/bad"
    big=$(ls -S "$UMIAK_WORK/tmp/bad/blobs/sha256" | head -1)
    printf X | dd of="$UMIAK_WORK/tmp/bad/blobs/sha256/$big" bs=1 seek=5000 conv=notrunc status=none
    tar -C "$UMIAK_WORK/tmp/bad" -cf "$UMIAK_WORK/tmp/g" .; chmod 644 "$UMIAK_WORK/tmp/g"
    # In a store of its own: layers that are here already are not read again.
    run_umiak 125 --root "$UMIAK_WORK/tmp/r" --runroot "$UMIAK_WORK/tmp/rr" load -i "$UMIAK_WORK/tmp/g"
    like "${lines[-1]}" "^Error: " "bad digest"
    is "$(ls "$UMIAK_WORK/tmp/r/layers" "$UMIAK_WORK/tmp/r/blobs/sha256" "$UMIAK_WORK/tmp/r/staging" | grep -v :)" "" "nothing left"
    rm -rf "$UMIAK_WORK/tmp/r" "$UMIAK_WORK/tmp/rr"
    run_umiak 125 load -i /no/such/file; like "${lines[-1]}" "/no/such/file" "missing"
    is "$(umiak images -q | sort)" "$before" "images as before"
    rm -rf "$UMIAK_WORK/tmp/bad" "$UMIAK_WORK/tmp/g"
}

@test "import: a tar of a root filesystem becomes an image" {
    mkdir -p "$UMIAK_WORK/tmp/r/bin"; cp "$(command -v busybox)" "$UMIAK_WORK/tmp/r/bin/busybox"
    tar -C "$UMIAK_WORK/tmp/r" -cf "$UMIAK_WORK/tmp/r.tar" .; chmod 644 "$UMIAK_WORK/tmp/r.tar"
    run_umiak import -m 'taken from a file' -c 'CMD ["/bin/busybox","echo","imported"]' "$UMIAK_WORK/tmp/r.tar" localhost/imp:1
    run_umiak run --rm --network none localhost/imp:1; is "$output" imported "runs"
    is "$(umiak image inspect -f '{{.Comment}}' localhost/imp:1)" "taken from a file" "the message is the first step's"
    run_umiak rmi localhost/imp:1
}

@test "tag, untag, rmi, exists, inspect, history" {
    run_umiak tag $IMAGE localhost/other:2 localhost/other:3
    run_umiak image exists localhost/other:3
    run_umiak untag $IMAGE localhost/other:3   # with the image alone all its names go
    run_umiak 1 image exists localhost/other:3
    run_umiak rmi localhost/other:2; like "$output" "Untagged: localhost/other:2" "untagged only"
    run_umiak image inspect --format '{{.Architecture}} {{index .Config.Labels "org.umiak.test"}} {{len .RootFS.Layers}}' $IMAGE
    is "$output" "amd64 yes 2" "inspect"
    run_umiak history $IMAGE; like "$output" "COPY data /" "history"
    run_umiak 1 rmi localhost/no/such; like "$output" "image not known" "unknown"
}

@test "rmi: an image in use is refused, with --force its containers go too" {
    run_umiak tag $IMAGE localhost/used:1
    run_umiak create --name ctr1 --network none $IMAGE true
    id=$(umiak image inspect --format '{{.Id}}' $IMAGE)
    run_umiak 125 rmi "$id"; like "$output" "more than one tag" "by id with several names"
    run_umiak rmi localhost/used:1; is "$output" "Untagged: localhost/used:1" "one name of several"
    run_umiak 2 rmi -a; like "$output" "image is in use by a container" "in use"
    run_umiak import -q "$UMIAK_WORK/image.tar" localhost/mine:1
    run_umiak create --name ctr2 --network none localhost/mine:1 true
    run_umiak 2 rmi localhost/mine:1; like "$output" "image is in use by a container" "last name, in use"
    run_umiak rmi --force localhost/mine:1; like "$output" "Untagged: localhost/mine:1" "forced"
    run_umiak 1 container exists ctr2
    run_umiak container exists ctr1
}

@test "pull: from a plain registry on loopback, twice, by digest" {
    port=$((20000 + RANDOM % 20000))
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s"}\nlog: {level: error, accesslog: {disabled: true}}\n' "$BATS_TEST_TMPDIR/reg" $port >"$BATS_TEST_TMPDIR/r.yml"
    docker-registry serve "$BATS_TEST_TMPDIR/r.yml" >/dev/null 2>&1 3>&- & reg=$!
    for _ in $(seq 100); do curl -fs "http://127.0.0.1:$port/v2/" >/dev/null && break; sleep 0.1; done
    skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$UMIAK_WORK/layout:latest" "docker://127.0.0.1:$port/a/b:1"
    run umiak pull --tls-verify=false "127.0.0.1:$port/a/b:1"; code=$status; out=$output
    run umiak pull -q --tls-verify=false "127.0.0.1:$port/a/b:1"; code2=$status; id=$output
    run umiak pull --tls-verify=false "127.0.0.1:$port/a/b:nosuch"; code3=$status; out3=$output
    run umiak pull "127.0.0.1:$port/a/b:1"; code4=$status; out4=$output
    kill $reg
    run umiak pull --retry 0 --tls-verify=false "127.0.0.1:$port/a/b:1"; code5=$status; out5=$output
    is "$code" 0 "pull: $out"; is "$code2" 0 "again: $id"
    like "$id" '^[0-9a-f]{64}$' "prints the id"
    is "$code3" 125 "unknown tag"; like "$out3" "manifest unknown|not found" "unknown tag: $out3"
    is "$code4" 125 "TLS wanted"; like "$out4" "Error: " "TLS: $out4"
    is "$code5" 125 "registry down"; like "$out5" "refused|connect" "down: $out5"
    run_umiak rmi "127.0.0.1:$port/a/b:1"
}

@test "the store is an OCI layout that skopeo reads" {
    skip_rootless "the store belongs to the user namespace"
    run skopeo inspect "oci:$UMIAK_WORK/root:$IMAGE"
    [ "$status" = 0 ] || skip "ref names: $output"
    like "$output" '"Digest"' "read"
}

@test "images: formats, filters, digests" {
    run_umiak images --format '{{.Repository}}:{{.Tag}}'; like "$output" "localhost/umiak/test:1" "format"
    run_umiak images --filter reference='localhost/umiak/*' -q; [ "${#lines[@]}" -ge 1 ]
    run_umiak images --format json; like "$output" '"Names"|"names"|"RepoTags"' "json"
    run_umiak images; like "${lines[0]}" "REPOSITORY +TAG +IMAGE ID +CREATED +SIZE" "header"
}

@test "system check: a healthy store is healthy, a damaged layer is found" {
    run_umiak system check
    skip_rootless "damages files as root"
    run_umiak load -q -i "$UMIAK_WORK/image.tar"
    file=$(find "$UMIAK_WORK/root/layers" -path '*/tree/bin/busybox' | head -1)
    cp -p "$file" "$UMIAK_WORK/tmp/keep"; truncate -s 100 "$file"
    run umiak system check --full
    [ "$status" != 0 ]
    cp -p "$UMIAK_WORK/tmp/keep" "$file"
}

@test "system check --repair: the index is rebuilt from the files" {
    skip_rootless "removes the index as root"
    before=$(umiak images --format '{{.Repository}}:{{.Tag}} {{.ID}}' | sort)
    rm -f "$UMIAK_WORK"/root/index.db*
    run_umiak system check --repair
    is "$(umiak images --format '{{.Repository}}:{{.Tag}} {{.ID}}' | sort)" "$before" "images are back"
    run_umiak run --rm --network none $IMAGE true
}
