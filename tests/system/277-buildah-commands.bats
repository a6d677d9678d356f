#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 277-buildah-commands.bats - working containers: from, add, copy, config, commit, inspect and the lists of them.
load helpers
load ../lib/buildah

@test "what an image says is edited member by member" {
    buildah from --name edit scratch
    buildah config --env A=1 --env 'B=$A/x' --port 80 --port 81/udp --volume /v --label l=1 --annotation a=b --cmd 'run it' \
        --entrypoint '["/e"]' --user 5:6 --author me --os-feature f --healthcheck 'CMD /bin/true' --healthcheck-interval 6s \
        --hostname h --stop-signal SIGINT --created-by hand edit
    run buildah inspect --format '{{.OCIv1.Config.Env}} {{.OCIv1.Config.ExposedPorts}} {{.OCIv1.Config.Cmd}} {{.OCIv1.Config.Entrypoint}}' edit
    is "$output" '[A=1 B=1/x] map[80:{} 81/udp:{}] [run it] [/e]' "set"
    run buildah inspect --format '{{.Docker.Config.Healthcheck.Interval}} {{.Docker.Config.Volumes}} {{.ImageAnnotations}} {{.ImageCreatedBy}}' edit
    is "$output" '6s map[/v:{}] map[a:b] hand' "set, too"
    buildah config --env A- --port - --volume /v- --label l- --annotation - edit
    run buildah inspect --format '{{.OCIv1.Config.Env}} {{.OCIv1.Config.ExposedPorts}} {{.OCIv1.Config.Volumes}} {{.OCIv1.Config.Labels}} {{.ImageAnnotations}}' edit
    is "$output" '[B=1/x] map[] map[] map[] map[]' "taken away"
    run buildah config --cmd 'a "b' edit
    is "$status" 125 "a quote is open"; [[ $output == *'parsing --cmd "a \"b": invalid command line string'* ]]
    run buildah config edit --env X=1; is "$status" 125 "options stand first"
    [[ $output == *"no options (--env) can be specified after the image or container name"* ]]
    buildah rm edit
}

@test "files come from the host, containers and images" {
    cd "$UMIAK_WORK/tmp"; mkdir -p ctx/sub; echo one >ctx/one; echo two >ctx/sub/two; echo no >ctx/no.log; echo '*.log' >ctx/.dockerignore
    tar cf ctx.tar -C ctx one; chmod -R a+rX .
    buildah from --name a "$IMAGE"; buildah from --name b scratch
    run buildah add a ctx.tar /unpacked/; is "$status" 0 "add an archive: $output"
    run buildah copy a ctx.tar /packed/; is "$status" 0 "copy an archive: $output"
    run buildah copy -q --contextdir "$PWD/ctx" a "$PWD/ctx" /all; is "$status" 0 "with an ignore file: $output"
    run buildah copy -q --timestamp 60 --chmod 700 --chown 3:4 a ctx/one /set; is "$status" 0 "with attributes: $output"
    run buildah run --network none a sh -c 'cat /unpacked/one; ls /packed /all; stat -c "%a %u:%g %Y" /set'
    is "$output" $'one\n/all:\none\nsub\n\n/packed:\nctx.tar\n700 3:4 60' "what is there"
    run buildah copy -q --from a b /all/sub/ /; is "$status" 0 "from a container: $output"
    run buildah copy -q --from "$IMAGE" b /bin/busybox /busybox; is "$status" 0 "from an image: $output"
    run buildah run --network none b /busybox cat /two; is "$output" two "both are there"
    run buildah add --allow-wildcard=false b 'ctx/*' /; is "$status" 125 "patterns may be forbidden"
    run buildah add --checksum sha256:00 b ctx/one /; is "$status" 125 "no checksum of local files"
    run buildah copy nobody ctx/one /; is "$status" 125 "unknown"
    [[ $output == *'reading build container "nobody": container not known'* ]]
    buildah rm a b
}

@test "options of from count for what runs later" {
    mkdir -p "$UMIAK_WORK/tmp/vol"; echo there >"$UMIAK_WORK/tmp/vol/f"; chmod -R a+rX "$UMIAK_WORK/tmp"
    buildah from --name s --volume "$UMIAK_WORK/tmp/vol:/vol:ro" --cap-drop all --network none --add-host x:1.2.3.4 "$IMAGE"
    run buildah run s sh -c 'cat /vol/f; grep CapBnd /proc/self/status; grep -c 1.2.3.4 /etc/hosts; hostname'
    is "${lines[0]}" there "volume"; is "${lines[1]}" $'CapBnd:\t0000000000000000' "capabilities"; is "${lines[2]}" 1 "host"
    run buildah run --hostname other --env E=5 --user 7 --workingdir /tmp s sh -c 'hostname; echo $E; id -u; pwd; grep CapEff /proc/self/status'
    is "$output" $'other\n5\n7\n/tmp\nCapEff:\t0000000000000000' "of this command alone"
    run buildah run --valid-exit-codes 0,3 s sh -c 'exit 3'; is "$status" 0 "an exit code that counts as success"
    run buildah run s sh -c 'exit 3'; is "$status" 3 "and one that does not"
    run buildah run --terminal s sh -c 'test -t 0 && test -t 1 && echo terminal' </dev/null
    is "${output%$'\r'}" terminal "a terminal"
    run buildah run s sh -c 'cat' <<<input; is "$output" input "standard input"
    buildah rm s
}

@test "an image is committed with history, times and annotations" {
    buildah from --name c "$IMAGE"
    echo x >"$UMIAK_WORK/tmp/x"; chmod a+r "$UMIAK_WORK/tmp/x"
    buildah copy -q --add-history c "$UMIAK_WORK/tmp/x" /x
    buildah config --add-history --label k=v --history-comment why --created-by how c
    run buildah commit --timestamp 60 --annotation n=1 --iidfile "$UMIAK_WORK/tmp/iid" --quiet c one
    is "$output" "" "quiet"; is "$(cut -c1-7 "$UMIAK_WORK/tmp/iid")" sha256: "id"
    run buildah inspect --type image --format '{{range .OCIv1.History}}{{.CreatedBy}}|{{end}} {{.OCIv1.Created}} {{.ImageAnnotations.n}}' one
    [[ $output == *"COPY file:"*"|/bin/sh -c #(nop) LABEL k=v|how| 1970-01-01 00:01:00 +0000 UTC 1" ]] || { echo "$output"; false; }
    buildah commit -q --timestamp 60 --annotation n=1 c two
    is "$(buildah inspect -f '{{.FromImageDigest}}' two)" "$(buildah inspect -f '{{.FromImageDigest}}' one)" "the same bytes again"
    run buildah commit -q --squash c three; is "$status" 0 "squash: $output"
    is "$(buildah inspect --type image -f '{{len .Docker.RootFS.DiffIDs}} {{len .Docker.History}}' three)" "1 1" "one layer"
    run buildah commit -q c "oci:$UMIAK_WORK/tmp/layout:tag"; is "$status" 0 "to a layout: $output"
    [ -e "$UMIAK_WORK/tmp/layout/index.json" ]
    run buildah commit --iidfile /dev/null -q c; is "$status" 0 "an id nobody wants"; [ -c /dev/null ]
    run buildah commit --sign-by me c; is "$status" 125 "refused by name"
    buildah rm c
}

@test "working containers are listed, renamed, mounted, and nobody else's" {
    buildah from --name w1 "$IMAGE"; buildah from --name w2 scratch
    run buildah containers --format '{{.ContainerName}} {{.ImageName}}'
    is "$output" $'w1 '"$(buildah inspect -f '{{.FromImage}}' w1)"$'\nw2 scratch' "list"
    run buildah containers -q --filter name=w2; is "${#lines[0]}" 64 "full ids"; is "${#lines[@]}" 1 "filter"
    run_umiak ps -a --format '{{.Names}}'; is "$output" "" "ps does not show them"
    run_umiak ps -a --external --format '{{.Names}} {{.Command}} {{.Status}}'
    [[ $output == *"w1 buildah Storage"* ]] || { echo "$output"; false; }
    run umiak start w1; [ "$status" != 0 ]
    run buildah rename w1 w2; is "$status" 125 "taken"
    buildah rename w1 w3
    if ! rootless; then
        path=$(buildah mount w2); echo hello >"$path/file"
        run buildah mount; is "$output" "w2 $path" "mounts"
        buildah commit -q w2 withfile; buildah umount w2
    fi
    run buildah rm w2 nobody1 nobody2; is "$status" 125 "the others go on"
    [[ $output == *'removing container "nobody1": container not known'*'Error: removing container "nobody2": container not known'* ]]
    run buildah rm --all; is "$status" 0 "all"
    run buildah containers -q; is "$output" "" "none are left"
    run buildah mkcw a b; is "$status" 125 "refused by name"
    run buildah info --format '{{.host.os}}'; is "$output" linux "info"
}
