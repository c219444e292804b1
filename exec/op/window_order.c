/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/window_sort.h"

#include "exec/kernel/decimal.h"

/*
 * Sorts the entries of rows in memory by as many keys as 64 bits hold: of each key the range of its
 * values is looked up first, and only so many bits are taken as that needs; of texts, when they are
 * few, the place among them. A radix sort then does most or all of the work; rows that are equal so
 * far and have keys behind are compared.
 */

#define WORDS_MAX 64u   /* different texts of one key */
#define WORD_SLOTS 256u /* of their table; a power of two */
#define RADIX_ROWS_MIN 64u

typedef struct Word {
    VecString text;
    uint32_t rank;
} Word;

typedef struct Packed {
    uint32_t column;
    uint8_t phys;
    bool descending, nulls_first, has_nulls, exact, words;
    uint64_t min, max;
    uint32_t bits, drop; /* of a code, and how many of its lowest are left out */
    Word *table;         /* [WORD_SLOTS]; rank 0: free */
} Packed;

static uint64_t float_bits(double d)
{
    uint64_t bits;

    d = d == 0 ? 0.0 : d;
    if (d != d)
        return UINT64_MAX;
    memcpy(&bits, &d, 8);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static uint64_t text_bits(const VecString *s)
{
    uint8_t first[8] = {0};
    uint64_t bits;

    memcpy(first, vec_string_data(s), MIN(s->length, 8u));
    memcpy(&bits, first, 8);
    return __builtin_bswap64(bits);
}

/* A number whose order is the value's. Return: false: there is none. */
static inline bool value_bits(uint8_t phys, const uint8_t *at, uint64_t *ret)
{
    int64_t x;

    switch (phys) {
    case PHYS_BOOL:
    case PHYS_I8:
        x = *(const int8_t *)at;
        break;
    case PHYS_I16: {
        int16_t narrow;
        memcpy(&narrow, at, 2);
        x = narrow;
        break;
    }
    case PHYS_I32: {
        int32_t narrow;
        memcpy(&narrow, at, 4);
        x = narrow;
        break;
    }
    case PHYS_I64:
        memcpy(&x, at, 8);
        break;
    case PHYS_I128: {
        i128 wide;
        memcpy(&wide, at, 16);
        x = (int64_t)wide;
        if (x != wide)
            return false;
        break;
    }
    case PHYS_F32: {
        float f;
        memcpy(&f, at, 4);
        *ret = float_bits((double)f);
        return true;
    }
    case PHYS_F64: {
        double d;
        memcpy(&d, at, 8);
        *ret = float_bits(d);
        return true;
    }
    default: {
        VecString s;
        memcpy(&s, at, sizeof(s));
        *ret = text_bits(&s);
        return true;
    }
    }
    *ret = (uint64_t)x ^ UINT64_C(1) << 63;
    return true;
}

/* --- texts that are few --- */

static Word *find_word(Word *table, const uint8_t *at)
{
    VecString s;
    memcpy(&s, at, sizeof(s));
    const char *bytes = vec_string_data(&s);
    uint64_t last = 0;
    uint32_t n = MIN(s.length, 8u);
    memcpy(&last, bytes + s.length - n, n);
    uint64_t h = (text_bits(&s) ^ last * 3 ^ s.length) * UINT64_C(0x9E3779B97F4A7C15);

    for (uint32_t i = (uint32_t)(h >> 56);; i = (i + 1) & (WORD_SLOTS - 1)) {
        Word *w = &table[i];
        if (w->rank == 0)
            w->text = s;
        if (w->rank == 0 || vec_string_equal(&w->text, &s))
            return w;
    }
}

static bool rank_words(const Sort *s, const SortEntry *e, uint64_t n, Packed *p)
{
    Word *words[WORDS_MAX];
    uint32_t n_words = 0;

    memset(p->table, 0, sizeof(Word) * WORD_SLOTS);
    for (uint64_t i = 0; i < n; i++) {
        if (p->has_nulls && row_is_null(&s->layout, e[i].row, p->column))
            continue;
        Word *w = find_word(p->table, e[i].row + s->layout.offsets[p->column]);
        if (w->rank)
            continue;
        if (n_words == WORDS_MAX)
            return false;
        w->rank = 1;
        uint32_t at = n_words++;
        for (; at > 0 && vec_string_compare(&w->text, &words[at - 1]->text) < 0; at--)
            words[at] = words[at - 1];
        words[at] = w;
    }
    for (uint32_t i = 0; i < n_words; i++)
        words[i]->rank = i + 1;
    p->words = true;
    p->min = 1;
    p->max = MAX(n_words, 1u);
    return true;
}

/* --- codes --- */

static uint32_t bits_of(uint64_t x)
{
    return x ? 64 - (uint32_t)__builtin_clzll(x) : 0;
}

/* How many bits a key needs. Return: false: it has no numbers. */
static bool look_at_key(const Sort *s, const SortEntry *e, uint64_t n, Packed *p)
{
    uint64_t min = UINT64_MAX, max = 0, x = 0;

    for (uint64_t i = 0; i < n; i++) {
        if (row_is_null(&s->layout, e[i].row, p->column)) {
            p->has_nulls = true;
            continue;
        }
        if (!value_bits(p->phys, e[i].row + s->layout.offsets[p->column], &x))
            return false;
        min = MIN(min, x);
        max = MAX(max, x);
    }
    p->min = MIN(min, max);
    p->max = max;
    p->exact = p->phys != PHYS_STRING;
    if (!p->exact)
        p->exact = rank_words(s, e, n, p);
    uint64_t range = p->max - p->min;
    /* A null takes a code of its own. */
    if (p->has_nulls && range == UINT64_MAX)
        return false;
    p->bits = bits_of(range + p->has_nulls);
    return true;
}

static inline uint64_t code_of(const Sort *s, const Packed *p, const uint8_t *row)
{
    const uint8_t *at = row + s->layout.offsets[p->column];
    uint64_t x = 0;

    if (p->has_nulls && row_is_null(&s->layout, row, p->column))
        return p->nulls_first ? 0 : p->max - p->min + 1;
    if (p->words)
        x = find_word(p->table, at)->rank;
    else
        (void)value_bits(p->phys, at, &x);
    x = p->descending ? p->max - x : x - p->min;
    return x + (p->has_nulls && p->nulls_first);
}

/* Return: bits of the prefixes; *@ret_complete: equal prefixes are equal keys. */
static uint32_t pack(const Sort *s, SortEntry *e, uint64_t n, Word *table, bool *ret_complete)
{
    const PlanNode *node = s->op.node;
    uint32_t used = 0, k = 0;
    bool exact = true;

    for (uint64_t i = 0; i < n; i++)
        e[i].prefix = 0;
    for (; k < s->n_keys && exact && used < 64; k++) {
        const SortKey *key = &node->sort.keys[k];
        Packed p = {.column = s->key_columns[k],
                    .phys = s->layout.phys[s->key_columns[k]],
                    .descending = key->descending,
                    .nulls_first = key->nulls_first,
                    .table = table};
        if (!look_at_key(s, e, n, &p))
            break;
        if (p.bits > 64 - used) {
            p.drop = p.bits - (64 - used);
            p.bits = 64 - used;
            p.exact = false;
        }
        for (uint64_t i = 0; p.bits > 0 && i < n; i++) {
            uint64_t code = code_of(s, &p, e[i].row) >> p.drop;
            e[i].prefix = p.bits == 64 ? code : e[i].prefix << p.bits | code;
        }
        used += p.bits;
        exact = p.exact;
    }
    *ret_complete = exact && k == s->n_keys;
    return used;
}

/* --- the sort --- */

static void insertion_sort(SortEntry *e, uint64_t n)
{
    for (uint64_t i = 1; i < n; i++) {
        SortEntry moving = e[i];
        uint64_t at = i;
        for (; at > 0 && moving.prefix < e[at - 1].prefix; at--)
            e[at] = e[at - 1];
        e[at] = moving;
    }
}

/* Stable, by @bits of the prefix. Return: where they are, @e or @other. */
static SortEntry *radix_sort(SortEntry *e, SortEntry *other, uint64_t n, uint32_t bits)
{
    for (uint32_t shift = 0; shift < bits; shift += 8) {
        uint64_t count[256] = {0}, at = 0;
        for (uint64_t i = 0; i < n; i++)
            count[e[i].prefix >> shift & 255]++;
        if (count[e[0].prefix >> shift & 255] == n)
            continue;
        for (uint32_t d = 0; d < 256; d++) {
            uint64_t here = count[d];
            count[d] = at;
            at += here;
        }
        for (uint64_t i = 0; i < n; i++)
            other[count[e[i].prefix >> shift & 255]++] = e[i];
        SortEntry *t = e;
        e = other;
        other = t;
    }
    return e;
}

int window_sort_entries(const Sort *s, SortEntry *e, SortEntry *other, uint64_t n,
                        SortEntry **ret_sorted)
{
    Word table[WORD_SLOTS];
    bool complete;
    uint32_t bits = pack(s, e, n, table, &complete);

    *ret_sorted = e;
    if (n < RADIX_ROWS_MIN) {
        insertion_sort(e, n);
    } else {
        *ret_sorted = radix_sort(e, other, n, bits);
        other = *ret_sorted == e ? other : e;
    }
    e = *ret_sorted;
    for (uint64_t i = 0, end; !complete && i < n; i = end) {
        for (end = i + 1; end < n && e[end].prefix == e[i].prefix;)
            end++;
        if (context_stopped(s->op.context))
            return QUERY_E_CANCELLED;
        int r = end - i > 1 ? sort_entries(s, e + i, other + i, end - i) : 0;
        if (r)
            return r;
    }
    return 0;
}
