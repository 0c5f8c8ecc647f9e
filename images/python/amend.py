# SPDX-License-Identifier: Apache-2.0
#
# Run by the image's own python while the root is made: changes modules of the image that start a program to learn what a
# file says, too. A guest starts no programs. Each change names the text that it replaces, which must be there once.

import sysconfig
from pathlib import Path

# ctypes.util.find_library() asks ldconfig for the list of libraries. Where that cannot be started, the cache is read that
# ldconfig would print. Its layout is in glibc's sysdeps/generic/dl-cache.h: a header of 48 bytes, with the number of
# entries at 20, then entries of 24 bytes (flags, offset of the name, of the path, two words about the CPU).
FIND_LIBRARY = ("""\
            except OSError:
                pass

        def _findLib_ld(name):
""", """\
            except OSError:
                return _findSoname_cache(name)

        def _findSoname_cache(name):
            import struct
            try:
                with open('/etc/ld.so.cache', 'rb') as file:
                    data = file.read()
            except OSError:
                return None
            if not data.startswith(b'glibc-ld.so.cache1.1'):
                return None
            prefix = os.fsencode(f'lib{name}.')
            count, = struct.unpack_from('=I', data, 20)
            for flags, at, _, _, _ in struct.iter_unpack('=3IIQ', data[48:48 + 24 * count]):
                soname = data[at:data.index(b'\\0', at)]
                if flags == 0x303 and soname.startswith(prefix):  # libc6,x86-64
                    return os.fsdecode(soname)
            return None

        def _findLib_ld(name):
""")

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


amend(f"{sysconfig.get_path('stdlib')}/ctypes/util.py", FIND_LIBRARY)
amend("/usr/lib/python3/dist-packages/joblib/externals/loky/backend/context.py", COUNT_CORES)
