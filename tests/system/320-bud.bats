#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 320-bud.bats - options of a build in the words of Buildah's users, and what they leave in the image.
load helpers
load ../lib/buildah

@test "an image that only options change is another image" {
    context plain <<<"FROM $IMAGE"
    base=$(buildah inspect --type image -f '{{.FromImageID}}' "$IMAGE")
    for option in --squash --annotation=a=b --env=C=D --unsetenv=PATH --inherit-labels=false --inherit-annotations=false; do
        run buildah build -q "$option" -t changed plain
        is "$status" 0 "$option: $output"; [ "$output" != "$base" ]
        run buildah inspect --type image -f '{{len .OCIv1.RootFS.DiffIDs}}' changed
        [ "$option" != --squash ] || is "$output" 1 "one layer in all"
        buildah rmi changed >/dev/null
    done
    is "$(umiak build -q --label l=1 plain)" "$(umiak build -q --label l=1 plain)" "the same again"
    run buildah build -q --os-feature gone --os-feature gone- --os-feature kept --format docker -t docker plain
    oci=$(buildah build -q --os-feature kept -t oci plain)
    [ "$output" != "$oci" ]   # the formats never share an id
    run buildah inspect --type image -f '{{.Docker.OSFeatures}}' docker; is "$output" "[kept]" "features"
    buildah rmi docker oci >/dev/null
}

@test "what is withheld is a reason to do the last step again; annotations are not" {
    context steps <<X
FROM $IMAGE
RUN true
RUN echo done
X
    umiak build --network none --annotation x=1 -t steps steps >/dev/null
    run_umiak build --network none --annotation x=2 -t steps steps; [[ $output != *$'\ndone'* ]]
    run_umiak image inspect --format '{{.Annotations.x}}' steps; is "$output" 2 "the new one"
    run_umiak build --network none --annotation x=2 --inherit-annotations=false --created-annotation=false -t steps steps
    [[ $output == *"Using cache"*$'\ndone\n'* ]]
    run_umiak image inspect --format '{{.Annotations}}' steps; is "$output" "map[x:2]" "nothing else"
    run buildah inspect --type image -f '{{(index .History 0).Created}}' steps; [[ $output == *" +0000 UTC" ]]
    umiak rmi steps
}

@test "--env counts in steps until an ENV says otherwise; --mount=type=secret and an empty RUN" {
    context words <<X
FROM $IMAGE
RUN echo "one \$E \$G"; cat /s; echo
ENV E=mine
RUN echo "two \$E \$G"
X
    printf hidden >secret
    run_umiak build --network none --env E=F --env G=H --secret id=s,src=secret --mount type=secret,id=s,target=/s -t words words
    [[ $output == *$'\none F H\nhidden\n'* && $output == *$'\ntwo mine H\n'* ]]
    run_umiak image inspect --format '{{.Config.Env}}' words; [[ $output == *"E=mine"*"G=H"* ]]
    for bad in id=,src id=s,src src id id=s,env=X,true=false; do
        run_umiak 125 build --secret "$bad" words; [[ $output == *"incorrect secret flag format"* ]]
    done
    context empty <<<"FROM $IMAGE"$'\nRUN'
    run_umiak 2 build --network none empty; [[ $output == *"-c requires an argument"* && $output == *"building at STEP"*"exit status 2"* ]]
    umiak rmi words
}

@test "archives in the context are bases; a second file's directives are looked at; hard links survive" {
    context bases <<<"FROM oci-archive:dir/a.tar"
    mkdir -p bases/dir; chmod a+rwx bases/dir; umiak save -q --format oci-archive -o bases/dir/a.tar "$IMAGE"; chmod -R a+rX bases
    cd /; run_umiak build -q -t frombase "$UMIAK_WORK/tmp/bases"; cd "$UMIAK_WORK/tmp"
    context linked <<X
FROM $IMAGE
COPY dir /d
COPY dir /d
X
    mkdir -p linked/dir; echo x >linked/dir/1; ln linked/dir/1 linked/dir/2; chmod -R a+rX linked
    run_umiak build -q --layers=false -t linked linked
    run_umiak run --rm --network none linked stat -c %h /d/1; is "$output" 2 "hard links"
    echo "FROM $IMAGE" >one; echo '# escape=|' >two; echo "FROM $IMAGE" >>two
    run_umiak 125 build -f one -f two .; [[ $output == *"parsing additional Dockerfile two: invalid ESCAPE"* ]]
    context after <<<"FROM --after=self scratch AS self"
    run_umiak 125 build after; [[ $output == *"FROM --after=self: cannot depend on later stage"* ]]
    run_umiak 125 build --no-hosts --add-host a:1.2.3.4 linked; [[ $output == *"--no-hosts and --add-host conflict, can not be used together"* ]]
    run_umiak 125 build --output type=tar linked; [[ $output == *'missing required key "dest"'* ]]
    umiak rmi frombase linked
}

@test "credentials may come from a pipe" {
    context pipe <<<"FROM $IMAGE"
    mkfifo auth; chmod 666 auth
    timeout 60 sh -c 'printf "{}" >auth' 3>&- 2>writer.err & writer=$!
    run_umiak build -q --network none --authfile auth pipe
    wait "$writer" || { cat writer.err; false; }   # somebody read it
}

@test "--output and a destination both; compression of what is sent; prune forgets cache mounts" {
    context sent <<X
FROM $IMAGE
RUN --mount=type=cache,target=/c sh -c 'ls /c; echo kept >/c/kept; echo >/x'
X
    run_umiak build --network none --no-cache --compression-format zstd --source-date-epoch 60 --output out -t "oci:$PWD/layout" sent
    is "$(stat -c %Y out/x)" 60 "the time of what goes out"; [[ $(jq -r '.layers[-1].mediaType' layout/blobs/sha256/$(jq -r '.manifests[0].digest' layout/index.json | cut -d: -f2)) == *+zstd ]]
    run_umiak build --network none --no-cache sent; [[ $output == *$'\nkept\n'* ]]
    run buildah prune; is "$status" 0 "prune: $output"
    run_umiak build --network none --no-cache sent; [[ $output != *$'\nkept\n'* ]]
}
