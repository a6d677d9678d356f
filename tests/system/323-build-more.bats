#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 323-build-more.bats - what a step sees, what the linter knows of bases, COPY --link, COPYs side by side.
load helpers
load ../lib/buildah

@test "RUN has the image's environment and no more; the linter compares platforms" {
    context env <<X
FROM $IMAGE
ENV A=1
RUN env | grep -v -e ^PWD= -e ^HOME= -e ^HOSTNAME= -e ^SHLVL= -e ^PATH= -e ^TERM= -e ^IMAGE_VAR= | sort | tr '\n' ' '; echo end
X
    run_umiak build --network none --no-cache env
    [[ $output == *$'\nA=1 end\n'* ]]
    run umiak build --check --platform linux/s390x env
    is "$status" 125 "another platform: $output"
    [[ $output == *"InvalidBaseImagePlatform"*", expected \"linux/s390x\" for current build"* ]]
    run_umiak build --check env
}

@test "COPY --link does not depend on what is below it" {
    mkdir -p "$UMIAK_WORK/tmp/link"; echo one >"$UMIAK_WORK/tmp/link/f"
    context link <<X
ARG V=1
FROM $IMAGE
ARG V
RUN echo \$V >/v; ln -s /elsewhere /place; mkdir /elsewhere
COPY --link f /place/f
COPY --link --chown=12:34 f /owned/
COPY --link --chown=root f /named
FROM scratch AS none
X
    run_umiak build --network none --target 0 -t link link
    run_umiak build --network none --target 0 --build-arg V=2 -t link link
    is "$(grep -c 'Using cache' <<<"$output")" 3 "ARG and the copies with numbers: $output"
    run_umiak run --rm --network none link sh -c 'cat /v /place/f; ls /elsewhere; stat -c %u:%g /owned/f /named; readlink /place || echo directory'
    is "$output" $'2\none\n12:34\n0:0\ndirectory' "what is there"
    echo two >"$UMIAK_WORK/tmp/link/f"
    run_umiak build --network none --target 0 --build-arg V=2 -t link link
    is "$(umiak run --rm --network none link cat /place/f /owned/f /named | sort -u)" two "a change counts"
    run_umiak build --network none --target 0 --layers=false -t link link
    is "$(umiak run --rm --network none link cat /place/f /elsewhere/f)" $'two\ntwo' "one layer: a plain COPY"
}

@test "COPYs side by side come out as one after the other" {
    cd "$UMIAK_WORK/tmp"; mkdir -p side/{a,b,c/sub,d}; cd side
    for d in a b c d; do head -c 300000 /dev/urandom | split -b 1000 -a 3 - $d/file-; echo $d >$d/same; done
    chmod 700 d; ln -s /target c/link; cd ..
    context side <<X
FROM $IMAGE
COPY a /x/
COPY b /x/
COPY c /y
COPY a /y/sub/
COPY b/same /y/link/
COPY a/same b/same /z/
COPY d /dd
ENV E=1
COPY a/same /dd/more
COPY --chmod=0711 b /x/b
COPY a/same /y/same
COPY --parents c/sub /z
COPY a/same /new
COPY b/same /new
X
    for how in --layers --layers=false; do
        run_umiak build --network none --no-cache $how -t side side
        run_umiak run --rm --network none side sh -c 'for d in x y z dd new target; do find /$d ! -type d -exec md5sum {} +; find /$d -exec stat -c "%n %a %u:%g %F" {} +; done 2>&1 | sort'
        echo "$output" >"$BATS_TEST_TMPDIR/$how"
    done
    diff "$BATS_TEST_TMPDIR/--layers=false" "$BATS_TEST_TMPDIR/--layers"
    is "$(umiak run --rm --network none side cat /new /x/same /y/same /target/same /dd/more)" $'b\nb\na\nb\na' "order counts"
    run_umiak build --network none -t side side
    run_umiak build --network none -t side side
    is "$(grep -c 'Using cache' <<<"$output")" 14 "all is kept: $output"
    for bad in 'COPY a/missing /m' 'COPY --from=nothere /x /m'; do
        { sed 3q side/Containerfile; echo "$bad"; echo 'COPY c /y'; } >side/bad
        run umiak build --network none --no-cache -f side/bad side
        [ "$status" -ne 0 ]; [[ $output == *"${bad##*=}"* || $output == *missing* ]]
    done
}

@test "squashing is all layers for Buildah, with its cache; registries the builder may not talk to; lists of taken names" {
    context squash <<X
FROM $IMAGE
RUN echo 1 >/one
RUN rm /one; echo 2 >/two
X
    for again in 1 2; do
        run buildah build --network none --squash --layers -t squash squash
        is "$status" 0 "squash: $output"
    done
    is "$(grep -c 'Using cache' <<<"$output")" 2 "kept: $output"
    is "$(buildah inspect --type image --format '{{len .Docker.RootFS.DiffIDs}}' squash)" 1 "one layer"
    is "$(umiak run --rm --network none squash sh -c 'ls /one; cat /two' 2>/dev/null)" 2 "the files"
    run_umiak build --network none --squash -t squash squash
    is "$(umiak image inspect --format '{{len .RootFS.Layers}}' squash)" "$(($(umiak image inspect --format '{{len .RootFS.Layers}}' "$IMAGE") + 1))" "Podman: the new ones"

    buildah from --name work "$IMAGE"
    export BUILD_REGISTRY_SOURCES='{"blockedRegistries": ["registry.example.com"]}'
    run buildah commit work docker://registry.example.com/x
    is "$status" 125 "blocked"; [[ $output == *'commit to registry at "registry.example.com" denied by policy: it is in the blocked registries list'* ]]
    run buildah pull registry.example.com/x
    [[ $output == *'registry "registry.example.com" denied by policy: it is in the blocked registries list'* ]]
    BUILD_REGISTRY_SOURCES='{"allowedRegistries": ["other.example.com"]}' run buildah push squash docker://registry.example.com/x
    [[ $output == *'registry "registry.example.com" denied by policy: not in allowed registries list'* ]]
    unset BUILD_REGISTRY_SOURCES

    touch -d @1700000000 "$UMIAK_WORK/tmp/then"
    buildah config --healthcheck 'CMD /foo' --healthcheck-timeout=10s --healthcheck-interval=20s --healthcheck-retries=7 --add-history work
    buildah commit --format docker --reference-time "$UMIAK_WORK/tmp/then" work then
    is "$(umiak image inspect --format '{{.Created.Unix}}' then)" 1700000000 "the time of a file"
    [[ $(umiak history --no-trunc --format '{{.CreatedBy}}' then) == *"HEALTHCHECK --interval=20s --retries=7 --timeout=10s CMD /foo"* ]]
    run buildah run --isolation chroot work sh -c '. /run/.containerenv; echo ${engine%-*} $name $image $rootless'
    is "$output" "buildah work localhost/$(cut -d/ -f2- <<<"$IMAGE") $(rootless && echo 1 || echo 0)" "what a command is told"

    buildah tag then list
    run buildah manifest create --amend --replace list
    [[ $status = 125 && $output == *"mutually exclusive"* ]]
    run buildah manifest create list
    [[ $status = 125 && $output == *"already in use"* ]]
    buildah manifest create --amend list
    is "$(buildah manifest inspect list | grep -c '"digest"')" 1 "the image is in the list"
    buildah manifest create --replace list
    is "$(buildah manifest inspect list | grep -c '"digest"')" 0 "a new list"
    run buildah pull --all-tags "oci:$UMIAK_WORK/tmp/none"
    [[ $status = 125 && $output == *"pulling all tags is not supported for oci transport"* ]]
    buildah push -D squash containers-storage:named:1
    is "$(buildah images -q named:1)" "$(buildah images -q squash)" "to the store itself: one more name"
    run buildah push --authfile /nonexistent squash "dir:$UMIAK_WORK/tmp/dir"
    [ "$status" -eq 125 ] && [ ! -e "$UMIAK_WORK/tmp/dir" ]
    is "$(buildah pull -q "$IMAGE")" "$(umiak image inspect --format '{{.Id}}' "$IMAGE")" "what is here is enough"
    run buildah pull -q --policy never --arch s390x "$IMAGE"
    [[ $status -ne 0 && $output == *"image not known"* ]]
    run buildah rm work
}

@test "Buildah: a build's time leaves files alone unless they are to be rewritten; what cannot be executed; layers without their key" {
    buildah from --name times "$IMAGE"
    echo x >"$UMIAK_WORK/tmp/dated"; touch -d @1700000000 "$UMIAK_WORK/tmp/dated"
    buildah add times "$UMIAK_WORK/tmp/dated" /dated
    for how in "" --rewrite-timestamp; do
        buildah commit --source-date-epoch 60 $how times dated
        is "$(umiak image inspect --format '{{.Created.Unix}}' dated)" 60 "the image"
        is "$(umiak run --rm --network none dated stat -c %Y /dated)" "$([ "$how" ] && echo 60 || echo 1700000000)" "the file, $how"
    done
    run buildah run --isolation chroot times /etc
    is "$status" 1 "not executable: $output"
    run buildah run --isolation chroot times sh -c 'exit 126'
    is "$status" 126 "the command's own"
    buildah rm times

    mkdir -p "$UMIAK_WORK/tmp/enc"; cd "$UMIAK_WORK/tmp/enc"
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out key.pem 2>/dev/null; chmod a+r key.pem
    openssl rsa -in key.pem -pubout -out pub.pem 2>/dev/null; chmod -R a+rwX .
    buildah push --encryption-key jwe:pub.pem "$IMAGE" "oci:$PWD/layout"
    run buildah pull "oci:$PWD/layout"
    [[ $status -ne 0 && $output == *"is encrypted: without its key (--decryption-key) it does not match config's DiffID"* ]]
    buildah pull --decryption-key key.pem "oci:$PWD/layout"
    run buildah --log-level=info images -q none
    [[ $output != *"filtering at"* ]]
    run buildah --log-level=loud images -q
    is "$status" 125 "a level that is none"
}

@test "--rm=false leaves a working container of each step, --force-rm=false one of what a failed step began with" {
    context kept <<X
FROM $IMAGE
RUN echo one >/one
ENV A=b
RUN test -z "\$A"
X
    run buildah build -q --layers kept
    is "$status|$(buildah containers -q | wc -l)" "1|0" "nothing is left: $output"
    run buildah build -q --layers --force-rm=false kept
    is "$(buildah containers -q | wc -l)" 1 "$output"
    is "$(buildah run "$(buildah containers -q)" sh -c 'cat /one; echo $A')" $'one\nb' "before the last step"
    buildah rm -a >/dev/null
    sed -i '$d' kept/Containerfile
    buildah build -q --layers --rm=false -t kept kept >/dev/null
    is "$(buildah containers -q | wc -l)" 2 "a step each"
    buildah rm -a >/dev/null; buildah rmi kept >/dev/null
}
