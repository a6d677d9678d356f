#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""evilreg - registries that lie, hang and break off, each a script; checks what `umiak pull` makes of them.

  evilreg.py UMIAK [CASE...]     run the named cases, without names all but the series
  evilreg.py UMIAK --all         everything: the series step through offsets, statuses and damaged bytes (some 300 cases)
  evilreg.py --list

Every case serves one small image on loopback and bends one thing. "good" cases must end with a complete image, "bad"
ones with exit code 125, one line on stderr, and a store that holds nothing. All have a deadline.
"""
import base64, gzip, hashlib, io, json, os, shutil, socket, subprocess, sys, tarfile, tempfile, threading, time

MAN = "application/vnd.oci.image.manifest.v1+json"
IDX = "application/vnd.oci.image.index.v1+json"
CFG = "application/vnd.oci.image.config.v1+json"
LAY = "application/vnd.oci.image.layer.v1.tar+gzip"


def sha(b):
    return "sha256:" + hashlib.sha256(b).hexdigest()


def make_tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for name, data in files:
            i = tarfile.TarInfo(name)
            i.size, i.mtime = len(data), 1700000000
            t.addfile(i, io.BytesIO(data))
    return out.getvalue()


class Image:
    def __init__(self, files=None, layer=None, tar=None):
        # Bytes that do not compress: the blob is big enough to be cut in the middle.
        noise = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(8192))
        self.tar = make_tar(files or [("file", noise)]) if tar is None else tar
        self.layer = gzip.compress(self.tar, mtime=0) if layer is None else layer
        self.config = json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                                  "rootfs": {"type": "layers", "diff_ids": [sha(self.tar)]}}).encode()
        self.build()

    def build(self, **change):
        m = {"schemaVersion": 2, "mediaType": MAN,
             "config": {"mediaType": CFG, "digest": sha(self.config), "size": len(self.config)},
             "layers": [{"mediaType": LAY, "digest": sha(self.layer), "size": len(self.layer)}]}
        m.update(change)
        self.manifest = json.dumps(m).encode()
        self.type = MAN


class Server:
    """One case: routes a request to what the case says. Every connection has a thread."""

    def __init__(self, case):
        self.image = Image()
        self.log, self.hits, self.stop = [], {}, False
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(64)
        self.port = self.sock.getsockname()[1]
        self.case = case
        case.prepare(self)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while not self.stop:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        try:
            while True:
                head = b""
                while b"\r\n\r\n" not in head:
                    b = c.recv(65536)
                    if not b:
                        return
                    head += b
                    if head[:1] == b"\x16":   # a TLS hello
                        c.close()
                        return
                lines = head.split(b"\r\n\r\n")[0].decode("latin1").split("\r\n")
                method, path, _ = lines[0].split(" ", 2)
                headers = {k.strip().lower(): v.strip() for k, v in (l.split(":", 1) for l in lines[1:] if ":" in l)}
                self.log.append((method, path, headers))
                kind = "ping" if path == "/v2/" else "manifest" if "/manifests/" in path else \
                    "config" if sha(self.image.config) in path else "layer" if "/blobs/" in path else "other"
                n = self.hits[kind] = self.hits.get(kind, 0) + 1
                answer = getattr(self.case, kind, None) or getattr(self, kind, None)
                if answer is None or answer(Exchange(self, c, method, path, headers, n)) is False:
                    c.close()
                    return
        except (OSError, ValueError):
            pass

    def ping(self, x): x.send(200, b"{}")
    def manifest(self, x): x.send(200, self.image.manifest, {"Content-Type": self.image.type,
                                                            "Docker-Content-Digest": sha(self.image.manifest)})
    def config(self, x): x.send(200, self.image.config)
    def layer(self, x): x.ranged(self.image.layer)
    def other(self, x): x.send(404, b"")


class Exchange:
    def __init__(self, server, c, method, path, headers, n):
        self.s, self.c, self.method, self.path, self.headers, self.n = server, c, method, path, headers, n

    def head(self, status, fields):
        self.c.sendall(("HTTP/1.1 %d X\r\n" % status + "".join("%s: %s\r\n" % f for f in fields.items()) + "\r\n").encode("latin1"))

    def send(self, status, body, fields=None):
        f = {"Content-Length": len(body)}
        f.update(fields or {})
        self.head(status, f)
        self.c.sendall(body)

    def ranged(self, blob):
        r = self.headers.get("range", "")
        if r.startswith("bytes="):
            a = int(r[6:].split("-")[0])
            self.send(206, blob[a:], {"Content-Range": "bytes %d-%d/%d" % (a, len(blob) - 1, len(blob))})
        else:
            self.send(200, blob)


class Case:
    good, deadline, args = False, 30, ["--retry", "1", "--retry-delay", "10ms"]
    want = None            # text the error must contain
    def prepare(self, s): pass
    def check(self, s): return None


CASES = {}


def case(cls):
    CASES[cls.__name__] = cls
    return cls


# ---- controls and things a client must survive ----
@case
class plain(Case): good = True

@case
class unknown_length(Case):
    good = True
    def layer(self, x):
        x.head(200, {"Connection": "close"}); x.c.sendall(x.s.image.layer); return False

@case
class chunked(Case):
    good = True
    def layer(self, x):
        x.head(200, {"Transfer-Encoding": "chunked"})
        b = x.s.image.layer
        for i in range(0, len(b), 1000):
            p = b[i:i + 1000]; x.c.sendall(b"%x\r\n" % len(p) + p + b"\r\n")
        x.c.sendall(b"0\r\n\r\n")

@case
class cut_once_resumes(Case):
    good = True
    def layer(self, x):
        b = x.s.image.layer
        if x.n == 1:
            x.head(200, {"Content-Length": len(b)}); x.c.sendall(b[:100000]); return False
        x.ranged(b)
    def check(self, s):
        return None if any("range" in h for _, p, h in s.log if "/blobs/" in p) else "no Range request"

@case
class cut_often_resumes(Case):
    good = True
    def layer(self, x):
        b = x.s.image.layer
        r = x.headers.get("range", "bytes=0-"); a = int(r[6:].split("-")[0])
        x.head(206 if a else 200, {"Content-Length": len(b) - a, **({"Content-Range": "bytes %d-%d/%d" % (a, len(b) - 1, len(b))} if a else {})})
        x.c.sendall(b[a:a + 70000]); return False if a + 70000 < len(b) else None

@case
class range_ignored(Case):
    good = True
    def layer(self, x):
        b = x.s.image.layer
        if x.n == 1:
            x.head(200, {"Content-Length": len(b)}); x.c.sendall(b[:100000]); return False
        x.send(200, b)

@case
class busy_then_fine(Case):
    good = True
    def manifest(self, x):
        if x.n == 1:
            return x.send(503, b"", {"Retry-After": "0"})
        x.s.manifest(x)

@case
class redirected_blob(Case):
    good = True
    def layer(self, x): x.send(307, b"", {"Location": "/elsewhere"})
    def other(self, x): x.ranged(x.s.image.layer)

@case
class basic_auth(Case):
    good, args = True, ["--creds", "u:p"]
    def need(self, x): return x.headers.get("authorization") != "Basic " + base64.b64encode(b"u:p").decode()
    def ping(self, x): x.send(401 if self.need(x) else 200, b"", {"WWW-Authenticate": 'Basic realm="r"'})
    def manifest(self, x): x.send(401, b"") if self.need(x) else x.s.manifest(x)

@case
class token_auth(Case):
    good, args = True, ["--creds", "u:p"]
    def ping(self, x): x.send(401, b"", {"WWW-Authenticate": 'Bearer realm="http://127.0.0.1:%d/token",service="s"' % x.s.port})
    def other(self, x): x.send(200, b'{"token":"T"}')
    def manifest(self, x):
        x.send(401, b"") if x.headers.get("authorization") != "Bearer T" else x.s.manifest(x)

@case
class token_expires(Case):
    good = True
    def ping(self, x): x.send(401, b"", {"WWW-Authenticate": 'Bearer realm="http://127.0.0.1:%d/token"' % x.s.port})
    def other(self, x): x.send(200, b'{"access_token":"T%d"}' % x.n)
    def manifest(self, x):
        x.s.manifest(x) if x.headers.get("authorization") == "Bearer T2" else x.send(401, b"")

@case
class digest_header_lies(Case):
    good = True    # a hint of the server authorises nothing and forbids nothing
    def manifest(self, x): x.send(200, x.s.image.manifest, {"Content-Type": MAN, "Docker-Content-Digest": "sha256:" + "0" * 64})

# ---- content that is not what it says ----
@case
class layer_bit_flipped(Case):
    def layer(self, x):
        b = bytearray(x.s.image.layer); b[len(b) // 2] ^= 1; x.send(200, bytes(b))

@case
class layer_short(Case):
    def layer(self, x): b = x.s.image.layer; x.send(200, b[:-10])

@case
class layer_long(Case):
    want = "more than"
    def layer(self, x): x.send(200, x.s.image.layer + b"x" * 10)

@case
class layer_endless(Case):
    want = "more than"
    def layer(self, x):
        x.head(200, {"Connection": "close"}); x.c.sendall(x.s.image.layer)
        while True: x.c.sendall(b"x" * 65536)

@case
class layer_cut_always(Case):
    def layer(self, x): b = x.s.image.layer; x.head(200, {"Content-Length": len(b)}); x.c.sendall(b[:1000]); return False

@case
class resume_wrong_place(Case):
    want = "wrong place"
    def layer(self, x):
        b = x.s.image.layer
        if x.n == 1:
            x.head(200, {"Content-Length": len(b)}); x.c.sendall(b[:100000]); return False
        x.send(206, b[50000:], {"Content-Range": "bytes 50000-%d/%d" % (len(b) - 1, len(b))})

@case
class config_flipped(Case):
    want = "digest"
    def config(self, x): x.send(200, x.s.image.config[:-1] + b" ")

@case
class config_huge(Case):
    def config(self, x):
        x.head(200, {"Connection": "close"})
        while True: x.c.sendall(b" " * 65536)

@case
class manifest_huge(Case):
    want = "more than"
    def manifest(self, x):
        x.head(200, {"Content-Type": MAN, "Connection": "close"})
        while True: x.c.sendall(b" " * 65536)

@case
class manifest_both(Case):
    want = "both"
    def prepare(self, s): s.image.build(manifests=[])

@case
class manifest_wrong_type(Case):
    def prepare(self, s): s.image.type = IDX

@case
class manifest_html(Case):
    def manifest(self, x): x.send(200, b"<html>login</html>", {"Content-Type": "text/html"})

@case
class manifest_duplicate_keys(Case):
    def prepare(self, s): s.image.manifest = s.image.manifest[:-1] + b',"layers":[]}'

@case
class digest_traversal(Case):
    want = "invalid digest"
    def prepare(self, s): s.image.build(layers=[{"mediaType": LAY, "digest": "sha256:../../../../etc/passwd", "size": 1}])

@case
class foreign_layer(Case):
    want = "foreign"
    def prepare(self, s):
        s.image.build(layers=[{"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                               "digest": sha(s.image.layer), "size": len(s.image.layer), "urls": ["http://127.0.0.1:1/x"]}])

@case
class encrypted_layer(Case):
    want = "encrypted"
    def prepare(self, s):
        s.image.build(layers=[{"mediaType": LAY + "+encrypted", "digest": sha(s.image.layer), "size": len(s.image.layer)}])

@case
class schema1(Case):
    want = "schema 1"
    def prepare(self, s): s.image.manifest = b'{"schemaVersion":1,"fsLayers":[],"history":[],"signatures":[]}'; s.image.type = "application/vnd.docker.distribution.manifest.v1+prettyjws"

@case
class index_loop(Case):
    def manifest(self, x):
        m = json.dumps({"schemaVersion": 2, "mediaType": IDX, "manifests": [{"mediaType": IDX, "digest": "sha256:" + "1" * 64, "size": 10,
            "platform": {"os": "linux", "architecture": "amd64"}}]}).encode()
        x.send(200, m, {"Content-Type": IDX})

@case
class no_such_platform(Case):
    want = "no image found"
    def manifest(self, x):
        m = json.dumps({"schemaVersion": 2, "mediaType": IDX, "manifests": [{"mediaType": MAN, "digest": "sha256:" + "1" * 64, "size": 10,
            "platform": {"os": "linux", "architecture": "s390x"}}]}).encode()
        x.send(200, m, {"Content-Type": IDX})

@case
class wrong_diff_id(Case):
    want = "uncompressed"
    def prepare(self, s):
        i = s.image; i.config = i.config.replace(sha(i.tar)[7:].encode(), b"0" * 64); i.build()

@case
class gzip_truncated(Case):
    def prepare(self, s): full = s.image.layer; s.image = Image(tar=s.image.tar, layer=full[:-100])

@case
class gzip_garbage(Case):
    want = "garbage"
    def prepare(self, s): s.image = Image(tar=s.image.tar, layer=s.image.layer + b"GARBAGE")

@case
class gzip_bomb(Case):
    want, deadline = "bomb", 60
    def prepare(self, s):
        member = gzip.compress(b"\0" * (64 << 20), 9, mtime=0)
        s.image = Image(layer=member * 40)

@case
class tar_climbs(Case):
    want = "out of the layer"
    def prepare(self, s): s.image = Image(files=[("../../../../tmp/evilreg-was-here", b"x")])
    def check(self, s): return "wrote outside" if os.path.exists("/tmp/evilreg-was-here") else None

@case
class layer_count_differs(Case):
    def prepare(self, s): l = {"mediaType": LAY, "digest": sha(s.image.layer), "size": len(s.image.layer)}; s.image.build(layers=[l, l])

# ---- protocol ----
@case
class closes_at_once(Case):
    def ping(self, x): return False

@case
class not_http(Case):
    def ping(self, x): x.c.sendall(b"SSH-2.0-x\r\n"); return False

@case
class headers_endless(Case):
    deadline = 60
    def ping(self, x):
        x.c.sendall(b"HTTP/1.1 200 OK\r\n")
        for i in range(100000): x.c.sendall(b"X-%d: " % i + b"y" * 1000 + b"\r\n")

@case
class redirect_loop(Case):
    want = "redirects"
    def layer(self, x): x.send(307, b"", {"Location": x.path})

@case
class redirect_file(Case):
    def layer(self, x): x.send(307, b"", {"Location": "file:///etc/passwd"})

@case
class wait_for_ever(Case):
    want = "wait for"
    def manifest(self, x): x.send(429, b"", {"Retry-After": "1000000000"})

@case
class wait_negative(Case):
    def manifest(self, x): x.send(503, b"", {"Retry-After": "-5"})

@case
class always_500(Case):
    def manifest(self, x): x.send(500, b"")

@case
class auth_loop(Case):
    def ping(self, x): x.send(401, b"", {"WWW-Authenticate": 'Bearer realm="http://127.0.0.1:%d/token"' % x.s.port})
    def other(self, x): x.send(200, b'{"token":"T"}')
    def manifest(self, x): x.send(401, b"", {"WWW-Authenticate": 'Bearer realm="http://127.0.0.1:%d/token"' % x.s.port})

@case
class realm_is_a_file(Case):
    def ping(self, x): x.send(401, b"", {"WWW-Authenticate": 'Bearer realm="file:///etc/passwd"'})

@case
class token_malformed(Case):
    want = "token"
    def ping(self, x): x.send(401, b"", {"WWW-Authenticate": 'Bearer realm="http://127.0.0.1:%d/token"' % x.s.port})
    def other(self, x): x.send(200, b'{"token":"a\\r\\nX-Evil: 1"}')

@case
class credentials_stay_home(Case):
    """A redirect to another port must not carry the credentials along."""
    good, args = True, ["--creds", "u:p"]
    def prepare(self, s):
        self.other_server = Server(plain())
        self.other_server.image = s.image
    def ping(self, x): x.send(401 if "authorization" not in x.headers else 200, b"", {"WWW-Authenticate": 'Basic realm="r"'})
    def layer(self, x): x.send(307, b"", {"Location": "http://127.0.0.1:%d%s" % (self.other_server.port, x.path)})
    def check(self, s):
        got = [h for _, _, h in self.other_server.log if "authorization" in h]
        return "credentials went along a redirect" if got else None if self.other_server.log else "no redirect followed"

@case
class realm_elsewhere(Case):
    """A token server on another host gets no credentials."""
    args = ["--creds", "u:p"]
    def ping(self, x): x.send(401, b"", {"WWW-Authenticate": 'Bearer realm="http://127.0.0.2:%d/token"' % x.s.port})


# ---- series: the same harm at every place ----
SERIES = {}


def series(name, values, **members):
    for v in values:
        SERIES["%s_%s" % (name, v)] = type(name, (Case,), {"v": v, **members})


def flip(b, at):
    return b[:at] + bytes([b[at] ^ 0x5a]) + b[at + 1:]


def small(): return Image(files=[("etc/x", b"hello" * 500), ("usr/bin/y", bytes(range(256)) * 20)])


def cut_layer(self, x):
    b = x.s.image.layer
    at = len(b) * self.v // 100
    if x.n == 1:
        x.head(200, {"Content-Length": len(b)}); x.c.sendall(b[:at]); return False
    return x.ranged(b)


def cut_layer_always(self, x):
    b = x.s.image.layer
    x.head(200, {"Content-Length": len(b)}); x.c.sendall(b[:len(b) * self.v // 100]); return False


def cut_manifest(self, x):
    b = x.s.image.manifest
    if x.n > 1:
        return x.s.manifest(x)
    x.head(200, {"Content-Length": len(b), "Content-Type": MAN}); x.c.sendall(b[:len(b) * self.v // 100]); return False


def cut_manifest_always(self, x):
    b = x.s.image.manifest
    x.head(200, {"Content-Length": len(b), "Content-Type": MAN}); x.c.sendall(b[:len(b) * self.v // 100]); return False


def status_for(kind):
    def answer(self, x): x.send(self.v, b"no", {"Location": "/v2/loop"})
    return {kind: answer}


def damaged_with_digest(which):
    """Bytes damaged by whoever made the image: every digest fits. It is refused, or it is a complete image."""
    def prepare(self, s):
        i = small()
        if which == "gzip":
            i = Image(tar=i.tar, layer=flip(i.layer, len(i.layer) * self.v // 100))
        elif which == "tar":
            tar = flip(i.tar, (self.v * 37) % 1536); i = Image(tar=tar)
        else:
            i.config = flip(i.config, len(i.config) * self.v // 100); i.build()
        s.image = i
    return prepare


def damaged_manifest(self, s):
    s.image = small()
    s.image.manifest = flip(s.image.manifest, len(s.image.manifest) * self.v // 100)


def damaged_layer(self, x):
    b = x.s.image.layer
    x.send(200, flip(b, len(b) * self.v // 100))


series("layer_cut_once_at", range(0, 100, 4), good=True, layer=cut_layer)
series("layer_cut_always_at", range(0, 100, 5), layer=cut_layer_always)
series("manifest_cut_once_at", range(0, 100, 10), good=True, manifest=cut_manifest)
series("manifest_cut_always_at", range(0, 100, 10), manifest=cut_manifest_always)
for kind in ("ping", "manifest", "config", "layer"):
    series(kind + "_status", (201, 204, 206, 300, 304, 400, 403, 404, 405, 410, 413, 416, 418, 451, 500, 501, 599), **status_for(kind))
series("layer_byte_wrong_at", range(0, 100, 4), layer=damaged_layer)
series("gzip_damaged_at", range(0, 100, 4), good=None, prepare=damaged_with_digest("gzip"))
series("tar_damaged_at", range(0, 40), good=None, prepare=damaged_with_digest("tar"))
series("config_damaged_at", range(0, 100, 4), good=None, prepare=damaged_with_digest("config"))
series("manifest_damaged_at", range(0, 100, 4), good=None, prepare=damaged_manifest)
# An answer that is as good as 200 is none of the series' business.
for name in ("ping_status_200",):
    SERIES.pop(name, None)


def is_complete(umiak, tmp):
    """What came in although it was strange must be a whole image: the store says so itself."""
    p = subprocess.run([umiak, "--root", tmp + "/root", "--runroot", tmp + "/run", "system", "check"], capture_output=True, text=True)
    return p.returncode == 0


def holds_nothing(root):
    for d in ("layers", "blobs/sha256", "staging"):
        p = os.path.join(root, d)
        if os.path.isdir(p) and os.listdir(p):
            return False
    return True


def run(umiak, name):
    c = (CASES.get(name) or SERIES[name])()
    tmp = tempfile.mkdtemp(prefix="evilreg-")
    s = Server(c)
    base = [umiak, "--root", tmp + "/root", "--runroot", tmp + "/run"]
    start = time.time()
    try:
        p = subprocess.run(base + ["pull", "-q", "--tls-verify=false"] + c.args + ["127.0.0.1:%d/x:1" % s.port],
                           capture_output=True, timeout=c.deadline, text=True)
        problem = c.check(s)
        if not problem and c.good and p.returncode:
            problem = "should have worked"
        elif not problem and c.good is None and p.returncode == 0:
            problem = None if is_complete(umiak, tmp) else "what came in is not whole"
        elif not problem and not c.good:
            lines = [l for l in p.stderr.splitlines() if "Failed, retrying in" not in l]   # told, and tried again
            errors = [l for l in lines if l.startswith("Error:")]
            if p.returncode != 125:
                problem = "exit code %d" % p.returncode
            elif len(errors) != 1 or len(lines) != 1:
                problem = "not one line"
            elif c.want and c.want not in p.stderr:
                problem = "the error does not say \"%s\"" % c.want
            elif not holds_nothing(tmp + "/root"):
                problem = "something is left in the store"
        text = p.stderr.strip()
    except subprocess.TimeoutExpired:
        problem, text = "hangs", ""
    s.stop = True
    s.sock.close()
    shutil.rmtree(tmp, ignore_errors=True)
    print("%s %s (%.1f s)%s" % ("not ok" if problem else "ok", name, time.time() - start, ": " + problem if problem else ""))
    if problem and text:
        print("#   " + text[:500])
    return not problem


def main(argv):
    if argv[:1] == ["--list"]:
        print("\n".join([*CASES, *SERIES])); return 0
    if not argv:
        print(__doc__); return 64
    names = [*CASES, *SERIES] if argv[1:] == ["--all"] else argv[1:] or CASES
    results = [run(argv[0], n) for n in names]
    print("# %d of %d" % (sum(results), len(results)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
