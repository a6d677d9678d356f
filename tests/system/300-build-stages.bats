#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 300-build-stages.bats - what a build tells and keeps besides its result: stages, labels, usage; rules about sources.
load helpers
load ../lib/context

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() {
    context_make
}
teardown() { rm -rf "$CTX"; }
nameless() { umiak images -a --filter label=where --no-trunc --format '{{.Repository}} {{.Id}} {{.Digest}}' | sed -n 's/^<none> \(.*\) sha256:.*/\1/p' | sort -u; }   # steps have no manifest
label() { umiak image inspect --format "{{index .Labels \"$2\"}}" "$1"; }

@test "--save-stages keeps the other stages as images; labels say which is which" {
    file Containerfile <<END
FROM $IMAGE AS parent
RUN echo a >/a
FROM parent AS child
RUN echo b >/b
FROM $IMAGE AS alone
FROM $IMAGE AS unused
RUN false
FROM $IMAGE
COPY --from=child /b /b
COPY --from=alone /etc/passwd /p
END
    before=$(umiak images -aq | sort -u)
    build -q -t plain
    is "$(umiak images -q --filter dangling=true)" "" "nothing is kept without it but steps"
    run_umiak 125 build --stage-labels "$CTX"
    [[ $output == *'"--stage-labels" requires "--save-stages"'* ]]
    build -q --save-stages --stage-labels --layer-label where=between --layer-label empty -t kept
    stages=$(nameless)
    is "$(wc -w <<<"$stages")" 2 "neither the stage that is its base nor the unused one nor the result"
    for i in $stages; do
        is "$(label "$i" where)" between "a label of the images on the way"
        declare "id_$(label "$i" io.buildah.stage.name)=$i"
    done
    is "$(label "$id_parent" io.buildah.stage.base)" "$IMAGE" "the base as the FROM says"
    is "sha256:$(label "$id_child" io.buildah.stage.base)" "sha256:${id_parent#sha256:}" "the stage below by its id"
    is "$(label kept where)|$(label kept io.buildah.stage.name)" "|4" "the result: by its number"
    run_umiak history --no-trunc --format '{{.CreatedBy}}' "$id_child"
    [[ $output == *'LABEL "io.buildah.stage.name"="child"'* ]]
    run_umiak run --rm --network none "$id_child" cat /a /b
    is "$output" $'a\nb' "it is a usable image"
    umiak rmi -f kept plain $stages >/dev/null 2>&1
    umiak image prune -f
    is "$(umiak images -aq | sort -u)" "$before" "nothing else was left"
}

@test "--log-rusage: a line for each step, among the output or in a file" {
    printf 'FROM %s\nRUN head -c 20000000 /dev/zero | sha256sum\nENV a=b\n' "$IMAGE" | file Containerfile
    line='^[0-9.]+m?s\(system\) [0-9.]+m?s\(user\) [0-9.]+m?s\(elapsed\) [0-9.]+[kMG]?B input [0-9.]+[kMG]?B output$'
    build --no-cache --log-rusage
    is "$(grep -cE "$line" <<<"$output")" 2 "one a step"
    build --no-cache --log-rusage --rusage-logfile "$UMIAK_WORK/tmp/usage"
    is "$(grep -cE "$line" <<<"$output")" 0 "in the file instead"
    is "$(grep -cE "$line" "$UMIAK_WORK/tmp/usage") $(wc -l <"$UMIAK_WORK/tmp/usage")" "2 2" "nothing else in it"
    ! grep -q '^0s(system) 0s(user)' <(head -1 "$UMIAK_WORK/tmp/usage")
}

@test "--source-policy-file: regular expressions select sources" {
    umiak tag "$IMAGE" localhost/good:1 localhost/bad:2
    file policy.json <<END
{"rules": [
  {"action": "DENY", "selector": {"identifier": "localhost/b[a-z]+:[0-9]\$", "matchType": "REGEX"}},
  {"action": "CONVERT", "selector": {"identifier": "^docker-image://example\\\\.com/", "matchType": "REGEX"},
   "updates": {"identifier": "docker-image://localhost/good:1"}}]}
END
    printf 'FROM example.com/x\nRUN echo replaced\n' | file Containerfile
    build --source-policy-file "$CTX/policy.json"
    [[ $output == *$'\nreplaced\n'* ]]
    printf 'FROM localhost/bad:2\n' | file Containerfile
    run_umiak 125 build --source-policy-file "$CTX/policy.json" "$CTX"
    [[ $output == *'source "localhost/bad:2" denied by source policy: matched rule 0'* ]]
    printf 'FROM localhost/good:1\n' | file Containerfile
    build --source-policy-file "$CTX/policy.json"
    echo '{"rules":[{"action":"DENY","selector":{"identifier":"a(","matchType":"REGEX"}}]}' | file bad.json
    run_umiak 125 build --source-policy-file "$CTX/bad.json" "$CTX"
    [[ $output == *"rule 0: selector.identifier"* ]]
}

@test "--all-platforms: those that all base images have" {
    printf 'FROM scratch\nARG TARGETARCH\nCOPY f /$TARGETARCH\n' | file Base
    echo x | file f
    build -f "$CTX/Base" -q --platform linux/arm64,linux/s390x,linux/ppc64le --manifest localhost/three
    build -f "$CTX/Base" -q --platform linux/s390x,linux/arm64,linux/amd64 --manifest localhost/other
    printf 'FROM localhost/three AS one\nFROM --platform=linux/amd64 localhost/other AS fixed\nFROM localhost/other\nCOPY --from=one / /one\nCOPY --from=fixed /amd64 /\n' | file Containerfile
    build --all-platforms --manifest localhost/all
    is "$(grep -o '^\[linux/[a-z0-9]*\]' <<<"$output" | sort -u | tr '\n' ' ')" "[linux/arm64] [linux/s390x] " "what both have"
    run_umiak manifest inspect localhost/all
    [[ $output == *arm64* && $output == *s390x* && $output != *ppc64le* && $output != *amd64* ]]
    run_umiak 125 build --all-platforms -f "$CTX/Base" "$CTX"
    [[ $output == *"build uses no non-scratch base images"* ]]
    run_umiak 125 build --all-platforms --platform linux/arm64 "$CTX"
}

@test "--cdi-config-dir: devices by the names of a specification" {
    file cdi/dev.json <<'END'
{"cdiVersion":"0.6.0","kind":"vendor.com/dev","devices":[{"name":"one","containerEdits":{"env":["ONE=1"]}}]}
END
    printf 'FROM %s\nRUN echo "one=$ONE"\n' "$IMAGE" | file Containerfile
    build --no-cache --cdi-config-dir "$CTX/cdi" --device vendor.com/dev=one
    [[ $output == *$'\none=1\n'* ]]
    run_umiak 125 build --no-cache --device vendor.com/dev=one "$CTX"
}
