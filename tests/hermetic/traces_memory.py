# SPDX-License-Identifier: Apache-2.0
"""Traces below Python: libc's data, the heap, the interpreter's own objects, the vector unit."""
import ctypes  # noqa: E402

LIBC = ctypes.CDLL(None)
CODE = []  # mapped machine code must outlive its functions
MXCSR_DEFAULT, X87_DEFAULT = 0x1F80, 0x037F
PATTERN = bytes((37 * i + 11) % 251 for i in range(512))


def machine_code(text):
    """A function of one pointer, from its bytes in hexadecimal."""
    code = bytes.fromhex(text)
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    CODE.append(page)
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(ctypes.addressof(ctypes.c_char.from_buffer(page)))


def constants():
    """Addresses of strings that libc and python3 keep among their constants."""
    LIBC.strerror.restype = ctypes.pythonapi.Py_GetCopyright.restype = ctypes.c_void_p
    return LIBC.strerror(121), ctypes.pythonapi.Py_GetCopyright()


@trace
class constants_written:
    """Memory that is shared by all machines and not meant to be written."""

    def look():
        return [text for at in constants() if (text := ctypes.string_at(at)[:6]) not in (b"Remote", b"Copyri")]

    def leave():
        for at in constants():
            if LIBC.mprotect(ctypes.c_void_p(at & -4096), 4096, mmap.PROT_READ | mmap.PROT_WRITE):
                raise OSError("mprotect")
            ctypes.memset(at, ord("x"), 1)


def has_cpu_flag(name):
    return name in read("/proc/cpuinfo").decode().split()


def vmovups(opcode):
    """vmovups ymm<n>, [rdi + 32 n] for all 16 (opcode 10) or the reverse (opcode 11), then ret."""
    words = [f"c5{0xFC if n < 8 else 0x7C:02x}{opcode}{0x87 | (n & 7) << 3:02x}{(32 * n).to_bytes(4, 'little').hex()}"
             for n in range(16)]
    return "".join(words) + "c3"


def vector_registers():
    found = ctypes.create_string_buffer(512)
    machine_code(vmovups("11"))(found)
    return found.raw


@trace
class vector_halves:
    """The upper halves of ymm: code that does not use AVX would never disturb them."""
    brutal = True

    def look():
        if not has_cpu_flag("avx"):
            return None
        now = vector_registers()
        return [n for n in range(16) if now[32 * n + 16:32 * n + 32] == PATTERN[32 * n + 16:32 * n + 32]]

    def leave():
        if has_cpu_flag("avx"):
            machine_code(vmovups("10"))(PATTERN)

    later = True


def has_tiles():
    """Does XCR0 have AMX's tile configuration? On kvm-pvm it is the host's XCR0, whatever CPUID says."""
    xcr0 = ctypes.create_string_buffer(8)
    machine_code("31c9" + "0f01d0" + "8907" + "c3")(xcr0)  # xgetbv 0
    return bool(xcr0.raw[2] & 2)


@trace
class tile_configuration:
    """The tile configuration of AMX, which CPUID does not show and the kernel's saved state does not hold."""
    brutal = True

    def look():
        if not has_tiles():
            return None
        found = ctypes.create_string_buffer(b"\xee" * 64, 64)
        machine_code("c4e2794907" + "c3")(found)  # sttilecfg [rdi]
        return found.raw != bytes(64)

    def leave():
        if has_tiles():
            palette, columns, rows = b"\1", b"\x40", b"\x10"
            machine_code("c4e2784907" + "c3")(palette.ljust(16, b"\0") + columns.ljust(32, b"\0") + rows.ljust(16, b"\0"))

    later = True


def control_words():
    """mxcsr, the x87 control word and its tag word."""
    word = ctypes.create_string_buffer(64)
    machine_code("0fae1f" + "c3")(word)  # stmxcsr [rdi]
    machine_code("d97708" + "d96708" + "c3")(ctypes.addressof(word))  # fnstenv, fldenv [rdi + 8]
    at = lambda n: int.from_bytes(word.raw[n:n + 2], "little")  # noqa: E731
    return at(0) & ~0x3F, at(8), at(16)


@trace
class rounding:
    """Rounding towards zero, denormals as zero, and an x87 that rounds to single precision."""
    brutal = True

    def look():
        return control_words()[0] != MXCSR_DEFAULT or control_words()[1] != X87_DEFAULT

    def leave():
        machine_code("0fae17" + "c3")((0xFFC0).to_bytes(8, "little"))  # ldmxcsr
        machine_code("d92f" + "c3")((0x0C7F).to_bytes(8, "little"))  # fldcw


@trace
class x87_stack:
    """Eight values on the x87 stack, so that the next load would give a NaN."""
    brutal = True

    def look():
        return control_words()[2] != 0xFFFF

    def leave():
        machine_code("d9e8" * 8 + "c3")(None)  # fld1


@trace
class libc_environment:
    def look():
        LIBC.getenv.restype = ctypes.c_char_p
        return LIBC.getenv(b"HERMETIC_LIBC")

    def leave():
        LIBC.setenv(b"HERMETIC_LIBC", b"left", 1)


@trace
class libc_random:
    def look():
        LIBC.setstate.restype = ctypes.c_void_p
        return LIBC.rand() == libc_random.first()

    def first():
        """What rand() gives after srand(4321), computed by an implementation of glibc's generator (TYPE_3)."""
        r = [4321]
        for i in range(1, 31):
            r.append(16807 * r[i - 1] % 2147483647)
        r += r[:3]
        for i in range(34, 344):
            r.append(r[i - 31] + r[i - 3] & 0xFFFFFFFF)
        return (r[313] + r[341] & 0xFFFFFFFF) >> 1

    def leave():
        LIBC.srand(4321)

    later = True


@trace
class libc_buffer:
    """Text that waits in C's stdout when the process ends without flushing it."""
    brutal = True
    later = True

    def look():
        return None  # it would show in the next run's output, which run.sh compares

    def leave():
        LIBC.setvbuf(ctypes.c_void_p.in_dll(LIBC, "stdout"), None, 0, 65536)
        LIBC.printf(b"left in C's buffer")
        LIBC.printf(b" " * 3000)


@trace
class python_buffer:
    brutal = True
    later = True

    def look():
        return None

    def leave():
        sys.stdout.write("left in Python's buffer")


@trace
class heap_settings:
    def look():
        LIBC.malloc.restype = ctypes.c_void_p
        block = LIBC.malloc(ctypes.c_size_t(200))
        filled = ctypes.string_at(block + 32, 128) == b"\xa5" * 128
        LIBC.free(ctypes.c_void_p(block))
        return filled

    def leave():
        LIBC.mallopt(-6, 0x5A)  # M_PERTURB
        LIBC.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        LIBC.mallopt(-8, 1)  # M_ARENA_MAX
        LIBC.malloc.restype = LIBC.calloc.restype = ctypes.c_void_p
        blocks = [LIBC.malloc(ctypes.c_size_t(100000 + 16 * n)) for n in range(40)]
        for n, block in enumerate(blocks):
            ctypes.memset(block, 0x5A, 100000)
            if n % 2:
                LIBC.free(ctypes.c_void_p(block))
        LIBC.sbrk(-(LIBC.sbrk(0) % 4096) + 4096 + 123)


@trace
class small_integer:
    """The one object that stands for 251 in the whole interpreter."""
    brutal = True

    def look():
        return ctypes.c_uint32.from_address(id(250 + 1) + 24).value != 251

    def leave():
        ctypes.c_uint32.from_address(id(250 + 1) + 24).value = 252


@trace
class interned_text:
    brutal = True

    def look():
        return bytes(ZeroDivisionError.__name__, "ascii") != b"ZeroDivisionError"

    def leave():
        ctypes.memmove(id(ZeroDivisionError.__name__) + 48, b"Xero", 4)


@trace
class reference_count:
    def look():
        return sys.getrefcount(os.environ) > 1000000

    def leave():
        ctypes.c_ssize_t.from_address(id(os.environ)).value += 10000000


@trace
class type_slots:
    """A read-only type changed through its memory: float gets int's name."""
    brutal = True

    def look():
        return frozenset.__name__ != "frozenset"

    def leave():
        name = ctypes.c_char_p(b"melted")
        type_slots.kept = name
        ctypes.c_void_p.from_address(id(frozenset) + 24).value = ctypes.cast(name, ctypes.c_void_p).value


@trace
class loaded_library:
    def look():
        return b"hermetic-left.so" in read("/proc/self/maps")

    def leave():
        name = [line.split()[-1] for line in read("/proc/self/maps").decode().splitlines() if "libz.so" in line]
        source = name[0] if name else "/usr/lib/x86_64-linux-gnu/libz.so.1"
        with open("/tmp/hermetic-left.so", "wb") as file:
            file.write(read(os.path.realpath(source)))
        loaded_library.kept = ctypes.CDLL("/tmp/hermetic-left.so")


@trace
class process_name:
    def look():
        name = ctypes.create_string_buffer(16)
        LIBC.prctl(16, name)
        return name.value if name.value == b"left" else None

    def leave():
        LIBC.prctl(15, b"left")


@trace
class lots_of_memory:
    """200 MB written: the pages must be given back, and be zero again."""
    heavy = True
    later = True

    def look():
        area = mmap.mmap(-1, 512 << 10)
        return area[:] != bytes(512 << 10)

    def leave():
        lots_of_memory.kept = area = mmap.mmap(-1, 200 << 20)
        for at in range(0, len(area), 4096):
            area[at:at + 8] = b"hermetic"


@fingerprint
def machine():
    LIBC.sbrk.restype = ctypes.c_void_p
    return control_words(), LIBC.sbrk(0), LIBC.rand()
