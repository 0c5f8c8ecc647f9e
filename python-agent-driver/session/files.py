# SPDX-License-Identifier: Apache-2.0
"""The service `file`: the host reads, writes and arranges files of a session. Paths are bytes, relative to the process's
directory. Nothing here waits: of what is no plain file neither is content read nor written.

In JSON a byte of a name that is no UTF-8 is the character U+10FE00 + byte, a private one. A name that has such a character
is spelled by that character's bytes. So each name has one spelling, by which a request names it, too.
"""
import errno
from json.encoder import c_encode_basestring as quote
from os import (O_CLOEXEC, O_CREAT, O_DIRECTORY, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY, SEEK_SET, close, fstat,
                ftruncate, getcwdb, lseek, lstat, mkdir, open as open_file, readlink, readv, rename, rmdir, scandir, stat,
                strerror, sysconf, sysconf_names, unlink, write)
from stat import S_IMODE, S_ISDIR, S_ISLNK, S_ISREG, filemode
from time import gmtime, strftime

import records

__builtins__ = dict(__builtins__)

MOST_BYTES = 64 << 20  # HV_RECORD_BYTES of vmm/abi.h
MOST_ENTRIES = 100_000
CONTENT = b"content\0"
PIECE = 1 << 20
FREE_PAGES = sysconf_names["SC_AVPHYS_PAGES"]
PAGE = 4096
USERS, GROUPS = b"/etc/passwd", b"/etc/group"
PLAIN = O_CLOEXEC | O_NOCTTY | O_NONBLOCK
TREE = O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW

BYTES = range(0x80, 0x100)
SPELL = {**{0xdc00 + byte: chr(0x10fe00 + byte) for byte in BYTES},
         **{0x10fe00 + byte: "".join(chr(0x10fe00 + part) for part in chr(0x10fe00 + byte).encode()) for byte in BYTES}}
UNSPELL = {0x10fe00 + byte: 0xdc00 + byte for byte in BYTES}


def spell(name):
    """The text that stands for a name."""
    text = name.decode("utf-8", "surrogateescape")
    return text if text.isascii() else text.translate(SPELL)


def unspell(text):
    """The name that a text, UTF-8, stands for."""
    return text if text.isascii() else text.decode().translate(UNSPELL).encode("utf-8", "surrogateescape")


def fail(number, path, text=None):
    raise OSError(number, text or strerror(number), path)


def whole(path):
    """The absolute form of a path. Its .. stay, because what they mean depends on links."""
    if not path.startswith(b"/"):
        path = getcwdb() + b"/" + path
    return b"/" + b"/".join(part for part in path.split(b"/") if part not in (b"", b"."))


# --- what is known of a file ---

def kind_of(mode):
    return "file" if S_ISREG(mode) else "dir" if S_ISDIR(mode) else "symlink" if S_ISLNK(mode) else "other"


def names_by_number(path):
    """The names of /etc/passwd or /etc/group by their numbers. The C library would wait for what the program may have put
    there."""
    try:
        fd = open_plain(path, O_RDONLY)
    except OSError:
        return {}
    try:
        lines = read_up_to(fd, PIECE, PIECE)[len(CONTENT):].splitlines()
    finally:
        close(fd)
    fields = [line.split(b":") for line in reversed(lines)]  # the first one counts
    return {bytes(field[2]): quote(spell(bytes(field[0]))) for field in fields if len(field) > 2}


def owner_of(known, database, number):
    """The name of a user or group as JSON."""
    if database not in known:
        known[database] = names_by_number(database)
    return known[database].get(b"%d" % number) or f'"{number}"'


def time_of(ns):
    """As RFC 3339; null for a time that has no such form."""
    try:
        return f'"{strftime("%Y-%m-%dT%H:%M:%S", gmtime(ns // 10**9))}.{ns % 10**9:09}Z"'
    except (OSError, OverflowError, ValueError):
        return "null"


def describe(path, shown, info, known):
    """JSON of a file: shown is its absolute path."""
    link = f', "symlink_target": {quote(spell(readlink(path)))}' if S_ISLNK(info.st_mode) else ""
    return (f'{{"name": {quote(spell(shown.rpartition(b"/")[2] or b"/"))}, "type": "{kind_of(info.st_mode)}", '
            f'"path": {quote(spell(shown))}, "size": {info.st_size}, "mode": {S_IMODE(info.st_mode)}, '
            f'"permissions": "{filemode(info.st_mode)}", "owner": {owner_of(known, USERS, info.st_uid)}, '
            f'"group": {owner_of(known, GROUPS, info.st_gid)}, "modified_time": {time_of(info.st_mtime_ns)}{link}}}'
            ).encode()


def send(record):
    if not records.hand_over(record):
        raise OSError(errno.ENODEV, "nobody takes records, which the answer would be")


def tell(path):
    """Answer with what is there now."""
    lstat(path)  # with its slashes: x/ must be a directory
    path = path.rstrip(b"/") or path
    send(b"entry\0" + describe(path, whole(path), lstat(path), {}))


# --- content ---

def check_plain(info, path):
    if S_ISDIR(info.st_mode):
        fail(errno.EISDIR, path)
    if not S_ISREG(info.st_mode):
        fail(errno.EINVAL, path, "This is no regular file")


def open_plain(path, flags):
    """Open a regular file. Anything else is not even opened, which some of them would notice."""
    try:
        check_plain(stat(path), path)
    except FileNotFoundError:
        if not flags & O_CREAT:
            raise
    fd = open_file(path, flags | PLAIN, 0o666)
    try:
        check_plain(fstat(fd), path)
    except OSError:
        close(fd)
        raise
    return fd


def need(size):
    """Memory that the machine does not have would end it, once it is used."""
    if size > PIECE and sysconf(FREE_PAGES) * PAGE < size + PIECE:
        raise MemoryError


def read_up_to(fd, most, guess):
    """A record of what can be read, at most so many bytes. It is read into its place, because memory may be short."""
    at = len(CONTENT)
    end = at + most
    need(min(most, guess))
    record = bytearray(at + min(most, guess))
    record[:at] = CONTENT
    while at < end:
        if at == len(record):
            record += bytes(min(PIECE, end - at))
        with memoryview(record) as view, view[at:] as room:
            got = readv(fd, [room])
        if got == 0:
            break
        at += got
    del record[at:]
    return record


def read_file(path, offset, size):
    fd = open_plain(path, O_RDONLY)
    try:
        left = max(fstat(fd).st_size - offset, 0)
        if size is None and left > MOST_BYTES:
            fail(errno.EFBIG, path, f"The file has {left} bytes: read it in pieces of at most {MOST_BYTES}")
        if offset:
            lseek(fd, offset, SEEK_SET)
        most = MOST_BYTES if size is None else min(size, MOST_BYTES)
        send(read_up_to(fd, most, left + 1))
    except OSError as error:
        error.filename = path
        raise
    finally:
        close(fd)


def write_all(fd, data, size):
    """When that fails the file has its old size."""
    try:
        while len(data) > 0:
            data = data[write(fd, data):]
    except OSError:
        ftruncate(fd, size)
        raise


def write_file(path, offset, data):
    fd = with_directories(path, lambda: open_plain(path, O_WRONLY | O_CREAT))
    try:
        if offset is None:
            ftruncate(fd, 0)
        elif data:
            lseek(fd, offset, SEEK_SET)
        write_all(fd, data, fstat(fd).st_size)
        send(b"entry\0" + describe(path, whole(path), fstat(fd), {}))
    except OSError as error:
        error.filename = path
        raise
    finally:
        close(fd)


# --- directories ---

def make_directories(path):
    """Make the directories above a path that are missing."""
    missing = []
    while path := path.rstrip(b"/").rpartition(b"/")[0]:
        try:
            stat(path)
            break
        except FileNotFoundError:
            missing.append(path)
    for path in reversed(missing):
        try:
            mkdir(path)
        except FileExistsError:
            pass  # the program has just made it, or it is new/..


def with_directories(path, act):
    """Do it, and once more with the directories above this path if something is not there."""
    try:
        return act()
    except FileNotFoundError:
        make_directories(path)
        return act()


def names_in(path, most):
    names = []
    with scandir(path) as entries:
        for entry in entries:
            names.append(entry.name)
            if len(names) > most:
                fail(errno.EFBIG, path, f"The listing has more than {MOST_ENTRIES} entries")
    return sorted(names, reverse=True)


def walk(top, depth):
    """What is in a directory, in order of names, and each directory before what is in it. Links are not followed. What the
    program removes meanwhile is not there."""
    left = MOST_ENTRIES
    stack = [(top.rstrip(b"/") + b"/", names_in(top, left))]
    while stack:
        above, names = stack[-1]
        if not names:
            stack.pop()
            continue
        path = above + names.pop()
        left -= 1
        try:
            info = lstat(path)
            yield path, info
            if S_ISDIR(info.st_mode) and len(stack) < depth:
                stack.append((path + b"/", names_in(path, left - sum(len(names) for _, names in stack))))
        except FileNotFoundError:
            pass


def list_files(path, depth):
    record = bytearray(b"entries\0[")
    known, shown = {}, whole(path).rstrip(b"/") + b"/"
    skip = len(path.rstrip(b"/") + b"/")
    for at, info in walk(path, depth):
        if record[-1] != ord("["):
            record += b", "
        record += describe(at, shown + at[skip:], info, known)
        if len(record) > MOST_BYTES:
            fail(errno.EFBIG, path, f"The listing has more than {MOST_BYTES} bytes")
    record += b"]"
    send(record)


def empty(fd):
    """Remove the files of an open directory. Returns the names of its directories."""
    names = []
    with scandir(fd) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                names.append(entry.name)
            else:
                unlink(entry.name, dir_fd=fd)
    return names


def identity(fd):
    info = fstat(fd)
    return info.st_dev, info.st_ino


def remove_tree(path):
    """One directory is open at a time, so that a tree may be deep, and links lead nowhere."""
    above = []  # from the top: a directory's identity, its directories that are left, and the one that is gone into
    at = open_file(path, TREE)
    try:
        names = empty(at)
        while names or above:
            if names:
                name = names.pop()
                above.append((identity(at), names, name))
                at = step(at, name)
                names = empty(at)
            else:
                where, names, name = above.pop()
                at = step(at, "..")
                if identity(at) != where:
                    fail(errno.EBUSY, path, "The tree is moved while it is removed")
                rmdir(name, dir_fd=at)
    finally:
        close(at)
    rmdir(path)


def step(fd, name):
    """Go from one open directory to another."""
    to = open_file(name, TREE, dir_fd=fd)
    close(fd)
    return to


def remove(path):
    lstat(path)  # with its slashes
    path = path.rstrip(b"/")
    if path.rpartition(b"/")[2] in (b"", b".", b".."):
        fail(errno.EINVAL, path or b"/", "A directory is removed by its name, and the root is not")
    info = lstat(path)
    remove_tree(path) if S_ISDIR(info.st_mode) else unlink(path)


def move(path, to):
    lstat(path)
    with_directories(to, lambda: rename(path, to))
    tell(to)


def make(path):
    with_directories(path, lambda: mkdir(path))
    tell(path)


ACTIONS = {
    b"read": lambda path, to, depth, offset, size, data: read_file(path, offset or 0, size),
    b"write": lambda path, to, depth, offset, size, data: write_file(path, offset, data),
    b"list": lambda path, to, depth, offset, size, data: list_files(path, 1 if depth is None else depth),
    b"stat": lambda path, *rest: tell(path),
    b"make": lambda path, *rest: make(path),
    b"remove": lambda path, *rest: remove(path),
    b"move": lambda path, to, *rest: move(path, unspell(to)),
}


def handle(words, data):
    """The words: action, path, to, depth, offset, size. An empty one is missing."""
    action, path, to, *numbers = words
    ACTIONS[action](unspell(path), to, *(int(number) if number else None for number in numbers), data)
