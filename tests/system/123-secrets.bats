# SPDX-License-Identifier: Apache-2.0
# secrets: made, shown without their bytes, given to containers, gone.

load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; umiak secret rm -a >/dev/null; }
setup() { S=$UMIAK_WORK/tmp/s; echo -n "very secret 1" >"$S"; chmod a+r "$S"; }
root_dir() { if rootless; then echo "$UMIAK_WORK/home/.local/share/umiak"; else echo "$UMIAK_WORK/root"; fi; }

@test "secret create, ls, inspect, exists, rm" {
    run_umiak secret create --label a=b one "$S"
    id=$output
    like "$id" '^[0-9a-f]{25}$' "the id"
    run_umiak secret ls --format '{{.ID}} {{.Name}} {{.Driver}}'
    is "$output" "$id one file" "the list"
    run_umiak secret ls
    like "${lines[0]}" '^ID +NAME +DRIVER +CREATED +UPDATED$' "headings"
    run_umiak secret inspect one
    is "$(jq -r '.[0].Spec.Name, .[0].Spec.Labels.a, .[0].ID' <<<"$output")" "one
b
$id" "inspect"
    [[ $output != *"very secret"* ]]
    run_umiak secret inspect --showsecret --format '{{.SecretData}}' "${id:0:6}"
    is "$output" "very secret 1" "only when asked for"
    run_umiak secret inspect --pretty one
    like "$output" "Name: +one" "for people"
    run_umiak 125 secret create one "$S"
    is "$output" "Error: one: secret name in use" "names are used once"
    run_umiak secret create --ignore one "$S"
    is "$output" "$id" "--ignore"
    echo -n two | umiak secret create --replace one -
    run_umiak secret inspect --showsecret --format '{{.SecretData}} {{.ID}}' one
    like "$output" "^two " "--replace"
    [[ $output != *$id* ]]
    run_umiak 125 secret inspect "$id"
    like "$output" "inspecting secret: no secret with name or id \"$id\": no such secret" "the old one is gone"
    MYVAR=fromenv umiak secret create --env byenv MYVAR
    run_umiak secret inspect --showsecret --format '{{.SecretData}}' byenv
    is "$output" fromenv "--env"
    run_umiak secret exists one
    run_umiak 1 secret exists nosuch
    run_umiak secret rm one
    run_umiak 125 secret rm one
    is "$output" 'Error: no secret with name or id "one": no such secret' "gone"
    run_umiak secret rm -i one
    for bad in 'a/b' 'a=b' 'a,b' ''; do
        run_umiak 125 secret create "$bad" "$S"
        like "$output" "can not include" "bad name"
    done
    : >"$UMIAK_WORK/tmp/empty"; chmod a+r "$UMIAK_WORK/tmp/empty"
    run_umiak 125 secret create e "$UMIAK_WORK/tmp/empty"
    like "$output" "must be larger than 0 and less than 512000 bytes" "empty"
    head -c 600000 /dev/zero >"$UMIAK_WORK/tmp/big"; chmod a+r "$UMIAK_WORK/tmp/big"
    run_umiak 125 secret create e "$UMIAK_WORK/tmp/big"
    like "$output" "must be larger than 0 and less than 512000 bytes" "too large"
}

@test "secret: in containers as file and variable; later changes do not reach them" {
    run_umiak secret create one "$S"
    run_umiak run --rm --secret one "$IMAGE" sh -c 'cat /run/secrets/one; stat -c " %a %u:%g" /run/secrets/one'
    is "$output" "very secret 1 444 0:0" "a file"
    run_umiak run --rm --secret source=one,type=mount,target=/etc/thing,uid=12,gid=13,mode=400 "$IMAGE" sh -c 'cat /etc/thing; stat -c " %a %u:%g" /etc/thing'
    is "$output" "very secret 1 400 12:13" "target, owner, mode"
    run_umiak run --rm --secret one,type=env,target=VAR --secret one,type=env "$IMAGE" sh -c 'echo "$VAR-$one"'
    is "$output" "very secret 1-very secret 1" "variables"
    run_umiak create --name c --secret one,target=x/y "$IMAGE" cat /run/secrets/x/y
    echo -n other | umiak secret create --replace one -
    run_umiak start -a c
    is "$output" "very secret 1" "as it was at creation"
    run_umiak secret rm one
    run_umiak start -a c
    is "$output" "very secret 1" "also without it"
    run_umiak 125 run --rm --secret one "$IMAGE" true
    like "$output" 'no secret with name or id "one": no such secret' "missing"
    run_umiak ps -aq
    is "${#lines[@]}" 1 "the refused container is not there"
    run_umiak 125 run --rm --secret one,type=env,uid=3 "$IMAGE" true
    like "$output" "UID, GID, Mode options cannot be set with secret type env" "options that do not fit"
}

# H, J: nothing shows a secret. Control: an ordinary variable and file do show.
@test "security: secrets in no inspect, log, event, commit or world-readable file" {
    run_umiak secret create one "$S"
    run_umiak run --name c -e PLAIN=visible --secret one --secret one,type=env,target=VAR "$IMAGE" sh -c 'echo visible >/seen; true'
    umiak inspect c >"$UMIAK_WORK/tmp/all"
    umiak logs c >>"$UMIAK_WORK/tmp/all" 2>&1
    umiak events --stream=false --since 1m --format json >>"$UMIAK_WORK/tmp/all"
    umiak commit -q c localhost/made
    umiak inspect localhost/made >>"$UMIAK_WORK/tmp/all"
    umiak save -q localhost/made >"$UMIAK_WORK/tmp/made.tar"
    mkdir -p "$UMIAK_WORK/tmp/x"; tar -C "$UMIAK_WORK/tmp/x" -xf "$UMIAK_WORK/tmp/made.tar"
    for t in "$UMIAK_WORK/tmp/x"/*.tar; do tar -tf "$t"; tar -xOf "$t"; done >>"$UMIAK_WORK/tmp/all" 2>/dev/null
    grep -aq PLAIN=visible "$UMIAK_WORK/tmp/all"     # the control
    ! grep -a "very secret" "$UMIAK_WORK/tmp/all"
    ! grep -a "secrets/one" "$UMIAK_WORK/tmp/all"
    umiak rmi -f localhost/made
    run find "$(root_dir)/secrets" -perm /077
    is "$output" "" "nobody else may read them"
    is "$(find "$(root_dir)" -type f -not -path '*/secrets/*' -exec grep -al "very secret" {} + | grep -v /containers/)" "" "nowhere else in the store"
    # J6: a link where the file shall be made
    [ "$(find "$(root_dir)/secrets" -type l | wc -l)" = 0 ]
}

@test "secret drivers: file with a path, shell, pass" {
    D=$UMIAK_WORK/tmp/d; rm -rf "$D"; mkdir "$D"; chmod 777 "$D"
    run_umiak secret create --driver-opts path="$D/files" one "$S"
    is "$(cat "$D"/files/*)" "very secret 1" "the path"
    run_umiak secret rm one
    is "$(ls "$D/files")" "" "removed there"
    o="list=ls $D,store=cat >$D/\$SECRET_ID,lookup=cat $D/\$SECRET_ID,delete=rm $D/\$SECRET_ID"
    run_umiak secret create -d shell --driver-opts "$o" sh "$S"
    id=$output
    is "$(cat "$D/$id")" "very secret 1" "stored by the command"
    run_umiak run --rm --secret sh "$IMAGE" cat /run/secrets/sh
    is "$output" "very secret 1" "looked up by the command"
    run_umiak secret rm sh
    [ ! -e "$D/$id" ]
    run_umiak 125 secret create -d shell --driver-opts store=cat x "$S"
    like "$output" "wants the options delete, list, lookup and store" "commands are missing"
    run_umiak 125 secret create -d nosuch x "$S"
    like "$output" "nosuch: invalid driver" "unknown driver"
    run_umiak 125 secret create -d pass --driver-opts root="$D/store" x "$S"
    like "$output" "pass driver knows no key" "no key"
    run_umiak secret ls -q
    is "$output" "" "nothing is left of what failed"
    command -v gpg >/dev/null || skip "gpg is not installed"
    mkdir -m 700 "$D/gpg"; GNUPGHOME=$D/gpg gpg --batch --quiet --passphrase '' --quick-gen-key test@example.org default default never
    ! rootless || chown -R "$UMIAK_TEST_USER": "$D"
    run_umiak secret create -d pass --driver-opts "root=$D/store,key=test@example.org,gpghomedir=$D/gpg" pw "$S"
    ! grep -r "very secret" "$D/store"
    run_umiak secret inspect --showsecret --format '{{.SecretData}}' pw
    is "$output" "very secret 1" "decrypted"
    run_umiak secret rm pw
    is "$(ls "$D/store")" "" "removed"
    GNUPGHOME=$D/gpg gpgconf --kill all || true
}
