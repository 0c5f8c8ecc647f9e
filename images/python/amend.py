# SPDX-License-Identifier: Apache-2.0
#
# Run by the image's own python while the root is made: changes a module of the image that starts a program which is not
# in the image. A change names the text that it replaces, which must be there once.

from pathlib import Path

# joblib counts the cores by lscpu, which is not in the image, and warns when it cannot.
COUNT_CORES = ("""\
            cpu_info = subprocess.run(
                "lscpu --parse=core".split(), capture_output=True, text=True
            )
            cpu_info = cpu_info.stdout.splitlines()
            cpu_info = {line for line in cpu_info if not line.startswith("#")}
            cpu_count_physical = len(cpu_info)
""", """\
            cpu_info = set()
            package = None
            with open("/proc/cpuinfo") as fh:
                for line in fh:
                    key, _, value = line.partition(":")
                    if key.strip() == "physical id":
                        package = value
                    elif key.strip() == "core id":
                        cpu_info.add((package, value))
            cpu_count_physical = len(cpu_info)
""")


def amend(path, change):
    file, (old, new) = Path(path), change
    text = file.read_text()
    if text.count(old) != 1:
        raise SystemExit(f"image: {path} is not what images/python/amend.py changes: this text is there "
                         f"{text.count(old)} times, not once:\n{old}")
    file.write_text(text.replace(old, new))


amend("/usr/lib/python3/dist-packages/joblib/externals/loky/backend/context.py", COUNT_CORES)
