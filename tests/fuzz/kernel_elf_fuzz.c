// SPDX-License-Identifier: Apache-2.0
/*
 * The loader of kernel ELF files: whatever the bytes, it refuses them with a message or loads a
 * kernel whose numbers fit together. It writes nothing outside of the kernel's part of memory.
 */
#include "fuzz.h"
#include "vmm/vmm_int.h"

#define GUARD 4096u

static uint8_t *memory;

static void check_loaded(const struct kernel_image *image)
{
    MUST(image->start >= HV_KERNEL_GPA && image->start < image->text_end);
    MUST(image->text_end <= image->end && image->end <= HV_KERNEL_LIMIT);
    MUST(image->start % HV_PAGE_SIZE == 0 && image->text_end % HV_PAGE_SIZE == 0);
    MUST(image->entry >= image->start && image->entry < image->text_end);
    for (size_t page = 0; page < HV_KERNEL_LIMIT / HV_PAGE_SIZE; page++) {
        const hv_gpa_t at = page * HV_PAGE_SIZE;
        MUST(image->page_flags[page] == 0 || at == HV_VECTORS_GPA ||
             (at >= image->start && at < image->end));
    }
}

/* Guest memory in which only the vector page and the kernel's part can be read and written. */
static uint8_t *memory_make(void)
{
    uint8_t *at = mmap(NULL, HV_KERNEL_LIMIT + GUARD, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    MUST(at != MAP_FAILED);
    MUST(mprotect(at + HV_VECTORS_GPA, HV_PAGE_SIZE, PROT_READ | PROT_WRITE) == 0);
    MUST(mprotect(at + HV_KERNEL_GPA, HV_KERNEL_LIMIT - HV_KERNEL_GPA, PROT_READ | PROT_WRITE) ==
         0);
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kernel_image image;
    struct vmm_err err = {0};
    char path[64];
    if (memory == NULL) {
        memory = memory_make();
    }
    fuzz_path(fuzz_input_file(data, size), path);
    int rc = kernel_load(path, memory, &image, &err);
    if (rc == 0) {
        check_loaded(&image);
        memset(memory + HV_VECTORS_GPA, 0, HV_PAGE_SIZE);
        memset(memory + image.start, 0, image.end - image.start);
    } else {
        MUST(rc == -err.code && err.msg[0] != '\0');
    }
    return 0;
}
