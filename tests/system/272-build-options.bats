#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 272-build-options.bats - platforms, user namespaces, agents, devices, policies and bills of materials of a build.
load helpers
load ../lib/context

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() {
    context_make
}
teardown() { end_jobs; rm -rf "$CTX"; }

@test "several platforms without a list: an image for each, the tag is the last one's, the id the first one's" {
    printf 'FROM scratch\nARG TARGETARCH\nCOPY f /$TARGETARCH\n' | file Containerfile
    echo x | file f
    build --platform linux/arm64,linux/s390x -t several
    id=${lines[-1]}
    [[ $output == *"[linux/arm64] STEP 1/3"*"[linux/s390x] STEP 1/3"* ]]
    run_umiak image inspect --format '{{.Architecture}}' "$id" several
    is "$output" $'arm64\ns390x' "the first one's id, the last one's name"
    build --platform linux/arm64 --platform linux/s390x --manifest together
    run_umiak manifest inspect together
    like "$output" 'arm64' "in the list"; like "$output" 's390x' "in the list"
    run_umiak 125 build --platform linux/arm64 --manifest one -t one "$CTX"
    [[ $output == *"the same name must not be specified for both '--tag' and '--manifest'"* ]]
    build --platform linux/arm64,linux/s390x --logfile "$UMIAK_WORK/tmp/log" --logsplit
    grep -q 'STEP 3/3: COPY' "$UMIAK_WORK/tmp/log_linux_arm64"; grep -q 'STEP 3/3: COPY' "$UMIAK_WORK/tmp/log_linux_s390x"
}

@test "--source-policy-file: sources are denied, replaced, allowed; the first rule that fits counts" {
    umiak tag "$IMAGE" localhost/other:1
    file policy.json <<END
{"rules": [
  {"action": "ALLOW", "selector": {"identifier": "docker-image://$IMAGE", "matchType": "EXACT"}},
  {"action": "CONVERT", "selector": {"identifier": "docker-image://example.com/*:1"}, "updates": {"identifier": "docker-image://localhost/other:1"}},
  {"action": "DENY", "selector": {"identifier": "docker-image://*"}},
  {"action": "DENY", "selector": {"identifier": "https://*"}}]}
END
    printf 'FROM example.com/any/thing:1\nRUN echo replaced\nCOPY --from=%s /etc/passwd /p\n' "$IMAGE" | file Containerfile
    build --source-policy-file "$CTX/policy.json"
    [[ $output == *$'\nreplaced\n'* ]]
    printf 'FROM %s\nCOPY --from=localhost/other:1 /etc/passwd /p\n' "$IMAGE" | file Containerfile
    run_umiak 125 build --source-policy-file "$CTX/policy.json" "$CTX"
    [[ $output == *'source "localhost/other:1" denied by source policy: matched rule 2'* ]]
    printf 'FROM %s\nADD https://127.0.0.1:1/x /x\n' "$IMAGE" | file Containerfile
    run_umiak 125 build --source-policy-file "$CTX/policy.json" "$CTX"
    [[ $output == *'source "https://127.0.0.1:1/x" denied by source policy: matched rule 3'* ]]
    for bad in '{' '{"rules":[{"action":"BURN","selector":{"identifier":"x"}}]}' '{"rules":[{"action":"DENY","selector":{}}]}' \
               '{"rules":[{"action":"CONVERT","selector":{"identifier":"x"}}]}'; do
        echo "$bad" | file bad.json
        run_umiak 125 build --source-policy-file "$CTX/bad.json" "$CTX"
        [[ $output == *"source policy"* ]]
    done
}

@test "--ssh: the agent is there for the steps that ask for it, its socket is in no layer" {
    command -v ssh-add >/dev/null || skip "ssh-agent is missing"
    local sock=$UMIAK_WORK/tmp/agent
    rm -f "$sock"
    if rootless && [ "$(id -u)" = 0 ]; then
        setpriv --reuid="$(id -u "$UMIAK_TEST_USER")" --regid="$(id -g "$UMIAK_TEST_USER")" --init-groups ssh-agent -D -a "$sock" >/dev/null 2>&1 3>&- 4>&- &
    else
        ssh-agent -D -a "$sock" >/dev/null 2>&1 3>&- 4>&- &
    fi
    for _ in $(seq 200); do [ ! -S "$sock" ] || break; sleep 0.05; done
    file Containerfile <<'END'
FROM localhost/umiak/test:1
RUN --mount=type=ssh test -S $SSH_AUTH_SOCK && echo "socket: $SSH_AUTH_SOCK"; /usr/bin/ssh-add -l; echo "it says $?"
RUN --mount=type=ssh,id=mine,target=/agent test -S /agent
RUN test -z "$SSH_AUTH_SOCK" && ! ls /run/buildkit/* /agent
END
    build --ssh "default=$sock" --ssh "mine=$sock" -t agent -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro
    [[ $output == *"socket: /run/buildkit/ssh_agent.0"* ]]
    like "$output" 'no identities' "the agent's answer"
    run_umiak run --rm --network none agent sh -c 'ls /run/buildkit /agent 2>/dev/null | wc -l'
    is "$output" 0 "files in the image"
    printf 'FROM %s\nRUN --mount=type=ssh,required true\n' "$IMAGE" | file Containerfile
    run_umiak 125 build "$CTX"
    [[ $output == *"unset ssh forward key default"* ]]
}

@test "--ssh: key files: an agent of the build's own, which ends with it" {
    command -v ssh-keygen >/dev/null || skip "ssh-keygen is missing"
    rm -f "$UMIAK_WORK/tmp/key"*; ssh-keygen -q -t ed25519 -N '' -C of-the-test -f "$UMIAK_WORK/tmp/key"
    ! rootless || [ "$(id -u)" != 0 ] || chown "$UMIAK_TEST_USER:" "$UMIAK_WORK/tmp/key"
    printf 'FROM %s\nRUN --mount=type=ssh /usr/bin/ssh-add -l; ls -A /run /root\n' "$IMAGE" | file Containerfile
    build --ssh "default=$UMIAK_WORK/tmp/key" -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro
    like "$output" 'SHA256:.*of-the-test' "the key in the agent"
    ! grep -aqs "$UMIAK_WORK.*/agent1" /proc/[0-9]*/cmdline
    echo nonsense >"$UMIAK_WORK/tmp/key"
    run_umiak 125 build --no-cache --network none --ssh "default=$UMIAK_WORK/tmp/key" "$CTX"
    [[ $output == *"--ssh default: key $UMIAK_WORK/tmp/key cannot be used"* ]]
}

@test "--device: a device of the host is there for RUN and not in the image" {
    printf 'FROM %s\nRUN test -c /dev/mine && echo x > /dev/mine && ls -l /dev/mine\n' "$IMAGE" | file Containerfile
    build --device /dev/null:/dev/mine -t device
    like "$output" '1, +3 .*/dev/mine' "the device"
    run_umiak 1 run --rm --network none device ls /dev/mine
}

@test "without a context it is the directory of the Containerfile, or the current one" {
    echo beside | file sub/data
    echo above | file data
    printf 'FROM %s\nCOPY data /d\nRUN cat /d\n' "$IMAGE" | file sub/Containerfile
    run_umiak build --network none -f "$CTX/sub/Containerfile"
    [[ $output == *$'\nbeside\n'* ]]
    cd "$CTX"
    run_umiak build --network none -f sub/Containerfile
    [[ $output == *$'\nbeside\n'* || $output == *"Using cache"* ]]
    run_umiak build --network none -f sub/Containerfile .
    [[ $output == *$'\nabove\n'* ]]
    run_umiak 125 build -f "$CTX/nosuch/Containerfile"
    [[ $output == *"the specified Containerfile or Dockerfile does not exist"* ]]
    run_umiak 125 build --sign-by nobody -f sub/Containerfile
    [[ $output == *"--sign-by: signatures lie beside images in registries"* ]]
}

@test "--sbom: scans of image and context are merged, written, and put into the image" {
    printf '{"components":[{"name":"a","version":"1","purl":"pkg:x/a@1"},{"name":"b"}]}' | file image.json
    printf '{"components":[{"name":"a","version":"1","purl":"pkg:x/a@1"},{"name":"a","version":"2","purl":"pkg:x/a@2"}]}' | file context.json
    printf 'FROM %s\nCOPY image.json /\nCMD ["echo","mine"]\n' "$IMAGE" | file Containerfile
    out=$(mktemp -d "$UMIAK_WORK/tmp/sbom.XXXXXX"); chmod 777 "$out"
    local scanner=(--sbom-scanner-image "$IMAGE" --sbom-scanner-command 'cp {ROOTFS}/image.json {OUTPUT}'
                   --sbom-scanner-command 'cat {CONTEXT}/context.json > {OUTPUT}')
    before=$(umiak images -q --no-trunc | sort)
    build -t scanned "${scanner[@]}" --sbom-merge-strategy merge-cyclonedx-by-component-name-and-version --sbom-output "$out/sbom.json" \
        --sbom-purl-output "$out/purl.json" --sbom-image-output /root/sbom.json --sbom-image-purl-output /root/purl.json
    is "$(jq -c '[.components[] | .name + (.version // "")]' "$out/sbom.json")" '["a1","b","a2"]' "merged by name and version"
    is "$(jq -c . "$out/purl.json")" '{"image_contents":{"dependencies":["pkg:x/a@1","pkg:x/a@2"]}}' "package URLs"
    run_umiak run --rm --network none scanned sh -c 'cat /root/sbom.json /root/purl.json'
    is "$output" "$(cat "$out/sbom.json" "$out/purl.json")" "in the image"
    run_umiak run --rm --network none scanned
    is "$output" mine "the image's configuration"
    is "$(comm -13 <(echo "$before") <(umiak images -q --no-trunc | sort) | wc -l)" 1 "no images in between are left"
    rm "$out"/*
    build -t catted "${scanner[@]}" --sbom-output "$out/sbom.json"
    is "$(cat "$out/sbom.json")" "$(cat "$CTX/image.json" "$CTX/context.json")" "as they are, one behind the other"
    run_umiak 125 build --sbom nosuch --sbom-output "$out/x" "$CTX"
    [[ $output == *'unrecognized --sbom preset "nosuch"'* ]]
    run_umiak 125 build --sbom syft "$CTX"
    [[ $output == *"--sbom must be used with one or more of"* ]]
    run_umiak 125 build "${scanner[@]}" --sbom-merge-strategy nosuch --sbom-output "$out/x" "$CTX"
    printf 'FROM %s\n' "$IMAGE" | file Containerfile
    run_umiak 1 build --network none "${scanner[@]}" --sbom-output "$out/x" "$CTX"
    [[ $output == *"scanning with $IMAGE"* ]]
    rm -rf "$out"
}
