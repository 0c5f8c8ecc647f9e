# SPDX-License-Identifier: Apache-2.0
"""Cases of cases.py: packages that a sandbox gets. uv is a stand-in."""

import asyncio
import os
from unittest import mock

import pyhl

import toypackages
from caselist import case, raises, same


@case
def install_brings_packages():
    with toypackages.packages() as (before, after, _, wrong):
        with mock.patch.dict(os.environ, dict(word.split("=", 1) for word in before)), \
                pyhl.Server(["--install", *after]) as server:
            with pyhl.Sandbox(server=server) as sandbox:
                same(sandbox.install("alpha==1.0", "beta"), ["alpha==1.0", "beta==1.0"])
                same(sandbox.run_code("import beta; beta.alpha.version").text, "1.0")
                same(sandbox.install("beta"), [])
                raises(pyhl.InvalidArgument, "there is no package 'nope'", sandbox.install, "nope")

            async def other():
                async with await pyhl.AsyncSandbox.create(server=server) as sandbox:
                    return await sandbox.install("alpha"), (await sandbox.run_code("import alpha; alpha.version")).text
            same(asyncio.run(other()), (["alpha==2.0"], "2.0"))
        same(wrong, [])
    with pyhl.Sandbox() as sandbox:
        raises(pyhl.PermissionDenied, "start it with --install", sandbox.install, "alpha")
