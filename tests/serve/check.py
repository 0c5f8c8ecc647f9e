# SPDX-License-Identifier: Apache-2.0
"""What a request must have given."""

from caselist import same


def ran(answer, out=b"", err=b"", outcome="status", status=0):
    """The run has ended in this way and has written this, and nothing else."""
    done, got = answer
    same((done["event"], done.get("outcome"), done.get("status"), got["stdout"], got["stderr"]),
         ("done", outcome, status, out, err))
    return done, got


def cell(answer, status=0, out=b""):
    return ran(answer, out, outcome="ready", status=status)


def failed(answer, type, text=""):
    done, _ = answer
    assert done["event"] == "failed" and done["type"] == type and text in done["message"], done
    return done
