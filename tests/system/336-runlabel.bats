# SPDX-License-Identifier: Apache-2.0
# container runlabel: where the image comes from, and what becomes of options and of a container that has the name.
load helpers
load ../lib/registry

setup_file() {
    command -v docker-registry >/dev/null || skip "docker-registry is missing"
    umiak_setup_file
    umiak_on_host_network
    registry_start plain
    export REGISTRY=$registry
    umiak create --name l "$IMAGE" true >/dev/null
    umiak commit -q --change 'LABEL RUN="/bin/echo --name NAME IMAGE ${OPT2} ${OPT3}" SAY="/bin/sh -c \"echo said ${OPT2}\""' l localhost/lab >/dev/null
    umiak rm l >/dev/null
    umiak push -q --tls-verify=false localhost/lab "$REGISTRY/lab:1"
    umiak rmi localhost/lab >/dev/null
}
teardown_file() { [ -z "${UMIAK_WORK:-}" ] || { registry_stop_all; umiak_teardown_file; }; }
teardown() { umiak_teardown; umiak rmi -i -f "$REGISTRY/lab:1" >/dev/null; }

@test "runlabel: the image is pulled as pull does it" {
    run_umiak 125 container runlabel --pull=false --tls-verify=false say "$REGISTRY/lab:1"
    like "$output" "image not known" "not here, and not to be pulled"
    run_umiak 125 container runlabel say "$REGISTRY/lab:1"
    like "$output" "server gave HTTP response to HTTPS client|http|TLS" "HTTPS is insisted on"
    run_umiak 125 container runlabel --tls-verify=false --authfile "$UMIAK_WORK/none" say "$REGISTRY/lab:1"
    like "$output" "$UMIAK_WORK/none" "a file with logins that is not there"
    echo '{"default":[{"type":"reject"}]}' >"$UMIAK_WORK/no.json"; chmod 644 "$UMIAK_WORK/no.json"
    run_umiak 125 container runlabel --tls-verify=false --signature-policy "$UMIAK_WORK/no.json" say "$REGISTRY/lab:1"
    like "$output" "rejected by policy" "a policy"
    run_umiak container runlabel --tls-verify=false --creds a:b --cert-dir "$UMIAK_WORK/tmp" --opt2 it say "$REGISTRY/lab:1"
    is "${lines[-1]}" "said it" "pulled and executed"
}

@test "runlabel: options in the label, silence, a container in the way" {
    umiak pull -q --tls-verify=false "$REGISTRY/lab:1" >/dev/null
    run_umiak container runlabel --quiet say "$REGISTRY/lab:1"
    is "$output" "" "quiet"
    umiak create --name made "$IMAGE" true >/dev/null
    run_umiak container runlabel --opt2 two --opt3 three --name made run "$REGISTRY/lab:1"
    is "$output" "--name made $REGISTRY/lab:1 two three" "options"
    umiak container exists made
    run_umiak container runlabel --replace --name made run "$REGISTRY/lab:1"
    run_umiak 1 container exists made
}
