// SPDX-License-Identifier: Apache-2.0
/*
 * See elfcode.h. This code reads sections, symbols, FDEs and relocations, and decodes instructions
 * with Zydis. Every offset of the file is checked before it is used. A file without a `syscall`
 * instruction is given up early: decoding all of a big library takes a while, and nearly no file
 * has one.
 */

#include <Zydis/Zydis.h>
#include <elf.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "images/elfcode.h"

enum {
    JUMP_TABLE_MAX = 4096,
    DW_EH_PE_PCREL_SDATA4 = 0x1b,
};

struct reader {
    struct elf *e;
    const Elf64_Shdr *sections;
    size_t section_count;
    ZydisDecoder decoder;
};

static void *grow(void *p, size_t count, size_t size)
{
    if (count == 0 || (count >= 16 && (count & (count - 1)) == 0)) {
        p = realloc(p, (count ? count * 2 : 16) * size);
        if (p == NULL) {
            err(1, "memory");
        }
    }
    return p;
}

static void add_range(struct range **list, size_t *count, uint64_t start, uint64_t end)
{
    *list = grow(*list, *count, sizeof(**list));
    (*list)[(*count)++] = (struct range){start, end};
}

static const struct range *text_of(const struct elf *e, uint64_t addr)
{
    for (size_t n = 0; n < e->text_count; n++) {
        if (addr >= e->texts[n].start && addr < e->texts[n].end) {
            return &e->texts[n];
        }
    }
    return NULL;
}

static void add_target(struct elf *e, uint64_t addr)
{
    if (text_of(e, addr) != NULL) {
        e->targets = grow(e->targets, e->target_count, sizeof(*e->targets));
        e->targets[e->target_count++] = addr;
    }
}

static void add_function(struct elf *e, uint64_t start, uint64_t len)
{
    const struct range *text = text_of(e, start);
    if (text != NULL && len > 0 && len <= text->end - start) {
        add_range(&e->ranges, &e->range_count, start, start + len);
    }
}

static bool in_file(const struct elf *e, uint64_t off, uint64_t len)
{
    return off <= e->size && len <= e->size - off;
}

/* The section that is loaded into memory and has all of these bytes in the file; NULL for none. */
static const Elf64_Shdr *section_at(const struct reader *r, uint64_t addr, uint64_t len)
{
    for (size_t n = 0; n < r->section_count; n++) {
        const Elf64_Shdr *s = &r->sections[n];
        if (s->sh_flags & SHF_ALLOC && s->sh_type != SHT_NOBITS && addr >= s->sh_addr &&
            addr - s->sh_addr < s->sh_size && len <= s->sh_size - (addr - s->sh_addr)) {
            return s;
        }
    }
    return NULL;
}

static bool read_sections(struct reader *r)
{
    struct elf *e = r->e;
    const Elf64_Ehdr *eh = (const void *)e->data;
    if (memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0 || eh->e_ident[EI_CLASS] != ELFCLASS64 ||
        eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_machine != EM_X86_64 ||
        (eh->e_type != ET_EXEC && eh->e_type != ET_DYN) || eh->e_shentsize != sizeof(Elf64_Shdr) ||
        eh->e_shoff % 8 != 0 ||
        !in_file(e, eh->e_shoff, (uint64_t)eh->e_shnum * sizeof(Elf64_Shdr))) {
        return false;
    }
    r->sections = (const void *)(e->data + eh->e_shoff);
    r->section_count = eh->e_shnum;
    for (size_t n = 0; n < r->section_count; n++) {
        const Elf64_Shdr *s = &r->sections[n];
        if (s->sh_type != SHT_NOBITS && !in_file(e, s->sh_offset, s->sh_size)) {
            return false;
        }
        if (s->sh_flags & SHF_ALLOC && s->sh_addr + s->sh_size < s->sh_addr) {
            return false;
        }
        if (s->sh_flags & SHF_ALLOC && s->sh_flags & SHF_EXECINSTR && s->sh_type == SHT_PROGBITS) {
            add_range(&e->texts, &e->text_count, s->sh_addr, s->sh_addr + s->sh_size);
        }
    }
    return e->text_count > 0;
}

static void read_symbols(struct reader *r, const Elf64_Shdr *s)
{
    for (uint64_t at = 0; s->sh_size - at >= sizeof(Elf64_Sym); at += sizeof(Elf64_Sym)) {
        Elf64_Sym sym;
        memcpy(&sym, r->e->data + s->sh_offset + at, sizeof(sym));
        int type = ELF64_ST_TYPE(sym.st_info);
        if (sym.st_shndx == SHN_UNDEF || sym.st_shndx >= SHN_LORESERVE || type == STT_TLS) {
            continue;
        }
        add_target(r->e, sym.st_value);
        if (type == STT_FUNC || type == STT_GNU_IFUNC) {
            add_function(r->e, sym.st_value, sym.st_size);
        }
    }
}

static void read_relocations(struct reader *r, const Elf64_Shdr *s)
{
    for (uint64_t at = 0; s->sh_size - at >= sizeof(Elf64_Rela); at += sizeof(Elf64_Rela)) {
        Elf64_Rela rela;
        memcpy(&rela, r->e->data + s->sh_offset + at, sizeof(rela));
        add_target(r->e, (uint64_t)rela.r_addend);
    }
}

/* Takes pointers in data for targets: there may be tables of functions and labels. */
static void read_words(struct reader *r, const Elf64_Shdr *s)
{
    for (uint64_t at = -s->sh_addr & 7; at < s->sh_size && s->sh_size - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, r->e->data + s->sh_offset + at, sizeof(word));
        add_target(r->e, word);
    }
}

/* ---- .eh_frame (System V ABI, AMD64, 4.2.4) ---- */

struct cursor {
    const uint8_t *at, *end;
};

static uint8_t take_byte(struct cursor *c)
{
    return c->at < c->end ? *c->at++ : 0;
}

static uint32_t take_u32(struct cursor *c)
{
    uint32_t v = 0;
    if (c->end - c->at < 4) {
        c->at = c->end;
        return 0;
    }
    memcpy(&v, c->at, 4);
    c->at += 4;
    return v;
}

static void skip_leb(struct cursor *c)
{
    while (take_byte(c) & 0x80) {
    }
}

static void skip_pointer(struct cursor *c, uint8_t encoding)
{
    static const uint8_t sizes[16] = {8, 0, 2, 4, 8, 0, 0, 0, 0, 0, 2, 4, 8};
    uint8_t n = sizes[encoding & 15];
    c->at = n && c->end - c->at > n ? c->at + n : c->end;
}

/* The encoding in which this CIE's FDEs give their addresses; 0xff when it cannot be told. */
static uint8_t cie_encoding(struct cursor c)
{
    uint8_t version = take_byte(&c);
    const char *letters = (const char *)c.at;
    uint8_t encoding = 0xff;
    while (take_byte(&c)) {
    }
    if (c.at == c.end || letters[0] != 'z') {
        return 0xff;
    }
    skip_leb(&c);
    skip_leb(&c);
    if (version == 1) {
        take_byte(&c);
    } else {
        skip_leb(&c);
    }
    skip_leb(&c);
    for (letters++; *letters; letters++) {
        if (*letters == 'R') {
            encoding = take_byte(&c);
        } else if (*letters == 'L') {
            take_byte(&c);
        } else if (*letters == 'P') {
            uint8_t personality = take_byte(&c);
            skip_pointer(&c, personality);
        }
    }
    return encoding;
}

static void read_frames(struct reader *r, const Elf64_Shdr *s)
{
    const uint8_t *start = r->e->data + s->sh_offset;
    struct cursor c = {start, start + s->sh_size};
    while (c.end - c.at >= 8) {
        uint32_t len = take_u32(&c);
        if (len < 4 || len > (size_t)(c.end - c.at)) {
            return; /* the terminator, or a form that compilers do not write */
        }
        struct cursor f = {c.at, c.at + len};
        size_t id_at = (size_t)(c.at - start);
        uint32_t id = take_u32(&f);
        c.at += len;
        if (id == 0 || id > id_at) {
            continue;
        }
        struct cursor cie = {start + id_at - id, start + s->sh_size};
        uint32_t cie_len = take_u32(&cie);
        if (cie_len < 4 || cie_len > (size_t)(cie.end - cie.at) || take_u32(&cie) != 0 ||
            cie_encoding((struct cursor){cie.at, cie.at + cie_len - 4}) != DW_EH_PE_PCREL_SDATA4) {
            continue;
        }
        uint64_t field = s->sh_addr + (uint64_t)(f.at - start);
        uint64_t begin = field + (uint64_t)(int64_t)(int32_t)take_u32(&f);
        uint32_t length = take_u32(&f);
        add_target(r->e, begin);
        add_function(r->e, begin, length);
    }
}

/* ---- instructions ---- */

/* Decodes the instruction at addr, which must end by `end`; both are in section s. False: there
 * is none. */
static bool decode(const struct reader *r, const Elf64_Shdr *s, uint64_t addr, uint64_t end,
                   ZydisDecodedInstruction *i)
{
    const uint8_t *at = r->e->data + s->sh_offset + (addr - s->sh_addr);
    return ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&r->decoder, NULL, at, end - addr, i));
}

static bool is_movable(const ZydisDecodedInstruction *i)
{
    switch (i->meta.category) {
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_COND_BR:
    case ZYDIS_CATEGORY_UNCOND_BR:
    case ZYDIS_CATEGORY_RET:
    case ZYDIS_CATEGORY_INTERRUPT:
    case ZYDIS_CATEGORY_SYSCALL:
    case ZYDIS_CATEGORY_SYSRET:
    case ZYDIS_CATEGORY_SYSTEM:
        return false;
    default:
        return i->meta.branch_type == ZYDIS_BRANCH_TYPE_NONE &&
               !(i->attributes & ZYDIS_ATTRIB_IS_RELATIVE) && i->mnemonic != ZYDIS_MNEMONIC_ENDBR64;
    }
}

/* Reads a table of offsets from its own start, which compilers make for a switch in
 * position-independent code. */
static void read_jump_table(struct reader *r, uint64_t table)
{
    const Elf64_Shdr *s = section_at(r, table, 4);
    if (s == NULL || s->sh_flags & SHF_EXECINSTR) {
        return;
    }
    uint64_t at = table - s->sh_addr;
    for (int n = 0; n < JUMP_TABLE_MAX && s->sh_size - at >= 4; n++, at += 4) {
        int32_t offset;
        memcpy(&offset, r->e->data + s->sh_offset + at, sizeof(offset));
        uint64_t to = table + (uint64_t)(int64_t)offset;
        if (text_of(r->e, to) == NULL) {
            return;
        }
        add_target(r->e, to);
    }
}

static void targets_of(struct reader *r, uint64_t addr, const ZydisDecodedInstruction *i)
{
    uint64_t next = addr + i->length;
    for (int n = 0; n < 2; n++) {
        if (i->raw.imm[n].size == 0) {
            continue;
        }
        uint64_t v = i->raw.imm[n].value.u;
        add_target(r->e, i->raw.imm[n].is_relative ? next + v : v);
        add_target(r->e, v & UINT32_MAX);
    }
    if (i->raw.disp.size == 32) {
        uint64_t v = (uint64_t)i->raw.disp.value;
        bool relative = i->attributes & ZYDIS_ATTRIB_IS_RELATIVE;
        add_target(r->e, relative ? next + v : v);
        if (relative && i->mnemonic == ZYDIS_MNEMONIC_LEA) {
            read_jump_table(r, next + v);
        }
    }
}

/* Decodes everything between two addresses where an instruction surely begins. */
static void sweep(struct reader *r, uint64_t from, uint64_t to)
{
    const Elf64_Shdr *s = section_at(r, from, to - from);
    while (s != NULL && from < to) {
        ZydisDecodedInstruction i;
        if (decode(r, s, from, to, &i)) {
            targets_of(r, from, &i);
            from += i.length;
        } else {
            from++;
        }
    }
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

static void sweep_all(struct reader *r)
{
    const struct elf *e = r->e;
    size_t count = 0;
    uint64_t *cuts = malloc((e->range_count + e->text_count + 1) * 2 * sizeof(*cuts));
    if (cuts == NULL) {
        err(1, "memory");
    }
    for (size_t n = 0; n < e->range_count; n++) {
        cuts[count++] = e->ranges[n].start;
        cuts[count++] = e->ranges[n].end;
    }
    for (size_t n = 0; n < e->text_count; n++) {
        cuts[count++] = e->texts[n].start;
        cuts[count++] = e->texts[n].end;
    }
    qsort(cuts, count, sizeof(*cuts), compare_u64);
    for (size_t n = 0; n + 1 < count; n++) {
        if (cuts[n] < cuts[n + 1] && text_of(e, cuts[n]) != NULL) {
            sweep(r, cuts[n], cuts[n + 1]);
        }
    }
    free(cuts);
}

static bool has_pattern(const uint8_t *p, uint64_t n)
{
    return memmem(p, n, "\x0f\x05", 2) != NULL;
}

/* Keeps the function's instructions when a system call is among them. */
static void decode_function(struct reader *r, const struct range *f)
{
    struct elf *e = r->e;
    const Elf64_Shdr *s = section_at(r, f->start, f->end - f->start);
    struct function fn = {.first = e->insn_count};
    bool found = false;
    if (s == NULL ||
        !has_pattern(e->data + s->sh_offset + (f->start - s->sh_addr), f->end - f->start)) {
        return;
    }
    for (uint64_t at = f->start; at < f->end;) {
        ZydisDecodedInstruction i;
        if (!decode(r, s, at, f->end, &i)) {
            break;
        }
        uint64_t offset = s->sh_offset + (at - s->sh_addr);
        e->insns = grow(e->insns, e->insn_count, sizeof(*e->insns));
        e->insns[e->insn_count++] = (struct insn){
            .addr = at,
            .offset = offset,
            .bytes = e->data + offset,
            .len = i.length,
            .is_syscall = i.mnemonic == ZYDIS_MNEMONIC_SYSCALL && i.length == 2,
            .movable = is_movable(&i),
        };
        found |= i.mnemonic == ZYDIS_MNEMONIC_SYSCALL;
        at += i.length;
    }
    if (!found) {
        e->insn_count = fn.first;
        return;
    }
    fn.count = e->insn_count - fn.first;
    e->functions = grow(e->functions, e->function_count, sizeof(*e->functions));
    e->functions[e->function_count++] = fn;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return x->start != y->start ? (x->start < y->start ? -1 : 1)
                                : (x->end < y->end ? -1 : x->end > y->end);
}

static void decode_functions(struct reader *r)
{
    struct elf *e = r->e;
    if (e->range_count == 0) {
        return;
    }
    qsort(e->ranges, e->range_count, sizeof(*e->ranges), compare_ranges);
    for (size_t n = 0; n < e->range_count; n++) {
        if (n == 0 || compare_ranges(&e->ranges[n - 1], &e->ranges[n]) != 0) {
            decode_function(r, &e->ranges[n]);
        }
    }
}

static bool any_pattern(const struct reader *r)
{
    for (size_t n = 0; n < r->section_count; n++) {
        const Elf64_Shdr *s = &r->sections[n];
        if (s->sh_flags & SHF_EXECINSTR && s->sh_type == SHT_PROGBITS &&
            has_pattern(r->e->data + s->sh_offset, s->sh_size)) {
            return true;
        }
    }
    return false;
}

static void read_section(struct reader *r, const Elf64_Shdr *s, bool functions)
{
    bool contents = s->sh_flags & SHF_ALLOC && s->sh_type != SHT_NOBITS;
    if (functions && (s->sh_type == SHT_SYMTAB || s->sh_type == SHT_DYNSYM)) {
        read_symbols(r, s);
    } else if (!functions && s->sh_type == SHT_RELA) {
        read_relocations(r, s);
    } else if (!functions && contents && !(s->sh_flags & SHF_EXECINSTR)) {
        read_words(r, s);
    }
}

/* Is this section .eh_frame? Its name or its type tells. */
static bool is_frames(const struct reader *r, const Elf64_Shdr *s)
{
    const Elf64_Ehdr *eh = (const void *)r->e->data;
    const Elf64_Shdr *names =
        eh->e_shstrndx < r->section_count ? &r->sections[eh->e_shstrndx] : NULL;
    if (!(s->sh_flags & SHF_ALLOC) || s->sh_type == SHT_NOBITS) {
        return false;
    }
    return s->sh_type == SHT_X86_64_UNWIND ||
           (names != NULL && names->sh_type == SHT_STRTAB && s->sh_name < names->sh_size &&
            names->sh_size - s->sh_name >= sizeof(".eh_frame") &&
            !memcmp(r->e->data + names->sh_offset + s->sh_name, ".eh_frame", sizeof(".eh_frame")));
}

bool elf_read(struct elf *e, const uint8_t *data, uint64_t size)
{
    *e = (struct elf){.data = data, .size = size};
    struct reader r = {.e = e};
    if (size < sizeof(Elf64_Ehdr) || !read_sections(&r) || !any_pattern(&r)) {
        elf_free(e);
        return false;
    }
    ZydisDecoderInit(&r.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    for (size_t n = 0; n < r.section_count; n++) {
        read_section(&r, &r.sections[n], true);
        if (is_frames(&r, &r.sections[n])) {
            read_frames(&r, &r.sections[n]);
        }
    }
    decode_functions(&r);
    if (e->function_count == 0) {
        elf_free(e);
        return false;
    }
    for (size_t n = 0; n < r.section_count; n++) {
        read_section(&r, &r.sections[n], false);
    }
    sweep_all(&r);
    qsort(e->targets, e->target_count, sizeof(*e->targets), compare_u64);
    return true;
}

void elf_free(struct elf *e)
{
    free(e->insns);
    free(e->functions);
    free(e->ranges);
    free(e->texts);
    free(e->targets);
    *e = (struct elf){0};
}

bool elf_is_target(const struct elf *e, uint64_t addr)
{
    return e->target_count > 0 &&
           bsearch(&addr, e->targets, e->target_count, sizeof(*e->targets), compare_u64) != NULL;
}
