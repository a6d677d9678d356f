# SPDX-License-Identifier: Apache-2.0
# J2 and J6 of the security matrix: YAML that grows or says two things at once, and what lies where a secret shall be.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() {
    T=$UMIAK_WORK/tmp
    mkdir -p "$T/canary" "$T/cdi"; echo "the host's" >"$T/canary/file"; chmod -R a+rwX "$T"
}
teardown() { umiak_teardown; umiak secret rm -a >/dev/null; rm -rf "${T:?}"/*; }

good() { # ENV: a specification that is in order
    cat <<X
cdiVersion: "0.6.0"
kind: vendor.com/dev
devices:
- name: one
  containerEdits: {env: ["$1"]}
X
}

# Twenty seconds and a gigabyte are more than a refusal takes: a line that names the file, and one for the device it would have.
refused() { # WHY
    run timeout 20 bash -c "$(declare -f umiak rootless); ulimit -v 1000000; umiak --cdi-spec-dir '$T/cdi' run --rm --device vendor.com/dev=one $IMAGE true"
    is "$status" 125 "$1: $output"
    like "$output" "a.yaml" "$1: the file"
    like "$output" "unresolvable CDI devices vendor.com/dev=one" "$1: the device"
    [ "$(wc -l <<<"$output")" -le 2 ] || { echo "$output"; return 1; }
}

@test "J2: YAML with aliases that multiply, keys given twice, tags and a million documents" {
    good 'A=1' >"$T/cdi/a.yaml"
    run_umiak --cdi-spec-dir "$T/cdi" run --rm --device vendor.com/dev=one "$IMAGE" sh -c 'echo $A'
    is "$output" 1 "control"
    { echo 'a0: &a0 [x,x,x,x,x,x,x,x,x,x]'
      for i in $(seq 1 20); do p=$((i - 1)); echo "a$i: &a$i [*a$p,*a$p,*a$p,*a$p,*a$p,*a$p,*a$p,*a$p,*a$p,*a$p]"; done
      good 'A=1'; } >"$T/cdi/a.yaml"
    refused "aliases of aliases"
    { good 'A=1'; echo 'kind: vendor.com/other'; } >"$T/cdi/a.yaml"
    refused "a key twice"
    { good 'A=1'; echo 'a: !!binary "AAAA"'; } >"$T/cdi/a.yaml"
    refused "a tag"
    { good 'A=1'; set +o pipefail; yes -- --- | head -n 1000000; } >"$T/cdi/a.yaml"
    refused "documents"
    { printf 'a: '; head -c 200000 /dev/zero | tr '\0' '['; } >"$T/cdi/a.yaml"
    refused "depth"
}

@test "J6: secrets are files of their owner alone; a link in their place leads nowhere" {
    echo first >"$T/s"; chmod a+r "$T/s"
    run_umiak secret create --driver-opts path="$T/kept" one "$T/s"
    file=$(find "$T/kept" -type f)
    is "$(stat -c %a "$T/kept" "$file" | tr '\n' ' ')" "700 600 " "modes"
    # control: who writes by name is led to the host's file
    ln -sf "$T/canary/file" "$T/link"; echo changed >"$T/link"; is "$(cat "$T/canary/file")" changed "control"
    echo "the host's" >"$T/canary/file"
    ln -sf "$T/canary/file" "$file"
    echo second >"$T/s"
    umiak secret create --replace --driver-opts path="$T/kept" one "$T/s" >/dev/null
    is "$(cat "$T/canary/file")" "the host's" "replaced"
    is "$(umiak secret inspect --showsecret --format '{{.SecretData}}' one)" second "the new one"
    ln -sf "$T/canary/file" "$(find "$T/kept" -type f)"
    umiak secret rm one >/dev/null
    is "$(cat "$T/canary/file")" "the host's" "removed"
    is "$(ls "$T/kept")" "" "the link went, its target did not"
}
