#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 304-buildah-layers.bats - working containers: what becomes a layer of its own, and what a commit adds.
load helpers
load ../lib/buildah

@test "what is linked is a layer of its own, and not seen before" {
    cd "$UMIAK_WORK/tmp"; mkdir -p d; echo one >one; echo two >d/two; ln -s one link; tar cf t.tar one; chmod -R a+rX .
    buildah from --name l "$IMAGE"
    run buildah copy -q --link --chown 3:4 --chmod 640 l one /linked/one; is "$status" 0 "a file: $output"
    run buildah add -q --link l t.tar d /unpacked/; is "$status" 0 "an archive and a directory: $output"
    run buildah run --network none l ls -d /linked /unpacked; [ "$status" != 0 ]
    run buildah copy -q --no-follow-symlinks l link /link; is "$status" 0 "a link itself: $output"
    run buildah copy -q l link /followed; is "$status" 0 "what it leads to: $output"
    base=$(buildah inspect --type image -f '{{len .OCIv1.RootFS.DiffIDs}}' "$IMAGE")
    run buildah commit -q l linked; is "$status" 0 "commit: $output"
    run buildah inspect --type image -f '{{len .OCIv1.RootFS.DiffIDs}}' linked; is "$output" $((base + 3)) "layers"
    run_umiak run --rm --network none linked sh -c 'stat -c "%a %u:%g" /linked/one; cat /unpacked/one /unpacked/two; readlink /link; cat /followed'
    is "$output" $'640 3:4\none\ntwo\none\none' "what is in it"
    run buildah commit -q --squash l squashed; is "$status" 0 "squash: $output"
    run buildah inspect --type image -f '{{len .OCIv1.RootFS.DiffIDs}}' squashed; is "$output" 1 "one layer"
    run_umiak run --rm --network none squashed cat /linked/one /unpacked/two /followed; is "$output" $'one\ntwo\none' "with all of it"
    buildah rm l; umiak rmi linked squashed
}

@test "a commit adds files, a bill of materials, and encrypts what it sends away" {
    cd "$UMIAK_WORK/tmp"; echo added >added; chmod 755 added; openssl genrsa -out key.pem 2048 2>/dev/null; openssl rsa -in key.pem -pubout -out key.pub 2>/dev/null; chmod a+rX . key.pem key.pub
    chmod 1777 .; buildah from --name c "$IMAGE"
    run buildah commit -q --add-file added:/sub/x --add-file "$PWD/added" c with; is "$status" 0 "files: $output"
    run_umiak run --rm --network none with sh -c 'stat -c "%a %u:%g" /sub/x; cat '"$PWD/added"; is "$output" $'644 0:0\nadded' "are there"
    run buildah commit --add-file /etc:/x c with; is "$status" 125 "a directory"; [[ $output == *"--add-file /etc:/x: want a file"* ]]
    run buildah commit -q --sbom-scanner-image "$IMAGE" --sbom-scanner-command 'echo "{\"found\":1}" >{OUTPUT}; test -e {ROOTFS}/bin/busybox' \
        --sbom-output sbom.json --sbom-image-output /sbom.json --pull=never c scanned
    is "$status" 0 "scanned: $output"; [[ $(cat sbom.json) == *found* ]]
    run_umiak run --rm --network none scanned cat /sbom.json; [[ $output == *found* ]]
    run buildah commit --encryption-key jwe:key.pub c local; is "$status" 125 "local images are not encrypted"
    run buildah commit -q --encryption-key jwe:key.pub c "oci:$PWD/enc"; is "$status" 0 "encrypted: $output"
    grep -rq '+encrypted' enc/blobs
    run buildah from --name d --decryption-key key.pem "oci:$PWD/enc"; is "$status" 0 "and decrypted: $output"
    buildah rm c d; umiak rmi with scanned
}

@test "images from nothing have a path and a working directory; the context's files give no rights; owners have caches" {
    cd "$UMIAK_WORK/tmp"; mkdir -p c/sub; echo x >c/sub/f; chmod 4755 c/sub/f; chmod 775 c/sub; echo y >c/sub/g; chmod -R a+rX c
    cat >c/Containerfile <<X
FROM $IMAGE AS base
COPY sub /new
COPY --exclude=g sub /less
COPY --parents sub/f /kept
COPY --parents ./sub/./f /cut
RUN --mount=type=cache,uid=9,target=/k touch /k/nine
RUN --mount=type=cache,target=/k ls /k >/seen; stat -c %a /new /new/f /kept/sub >>/seen; ls /less /kept /cut >>/seen
FROM scratch
COPY --from=base /seen /
X
    run_umiak build -q --network none -t rights c
    run_umiak image inspect --format '{{.Config.Env}} {{.Config.WorkingDir}}' rights
    is "$output" "[PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin] /" "configuration"
    run_umiak build -q --network none --target base -t base c
    run_umiak run --rm --network none base cat /seen
    is "$output" $'755\n755\n775\n/cut:\nf\n\n/kept:\nsub\n\n/less:\nf' "modes and names"
    umiak rmi rights base
}
