# SPDX-License-Identifier: Apache-2.0
"""Imports 20 modules of the standard library; tells how many of them were there before."""
import sys

NAMES = ["cmd", "code", "dbm.dumb", "doctest", "filecmp", "fileinput", "ftplib", "http.server", "imaplib", "mailbox",
         "modulefinder", "netrc", "plistlib", "pyclbr", "pydoc", "shelve", "smtplib", "tomllib", "wave", "xmlrpc.client"]
loaded = sum(name in sys.modules for name in NAMES)
for name in NAMES:
    __import__(name)
print(len(NAMES), "imported,", loaded, "already loaded")
