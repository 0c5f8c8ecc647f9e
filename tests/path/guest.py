# SPDX-License-Identifier: Apache-2.0
"""Breakpoints in a guest, for a gdb that debugs the process of its VM (vm.py uses it).

For gdb the guest's code is memory of that process and nothing more, and kvm-pvm takes KVM_SET_GUEST_DEBUG but does not stop
the guest. What stops any guest anywhere is the doorbell: an `out` instruction that all its code may execute, and that leaves
KVM_RUN. So a breakpoint here is that instruction, written over the code that is there. gdb stops at each end of KVM_RUN,
before the process sees it:

- The guest has come to a breakpoint. The code is put back, and KVM_RUN is called again with immediate_exit set, by which KVM
  completes the `out` and returns EINTR. Then RIP is set to the breakpoint, and KVM_RUN is called once more.
- Any other EINTR comes from the timer of the library, which would then empty the rings at a moment that depends on how slow
  gdb is. KVM_RUN is called again; vm.py has gdb drop the signal.
- Everything else is for the process: it goes on.
"""
import errno
import re
import struct

import gdb

KVM_RUN = 0xae80
KVM_EXIT_IO = 2
KVM_SYNC_X86_REGS = 1
SYS_IOCTL = 16
PRESENT, LARGE, FRAME = 1, 0x80, 0x000ffffffffff000
PROT_READ, MAP_PRIVATE_FIXED = 1, 0x12


def value(expression):
    return int(gdb.parse_and_eval(expression))


def doorbell():
    with open("vmm/abi.h", encoding="utf-8") as file:
        return bytes([0xe6, int(re.search(r"#define HV_PORT_DOORBELL (0x[0-9a-f]+)u", file.read())[1], 16)])


def make_initrd_private():
    """To be called while gdb stands in vmm_restore(). Some program text is in the file of the initrd, whose mapping is shared
    and read-only: gdb cannot write to it. It can write to a private one."""
    at = gdb.parse_and_eval("((void *(*)(void *, unsigned long, int, int, int, long))mmap)(snap->initrd.map, "
                            f"snap->initrd.size, {PROT_READ}, {MAP_PRIVATE_FIXED}, snap->initrd_fd, 0)")
    if at != gdb.parse_and_eval("snap->initrd.map"):
        raise gdb.GdbError("the initrd cannot be mapped privately")


class Guest:
    """To be made while gdb stands in vmm_run()."""

    def __init__(self):
        self.process = gdb.selected_inferior()
        self.run = f"((struct kvm_run *){value('vm->run'):#x})"
        self.ram, self.ram_size = value("vm->ram"), value("vm->ram_size")
        self.initrd, self.initrd_gpa = value("vm->initrd.map"), value("vm->shared->initrd_gpa")
        self.tables = value("vm->shared->pt_root")
        self.doorbell = doorbell()
        self.breakpoints = {}
        self.completing = None
        gdb.execute(f"set var {self.run}->kvm_valid_regs = {KVM_SYNC_X86_REGS}")
        gdb.execute("catch syscall ioctl", to_string=True)

    def host(self, gpa):
        return self.ram + gpa if gpa < self.ram_size else self.initrd + gpa - self.initrd_gpa

    def translate(self, address):
        table = self.tables
        for shift in (39, 30, 21, 12):
            at = self.host((table & FRAME) + (address >> shift & 511) * 8)
            table = struct.unpack("<Q", bytes(self.process.read_memory(at, 8)))[0]
            if not table & PRESENT:
                raise gdb.GdbError(f"{address:#x} is not mapped in the guest")
            if shift == 12 or shift < 39 and table & LARGE:
                inside = (1 << shift) - 1
                return self.host((table & FRAME & ~inside) + (address & inside))

    def stop_at(self, address, code, on_hit):
        """Calls on_hit() when the guest comes to the address the first time. code is what has to be there."""
        at = self.translate(address)
        if bytes(self.process.read_memory(at, len(code))) != code:
            raise gdb.GdbError(f"the guest has other code at {address:#x} than what is built: make image home")
        self.process.write_memory(at, self.doorbell)
        self.breakpoints[address] = at, code[:len(self.doorbell)], on_hit

    def hit(self):
        """The address of the breakpoint that ended KVM_RUN, or None. RIP is still there, or after the instruction."""
        if value(f"{self.run}->exit_reason") != KVM_EXIT_IO:
            return None
        rip = value(f"{self.run}->s.regs.regs.rip")
        return next((at for at in (rip, rip - len(self.doorbell)) if at in self.breakpoints), None)

    def call_again(self, immediate):
        gdb.execute(f"set var {self.run}->immediate_exit = {immediate}")
        gdb.execute("set $rip = $rip - 2")
        gdb.execute(f"set $rax = {SYS_IOCTL}")

    def stopped(self):
        """gdb has stopped where an ioctl begins or ends."""
        result = value("$rax")
        if value("$rsi") & 0xffffffff != KVM_RUN or result == -errno.ENOSYS:  # as long as it has not begun
            return
        if result == -errno.EINTR:
            if self.completing is not None:
                gdb.execute(f"set var {self.run}->s.regs.regs.rip = {self.completing:#x}")
                gdb.execute(f"set var {self.run}->kvm_dirty_regs = {KVM_SYNC_X86_REGS}")
                self.completing = None
            self.call_again(0)
        elif result == 0 and self.hit() is not None:
            self.completing = self.hit()
            at, code, on_hit = self.breakpoints.pop(self.completing)
            self.process.write_memory(at, code)
            on_hit()
            self.call_again(1)
