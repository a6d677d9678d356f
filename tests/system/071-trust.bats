#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Whose images come in: logins, searches, signatures (OpenPGP, sigstore), policies. Skopeo and openssl are the other side.
load helpers

start_registry() { # NAME EXTRA-YAML: sets port; the process is ended in teardown_file
    port=$((20000 + RANDOM % 20000))
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nlog: {level: error, accesslog: {disabled: true}}\nhttp:\n  addr: "127.0.0.1:%s"\n%s' \
        "$UMIAK_WORK/$1" "$port" "$2" >"$UMIAK_WORK/$1.yml"
    docker-registry serve "$UMIAK_WORK/$1.yml" >/dev/null 2>&1 3>&- &
    echo $! >>"$UMIAK_WORK/registries"
    for _ in $(seq 100); do curl -ks "http://127.0.0.1:$port/" >/dev/null && return; sleep 0.1; done
    return 1
}

as_user() { # runs as whoever umiak runs as
    if rootless; then setpriv --reuid="$(id -u "$UMIAK_TEST_USER")" --regid="$(id -g "$UMIAK_TEST_USER")" --init-groups "$@"; else "$@"; fi
}

make_gpg_key() { # NAME
    printf 'Key-Type: RSA\nKey-Length: 2048\nName-Real: %s\nName-Email: %s@example.org\nExpire-Date: 0\n%%no-protection\n%%commit\n' "$1" "$1" |
        as_user gpg --batch --quiet --gen-key 2>/dev/null
    as_user gpg --batch --armor --export "$1@example.org" >"$W/$1.asc"
}

setup_file() {
    for tool in docker-registry skopeo gpg openssl jq; do command -v $tool >/dev/null || skip "$tool is missing"; done
    umiak_setup_file
    export W=$UMIAK_WORK/trust GNUPGHOME=$UMIAK_WORK/gnupg
    mkdir -m 700 "$GNUPGHOME"; mkdir "$W" "$W/lookaside" "$W/regd"
    ! rootless || chown -R "$UMIAK_TEST_USER": "$GNUPGHOME" "$W"
    make_gpg_key ann; make_gpg_key bob
    start_registry plain "http2: {disabled: true}"$'\n'; export R=127.0.0.1:$port
    python3 -c 'import crypt; print("user:" + crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH)))' >"$UMIAK_WORK/htpasswd"
    start_registry auth "$(printf 'auth: {htpasswd: {realm: r, path: %s}}\n' "$UMIAK_WORK/htpasswd")"; export AUTH=127.0.0.1:$port
    printf 'default-docker:\n  lookaside: file://%s/lookaside   # for all\ndocker:\n  %s/att:\n    use-sigstore-attachments: true\n' \
        "$W" "$R" >"$W/regd/default.yaml"
    export ID; ID=$(umiak images -q $IMAGE)
    chmod -R a+rX "$W"
}
teardown_file() {
    [ ! -f "$UMIAK_WORK/registries" ] || xargs kill <"$UMIAK_WORK/registries" 2>/dev/null || true
    gpgconf --homedir "$GNUPGHOME" --kill all 2>/dev/null || true
    umiak_teardown_file
}
teardown() { umiak_teardown; }

push() { # REPOSITORY:TAG OPTIONS...
    local to=$1; shift
    run_umiak push -q --tls-verify=false --registries.d "$W/regd" "$@" "$ID" "docker://$R/$to"
}
# policy REQUIREMENT: the file that demands it of the registry and rejects everything else
policy() {
    printf '{"default":[{"type":"reject"}],"transports":{"docker":{"%s":[%s]},"dir":{"":[%s]}}}' "$R" "$1" "$1" >"$W/policy.json"
    chmod a+r "$W/policy.json"
}
pull() { # [CODE] REPOSITORY:TAG
    local code=0
    if [[ $1 =~ ^[0-9]+$ ]]; then code=$1; shift; fi
    umiak untag "$R/$1" "$R/$1" 2>/dev/null || true
    run_umiak "$code" pull -q --tls-verify=false --registries.d "$W/regd" --signature-policy "$W/policy.json" "docker://$R/$1"
}
digest_of() { skopeo inspect --tls-verify=false "docker://$R/$1" | jq -r .Digest; }
signed_by() { printf '{"type":"signedBy","keyType":"GPGKeys","keyPath":"%s"%s}' "$W/$1.asc" "${2:+,\"signedIdentity\":$2}"; }

@test "login: checked, stored where the docs say, seen by skopeo, forgotten by logout" {
    auth=$W/auth.json
    run_umiak 125 login --authfile "$auth" --tls-verify=false -u user -p wrong "$AUTH"
    is "$output" "Error: logging into \"$AUTH\": invalid username/password" "wrong password"
    run_umiak login --authfile "$auth" --tls-verify=false -u user --password-stdin "$AUTH" <<<secret
    is "$output" "Login Succeeded!" "login"
    run umiak --log-level=trace login --authfile "$auth" --tls-verify=false -u user --password-stdin "$AUTH" <<<secret
    is "$(grep -c -e secret -e dXNlcjpzZWNyZXQ <<<"$output")" 0 "no secret in the most talkative log"
    is "$(jq -r ".auths[\"$AUTH\"].auth" "$auth" | base64 -d)" user:secret "the stored pair"
    is "$(stat -c %a "$auth")" 600 "only the user may read it"
    run_umiak login --authfile "$auth" --get-login "$AUTH"
    is "$output" user "get-login"
    run_umiak push -q --tls-verify=false --authfile "$auth" "$ID" "$AUTH/team/app:1"
    run_umiak search --tls-verify=false --authfile "$auth" --format '{{.Name}}' "$AUTH/app"
    is "$output" "$AUTH/team/app" "search"
    run_umiak search --tls-verify=false --authfile "$auth" --list-tags --format json "$AUTH/team/app"
    is "$(jq -c . <<<"$output")" "[{\"Name\":\"$AUTH/team/app\",\"Tags\":[\"1\"]}]" "tags"
    run_umiak 125 search --tls-verify=false --authfile "$W/none.json" "$AUTH/app"
    like "$output" "not accessible" "a file that is not there is named"
    run_umiak logout --authfile "$auth" "$AUTH"
    is "$output" "Removed login credentials for $AUTH" "logout"
    is "$(jq -c .auths "$auth")" "{}" "nothing left"
    run_umiak 125 logout --authfile "$auth" "$AUTH"
    is "$output" "Error: not logged into $AUTH" "twice"
}

@test "login: a credential helper keeps and forgets the secret" {
    skip_rootless "one side is enough"
    mkdir "$BATS_TEST_TMPDIR/bin"
    cat >"$BATS_TEST_TMPDIR/bin/docker-credential-fake" <<EOF
#!/bin/sh
case \$1 in store) cat >$BATS_TEST_TMPDIR/kept ;; erase) rm $BATS_TEST_TMPDIR/kept ;; get) cat $BATS_TEST_TMPDIR/kept 2>/dev/null || { echo credentials not found; exit 1; } ;; esac
EOF
    chmod +x "$BATS_TEST_TMPDIR/bin/docker-credential-fake"
    printf '{"credHelpers":{"%s":"fake"}}' "$AUTH" >"$BATS_TEST_TMPDIR/auth.json"
    export PATH=$BATS_TEST_TMPDIR/bin:$PATH
    run_umiak login --authfile "$BATS_TEST_TMPDIR/auth.json" --tls-verify=false -u user -p secret "$AUTH"
    is "$(jq -r .Secret "$BATS_TEST_TMPDIR/kept")" secret "the helper has it"
    ! grep -q secret "$BATS_TEST_TMPDIR/auth.json"
    run_umiak logout --authfile "$BATS_TEST_TMPDIR/auth.json" "$AUTH"
    [ ! -e "$BATS_TEST_TMPDIR/kept" ]
}

@test "G: signedBy: only what the right key signed under the right name comes in" {
    push s/a:1 --sign-by ann@example.org
    push s/plain:1
    policy "$(signed_by ann)"
    before=$(umiak images -q | wc -l)
    pull 125 s/plain:1; like "$output" "A signature was required, but no signature exists" "unsigned"
    pull s/a:1
    skopeo --policy "$W/policy.json" --registries.d "$W/regd" copy -q --src-tls-verify=false "docker://$R/s/a:1" "dir:$BATS_TEST_TMPDIR/s"
    pull "s/a@$(digest_of s/a:1)"
    policy "$(signed_by bob)"
    pull 125 s/a:1; like "$output" "Source image rejected: Invalid GPG signature" "another's key"
    # a signature for another name, and for another digest, in the right place
    cp -r "$W/lookaside/s/a@"* "$BATS_TEST_TMPDIR/"
    d=$(digest_of s/plain:1); place=$W/lookaside/s/plain@${d/:/=}
    mkdir -p "$place"; cp "$W"/lookaside/s/a@*/signature-1 "$place/"; chmod -R a+rX "$W/lookaside"
    policy "$(signed_by ann)"
    pull 125 s/plain:1; like "$output" "Signature for identity .* is not accepted" "name of another"
    policy "$(signed_by ann '{"type":"exactRepository","dockerRepository":"'"$R/s/a"'"}')"
    pull s/plain:1
    is "$(umiak images -q | wc -l)" "$before" "nothing of what was refused is here"
}

@test "G: a signature that was changed by one byte, or by its digest, is refused" {
    push t/a:1 --sign-by ann@example.org
    policy "$(signed_by ann)"
    f=$(echo "$W"/lookaside/t/a@*/signature-1)
    cp "$f" "$BATS_TEST_TMPDIR/good"
    pull t/a:1
    for at in 60 200 400; do
        python3 - "$BATS_TEST_TMPDIR/good" "$f" $at <<'EOF'
import sys
b = bytearray(open(sys.argv[1], "rb").read()); b[int(sys.argv[3])] ^= 1; open(sys.argv[2], "wb").write(b)
EOF
        pull 125 t/a:1; like "$output" "Source image rejected" "byte $at"
    done
    : >"$f"; pull 125 t/a:1; like "$output" "rejected" "an empty signature"
    cp "$BATS_TEST_TMPDIR/good" "$f"; pull t/a:1
    # the same signature beside an image with another manifest
    run_umiak push -q --tls-verify=false --format v2s2 "$ID" "docker://$R/t/a:1"
    pull 125 t/a:1; like "$output" "no signature exists" "its place depends on the digest"
    d=$(digest_of t/a:1); cp -r "$(dirname "$f")" "$W/lookaside/t/a@${d/:/=}"
    pull 125 t/a:1; like "$output" "the signature is for digest" "moved there it does not fit"
}

@test "G: a key that has expired, and lists: the list's signature is good for its images, nobody else's is" {
    printf 'Key-Type: RSA\nKey-Length: 2048\nName-Real: old\nName-Email: old@example.org\nExpire-Date: seconds=4\n%%no-protection\n%%commit\n' |
        as_user gpg --batch --quiet --gen-key 2>/dev/null
    as_user gpg --batch --armor --export old@example.org >"$W/old.asc"
    push x/a:1 --sign-by old@example.org
    for _ in $(seq 100); do as_user gpg --batch --with-colons --list-keys old@example.org | grep -q '^pub:e:' && break; sleep 0.2; done
    policy "$(signed_by old)"; pull 125 x/a:1; like "$output" "its key has expired" "expired"
    policy "$(signed_by ann)"
    run_umiak manifest create "$R/l/l:1"; run_umiak manifest add "$R/l/l:1" "containers-storage:$IMAGE"
    run_umiak manifest push -q --tls-verify=false --registries.d "$W/regd" "$R/l/l:1"
    umiak manifest rm "$R/l/l:1"
    pull 125 l/l:1; like "$output" "no signature exists" "neither list nor image is signed"
    run_umiak manifest create "$R/l/l:1"; run_umiak manifest add --annotation a=b "$R/l/l:1" "containers-storage:$IMAGE"
    run_umiak manifest push -q --tls-verify=false --registries.d "$W/regd" --sign-by ann@example.org "$R/l/l:1"
    umiak manifest rm "$R/l/l:1"
    pull l/l:1
    d=$(skopeo inspect --tls-verify=false --raw "docker://$R/l/l:1" | jq -r '.manifests[0].digest')
    pull 125 "l/l@$d"; like "$output" "no signature exists" "the image by itself is not signed"
}

@test "signatures made by skopeo are verified here, and the other way round" {
    skopeo --registries.d "$W/regd" copy -q --dest-tls-verify=false --sign-by ann@example.org "oci:$UMIAK_WORK/layout:latest" "docker://$R/k/a:1" 2>/dev/null ||
        as_user skopeo --insecure-policy --registries.d "$W/regd" copy -q --dest-tls-verify=false --sign-by ann@example.org "oci:$UMIAK_WORK/layout:latest" "docker://$R/k/a:1"
    chmod -R a+rX "$W/lookaside"
    policy "$(signed_by ann)"
    pull k/a:1
    cd "$BATS_TEST_TMPDIR"; chmod 777 .
    skopeo inspect --tls-verify=false --raw "docker://$R/k/a:1" >m.json
    fp=$(as_user gpg --batch --with-colons --list-keys ann@example.org | awk -F: '/^fpr/ {print $10; exit}')
    run_umiak image standalone-sign m.json example.org/a:1 "$fp" -o ours.sig
    as_user skopeo standalone-verify m.json example.org/a:1 "$fp" ours.sig
    as_user skopeo standalone-sign m.json example.org/a:1 "$fp" -o theirs.sig
    run_umiak image standalone-verify m.json example.org/a:1 "$fp" theirs.sig
    like "$output" "Signature verified using fingerprint $fp, digest sha256:" "standalone"
    run_umiak 125 image standalone-verify m.json example.org/b:1 "$fp" theirs.sig
    is "$(umiak image manifest-digest m.json)" "$(skopeo manifest-digest m.json)" "digests"
}

@test "dir: and image sign: signatures in files" {
    mkdir "$W/dir"; ! rootless || chown "$UMIAK_TEST_USER" "$W/dir"
    run_umiak save -q --format docker-dir -o "$W/dir/i" $IMAGE
    policy "$(signed_by ann '{"type":"exactReference","dockerReference":"example.org/d:1"}')"
    run_umiak 125 pull -q --signature-policy "$W/policy.json" "dir:$W/dir/i"
    fp=$(as_user gpg --batch --with-colons --list-keys ann@example.org | awk -F: '/^fpr/ {print $10; exit}')
    run_umiak image standalone-sign "$W/dir/i/manifest.json" example.org/d:1 "$fp" -o "$W/dir/i/signature-1"
    run_umiak pull -q --signature-policy "$W/policy.json" "dir:$W/dir/i"
    run_umiak image sign --sign-by bob@example.org -d "$W/dir/s" "containers-storage:$IMAGE"
    as_user gpg --batch --verify "$W/dir/s/umiak/test@"*/signature-1 2>&1 | grep -q 'Good signature from "bob'
}

@test "G: sigstore by key: made here, checked by openssl; another key, another name, no attachment are refused" {
    printf pw >"$W/pw"; printf no >"$W/wrong"; chmod a+r "$W/pw" "$W/wrong"; cd "$W"
    run_umiak image generate-sigstore-key --output-prefix "$W/k" --passphrase-file "$W/pw"
    run_umiak image generate-sigstore-key --output-prefix "$W/k2" --passphrase-file "$W/pw"
    is "$(stat -c %a "$W/k.private")" 600 "the private key is private"
    run_umiak 125 image generate-sigstore-key --output-prefix "$W/k" --passphrase-file "$W/pw"
    push att/a:1 --sign-by-sigstore-private-key "$W/k.private" --sign-passphrase-file "$W/pw"
    run umiak push -q --tls-verify=false --registries.d "$W/regd" --sign-by-sigstore-private-key "$W/k.private" --sign-passphrase-file "$W/wrong" "$ID" "docker://$R/att/x:1"
    like "$output" "wrong passphrase" "a wrong passphrase is named"
    run umiak push -q --tls-verify=false --registries.d "$W/regd" --sign-by-sigstore-private-key "$W/k.private" --sign-passphrase-file "$W/pw" "$ID" "docker://$R/noatt/x:1"
    like "$output" "writing sigstore attachments is disabled by configuration" "attachments must be wanted"
    tag=$(digest_of att/a:1); tag=${tag/:/-}.sig
    curl -s "http://$R/v2/att/a/manifests/$tag" -H 'Accept: application/vnd.oci.image.manifest.v1+json' >"$BATS_TEST_TMPDIR/m"
    curl -s "http://$R/v2/att/a/blobs/$(jq -r '.layers[0].digest' "$BATS_TEST_TMPDIR/m")" >"$BATS_TEST_TMPDIR/payload"
    jq -r '.layers[0].annotations["dev.cosignproject.cosign/signature"]' "$BATS_TEST_TMPDIR/m" | base64 -d >"$BATS_TEST_TMPDIR/sig"
    openssl dgst -sha256 -verify "$W/k.pub" -signature "$BATS_TEST_TMPDIR/sig" "$BATS_TEST_TMPDIR/payload"
    policy '{"type":"sigstoreSigned","keyPath":"'"$W/k.pub"'"}'
    pull att/a:1
    policy '{"type":"sigstoreSigned","keyPath":"'"$W/k2.pub"'"}'
    pull 125 att/a:1; like "$output" "cryptographic signature verification failed" "another key"
    policy '{"type":"sigstoreSigned","keyPaths":["'"$W/k2.pub"'","'"$W/k.pub"'"],"signedIdentity":{"type":"matchRepository"}}'
    pull att/a:1
    policy '{"type":"sigstoreSigned","keyData":"'"$(base64 -w0 "$W/k.pub")"'","signedIdentity":{"type":"exactReference","dockerReference":"example.org/x:1"}}'
    pull 125 att/a:1; like "$output" "is not accepted" "another name"
    push att/b:1
    policy '{"type":"sigstoreSigned","keyPath":"'"$W/k.pub"'"}'
    pull 125 att/b:1; like "$output" "no signature exists" "unsigned"
}

@test "G: sigstore by key: RSA, Ed25519 and ECDSA keys of others; a changed payload and a weak key are refused" {
    push att/k:1; d=$(digest_of att/k:1)
    attach() { "$BATS_TEST_DIRNAME/../lib/sigstore-attach" "$R" att/k "$d" "$R/att/k:1" "$W/$1.pem" "${@:2}"; }
    openssl genpkey -algorithm ED25519 -out "$W/other.pem"; openssl pkey -in "$W/other.pem" -pubout -out "$W/other.pub"
    for kind in "EC -pkeyopt ec_paramgen_curve:P-256" "EC -pkeyopt ec_paramgen_curve:P-384" ED25519 "RSA -pkeyopt rsa_keygen_bits:2048"; do
        # shellcheck disable=SC2086
        openssl genpkey -algorithm $kind -out "$W/key.pem" 2>/dev/null; openssl pkey -in "$W/key.pem" -pubout -out "$W/key.pub"
        chmod a+r "$W/key.pub" "$W/other.pub"
        policy '{"type":"sigstoreSigned","keyPath":"'"$W/key.pub"'"}'
        attach key; pull att/k:1
        attach key payload; pull 125 att/k:1; like "$output" "verification failed" "$kind: payload changed"
        attach other; pull 125 att/k:1; like "$output" "verification failed" "$kind: another key"
        policy '{"type":"sigstoreSigned","keyDatas":["'"$(base64 -w0 "$W/key.pub")"'","'"$(base64 -w0 "$W/other.pub")"'"]}'
        pull att/k:1
    done
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out "$W/key.pem" 2>/dev/null; openssl pkey -in "$W/key.pem" -pubout -out "$W/key.pub"
    policy '{"type":"sigstoreSigned","keyPath":"'"$W/key.pub"'"}'
    attach key; pull 125 att/k:1; like "$output" "2048" "a weak key"
}

@test "G: sigstore by certificate: Fulcio and Rekor material is verified offline" {
    c=$BATS_TEST_TMPDIR; cd "$c"
    openssl ecparam -name prime256v1 -genkey -noout -out ca.key; openssl ecparam -name prime256v1 -genkey -noout -out leaf.key
    openssl ecparam -name prime256v1 -genkey -noout -out rekor.key; openssl ec -in rekor.key -pubout -out "$W/rekor.pub" 2>/dev/null
    openssl req -x509 -new -key ca.key -days 2 -subj /CN=root -addext keyUsage=critical,keyCertSign -out "$W/ca.pem"
    openssl req -new -key leaf.key -subj / -out leaf.csr
    printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\nsubjectAltName=critical,email:ann@example.org\n1.3.6.1.4.1.57264.1.8=ASN1:UTF8String:https://issuer.example\n' >ext
    openssl x509 -req -in leaf.csr -CA "$W/ca.pem" -CAkey ca.key -CAcreateserial -days 1 -extfile ext -out leaf.pem 2>/dev/null
    chmod a+r "$W/ca.pem" "$W/rekor.pub"
    fulcio() { printf '{"type":"sigstoreSigned","fulcio":{"caPath":"%s","oidcIssuer":"%s","subjectEmail":"%s"},"rekorPublicKeyPath":"%s"}' "$W/ca.pem" "$1" "$2" "$W/rekor.pub"; }
    push att/f:1; d=$(digest_of att/f:1)
    attach() { "$BATS_TEST_DIRNAME/../lib/sigstore-attach" "$R" att/f "$d" "$R/att/f:1" "$c" "$@"; }
    attach; policy "$(fulcio https://issuer.example ann@example.org)"; pull att/f:1
    policy "$(fulcio https://issuer.example eve@example.org)"; pull 125 att/f:1; like "$output" "not eve@example.org's" "mail"
    policy "$(fulcio https://other.example ann@example.org)"; pull 125 att/f:1; like "$output" "OIDC issuer" "issuer"
    policy "$(fulcio https://issuer.example ann@example.org)"
    attach body; pull 125 att/f:1; like "$output" "about another payload" "entry about something else"
    attach set; pull 125 att/f:1; like "$output" "verification of the Rekor entry failed" "log's signature"
    attach payload; pull 125 att/f:1; like "$output" "verification failed" "payload changed"
    attach late; pull 125 att/f:1; like "$output" "not to be trusted: certificate has expired" "outside the certificate's time"
    attach; openssl req -x509 -new -key leaf.key -days 2 -subj /CN=other -out "$W/ca.pem"; pull 125 att/f:1
    like "$output" "not to be trusted" "another root"
}

@test "G: policy files that do not make sense are refused, never ignored" {
    push p/a:1
    for bad in '{"type":"signedBy","keyType":"GPGKeys"}' '{"type":"signedBy","keyType":"X509","keyPath":"/k"}' '{"type":"sigstoreSigned"}' \
        '{"type":"signedBy","keyType":"GPGKeys","keyPath":"/k","extra":1}' '{"type":"sigstoreSigned","keyPath":"/a","keyData":"YQ=="}' \
        '{"type":"signedBy","keyType":"GPGKeys","keyPath":"/k","signedIdentity":{"type":"matchAny"}}' '{"type":"accept"}'; do
        policy "$bad"; pull 125 p/a:1
    done
    policy '{"type":"insecureAcceptAnything"}'; pull p/a:1
    policy "$(signed_by missing)"; pull 125 p/a:1
    policy '{"type":"reject"}'; run_umiak 125 pull -q --signature-policy "$W/policy.json" "docker://$R/p/a:1"
    like "$output" "is rejected by policy" "rejected before anybody is asked"
}

@test "image trust: set and show" {
    f=$W/p.json
    run_umiak image trust set --signature-policy "$f" -t reject default
    run_umiak image trust set --signature-policy "$f" -f "$W/ann.asc" quay.io/team
    run_umiak image trust set --signature-policy "$f" -t accept docker.io
    run_umiak image trust show --signature-policy "$f" --json
    is "$(jq -r '.[] | "\(.transport) \(.repo_name) \(.type) \(.gpg_id // "")"' <<<"$output")" \
        "$(printf 'all default reject \nrepository docker.io accept \nrepository quay.io/team signed ann@example.org')" "rows"
    run_umiak 125 image trust set --signature-policy "$f" -t signedBy x.io
    like "$output" "at least one public key" "keys are needed"
}
