# SPDX-License-Identifier: Apache-2.0
"""Seeds for the target checkpoint; part of seeds.py."""
import struct


def checkpoint(requests):
    """Patches by the layout of struct file_header (vmm/checkpoint_int.h), and of the list after it."""
    suspended, every = 2, 252
    key, base_hash, pages, stored, patch_size, list_hash, patch_hash, workset = 16, 32, 48, 56, 64, 72, 80, 104
    wall, is_suspended, until, opened = 120, 152, 160, 168
    run_call = opened + requests // 8
    state = run_call + 64
    sregs, listed, data = state + 144, 16384, 20480
    turn, fill, spin, ring0 = 0, 1, 7, 10
    rest = (workset, bytes(8)), (patch_size, bytes(8)), (listed, struct.pack("<I", 3000))

    def case(number, *rows, flags=0, delta=0):
        rewindable = 1
        return bytes([rewindable | flags, number]) + struct.pack("<h", delta) + b"".join(
            struct.pack("<I", at)[:3] + bytes([len(b)]) + b for at, b in rows)

    def number(at, value, size=8):
        return at, value.to_bytes(size, "little")

    def right(*rows, number=turn, flags=0, delta=0):
        return case(number, *rows, flags=every | flags, delta=delta)

    return {
        **{f"case{n}": case(n) for n in range(13)},
        "cold": b"\0" + case(fill)[1:],
        "suspended": case(turn, flags=suspended),
        "version": case(turn, number(8, 1, 4), flags=4),
        "magic": case(turn, (0, b"x")),
        "flipped": case(turn, (wall, b"x")),
        "key": right((key, b"k")),
        "other-base": right((base_hash, b"k")),
        "short": case(turn, delta=-1),
        "shorter": case(turn, delta=-30000),
        "long-right": right((wall, b"x"), delta=1),
        "long": case(turn, delta=4096),
        "no-pages": right(number(pages, 0), number(stored, 0)),
        "one-page": right(number(pages, 1), number(stored, 1), *rest),
        "one-beyond": right(number(pages, 1), number(stored, 1), *rest, number(listed, 4096, 4)),
        "one-not-stored": right(number(pages, 1), number(stored, 0), *rest),
        "two-stored": right(number(pages, 1), number(stored, 2), *rest),
        "one-patched": right(number(pages, 1), number(stored, 0), number(workset, 0), number(patch_size, 72),
                             number(listed, 1 << 30 | 3000, 4), number(listed + 4, 1 << 63), (listed + 12, b"p" * 64)),
        "patch-beyond": right(number(pages, 1), number(stored, 0), number(workset, 0), number(patch_size, 72),
                              number(listed, 1 << 30 | 3000, 4), number(listed + 4, 3)),
        "patch-short": right(number(pages, 1), number(stored, 0), number(workset, 0), number(patch_size, 4),
                             number(listed, 1 << 30 | 3000, 4)),
        "patch-hash": case(turn, (patch_hash, b"x"), flags=4),
        "many-patches": right(number(patch_size, 1 << 40)),
        "wrapping-patches": right(number(patch_size, (1 << 64) - 8)),
        "no-such-flag": right(number(listed, 1 << 29, 4)),
        "many-pages": right(number(pages, 1 << 62)),
        "wrapping-pages": right(number(pages, (1 << 64) - 4096)),
        "many-stored": right(number(stored, 1 << 52)),
        "workset": right(number(workset, 1 << 60)),
        "wrapping-workset": right(number(workset, 1 << 62)),
        "no-workset": right(number(workset, 0)),
        "list-order": right(number(listed, 4000, 4)),
        "list-beyond": right(number(listed + 4, 4096, 4)),
        "list-zero": right(number(listed, 1 << 31, 4)),
        "list-hash": case(turn, (list_hash, b"x"), flags=4),
        "data": case(turn, (data + 5, b"changed")),
        "data-right": right((data + 5, b"changed")),
        "shared-page": right((data + 4096, b"\0" * 255)),
        "tables": right((data, b"\xff" * 255), (data + 8192, b"\xff" * 255), number=ring0),
        "clocks": right(number(wall, (1 << 64) - 1), number(wall + 8, (1 << 64) - 1), number(wall + 16, 1)),
        "is-suspended": right(number(is_suspended, 1)),
        "not-suspended": right(number(is_suspended, 0), flags=suspended),
        "open": case(turn, (opened, b"\xff" * 8), flags=every | suspended),
        "not-open": case(turn, (opened, b"\0" * 16), flags=every | suspended),
        "until": case(spin, number(until, 1), flags=every | suspended),
        "run-call": right(number(run_call + 16, 0xFFFFF8), number(run_call + 24, 8)),
        "rip": right(number(state + 128, 0)),
        "cr3": right(number(sregs + 240, 0x7FFFF000)),
        "cr0": right(number(sregs + 224, 0x11)),
    }
