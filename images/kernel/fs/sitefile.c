// SPDX-License-Identifier: Apache-2.0
/*
 * See sitefile.h. Nothing is trusted: not the sizes, not the order, not the sites' own shape.
 */
#include "fs/sitefile.h"

static bool site_valid(const struct sites_site *s, uint64_t file_size, uint64_t from)
{
    return s->offset >= from && s->len >= SITES_JUMP && s->len <= SITES_MAX &&
           s->offset + (uint64_t)s->len <= file_size && s->pre <= SITES_PRE &&
           s->pre + SITES_SYSCALL <= s->len && s->len - s->pre - SITES_SYSCALL <= SITES_POST &&
           s->bytes[s->pre] == 0x0f && s->bytes[s->pre + 1] == 0x05;
}

static bool file_valid(const struct sitefile *f, const struct sites_file *file, uint32_t site_count,
                       uint64_t paths_len)
{
    uint64_t from = 0;
    if (file->path >= paths_len || file->first > site_count ||
        file->count > site_count - file->first) {
        return false;
    }
    for (uint32_t n = 0; n < file->count; n++) {
        const struct sites_site *s = &f->sites[file->first + n];
        if (!site_valid(s, file->size, from)) {
            return false;
        }
        from = s->offset + (uint64_t)s->len;
    }
    return true;
}

bool sitefile_check(const void *data, uint64_t size, struct sitefile *out)
{
    const struct sites_header *h = data;
    uint64_t tables;
    if (size < sizeof(*h) || h->magic != SITES_MAGIC || h->version != SITES_VERSION ||
        h->size != size) {
        return false;
    }
    tables = sizeof(*h) + h->file_count * (uint64_t)sizeof(struct sites_file) +
             h->site_count * (uint64_t)sizeof(struct sites_site);
    if (tables >= size || ((const char *)data)[size - 1]) {
        return false;
    }
    out->files = (const struct sites_file *)(h + 1);
    out->file_count = h->file_count;
    out->sites = (const struct sites_site *)(out->files + h->file_count);
    out->paths = (const char *)data + tables;
    for (uint32_t n = 0; n < h->file_count; n++) {
        if (!file_valid(out, &out->files[n], h->site_count, size - tables)) {
            return false;
        }
    }
    return true;
}
