# SPDX-License-Identifier: Apache-2.0
"""Reads the inline metadata of a script (PEP 723), and tells in lines what it asks for.

build/pyhl has this text in it (metadata_guest.c) and runs it in a VM of its own, because nobody vouches for the
metadata. sys.argv: the TOML text; the number of the script's line where it begins. Prints a line `error LINE TEXT`, or
    requirement TEXT      one of dependencies
    exclude-newer TEXT    that of [tool.uv]
    satisfied             this Python has all of dependencies
    end                   always the last
"""
import importlib.metadata
import os
import platform
import re
import sys
import tomllib

# The keys of [tool.uv] that decide what is installed and are not passed on: they name files, servers and other
# versions, which the user of an untrusted script chooses, not the script.
REFUSED = """build-constraint-dependencies config-settings config-settings-package constraint-dependencies
dependency-metadata environments exclude-dependencies exclude-newer-package extra-build-dependencies extra-index-url
find-links fork-strategy index index-strategy index-url no-binary no-binary-package no-index no-sources
override-dependencies prerelease required-environments resolution sources""".split()


KINDS = {str: "a string", list: "an array", dict: "a table"}


class Bad(Exception):
    """What is wrong, and a text of the line where it is, or the number of that line."""


def line_of(text, what):
    """The index of the first line that has `what`; 0 where none has, as when the metadata writes it with escapes."""
    if isinstance(what, int):
        return what
    return next((number for number, line in enumerate(text.split("\n")) if what and what in line), 0)


def shown(value):
    """A value of another type than it must be, in few characters."""
    return KINDS.get(type(value)) or ascii(value)[:40]


def get(table, key, kind, name, default):
    value = table.get(key, default)
    if not isinstance(value, kind):
        raise Bad(f"{name} must be {KINDS[kind]}, not {shown(value)}", key)
    return value


def parse(text):
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", str(error))
        line = int(at[1]) - 1 if at and at[1] else text.count("\n")
        raise Bad(f"bad TOML: {str(error)[:at.start() if at else None]}", line) from error
    except RecursionError as error:
        raise Bad("bad TOML: it is nested too deeply", 0) from error


def check_python(wanted):
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    try:
        specifiers = SpecifierSet(wanted)
    except InvalidSpecifier as error:
        raise Bad(f"requires-python {wanted!r} is no list of version specifiers, as '>=3.12'", wanted) from error
    if not specifiers.contains(platform.python_version(), prereleases=True):
        raise Bad(f"requires-python {wanted!r} excludes the image's Python {platform.python_version()}", wanted)


def requirement(value):
    from packaging.requirements import InvalidRequirement, Requirement
    if not isinstance(value, str):
        raise Bad(f"dependencies must have strings, not {shown(value)}", "dependencies")
    try:
        made = Requirement(value)
    except InvalidRequirement as error:
        raise Bad(f"dependencies has {value!r}, which is no requirement, as 'numpy>=2'", value) from error
    if made.url or re.search(r"\.(whl|zip|gz|tgz|bz2|xz|zst)$", made.name):
        raise Bad(f"dependencies has {value!r}: of a script only names and versions are taken; --with takes more", value)
    return made


def satisfied(wanted, seen, extra=""):
    """Whether this Python has it. What Debian has built is taken to have its own dependencies."""
    if wanted.marker and not wanted.marker.evaluate({"extra": extra}):
        return True
    if (str(wanted), extra) in seen:
        return True
    seen.add((str(wanted), extra))
    try:
        found = importlib.metadata.distribution(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    if not wanted.specifier.contains(found.version, prereleases=True):
        return False
    provided = found.metadata.get_all("Provides-Extra") or []
    return all(name in provided and all(satisfied(requirement(line), seen, name) for line in found.requires or []
                                        if "extra" in line) for name in wanted.extras)


def tell(text):
    document = parse(text)
    if "requires-python" in document:
        check_python(get(document, "requires-python", str, "requires-python", ""))
    listed = get(document, "dependencies", list, "dependencies", [])
    wanted = [requirement(value) for value in listed]
    uv = get(get(document, "tool", dict, "tool", {}), "uv", dict, "tool.uv", {})
    for key in REFUSED:
        if key in uv:
            raise Bad(f"[tool.uv] has {key}, which pyhl does not take from a script", key)
    lines = [f"requirement {made}" for made in wanted]
    if "exclude-newer" in uv:
        lines.append(f"exclude-newer {get(uv, 'exclude-newer', str, 'tool.uv.exclude-newer', '')}")
    if all(satisfied(made, set()) for made in wanted):
        lines.append("satisfied")
    return [*lines, "end"]


def printable(line):
    return "".join(char if char.isprintable() else "?" for char in line)


def main():
    text, first = sys.argv[1], int(sys.argv[2])
    try:
        lines = tell(os.fsencode(text).decode())
    except UnicodeDecodeError as error:
        lines = [f"error {first + error.object.count(b'\n', 0, error.start)} it is not UTF-8"]
    except Bad as error:
        lines = [f"error {first + line_of(text, error.args[1])} {error.args[0]}"]
    print(*map(printable, lines), sep="\n")


main()
