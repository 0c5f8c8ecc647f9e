// SPDX-License-Identifier: Apache-2.0
/*
 * Many live processes in one machine. With shadow paging KVM has tables of its own for each of
 * them. It drops some when it may not have more, and builds them again when they are needed, at
 * each switch then. KVM counts that. With nested paging there is nothing to drop.
 */
#include "rewind_test.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define STAT_NAME_MAX 64u

/* 64 children write to a page in each 2 MiB of their parent's memory, by turns. */
static const struct script script_turns = {
    .name = "64 children by turns",
    .code = "import os\n"
            "memory = memoryview(bytearray(200 << 20))\n"
            "def child(turn, done):\n"
            "    while os.read(turn, 1) == b't':\n"
            "        for at in range(0, len(memory), 2 << 20): memory[at] = memory[at] + 1\n"
            "        os.write(done, memory[:1])\n"
            "    os._exit(0)\n"
            "turns, (done, said) = [], os.pipe()\n"
            "for n in range(64):\n"
            "    turns.append(os.pipe())\n"
            "    os.fork() or child(turns[-1][0], said)\n"
            "for again in 1, 2, 3:\n"
            "    for n in range(64):\n"
            "        os.write(turns[n][1], b't')\n"
            "        if os.read(done, 1) != bytes([again]): raise SystemExit(9)\n"
            "for n in range(64): os.write(turns[n][1], b'e')\n"
            "print(sum(os.wait()[1] for n in range(64)), memory[0])\n",
    .kind = VMM_EXITED,
    .out = "0 0\n"};

/* What KVM has counted by this name since it made the VM; -1 when it does not say. */
static int64_t kvm_count(const struct vmm *vm, const char *name)
{
    struct kvm_stats_header head;
    union {
        struct kvm_stats_desc desc;
        char bytes[sizeof(struct kvm_stats_desc) + STAT_NAME_MAX];
    } u;
    int64_t value = -1;
    const int fd = ioctl(vm->vm_fd, KVM_GET_STATS_FD, NULL);
    bool read = fd >= 0 && pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
                head.name_size <= STAT_NAME_MAX;
    for (uint32_t i = 0; read && i < head.num_desc; i++) {
        const size_t size = sizeof(u.desc) + head.name_size;
        read = pread(fd, &u, size, (off_t)(head.desc_offset + i * size)) == (ssize_t)size;
        if (read && strncmp(u.bytes + sizeof(u.desc), name, head.name_size) == 0) {
            (void)pread(fd, &value, sizeof(value), head.data_offset + u.desc.offset);
        }
    }
    os_close(fd);
    return value;
}

void shadow_step(struct subject *s)
{
    subject_step(s, &script_turns);
    const int64_t dropped = kvm_count(s->vm, "mmu_recycled");
    if (dropped != 0) {
        subject_fail(s, "KVM dropped %lld of its page tables", (long long)dropped);
    }
}
