# SPDX-License-Identifier: Apache-2.0
"""Run by run.py again and again: a line "NAME VALUE" for everything that must differ between runs.

The first four names repeat under --deterministic (the first two under the driver alone, whose kernel
is not deterministic).
"""
import multiprocessing
import os
import random
import secrets
import sqlite3
import ssl
import tempfile
import uuid

import numpy
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa

print("random.random", random.random())
print("numpy.random", numpy.random.random(), numpy.random.standard_normal())
print("uuid4", uuid.uuid4())
print("os.urandom", os.urandom(8).hex())
print("random.Random", random.Random().random())
print("default_rng", numpy.random.default_rng().random())
print("secrets", secrets.token_hex(8))
print("uuid1", uuid.uuid1())
print("RAND_bytes", ssl.RAND_bytes(8).hex())
print("Fernet", Fernet.generate_key().decode())
print("rsa", rsa.generate_private_key(65537, 1024).private_numbers().p)
print("sqlite", sqlite3.connect(":memory:").execute("select hex(randomblob(8)), random()").fetchone())
print("tempfile", tempfile.mkdtemp())
print("authkey", bytes(multiprocessing.current_process().authkey).hex())
print("getrandom", os.getrandom(8).hex())
