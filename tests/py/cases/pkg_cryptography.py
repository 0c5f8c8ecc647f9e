# cryptography: ciphers, signatures, key exchange, key derivation and certificates; random keys are used but not printed.
import datetime
from cryptography import x509
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID
k = Fernet.generate_key(); f = Fernet(k); t = f.encrypt(b"secret \xe9")
print(f.decrypt(t), len(k), MultiFernet([Fernet(Fernet.generate_key()), f]).decrypt(t))
try: f.decrypt(t[:-4] + b"AAAA")
except InvalidToken as e: print("InvalidToken")
key = rsa.generate_private_key(65537, 2048); pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
sig = key.sign(b"message", pss, hashes.SHA256()); key.public_key().verify(sig, b"message", pss, hashes.SHA256()); print(len(sig), key.key_size)
try: key.public_key().verify(sig, b"other", pss, hashes.SHA256())
except InvalidSignature: print("InvalidSignature")
oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None); print(key.decrypt(key.public_key().encrypt(b"hi", oaep), oaep))
pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"pw"))
print(serialization.load_pem_private_key(pem, b"pw").private_numbers() == key.private_numbers(), pem.splitlines()[0])
e = ec.generate_private_key(ec.SECP256R1()); s = e.sign(b"m", ec.ECDSA(hashes.SHA384())); e.public_key().verify(s, b"m", ec.ECDSA(hashes.SHA384()))
ed = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))); print(ed.sign(b"m").hex())
a, b = x25519.X25519PrivateKey.generate(), x25519.X25519PrivateKey.generate(); print(a.exchange(b.public_key()) == b.exchange(a.public_key()))
print(AESGCM(bytes(16)).encrypt(bytes(12), b"data", b"aad").hex(), ChaCha20Poly1305(bytes(32)).encrypt(bytes(12), b"d", None).hex())
c = Cipher(algorithms.AES(bytes(32)), modes.CBC(bytes(16))).encryptor(); print((c.update(b"0123456789abcdef") + c.finalize()).hex())
print(PBKDF2HMAC(hashes.SHA256(), 32, b"salt", 1000).derive(b"pw").hex(), HKDF(hashes.SHA256(), 16, b"s", b"i").derive(b"k").hex())
h = hmac.HMAC(b"k", hashes.SHA512()); h.update(b"m"); print(h.finalize().hex()[:32])
name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example.org")]); day = datetime.datetime(2024, 1, 1)
cert = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7).not_valid_before(day).not_valid_after(day + datetime.timedelta(9)).sign(key, hashes.SHA256())
print(cert.subject, cert.not_valid_after, x509.load_pem_x509_certificate(cert.public_bytes(serialization.Encoding.PEM)) == cert)
