import hashlib, hmac, ssl, secrets, os, threading, socket
print(ssl.OPENSSL_VERSION, ssl.HAS_TLSv1_3, sorted(hashlib.algorithms_guaranteed))
for n in ("md5", "sha1", "sha256", "sha3_256", "blake2b"): print(n, hashlib.new(n, b"abc").hexdigest())
print(hashlib.pbkdf2_hmac("sha256", b"p", b"s", 1000).hex(), hashlib.scrypt(b"p", salt=b"s", n=16, r=8, p=1).hex()[:16], hmac.digest(b"k", b"m", "sha256").hex())
ctx = ssl.create_default_context(); print(ctx.verify_mode, ctx.check_hostname, len(ctx.get_ca_certs()) > 50, len(ssl.RAND_bytes(8)))
client, server = ssl.MemoryBIO(), ssl.MemoryBIO()
o = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(client, server, server_hostname="x.org")
try: o.do_handshake()
except ssl.SSLWantReadError as e: print("want read", server.pending > 100)
