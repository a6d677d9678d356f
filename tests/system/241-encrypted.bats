#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Encrypted layers (ocicrypt, JWE): what we write skopeo reads, and the other way round.
load helpers
load ../lib/registry

setup_file() {
    command -v docker-registry >/dev/null && command -v skopeo >/dev/null || skip "docker-registry or skopeo is missing"
    umiak_setup_file
    umiak_on_host_network
    registry_start plain
    export REGISTRY=$registry K=$UMIAK_WORK/keys
    mkdir "$K"
    for n in a b; do
        openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$K/$n.pem" 2>/dev/null
        openssl pkey -in "$K/$n.pem" -pubout -out "$K/$n.pub"
    done
    openssl pkey -in "$K/a.pem" -aes256 -passout pass:geheim -out "$K/a-locked.pem"
    for curve in P-256 P-384 P-521; do
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:$curve -out "$K/$curve.pem" 2>/dev/null
        openssl pkey -in "$K/$curve.pem" -pubout -out "$K/$curve.pub"
    done
    openssl genpkey -algorithm ED25519 -out "$K/ed.pem"; openssl pkey -in "$K/ed.pem" -pubout -out "$K/ed.pub"
    chmod -R a+rX "$K"
}
teardown_file() { [ -z "${UMIAK_WORK:-}" ] || { registry_stop_all; umiak_teardown_file; }; }
teardown() { umiak_teardown; }

sk() { skopeo "$@"; }

@test "push --encryption-key: skopeo decrypts with the key and not without; so do we, also run" {
    id=$(umiak image inspect --format '{{.Id}}' $IMAGE)
    run_umiak push -q --tls-verify=false --encryption-key "jwe:$K/a.pub" --encryption-key "jwe:$K/b.pub" $IMAGE "$REGISTRY/enc:1"
    run sk inspect --raw --tls-verify=false "docker://$REGISTRY/enc:1"
    like "$output" "tar\+gzip\+encrypted" "the type"
    like "$output" "enc.keys.jwe.*enc.pubopts|enc.pubopts.*enc.keys.jwe" "annotated"
    for k in a b; do
        rm -rf "$BATS_TEST_TMPDIR/d"
        sk copy -q --insecure-policy --src-tls-verify=false --decryption-key "$K/$k.pem" "docker://$REGISTRY/enc:1" "dir:$BATS_TEST_TMPDIR/d"
        is "$(jq -r '.layers[0].mediaType' "$BATS_TEST_TMPDIR/d/manifest.json")" application/vnd.oci.image.layer.v1.tar+gzip "skopeo: $k"
    done
    umiak rmi -af >/dev/null
    run_umiak 125 pull -q --tls-verify=false "$REGISTRY/enc:1"
    like "$output" "is encrypted" "no key"
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$K/other.pem" 2>/dev/null; chmod a+r "$K/other.pem"
    run_umiak 125 pull -q --tls-verify=false --decryption-key "$K/other.pem" "$REGISTRY/enc:1"
    like "$output" "no suitable key found" "another key"
    is "$(umiak images -q)" "" "nothing came"
    run_umiak pull -q --tls-verify=false --decryption-key "$K/a-locked.pem:geheim" "$REGISTRY/enc:1"
    is "$output" "$id" "a key with a passphrase"
    run_umiak 125 pull -q --tls-verify=false --decryption-key "$K/a-locked.pem:falsch" "$REGISTRY/enc:1"
    run_umiak rmi "$REGISTRY/enc:1"
    run_umiak run --rm --network none --tls-verify=false --decryption-key "$K/b.pem" "$REGISTRY/enc:1" echo works
    like "$output" "works" "run decrypts"
    umiak tag "$REGISTRY/enc:1" $IMAGE; umiak untag $IMAGE "$REGISTRY/enc:1"
}

@test "what skopeo encrypted is decrypted here: pull, copy" {
    id=$(umiak image inspect --format '{{.Id}}' $IMAGE)
    run_umiak push -q --tls-verify=false --format oci $IMAGE "$REGISTRY/plain:1"
    sk copy -q --insecure-policy --src-tls-verify=false --dest-tls-verify=false --encryption-key "jwe:$K/b.pub" \
        "docker://$REGISTRY/plain:1" "docker://$REGISTRY/theirs:1"
    run sk inspect --raw --tls-verify=false "docker://$REGISTRY/theirs:1"; like "$output" "encrypted" "skopeo encrypted it"
    umiak rmi -af >/dev/null
    run_umiak pull -q --tls-verify=false --decryption-key "$K/b.pem" "$REGISTRY/theirs:1"
    is "$output" "$id" "pulled"
    run_umiak image copy --src-tls-verify=false --dest-tls-verify=false --insecure-policy --decryption-key "$K/b.pem" \
        "docker://$REGISTRY/theirs:1" "docker://$REGISTRY/again:1"
    is "$(sk inspect --raw --tls-verify=false "docker://$REGISTRY/again:1" | jq -c .layers)" \
        "$(sk inspect --raw --tls-verify=false "docker://$REGISTRY/plain:1" | jq -c .layers)" "the layers are what they were"
    umiak tag "$REGISTRY/theirs:1" $IMAGE; umiak untag $IMAGE "$REGISTRY/theirs:1"
}

@test "keys on elliptic curves: alone and beside RSA, skopeo reads ours and we read skopeo's" {
    id=$(umiak image inspect --format '{{.Id}}' $IMAGE)
    D=$UMIAK_WORK/tmp/ec; run_umiak push -q --format oci $IMAGE "oci:$D/plain:1"; chmod -R a+rX "$D"
    for keys in P-256 P-384 P-521 "P-256 a P-384"; do
        with=(); for k in $keys; do with+=(--encryption-key "jwe:$K/$k.pub"); done
        run_umiak push -q --format oci "${with[@]}" $IMAGE "oci:$D/ours:1"
        sk copy -q --insecure-policy "${with[@]}" "oci:$D/plain:1" "oci:$D/theirs:1"; chmod -R a+rX "$D"
        for k in $keys; do
            sk copy -q --insecure-policy --decryption-key "$K/$k.pem" "oci:$D/ours:1" "dir:$BATS_TEST_TMPDIR/d"
            is "$(jq -r '.layers[].digest' "$BATS_TEST_TMPDIR/d/manifest.json")" "$(sk inspect --raw "oci:$D/plain:1" | jq -r '.layers[].digest')" "$keys: skopeo with $k"
            run_umiak image copy -q --insecure-policy --decryption-key "$K/$k.pem" "oci:$D/theirs:1" "dir:$D/d"
            is "$(jq -r '.layers[].digest' "$D/d/manifest.json")" "$(sk inspect --raw "oci:$D/plain:1" | jq -r '.layers[].digest')" "$keys: here with $k"
            rm -rf "$BATS_TEST_TMPDIR/d" "$D/d"
        done
        for source in "$D/ours" "$D/theirs"; do
            run_umiak 125 image copy -q --insecure-policy --decryption-key "$K/b.pem" "oci:$source:1" "dir:$D/d"
            like "$output" "no suitable key found" "$keys: another key"
        done
        rm -rf "$D/ours" "$D/d" "$D/theirs"
    done
    run_umiak 125 push -q --encryption-key "jwe:$K/ed.pub" $IMAGE "oci:$D/no:1"; like "$output" "neither RSA nor on P-256, P-384 or P-521" "by name"
    rm -rf "$D"
}

@test "one changed bit is noticed; other schemes are refused by name; --encrypt-layer chooses" {
    run_umiak push -q --encryption-key "jwe:$K/a.pub" $IMAGE "dir:$UMIAK_WORK/tmp/d"
    layer=$UMIAK_WORK/tmp/d/$(jq -r '.layers[0].digest' "$UMIAK_WORK/tmp/d/manifest.json" | cut -d: -f2)
    printf '\001' | dd of="$layer" bs=1 seek=100 conv=notrunc status=none
    new=$(sha256sum "$layer" | cut -d' ' -f1)
    sed -i "s/$(basename "$layer")/$new/" "$UMIAK_WORK/tmp/d/manifest.json"; mv "$layer" "$UMIAK_WORK/tmp/d/$new"
    run_umiak 125 image copy --insecure-policy --decryption-key "$K/a.pem" "dir:$UMIAK_WORK/tmp/d" "dir:$UMIAK_WORK/tmp/e"
    like "$output" "HMAC does not fit" "a changed bit"
    for s in pgp:me@example.com pkcs7:$K/a.pub pkcs11:x provider:p; do
        run_umiak 125 push -q --encryption-key "$s" $IMAGE "dir:$UMIAK_WORK/tmp/f"
        like "$output" "scheme ${s%%:*} is not supported" "$s"
    done
    run_umiak 125 push -q --encryption-key "jwe:$K/none.pub" $IMAGE "dir:$UMIAK_WORK/tmp/f"
    like "$output" "none.pub: no such file" "a missing key"
    run_umiak 125 push -q --encrypt-layer 0 $IMAGE "dir:$UMIAK_WORK/tmp/f"
    run_umiak push -q --format oci --encryption-key "jwe:$K/a.pub" --encrypt-layer 5 $IMAGE "dir:$UMIAK_WORK/tmp/f"
    is "$(grep -c encrypted "$UMIAK_WORK/tmp/f/manifest.json" || true)" 0 "no such layer"
    run_umiak push -q --format oci --encryption-key "jwe:$K/a.pub" --encrypt-layer -1 $IMAGE "dir:$UMIAK_WORK/tmp/g"
    like "$(jq -r '.layers[-1].mediaType' "$UMIAK_WORK/tmp/g/manifest.json")" "encrypted" "the last one"
    rm -rf "$UMIAK_WORK"/tmp/?
}
